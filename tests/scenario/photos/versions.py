# SPDX-License-Identifier: BSD-3-Clause
"""The photo store by HTTP/1.1 and HTTP/2, with and without TLS, asked by curl: uploads, downloads,
ranges and conditions say the same everywhere."""

import os
import subprocess

import album
import http2_frames as h2
import shoal_program as sp
import tls_program as tls

PHOTO = os.urandom(2_000_000)


class Versions(album.TestCase):
    def setUp(self):
        certificates = self.enterContext(tls.Certificates().make("server"))
        self.certificate = certificates.path("server.pem")
        self.album = album.Album()
        self.addCleanup(self.album.remove)
        self.album.start(urls=("tcp://127.0.0.1:0", certificates.url("server")))
        ports = [url.rsplit(":", 1)[1].split("?")[0] for url in self.album.server.urls]
        self.bases = ((f"http://localhost:{ports[0]}", "--http1.1", "1.1"),
                      (f"http://localhost:{ports[0]}", "--http2-prior-knowledge", "2"),
                      (f"https://localhost:{ports[1]}", "--http1.1", "1.1"),
                      (f"https://localhost:{ports[1]}", "--http2", "2"))
        (self.album.folder / "photo").write_bytes(PHOTO)

    def curl(self, way, path, *args):
        """(status, version, body)"""
        base, flag, _ = way
        got = self.album.folder / "got"
        got.unlink(missing_ok=True)
        said = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "-m", str(sp.PATIENCE), "--cacert", self.certificate,
             "-o", got, "-w", "%{http_code} %{http_version}", flag, *args, base + path],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout.split()
        return int(said[0]), said[1], got.read_bytes() if got.exists() else b""

    def test_each_stores_and_gets_the_same_bytes(self):
        for number, way in enumerate(self.bases):
            with self.subTest(way=way):
                path = f"/photo/{number}"
                status, version, _ = self.curl(way, path, "-T", self.album.folder / "photo")
                self.assertEqual((status, version), (201, way[2]))
                for other in self.bases:
                    status, version, body = self.curl(other, path)
                    self.assertEqual((status, version), (200, other[2]))
                    self.assertTrue(body == PHOTO, other)
                self.assertEqual(self.curl(way, path, "-X", "DELETE")[0], 204)
                self.assertEqual(self.curl(way, path)[0], 404)

    def test_each_knows_ranges_and_conditions(self):
        self.album.put("a", PHOTO)
        etag = self.album.ask("HEAD", "/photo/a")[1]["ETag"]
        for way in self.bases:
            with self.subTest(way=way):
                self.assertEqual(self.curl(way, "/photo/a", "-r", "100000-1099999")[::2],
                                 (206, PHOTO[100_000:1_100_000]))
                status, _, body = self.curl(way, "/photo/a", "-r", "0-1,500000-699999")
                self.assertEqual(status, 206)
                self.assertIn(b"\r\n\r\n" + PHOTO[500_000:700_000] + b"\r\n--", body)
                self.assertEqual(self.curl(way, "/photo/a", "-r", "2000000-")[0], 416)
                for field, expected in ((f"If-None-Match: {etag}", 304), ('If-Match: "x"', 412)):
                    self.assertEqual(self.curl(way, "/photo/a", "-H", field)[0], expected)

    def test_what_is_refused_is_said_before_the_body_has_come(self):
        self.album.put("a", PHOTO)
        self.album.stop()
        self.album.start("--max-photo", "1000000")
        for path, field, status, packed in (
                ("/photo/new", "Content-Length: 1000001", b"413", b"413"),
                ("/photo/a", "If-None-Match: *", b"412", b'\x82h"')):  # by HPACK's Huffman code
            request = f"PUT {path} HTTP/1.1\r\nHost: x\r\n{field}\r\n"
            if "Length" not in field:
                request += "Content-Length: 1000\r\n"
            with self.album.server.connect() as sock:
                sock.sendall(request.encode() + b"\r\n")
                head = sp.receive_until(sock, b"\r\n\r\n")
                self.assertEqual(head.split()[1], status)
            name, value = field.lower().split(": ")
            block = h2.request_block(path.encode(), (name.encode(), value.encode()), method=b"PUT")
            with h2.Client(self.album.server) as client:
                client.say(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, block))
                self.assertIn(packed, client.wait_for_frame(h2.HEADERS, 1)[3])
                client.wait_for_end_of(1)
                client.wait_for_frame(h2.RST_STREAM, 1)  # the body is not wanted
        self.assertEqual(self.album.stats()["puts"], 0)


if __name__ == "__main__":
    sp.main()
