# SPDX-License-Identifier: BSD-3-Clause
"""shoal http and its many clients: slow ones, silent ones, those that leave, those that wait, and
those that ask everything at once. In every case another client is served meanwhile.
"""

import contextlib
import resource
import select
import socket
import struct
import time
import unittest

import shoal_program as sp

GET = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
GREETING = b"Hello, world!\n"
LARGE = b"GET /bytes/1000000000 HTTP/1.1\r\nHost: x\r\n\r\n"
MIB = 1 << 20


def start(*args):
    return sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "2", *args)


def allow_descriptors():
    """For this process, and for the servers that it starts."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def ask(sock):
    sock.sendall(GET)
    head = sp.receive_until(sock, b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise AssertionError(head)
    if sp.receive_exactly(sock, len(GREETING)) != GREETING:
        raise AssertionError("another greeting")


def leave(sock):
    """Closes with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def is_over(sock):
    """Whether the server has ended this connection, which is read to its end."""
    try:
        while part := sock.recv(1 << 16, socket.MSG_DONTWAIT):
            del part
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


class Slow(unittest.TestCase):
    def connect_all(self, server, count, held, **options):
        return [held.enter_context(server.connect(**options)) for _ in range(count)]

    def test_a_thousand_slow_senders_are_cut_while_others_are_served(self):
        allow_descriptors()
        with start("--idle-timeout", "2s") as server, contextlib.ExitStack() as held:
            count = sp.fewer(1000)
            slow = set(self.connect_all(server, count, held))
            first = 0
            end = time.monotonic() + sp.PATIENCE
            while slow and time.monotonic() < end:
                self.dribble(slow, GET[first:first + 1] or b"x")
                first += 1
                with server.connect() as other:
                    ask(other)
                select.select([], [], [], 0.1)  # their pace
            self.assertFalse(slow, "senders of a byte now and then are still there")

    def test_a_thousand_of_each_at_once_are_cut_while_others_are_served(self):
        allow_descriptors()
        with start("--idle-timeout", "2s") as server, contextlib.ExitStack() as held:
            count = sp.fewer(1000)
            before = server.resident_bytes()
            senders = set(self.connect_all(server, count, held))
            for sock in self.connect_all(server, count, held, receive_buffer=4096):
                sock.sendall(LARGE)
            end = time.monotonic() + sp.PATIENCE
            while open_connections(server) > 0 and time.monotonic() < end:
                self.dribble(senders, b"x")
                with server.connect() as other:
                    ask(other)
                self.assertLess(server.resident_bytes() - before, count * MIB // 2 + 64 * MIB)
                select.select([], [], [], 0.1)  # their pace
            self.assertEqual(open_connections(server), 0)

    def dribble(self, slow, byte):
        for sock in list(slow):
            try:
                sock.send(byte)
            except OSError:
                slow.discard(sock)
                continue
            if is_over(sock):
                slow.discard(sock)

    def test_a_thousand_slow_readers_are_cut_while_others_are_served(self):
        allow_descriptors()
        with start("--idle-timeout", "1s") as server, contextlib.ExitStack() as held:
            before = server.resident_bytes()
            count = sp.fewer(1000)
            slow = self.connect_all(server, count, held, receive_buffer=4096)
            for sock in slow:
                sock.sendall(LARGE)
            with server.connect() as other:
                ask(other)
                self.assertLess(server.resident_bytes() - before, count * MIB // 2 + 64 * MIB)
                ask(other)
            sp.eventually(lambda: open_connections(server) == 0, "the end of all slow readers")


def open_connections(server):
    """Those whose socket is established still, as the kernel says."""
    port = f":{server.port():04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return sum(row[1].endswith(port) and row[3] == "01" for row in rows)


class Leaving(unittest.TestCase):
    STAGES = {
        "before anything": b"",
        "within the request line": GET[:7],
        "within the fields": GET[:-4],
        "before the answer": b"GET /delay/60000 HTTP/1.1\r\nHost: x\r\n\r\n",
        "while a worker is at it": b"GET /work/100 HTTP/1.1\r\nHost: x\r\n\r\n",
        "within the body": b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        "within a chunk": b"POST /echo HTTP/1.1\r\nHost: x\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc",
        "within the answer": LARGE,
        "after the answer": GET,
        "within a pipeline": GET * 100 + GET[:9],
        "within the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM",
        "after the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    }

    def test_a_reset_at_each_stage_harms_nobody(self):
        with start("-w", "2") as server, server.connect() as canary:
            ask(canary)
            for stage, data in self.STAGES.items():
                for _ in range(20):
                    sock = server.connect()
                    sock.sendall(data)
                    leave(sock)
                with self.subTest(stage=stage):
                    ask(canary)
            for stage, data in self.STAGES.items():
                with self.subTest(stage=stage), server.connect() as sock:
                    sock.sendall(data)
                    if "the answer" in stage and "before" not in stage:
                        sp.receive_exactly(sock, 10)
                    leave(sock)
                    ask(canary)
            sp.eventually(lambda: open_connections(server) <= 1, "the end of the others")

    def test_a_half_closed_client_gets_all_its_answers(self):
        with start() as server, server.connect() as sock:
            answer = sp.exchange(sock, GET * 50)
            self.assertEqual(answer.count(GREETING), 50)


class Many(unittest.TestCase):
    def test_a_hundred_thousand_requests_at_once_are_answered_in_order(self):
        count = sp.fewer(100_000)
        asked = b"".join(b"GET /hello/%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(count))
        with start() as server, server.connect() as sock:
            answer = sp.exchange(sock, asked)
            self.assertLess(server.resident_bytes(), 256 * MIB if sp.SANITIZED else 64 * MIB)
        greetings = [line for line in answer.split(b"\n") if line.startswith(b"Hello, ")]
        self.assertEqual(greetings, [b"Hello, %d!" % i for i in range(count)])
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK\r\n"), count)

    def test_ten_thousand_clients_keep_their_connections(self):
        count = min(sp.fewer(10_000), allow_descriptors() - 200)
        with start("--max-connections", "20000") as server, contextlib.ExitStack() as held:
            clients = [held.enter_context(server.connect()) for _ in range(count)]
            for _ in range(3):
                for sock in clients:
                    sock.sendall(GET)
                for sock in clients:
                    answer = b""
                    while not answer.endswith(GREETING):
                        part = sock.recv(4096)
                        self.assertTrue(part, answer)
                        answer += part
            sp.eventually(lambda: open_connections(server) == count, "all of them being open")


if __name__ == "__main__":
    sp.main()
