# SPDX-License-Identifier: BSD-3-Clause
"""The load generator over TLS: HTTP/2 or HTTP/1.1 as ALPN decides, gRPC, and what no handshake
comes of."""
import os
import subprocess
import tempfile
import unittest

import shoal_program as sp
from bench_program import errors, measure

PLAIN = "tcp://127.0.0.1:0"
WHILE = "2s" if sp.SANITIZED else "300ms"
FOLDER = tempfile.TemporaryDirectory(prefix="shoal-bench-")
CERT, KEY = (os.path.join(FOLDER.name, name) for name in ("cert.pem", "key.pem"))


def setUpModule():
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", KEY, "-out", CERT], check=True, capture_output=True)


def tearDownModule():
    FOLDER.cleanup()


def serve(service):
    return sp.Shoal(service, "-n", "1", "-l", f"tls://127.0.0.1:0?cert={CERT}&key={KEY}")


class Https(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = serve("http")
        cls.addClassCleanup(cls.server.process.kill)
        cls.url = "https://127.0.0.1:%d" % cls.server.port()

    def measure(self, path, *args):
        report = measure(self.url + path, "-c", 4, "-t", WHILE, *args)
        self.assertEqual(errors(report), {})
        self.assertGreater(report["requests"], 4)
        return report

    def test_every_answer_is_right_in_both_versions_at_any_depth(self):
        for version in ((), ("--http1",)):
            for depth in (1, 16):
                with self.subTest(version=version, depth=depth):
                    self.measure("/hello", "-d", depth, *version)

    def test_a_posted_body_goes_out_and_comes_back_whole(self):
        for version in ((), ("--http1",)):
            with self.subTest(version=version):
                report = self.measure("/echo", "--size", 50000, *version)
                self.assertGreater(report["bytes_in_per_second"], 0.9 * 50000 * report["rate"])

    def test_http_2_is_spoken_where_the_server_has_it(self):
        self.assertLess(self.heads(), self.heads("--http1") / 3)

    def heads(self, *version):
        """Bytes of a request and its answer: HPACK makes them small."""
        report = self.measure("/hello", "-c", 1, "--header", "x-long: " + 200 * "y", *version)
        return report["bytes_out_per_second"] / report["rate"]

    def test_connections_are_renewed_slow_and_idle(self):
        report = self.measure("/hello", "-d", 2, "--reconnect", 5, "--slow-readers", 1, "--idle", 5)
        self.assertGreaterEqual(report["connections"]["opened"], report["requests"] // 5)
        self.assertEqual(report["connections"]["idle_open"], 5)

    def test_an_open_loop_keeps_its_rate(self):
        report = self.measure("/hello", "--rate", 200)
        self.assertLess(report["rate"], 260)


class Grpcs(unittest.TestCase):
    def test_calls_over_tls_are_answered(self):
        with serve("grpc") as server:
            report = measure("grpcs://127.0.0.1:%d/shoal.v1.Echo/Unary" % server.port(), "-c", 2,
                             "-d", 8, "-t", WHILE)
        self.assertEqual(errors(report), {})
        self.assertGreater(report["requests"], 10)


class NoHandshake(unittest.TestCase):
    def test_a_server_without_tls_cannot_be_connected_to(self):
        with sp.Shoal("http", "-n", "1", "-l", PLAIN) as server:
            done = sp.run("bench", "https://127.0.0.1:%d/" % server.port(), "-t", "200ms")
        self.assertEqual(done.returncode, 69)
        self.assertIn("cannot connect", done.stderr)


if __name__ == "__main__":
    sp.main()
