# SPDX-License-Identifier: BSD-3-Clause
"""shoal http --root: files by HTTP, all of what was asked for and nothing of anything else.

A canary lies beside the root: whatever is asked, it never comes out.
"""

import contextlib
import hashlib
import itertools
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import shoal_program as sp

CANARY = b"canary-5f1c0e"
LARGE = 3_000_000


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            self.fields[name.lower()] = value


def noise(size):
    """So many bytes that are always the same."""
    out = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(size // 32 + 1))
    return out[:size]


class Files(unittest.TestCase):
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.top = pathlib.Path(tempfile.mkdtemp(prefix="shoal-files-"))
        cls.root = cls.top / "root"
        (cls.root / "dir").mkdir(parents=True)
        (cls.root / "site").mkdir()
        (cls.top / "secret").write_bytes(CANARY)
        (cls.root / "hello.txt").write_bytes(b"hello, file\n")
        (cls.root / "empty").write_bytes(b"")
        (cls.root / "large.bin").write_bytes(noise(LARGE))
        (cls.root / "dir" / "inner.json").write_bytes(b"{}")
        (cls.root / "site" / "index.html").write_bytes(b"<p>site</p>")
        (cls.root / ".hidden").write_bytes(CANARY)
        (cls.root / "draft.txt~").write_bytes(CANARY)
        (cls.root / "out").symlink_to("../secret")
        (cls.root / "in").symlink_to("hello.txt")
        (cls.root / "up").symlink_to("..")
        os.mkfifo(cls.root / "fifo")
        cls.server = sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "2", "--root", str(cls.root),
                              *cls.arguments)

    @classmethod
    def tearDownClass(cls):
        code = cls.server.end()
        shutil.rmtree(cls.top)
        if code != 0:
            raise AssertionError("\n".join(cls.server.lines))

    def ask(self, target, method="GET", **fields):
        """One request on a connection of its own; target is text or bytes."""
        if isinstance(target, str):
            target = target.encode("latin-1")
        lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: a", b"Connection: close"]
        for name, value in fields.items():
            lines.append(f"{name.replace('_', '-')}: {value}".encode("latin-1"))
        with self.server.connect() as sock:
            sp.send_all(sock, b"\r\n".join(lines) + b"\r\n\r\n")
            return Answer(sp.receive_all(sock))

    def curl(self, *args, index=0):
        url = self.server.urls[index].replace("tcp:", "http:").replace("tls:", "https:")
        args = [a.replace("URL", url.split("?")[0]) for a in args]
        return subprocess.run(["curl", "-sk", "--max-time", "60", *args], capture_output=True,
                              check=False)

    def make_cold(self, path):
        """Has the kernel forget the file's bytes, so that reading them means a disk."""
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Serving(Files):
    def test_a_file_comes_with_its_type_and_its_validators(self):
        answer = self.ask("/hello.txt")
        self.assertEqual((answer.status, answer.body), (200, b"hello, file\n"))
        self.assertEqual(answer.fields["content-type"], "text/plain; charset=utf-8")
        self.assertRegex(answer.fields["etag"], r'^"[0-9a-f-]+"$')
        self.assertRegex(answer.fields["last-modified"], r"^\w{3}, \d\d \w{3} \d{4} [0-9:]{8} GMT$")
        self.assertEqual(answer.fields["accept-ranges"], "bytes")

    def test_names_are_decoded_and_links_inside_are_followed(self):
        self.assertEqual(self.ask("/hello%2Etxt").body, b"hello, file\n")
        self.assertEqual(self.ask("/dir%2Finner.json").body, b"{}")
        self.assertEqual(self.ask("/in").body, b"hello, file\n")
        self.assertEqual(self.ask("/hello.txt?x=../secret").body, b"hello, file\n")

    def test_head_has_the_fields_and_no_body(self):
        get, head = self.ask("/large.bin"), self.ask("/large.bin", method="HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual({k: v for k, v in head.fields.items() if k != "date"},
                         {k: v for k, v in get.fields.items() if k != "date"})

    def test_other_methods_are_told_what_there_is(self):
        for method in ("POST", "PUT", "DELETE", "TRACE"):
            answer = self.ask("/hello.txt", method=method)
            self.assertEqual(answer.status, 405, method)
            self.assertEqual(set(answer.fields["allow"].split(", ")), {"GET", "HEAD", "OPTIONS"})
        self.assertEqual(self.ask("/hello.txt", method="OPTIONS").status, 204)

    def test_an_empty_file_is_an_empty_body(self):
        answer = self.ask("/empty")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.fields["content-length"], "0")

    def test_a_directory_is_its_index_behind_a_slash(self):
        answer = self.ask("/site?a=b")
        self.assertEqual((answer.status, answer.fields["location"]), (301, "/site/?a=b"))
        answer = self.ask("/site/")
        self.assertEqual((answer.status, answer.body), (200, b"<p>site</p>"))
        self.assertEqual(answer.fields["content-type"], "text/html; charset=utf-8")

    def test_a_directory_without_index_is_nothing(self):
        self.assertEqual(self.ask("/dir/").status, 404)
        self.assertEqual(self.ask("/").status, 404)

    def test_nobody_is_sent_to_another_host(self):
        for target in ("//example.com/..", "//site", "/%2fsite", "/\\site", "/%5csite"):
            answer = self.ask(target)
            self.assertIn(answer.status, (400, 404), target)
            self.assertNotIn("location", answer.fields)

    def test_what_is_no_regular_file_blocks_nobody(self):
        device = self.root / "null"
        with contextlib.suppress(OSError):
            os.mknod(device, 0o600 | 0o020000, os.makedev(1, 3))
        listener = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError):  # a long temporary directory
            listener.bind(str(self.root / "socket"))
        for name in ("fifo", "null", "socket", "hello.txt/x", "hello.txt/"):
            self.assertIn(self.ask("/" + name).status, (403, 404), name)
        listener.close()

    def test_a_file_that_may_not_be_read_is_forbidden(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        path = self.root / "private"
        path.write_bytes(CANARY)
        path.chmod(0)
        self.assertEqual(self.ask("/private").status, 403)

    def test_names_are_compared_byte_by_byte(self):
        self.assertEqual(self.ask("/HELLO.txt").status, 404)
        (self.root / "\u00e4").write_bytes(b"composed")
        self.assertEqual(self.ask("/%C3%A4").body, b"composed")
        self.assertEqual(self.ask("/a%CC%88").status, 404)

    def test_many_requests_on_one_connection_come_in_order(self):
        count = sp.fewer(300)
        names = itertools.cycle(("hello.txt", "large.bin", "empty", "none"))
        wanted = {"hello.txt": b"hello, file\n", "large.bin": noise(LARGE), "empty": b""}
        asked = list(itertools.islice(names, count))

        def send(sock):
            for name in asked:
                sp.send_all(sock, f"GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

        with self.server.connect() as sock:
            sender = threading.Thread(target=send, args=(sock,), daemon=True)
            sender.start()
            for name in asked:
                head = Answer(sp.receive_until(sock, b"\r\n\r\n"))
                body = sp.receive_exactly(sock, int(head.fields["content-length"]))
                self.assertEqual(head.status, 200 if name in wanted else 404)
                self.assertTrue(name not in wanted or body == wanted[name], name)
            sender.join(sp.PATIENCE)

    def test_cold_and_warm_files_are_the_same(self):
        path = self.root / "cold.bin"
        path.write_bytes(noise(LARGE))
        for _ in range(3):
            self.make_cold(path)
            self.assertTrue(self.ask("/cold.bin").body == noise(LARGE))
        self.assertTrue(self.ask("/cold.bin").body == noise(LARGE))

    def test_http2_gets_the_same_bytes_cold_and_warm(self):
        path = self.root / "cold2.bin"
        path.write_bytes(noise(LARGE))
        self.make_cold(path)
        for name in ("cold2.bin", "cold2.bin", "hello.txt", "empty"):
            got = self.curl("--http2-prior-knowledge", f"URL/{name}")
            self.assertEqual(got.returncode, 0)
            self.assertTrue(got.stdout == (self.root / name).read_bytes(), name)

    def test_a_replaced_file_is_seen_soon(self):
        path = self.root / "news"
        path.write_bytes(b"old")
        tag = self.ask("/news").fields["etag"]
        (self.root / "news.new").write_bytes(b"new")
        os.rename(self.root / "news.new", path)
        sp.eventually(lambda: self.ask("/news").body == b"new", "the new file")
        sp.eventually(lambda: self.ask("/news").fields["etag"] != tag, "the new tag")
        path.unlink()
        sp.eventually(lambda: self.ask("/news").status == 404, "the file's end")

    def test_descriptors_of_removed_files_are_let_go(self):
        for i in range(20):
            path = self.root / f"gone{i}"
            path.write_bytes(b"x")
            self.assertEqual(self.ask(f"/gone{i}").status, 200)
            path.unlink()
        directory = f"/proc/{self.server.process.pid}/fd"

        def held():
            links = []
            for fd in os.listdir(directory):
                with contextlib.suppress(OSError):
                    links.append(os.readlink(f"{directory}/{fd}"))
            return [link for link in links if "gone" in link]
        sp.eventually(lambda: not held(), "the end of the descriptors")


class Ranges(Files):
    def test_parts_of_a_file(self):
        data = noise(LARGE)
        for field, first, end in (("bytes=0-0", 0, 1), ("bytes=5-", 5, LARGE),
                                  ("bytes=-7", LARGE - 7, LARGE),
                                  ("bytes=1000-1999999", 1000, 2000000)):
            answer = self.ask("/large.bin", Range=field)
            self.assertEqual(answer.status, 206)
            self.assertEqual(answer.fields["content-range"], f"bytes {first}-{end - 1}/{LARGE}")
            self.assertTrue(answer.body == data[first:end], field)

    def test_curl_resumes_a_download(self):
        got = self.curl("-C", "2999990", "URL/large.bin")
        self.assertEqual((got.returncode, got.stdout), (0, noise(LARGE)[2999990:]))
        got = self.curl("-r", "10-19", "--http2-prior-knowledge", "URL/large.bin")
        self.assertEqual((got.returncode, got.stdout), (0, noise(LARGE)[10:20]))

    def test_several_parts_come_as_multipart(self):
        answer = self.ask("/large.bin", Range="bytes=0-9, 1000000-1000099, -5")
        self.assertEqual(answer.status, 206)
        boundary = re.match(r"multipart/byteranges; boundary=(\w+)$",
                            answer.fields["content-type"]).group(1).encode()
        self.assertEqual(int(answer.fields["content-length"]), len(answer.body))
        parts = answer.body.split(b"\r\n--" + boundary)
        self.assertEqual((parts[0], parts[-1]), (b"", b"--\r\n"))
        data = noise(LARGE)
        for part, (first, end) in zip(parts[1:-1], ((0, 10), (1000000, 1000100),
                                                   (LARGE - 5, LARGE)), strict=True):
            head, _, body = part.partition(b"\r\n\r\n")
            self.assertIn(f"Content-Range: bytes {first}-{end - 1}/{LARGE}".encode(), head)
            self.assertEqual(body, data[first:end])

    def test_no_range_makes_more_of_a_file_than_there_is(self):
        many = ",".join(f"{i}-" for i in range(1000))
        for field in (many, "0-,0-", "0-99,50-149", "-1,-1", "5-2", "a-b", ",".join(["0-0"] * 11)):
            answer = self.ask("/large.bin", Range="bytes=" + field)
            self.assertEqual((answer.status, len(answer.body)), (200, LARGE), field[:40])
        ten = ",".join(f"{i}-{i}" for i in range(10))
        self.assertLess(len(self.ask("/hello.txt", Range="bytes=" + ten).body), 2000)

    def test_what_is_not_there_is_416(self):
        for field in (f"bytes={LARGE}-", "bytes=-0", "bytes=18446744073709551616-"):
            answer = self.ask("/large.bin", Range=field)
            self.assertEqual((answer.status, answer.fields["content-range"]),
                             (416, f"bytes */{LARGE}"), field)
        self.assertEqual(self.ask("/empty", Range="bytes=0-").status, 416)

    def test_a_file_above_4_gib_is_served_at_both_ends(self):
        size = (5 << 30) + 3
        path = self.root / "sparse"
        with open(path, "wb") as file:
            file.seek(size - 3)
            file.write(b"end")
        self.assertEqual(self.ask("/sparse", method="HEAD").fields["content-length"], str(size))
        self.assertEqual(self.ask("/sparse", Range="bytes=-3").body, b"end")
        self.assertEqual(self.ask("/sparse", Range=f"bytes={size - 4}-").body, b"\0end")
        path.unlink()


class Conditions(Files):
    def test_who_has_it_is_told_so(self):
        first = self.ask("/hello.txt")
        tag, date = first.fields["etag"], first.fields["last-modified"]
        for fields in ({"If_None_Match": tag}, {"If_None_Match": "W/" + tag},
                       {"If_None_Match": '"x", ' + tag}, {"If_None_Match": "*"},
                       {"If_Modified_Since": date}):
            answer = self.ask("/hello.txt", **fields)
            self.assertEqual((answer.status, answer.body), (304, b""), fields)
            self.assertEqual(answer.fields["etag"], tag)
        for fields in ({"If_None_Match": '"x"'}, {"If_None_Match": "rubbish"},
                       {"If_Modified_Since": "Sun, 06 Nov 1994 08:49:37 GMT"},
                       {"If_Modified_Since": "rubbish"}):
            self.assertEqual(self.ask("/hello.txt", **fields).status, 200, fields)

    def test_who_wants_another_state_is_refused(self):
        tag = self.ask("/hello.txt").fields["etag"]
        self.assertEqual(self.ask("/hello.txt", If_Match=tag).status, 200)
        self.assertEqual(self.ask("/hello.txt", If_Match='"x"').status, 412)
        self.assertEqual(self.ask("/hello.txt",
                                  If_Unmodified_Since="Sun, 06 Nov 1994 08:49:37 GMT").status, 412)

    def test_a_range_goes_on_only_with_the_same_file(self):
        tag = self.ask("/hello.txt").fields["etag"]
        self.assertEqual(self.ask("/hello.txt", Range="bytes=0-1", If_Range=tag).status, 206)
        answer = self.ask("/hello.txt", Range="bytes=0-1", If_Range='"x"')
        self.assertEqual((answer.status, answer.body), (200, b"hello, file\n"))

    def test_a_list_of_16_kib_is_no_trouble(self):
        tag = self.ask("/hello.txt").fields["etag"]
        tags = ", ".join(f'"{i:x}"' for i in range(2000))
        self.assertEqual(self.ask("/hello.txt", If_None_Match=f"{tags}, {tag}").status, 304)


class Twins(Files):
    def make_page(self, name):
        for suffix, body in (("", b"plain"), (".gz", b"gzip"), (".br", b"brotli"),
                             (".zst", b"zstd")):
            (self.root / (name + suffix)).write_bytes(body)
            os.utime(self.root / (name + suffix), (1000000000, 1000000000))

    def test_the_form_that_the_client_likes_best_is_sent(self):
        self.make_page("page.html")
        for accept, coding in (("gzip", "gzip"), ("gzip, br", "br"), ("zstd, gzip", "zstd"),
                               ("br;q=0.1, gzip", "gzip"), ("deflate", None), ("", None)):
            answer = self.ask("/page.html", Accept_Encoding=accept)
            self.assertEqual(answer.fields.get("content-encoding"), coding, accept)
            self.assertEqual(answer.fields["vary"], "Accept-Encoding")
            self.assertEqual(answer.fields["content-type"], "text/html; charset=utf-8")

    def test_each_form_has_a_tag_of_its_own(self):
        self.make_page("tagged.html")
        tags = {self.ask("/tagged.html", Accept_Encoding=a).fields["etag"]
                for a in ("gzip", "br", "zstd", "identity")}
        self.assertEqual(len(tags), 4)

    def test_a_twin_of_an_older_state_is_not_sent(self):
        self.make_page("stale.html")
        os.utime(self.root / "stale.html", (1000000001, 1000000001))
        answer = self.ask("/stale.html", Accept_Encoding="gzip")
        self.assertEqual(answer.body, b"plain")
        self.assertNotIn("content-encoding", answer.fields)


class Listing(Files):
    arguments = ("--list",)

    def test_a_directory_without_index_is_listed(self):
        (self.root / "dir" / "<b>&\"'").write_bytes(b"")
        (self.root / "dir" / "sub").mkdir(exist_ok=True)
        page = self.ask("/dir/")
        self.assertEqual((page.status, page.fields["content-type"]),
                         (200, "text/html; charset=utf-8"))
        names = re.findall(rb'<a href="([^"]*)">', page.body)
        self.assertEqual(names, [b"../", b"%3Cb%3E%26%22%27", b"inner.json", b"sub/"])
        self.assertNotIn(b"<b>", page.body)
        self.assertEqual(self.ask("/dir/%3Cb%3E%26%22%27").status, 200)

    def test_hidden_names_are_not_listed(self):
        page = self.ask("/").body
        self.assertIn(b"hello.txt", page)
        self.assertNotIn(b".hidden", page)
        self.assertNotIn(b"draft", page)

    def test_nothing_outside_is_listed(self):
        for target in ("/up/", "/../", "/%2e%2e/", "/none/", "/hello.txt/"):
            self.assertIn(self.ask(target).status, (400, 404), target)

    def test_a_head_of_a_listing_has_no_body(self):
        answer = self.ask("/dir/", method="HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_a_large_directory_is_cut(self):
        crowd = self.root / "crowd"
        crowd.mkdir()
        for i in range(10050):
            (crowd / str(i)).touch()
        page = self.ask("/crowd/").body
        self.assertEqual(page.count(b"<li>"), 10001)
        self.assertIn(b"There are more", page)


def traversals():
    """Ways to say "up, and then secret": every spelling of dots and slashes, at several depths."""
    dots = ("..", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "..;", "....", ". .", "..%00", "..%20",
            "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "..%c0%af", "%uff0e%uff0e", "..\\", "...")
    slashes = ("/", "%2f", "%2F", "//", "\\", "%5c", "/./", "%252f", "%c0%af", "/%2e/")
    for dot, slash in itertools.product(dots, slashes):
        for prefix, depth in (("/", 1), ("/dir/", 2), ("/site" + slash, 3)):
            yield prefix + (dot + slash) * depth + "secret"
    yield from ("/out", "/up/secret", "/up/../secret", "/in/../../secret", "/secret", "/.hidden",
                "/%2ehidden", "/draft.txt~", "/draft.txt%7e", "/dir/.", "/dir/..", "/.", "/..",
                "/%00", "/%zz", "/%", "/%2", "/hello.txt%00.html", "/proc/self/root/etc/passwd",
                "/%2fetc%2fpasswd", "//etc/passwd", "/C:/secret", "/..%5c..%5csecret", "/~root/",
                "/.git/config", "/.well-known/../../secret")


class Hostile(Files):
    def test_no_spelling_leads_out_of_the_root(self):
        vectors = sorted(set(traversals()))
        self.assertGreater(len(vectors), 400)
        for target in vectors:
            answer = self.ask(target)
            self.assertIn(answer.status, (400, 404), target)
            self.assertNotIn(CANARY, answer.body, target)
            self.assertNotIn(b"root:", answer.body, target)

    def test_malformed_names_are_refused(self):
        for target in ("/%ff", "/%c0%ae", "/%ed%a0%80", "/%00", "/a%00b", "/%zz", "/%", "/%2"):
            self.assertEqual(self.ask(target).status, 400, target)

    def test_names_of_any_length_are_answered(self):
        for target in ("/" + "a" * 4096, "/" + "a/" * 1000, "/" + "." * 2000, "/a" + "/" * 3000,
                       "/" + "a" * 300, "/dir" * 1100):
            self.assertIn(self.ask(target).status, (404, 414), target[:20])

    def test_a_link_that_is_swapped_never_leads_out(self):
        """Its directory is swapped all the time; there are more names than the cache holds."""
        count = 300
        inside = self.root / "inside"
        inside.mkdir()
        for i in range(count):
            (inside / f"n{i}").write_bytes(b"inside")
            (self.top / f"n{i}").write_bytes(CANARY)
        stop = threading.Event()

        def swap():
            for target in itertools.cycle(("inside", "..", "up")):
                os.symlink(target, self.root / "swap.new")
                os.rename(self.root / "swap.new", self.root / "swap")
                if stop.is_set():
                    return

        swapper = threading.Thread(target=swap, daemon=True)
        swapper.start()
        seen = {}
        deadline = time.monotonic() + 5
        try:
            for i in itertools.cycle(range(count)):
                if time.monotonic() > deadline:
                    break
                answer = self.ask(f"/swap/n{i}")
                seen[answer.status] = seen.get(answer.status, 0) + 1
                self.assertEqual(answer.body == b"inside", answer.status == 200)
                self.assertNotIn(CANARY, answer.body)
        finally:
            stop.set()
            swapper.join(sp.PATIENCE)
        self.assertTrue(seen.get(200) and seen.get(404), seen)
        self.assertTrue(set(seen) <= {200, 404, 503}, seen)

    def test_a_file_that_shrinks_cuts_the_response(self):
        for turn in range(4):
            path = self.root / f"shrinking{turn}"
            path.write_bytes(bytes(40 << 20))
            with self.server.connect(receive_buffer=64 * 1024) as sock:
                sp.send_all(sock, f"GET /{path.name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                head = Answer(sp.receive_until(sock, b"\r\n\r\n"))
                os.truncate(path, 1000 if turn % 2 else (20 << 20))
                got = 0
                with contextlib.suppress(ConnectionResetError):
                    while part := sock.recv(1 << 20):
                        got += len(part)
                self.assertEqual(head.fields["content-length"], str(40 << 20))
                self.assertLess(got, 40 << 20)
            path.unlink()
        self.assertEqual(self.ask("/hello.txt").status, 200)

    def test_http2_is_told_that_a_file_shrank(self):
        path = self.root / "shrinking-h2"
        path.write_bytes(bytes(40 << 20))
        timer = threading.Timer(0.3, lambda: os.truncate(path, 1000))
        timer.start()
        got = self.curl("--http2-prior-knowledge", "--limit-rate", "8M", f"URL/{path.name}")
        timer.join()
        self.assertNotEqual(got.returncode, 0)
        self.assertLess(len(got.stdout), 40 << 20)

    def test_a_file_that_grows_is_sent_as_it_was(self):
        path = self.root / "growing"
        path.write_bytes(bytes(8 << 20))
        with self.server.connect(receive_buffer=64 * 1024) as sock:
            sp.send_all(sock, b"GET /growing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            head = Answer(sp.receive_until(sock, b"\r\n\r\n"))
            with open(path, "ab") as file:
                file.write(b"more")
            self.assertEqual(len(sp.receive_all(sock)), int(head.fields["content-length"]))

    def test_clients_that_leave_in_the_middle_cost_nothing(self):
        count = sp.fewer(100)
        for i in range(count):
            with self.server.connect(receive_buffer=16 * 1024) as sock:
                sp.send_all(sock, b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
                sock.recv(100 if i % 2 else 1 << 16)
        directory = f"/proc/{self.server.process.pid}/fd"
        sp.eventually(lambda: len(os.listdir(directory)) < 60, "closed descriptors")


class Secure(Files):
    """The same by TLS, where every byte has to be read."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificate = cls.top / "cert.pem"
        cls.key = cls.top / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", cls.key, "-out",
                        cls.certificate, "-subj", "/CN=localhost", "-days", "2"],
                       check=True, capture_output=True)
        cls.plain = cls.server
        cls.server = sp.Shoal("http", "-l",
                              f"tls://127.0.0.1:0?cert={cls.certificate}&key={cls.key}", "--root",
                              str(cls.root))
        cls.addClassCleanup(cls.plain.end)

    def test_tls_gets_the_same_bytes_cold_and_warm(self):
        path = self.root / "large.bin"
        for version in ("--http1.1", "--http2"):
            for cold in (True, False):
                if cold:
                    self.make_cold(path)
                got = self.curl(version, "URL/large.bin")
                self.assertEqual(got.returncode, 0)
                self.assertTrue(got.stdout == noise(LARGE), (version, cold))
            got = self.curl(version, "-r", "100-199", "URL/large.bin")
            self.assertEqual(got.stdout, noise(LARGE)[100:200])


class WithoutWorkers(Files):
    """No pool: the loop reads by itself."""
    arguments = ("-w", "0", "--list")

    def test_files_and_listings_are_served_all_the_same(self):
        self.make_cold(self.root / "large.bin")
        self.assertTrue(self.ask("/large.bin").body == noise(LARGE))
        self.assertEqual(self.ask("/hello.txt").status, 200)
        self.assertEqual(self.ask("/none").status, 404)
        self.assertIn(b"inner.json", self.ask("/dir/").body)


if __name__ == "__main__":
    sp.main()
