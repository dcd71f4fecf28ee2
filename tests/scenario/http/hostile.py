# SPDX-License-Identifier: BSD-3-Clause
"""shoal http, asked by hand: prefaces in pieces, pipelines, bodies nobody wants, slow clients."""

import socket
import unittest

import shoal_program as sp

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"


def get(path, *fields):
    return "".join(line + "\r\n" for line in (f"GET {path} HTTP/1.1", "Host: x", *fields,
                                              "")).encode()


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "2",
                              "--idle-timeout", "2s")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.end() == 0, cls.server.lines

    def say(self, data, end=False):
        with self.server.connect() as sock:
            return sp.exchange(sock, data, end)

    def test_a_preface_in_single_bytes_is_http2(self):
        with self.server.connect() as sock:
            for byte in PREFACE + SETTINGS:
                sock.sendall(bytes([byte]))
            self.assertEqual(sp.receive_exactly(sock, 9)[3], 4)  # SETTINGS

    def test_what_only_begins_like_the_preface_is_http1(self):
        for start in (b"PRI * HTTP/1.1\r\n", b"PRIX / HTTP/1.1\r\n", b"P", PREFACE[:-1] + b"x"):
            with self.subTest(start=start):
                answer = self.say(start + b"\r\n\r\n")
                self.assertRegex(answer, rb"^HTTP/1.1 (400|404|405|501|505) ")

    def test_a_preface_that_stops_is_cut(self):
        self.assertEqual(self.say(PREFACE[:10]), b"")

    def test_a_post_is_not_taken_for_a_preface(self):
        with self.server.connect() as sock:
            for byte in b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi":
                sock.sendall(bytes([byte]))
            self.assertTrue(sp.receive_until(sock, b"hi").startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_pipelined_answers_are_in_order(self):
        count = 200
        asked = b"".join(get(f"/hello/{i}") for i in range(count))
        asked += get("/delay/50") + get("/hello/last", "Connection: close") + get("/hello/never")
        answer = self.say(asked)
        found = [line for line in answer.split(b"\n") if line.startswith((b"Hello", b"waited"))]
        expected = [f"Hello, {i}!".encode() for i in range(count)]
        self.assertEqual(found, expected + [b"waited 50 ms", b"Hello, last!"])

    def test_nothing_behind_a_bad_request_is_executed(self):
        answer = self.say(get("/hello/1") + b"GET /hello/2 HTTP/1.1\r\n\r\n" + get("/hello/3"))
        self.assertIn(b"Hello, 1!", answer)
        self.assertIn(b"HTTP/1.1 400 ", answer)
        self.assertNotIn(b"Hello, 3!", answer)

    def test_a_body_that_nobody_reads_is_never_a_request(self):
        inner = get("/hello/inner")
        asked = (f"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: {len(inner)}\r\n\r\n".encode()
                 + inner + get("/hello/outer", "Connection: close"))
        answer = self.say(asked)
        self.assertIn(b"HTTP/1.1 405 ", answer)
        self.assertNotIn(b"Hello, inner!", answer)
        self.assertIn(b"Hello, outer!", answer)

    def test_a_half_closed_client_gets_its_answer(self):
        self.assertIn(b"waited 30 ms", self.say(get("/delay/30"), end=True))

    def test_an_answer_that_is_owed_outlives_the_idle_timeout(self):
        self.assertIn(b"waited 3000 ms", self.say(get("/delay/3000", "Connection: close")))

    def test_a_body_that_stalls_cuts_the_answer_that_has_begun(self):
        with self.server.connect() as sock:
            sock.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab")
            sp.receive_until(sock, b"\r\n\r\nab")
            with self.assertRaises(ConnectionResetError):
                sock.recv(1)

    def test_a_field_cannot_be_smuggled_into_an_answer(self):
        answer = self.say(get("/hello/a%0d%0aX-Evil:%20b", "Connection: close"))
        head = answer.split(b"\r\n\r\n")[0]
        self.assertNotIn(b"X-Evil", head)

    def test_a_reader_that_stops_is_cut(self):
        with sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "--drain-timeout", "200ms") as server:
            sock = server.connect(receive_buffer=4096)
            sock.sendall(get("/bytes/100000000000"))
            sock.recv(1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with server.connect() as other:
                other.sendall(get("/hello", "Connection: close"))
                self.assertIn(b"Hello, world!", sp.receive_all(other))
            sock.close()


if __name__ == "__main__":
    sp.main()
