# SPDX-License-Identifier: BSD-3-Clause
"""The load generator by HTTP/1.1 and h2c: held against wrk and h2load on the same server, by gRPC,
too, and against answers that are not right."""
import contextlib
import itertools
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

import shoal_program as sp
from bench_program import errors, measure

WRONG_ANSWER = 76
SCHEMES = ("http", "h2c")


@contextlib.contextmanager
def web():
    """A running `shoal http`; yields its HOST:PORT."""
    with sp.Shoal("http", "-n", "1", "-l", "tcp://127.0.0.1:0") as server:
        yield "127.0.0.1:%d" % server.port()


@contextlib.contextmanager
def grpc():
    """A running `shoal grpc`; yields its HOST:PORT."""
    with sp.Shoal("grpc", "-n", "1", "-l", "tcp://127.0.0.1:0") as server:
        yield "127.0.0.1:%d" % server.port()


@contextlib.contextmanager
def canned(*answers):
    """A server that gives each request on a connection the next of these answers, round and round;
    None closes the connection. Yields its HOST:PORT."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        thread = threading.Thread(target=serve_canned, args=(listener, answers))
        thread.start()
        yield "127.0.0.1:%d" % listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def serve_canned(listener, answers):
    with contextlib.suppress(OSError):
        while True:
            sock = listener.accept()[0]
            with sock, contextlib.suppress(OSError):
                for answer in itertools.cycle(answers):
                    if answer is None or not sock.recv(65536):
                        break
                    sock.sendall(answer)


def counted(body, status=b"200 OK", more=b""):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), more, body)


class Answers(unittest.TestCase):
    def test_every_answer_is_right_at_any_depth(self):
        with web() as peer:
            for scheme in SCHEMES:
                for depth in (1, 16, 300):
                    with self.subTest(scheme=scheme, depth=depth):
                        report = measure(f"{scheme}://{peer}/hello", "-c", 4, "-d", depth,
                                         "-t", "300ms")
                        self.assertEqual(errors(report), {})
                        self.assertGreater(report["requests"], 100)

    def test_bodies_counted_and_chunked_both_ways(self):
        with web() as peer:
            for scheme in SCHEMES:
                for path, more in (("/bytes/70000", ()), ("/", ()), ("/echo", ("--size", 50000))):
                    with self.subTest(scheme=scheme, path=path):
                        report = measure(f"{scheme}://{peer}{path}", "-c", 4, "-d", 4, *more,
                                         "-t", "300ms")
                        self.assertEqual(errors(report), {})
                        self.assertGreater(report["requests"], 10)

    def test_a_posted_body_goes_out_and_comes_back_whole(self):
        size = 50000
        with web() as peer:
            for scheme in SCHEMES:
                report = measure(f"{scheme}://{peer}/echo", "-c", 2, "--size", size, "-t", "300ms")
                for way in ("bytes_in_per_second", "bytes_out_per_second"):
                    self.assertGreater(report[way], 0.9 * size * report["rate"], (scheme, way))

    def test_a_status_that_is_not_2xx_is_wrong(self):
        with web() as peer:
            for scheme in SCHEMES:
                report = measure(f"{scheme}://{peer}/nowhere/at/all", "-c", 2, "-t", "300ms",
                                 code=WRONG_ANSWER)
                self.assertEqual((report["requests"], set(errors(report))), (0, {"wrong"}))

    def test_connections_are_renewed(self):
        with web() as peer:
            for scheme in SCHEMES:
                report = measure(f"{scheme}://{peer}/hello", "-c", 4, "-d", 2, "--reconnect", 5,
                                 "-t", "500ms")
                self.assertEqual(errors(report), {}, scheme)
                self.assertGreaterEqual(report["connections"]["opened"], report["requests"] // 5)

    def test_slow_readers_hold_nobody_up(self):
        with web() as peer:
            for scheme in SCHEMES:
                report = measure(f"{scheme}://{peer}/echo", "-c", 4, "--size", 5000,
                                 "--slow-readers", 2, "-t", "500ms")
                self.assertEqual(errors(report), {}, scheme)
                self.assertEqual(report["connections"]["slow_open"], 2, scheme)
                self.assertGreater(report["connections"]["slow_bytes"], 0, scheme)

    def test_nobody_loses_a_connection_that_only_stays_open(self):
        with web() as peer:
            for scheme in SCHEMES:
                report = measure(f"{scheme}://{peer}/hello", "-c", 2, "--idle", 20, "-t", "300ms")
                self.assertEqual((report["connections"]["idle_open"], errors(report)), (20, {}))


class Requests(unittest.TestCase):
    def test_headers_are_sent_with_every_request(self):
        with web() as peer:
            plain, longer = (
                measure(f"http://{peer}/", "-c", 1, "-t", "300ms", *more)
                for more in ((), ("--header", "X-One: 1", "--header", "Accept:text/plain")))
        size = [report["bytes_in_per_second"] / report["rate"] for report in (plain, longer)]
        self.assertEqual(errors(longer), {})
        self.assertAlmostEqual(size[1] - size[0], len("x-one: 1\naccept: text/plain\n"), delta=4)

    def test_what_cannot_be_sent_is_refused(self):
        url = "http://127.0.0.1:1/"
        for args in ((url, "--header", "no colon"), (url, "--header", ": empty"),
                     (url, "--header", "a b: c"), (url, "--header", "a: b\r\nc: d"),
                     (url, "--line"), ("http://",), ("http:///path",), ("http://h:1?q",),
                     ("h2c://u@h:1/",), ("http://h:1/a b",), ("http://h:1/a#b",)):
            with self.subTest(args=args):
                done = sp.run("bench", *args)
                self.assertEqual((done.returncode, done.stdout), (64, ""))
                self.assertRegex(done.stderr, r"\Ashoal bench: [^\n]+\n\Z")


class WrongAnswers(unittest.TestCase):
    def outcome(self, *answers, more=(), code=WRONG_ANSWER):
        with canned(*answers) as peer:
            report = measure(f"http://{peer}/", "-c", 1, "-t", "300ms", *more, code=code)
        return set(errors(report))

    def test_the_canned_server_itself_is_fine(self):
        self.assertEqual(self.outcome(counted(b"same"), code=0), set())

    def test_interim_answers_chunks_and_trailers_are_understood(self):
        whole = (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"
                 b"transfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n"
                 b"0\r\nTrailer: yes\r\n\r\n")
        self.assertEqual(self.outcome(whole, counted(b"thirteenbytes"), code=0), set())

    def test_a_body_of_another_length(self):
        self.assertEqual(self.outcome(counted(b"four"), counted(b"five5")), {"wrong"})

    def test_a_body_that_ends_early(self):
        self.assertEqual(self.outcome(counted(b"four"), counted(b"four")[:-1], None), {"cut"})

    def test_an_answer_that_nobody_asked_for(self):
        self.assertEqual(self.outcome(counted(b"x"), counted(b"x") * 2, more=("--rate", 100)),
                         {"surplus"})

    def test_what_is_not_http(self):
        for answer in (b"hello\r\n\r\n", b"HTTP/2.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nx",
                       b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"):
            with self.subTest(answer=answer):
                self.assertEqual(self.outcome(answer), {"wrong"})

    def test_http_2_is_not_taken_from_who_does_not_speak_it(self):
        with canned(counted(b"HTTP/1.1") * 4) as peer:
            report = measure(f"h2c://{peer}/", "-c", 1, "-t", "300ms", code=WRONG_ANSWER)
        self.assertIn("wrong", errors(report))


@unittest.skipIf(sp.SANITIZED, "rates of instrumented programs say nothing")
class Others(unittest.TestCase):
    """The same server under the same load by others. Only what is grossly wrong would show on a
    machine that is shared: an answer counted twice, or never. One of a few tries has to agree."""

    def compare(self, ours, theirs):
        """Both are functions that measure a rate."""
        for _ in range(4):
            ratio = ours() / theirs()
            if 1 / 3 < ratio < 3:
                return
        self.fail(f"the last of 4 ratios is {ratio}")

    def rate(self, url, *args):
        report = measure(url, "-c", 16, "-t", "500ms", *args)
        self.assertEqual(errors(report), {})
        return report["rate"]

    @unittest.skipUnless(shutil.which("wrk"), "wrk is not installed")
    def test_wrk_counts_about_as_many(self):
        with web() as peer:
            url = f"http://{peer}/hello"
            self.compare(lambda: self.rate(url), lambda: rate_of_wrk(url))

    @unittest.skipUnless(shutil.which("h2load"), "h2load is not installed")
    def test_h2load_counts_about_as_many(self):
        with web() as peer:
            self.compare(lambda: self.rate(f"h2c://{peer}/hello", "-d", 16),
                         lambda: rate_of_h2load(f"http://{peer}/hello"))

    @unittest.skipUnless(shutil.which("h2load"), "h2load is not installed")
    def test_h2load_counts_about_as_many_calls(self):
        path = "/shoal.v1.Echo/Unary"
        with grpc() as peer, tempfile.NamedTemporaryFile() as empty:
            empty.write(5 * b"\0")
            empty.flush()
            call = ("-d", empty.name, "-H", "content-type: application/grpc", "-H", "te: trailers")
            self.compare(lambda: self.rate(f"grpc://{peer}{path}", "-d", 16),
                         lambda: rate_of_h2load(f"http://{peer}{path}", *call))


def rate_of_wrk(url):
    said = output("wrk", "-t1", "-c16", "-d1s", url)
    return float(re.search(r"Requests/sec: +([\d.]+)", said)[1])


def rate_of_h2load(url, *args):
    said = output("h2load", "-t1", "-c16", "-m16", "-n100000", *args, url)
    return float(re.search(r"([\d.]+) req/s", said)[1])


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=sp.PATIENCE,
                          check=True).stdout


if __name__ == "__main__":
    sp.main()
