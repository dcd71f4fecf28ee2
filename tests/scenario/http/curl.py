# SPDX-License-Identifier: BSD-3-Clause
"""shoal http, asked by curl: every route, in HTTP/1.1 and in HTTP/2 by prior knowledge."""

import hashlib
import os
import select
import subprocess
import tempfile
import threading
import unittest

import shoal_program as sp

MIB = 1 << 20
# AddressSanitizer keeps up to 256 MiB of freed memory for a while.
MOST_GROWTH = (300 if sp.SANITIZED else 32) * MIB


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        while lines[0].split()[1].startswith("1"):  # interim
            head, _, self.body = self.body.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
        self.version, status = lines[0].split()[:2]
        self.status = int(status)
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            self.fields[name.lower()] = value


class Routes(unittest.TestCase):
    flag, version = "--http1.1", "HTTP/1.1"

    @classmethod
    def setUpClass(cls):
        cls.server = sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "2", "-w", "4")
        cls.base = f"http://127.0.0.1:{cls.server.port()}"

    @classmethod
    def tearDownClass(cls):
        assert cls.server.end() == 0, cls.server.lines

    def curl(self, path, *args, stdin=None):
        return subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "-m", str(sp.PATIENCE), self.flag, *args,
             self.base + path],
            input=stdin, capture_output=True, check=True).stdout

    def ask(self, path, *args, stdin=None):
        answer = Answer(self.curl(path, "-i", *args, stdin=stdin))
        self.assertEqual(answer.version, self.version)
        return answer

    def test_greetings(self):
        answer = self.ask("/hello")
        self.assertEqual((answer.status, answer.body), (200, b"Hello, world!\n"))
        self.assertEqual(answer.fields["content-type"], "text/plain")
        self.assertIn("GMT", answer.fields["date"])
        self.assertEqual(self.ask("/hello/J%C3%B6rg%20B").body, "Hello, Jörg B!\n".encode())

    def test_the_fields_of_a_request_are_shown(self):
        body = self.ask("/", "-H", "X-One: 1", "-H", "X-Two: 2").body.decode().lower()
        self.assertIn("x-one: 1\n", body)
        self.assertIn("x-two: 2\n", body)

    def test_what_is_not_there_is_said(self):
        self.assertEqual(self.ask("/nowhere").status, 404)
        answer = self.ask("/hello", "-X", "DELETE")
        self.assertEqual((answer.status, answer.fields["allow"]), (405, "GET, HEAD, OPTIONS"))
        answer = self.ask("/echo", "-X", "OPTIONS")
        self.assertEqual((answer.status, answer.fields["allow"]), (204, "POST, OPTIONS"))
        self.assertEqual(self.ask("/hello/%00").status, 400)

    def test_head_has_the_length_and_no_body(self):
        answer = self.ask("/bytes/123456789012345", "-I")
        self.assertEqual(answer.fields["content-length"], "123456789012345")
        self.assertEqual(answer.body, b"")

    def test_bytes_are_as_many_as_asked_for(self):
        for size in (0, 1, 16384, 16385, MIB + 1):
            with self.subTest(size=size):
                self.assertEqual(len(self.curl(f"/bytes/{size}")), size)
        self.assertEqual(self.ask("/bytes/x").status, 400)

    def test_a_large_answer_does_not_fill_memory(self):
        before = self.server.resident_bytes()
        most = 0
        size = sp.fewer(2000) * MIB
        with subprocess.Popen(["curl", "-sS", "--noproxy", "*", self.flag,
                               f"{self.base}/bytes/{size}"], stdout=subprocess.PIPE) as client:
            received = 0
            while part := client.stdout.read1(1 << 20):
                received += len(part)
                if received % 31 == 0:
                    most = max(most, self.server.resident_bytes())
        self.assertEqual(received, size)
        self.assertLess(most - before, MOST_GROWTH)

    def echo(self, data, *args):
        with tempfile.NamedTemporaryFile() as body:
            body.write(data)
            body.flush()
            return self.curl("/echo", "-X", "POST", "-T", body.name, *args)

    def test_echo_sends_the_body_back(self):
        for size in (0, 1, 16384, 3 * MIB):
            with self.subTest(size=size):
                data = os.urandom(size)
                self.assertEqual(self.echo(data), data)

    def test_echo_of_a_body_without_a_length(self):
        data = os.urandom(3 * MIB)
        self.assertEqual(self.echo(data, "-H", "Transfer-Encoding: chunked"), data)

    def test_a_client_that_waits_to_be_told_is_told(self):
        data = b"x" * 2000
        self.assertEqual(self.echo(data, "-H", "Expect: 100-continue",
                                   "--expect100-timeout", str(sp.PATIENCE)), data)

    def test_an_upload_streams_through_bounded_memory(self):
        before = self.server.resident_bytes()
        size = sp.fewer(512) * MIB
        block = os.urandom(MIB)
        sent, received = hashlib.sha256(), hashlib.sha256()
        with subprocess.Popen(["curl", "-sS", "--noproxy", "*", "-N", self.flag, "-X", "POST",
                               "-T", "-", f"{self.base}/echo"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            def send():
                for _ in range(size // MIB):
                    sent.update(block)
                    client.stdin.write(block)
                client.stdin.close()

            sender = threading.Thread(target=send)
            sender.start()
            total = most = 0
            while part := client.stdout.read1(1 << 20):
                received.update(part)
                total += len(part)
                most = max(most, self.server.resident_bytes())
            sender.join()
        self.assertEqual(total, size)
        self.assertEqual(sent.digest(), received.digest())
        self.assertLess(most - before, MOST_GROWTH)

    def test_a_delay_holds_no_thread(self):
        clients = [subprocess.Popen(["curl", "-sS", "--noproxy", "*", self.flag,
                                     f"{self.base}/delay/{300 + i}"], stdout=subprocess.PIPE)
                   for i in range(20)]
        for i, client in enumerate(clients):
            self.assertEqual(client.communicate(timeout=sp.PATIENCE)[0],
                             f"waited {300 + i} ms\n".encode())

    def test_work_is_done_in_the_pool(self):
        self.assertEqual(self.ask("/work/20").body, b"worked 20 ms\n")
        self.assertEqual(self.ask("/work/60001").status, 400)

    def test_events_come_one_by_one(self):
        with subprocess.Popen(["curl", "-sS", "--noproxy", "*", "-N", self.flag,
                               f"{self.base}/events"], stdout=subprocess.PIPE) as client:
            lines = [client.stdout.readline() for _ in range(6)]
            client.kill()
        self.assertEqual([line.split(b":")[0].strip() for line in lines],
                         [b"event", b"data", b""] * 2)

    def test_a_client_that_leaves_is_no_harm(self):
        for path in ("/delay/30000", "/events", "/bytes/100000000000"):
            with subprocess.Popen(["curl", "-sS", "--noproxy", "*", "-N", self.flag,
                                   self.base + path], stdout=subprocess.PIPE) as client:
                if path != "/delay/30000":
                    client.stdout.read(1)
                client.kill()
        self.assertEqual(self.ask("/hello").status, 200)


class RoutesOfHttp2(Routes):
    flag, version = "--http2-prior-knowledge", "HTTP/2"

    def test_echo_of_a_body_without_a_length(self):
        data = os.urandom(3 * MIB)
        self.assertEqual(self.curl("/echo", "-X", "POST", "-T", "-", stdin=data), data)


class Draining(unittest.TestCase):
    def test_what_was_asked_is_answered_before_the_end(self):
        for flag in ("--http1.1", "--http2-prior-knowledge"):
            with self.subTest(flag=flag):
                server = sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-w", "1")
                base = f"http://127.0.0.1:{server.port()}"
                with subprocess.Popen(["curl", "-sS", "--noproxy", "*", flag, f"{base}/work/700"],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
                    sp.eventually(lambda: worker_is_busy(server), "the request")
                    self.assertEqual(server.end(), 0)
                    self.assertEqual(client.communicate(timeout=sp.PATIENCE)[0],
                                     b"worked 700 ms\n")
                self.assertEqual(server.report()["forced"], 0)


def worker_is_busy(server):
    """Whether the one worker has something to do: work for no time gets no answer at once."""
    with server.connect() as sock:
        sock.sendall(b"GET /work/0 HTTP/1.1\r\nHost: busy\r\n\r\n")
        return not select.select([sock], [], [], 0.2)[0]


if __name__ == "__main__":
    sp.main()
