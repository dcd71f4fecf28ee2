# SPDX-License-Identifier: BSD-3-Clause
"""shoal echo: every byte comes back, in order, whatever the pieces and the reader's pace."""

import hashlib
import random
import socket
import threading
import unittest

import shoal_program as sp

MIB = 1 << 20


def pattern(size, seed=1):
    return random.Random(seed).randbytes(size)


def pieces_of(data, next_size):
    at = 0
    while at < len(data):
        size = next_size()
        yield data[at:at + size]
        at += size


class Echo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = sp.Shoal("echo", "-l", "tcp://127.0.0.1:0", "-n", "2")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.end() == 0, cls.server.lines

    def check(self, data, next_size):
        """Sends the pieces one by one, ends, and compares what came back by then."""
        sock = self.server.connect()
        digest = hashlib.sha256()
        received = 0

        def send():
            for piece in pieces_of(data, next_size):
                sock.sendall(piece)
            sock.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        while part := sock.recv(1 << 18):
            digest.update(part)
            received += len(part)
        sender.join()
        sock.close()
        self.assertEqual(received, len(data))
        self.assertEqual(digest.digest(), hashlib.sha256(data).digest())

    def test_every_size_around_a_page_comes_back(self):
        for size in (0, 1, 4095, 4096, 4097, 8192):
            with self.subTest(size=size):
                self.check(pattern(size), lambda: 1 << 20)

    def test_single_bytes_come_back(self):
        for size in (1, 4095, 4096, 4097, 8192):
            with self.subTest(size=size):
                self.check(pattern(size), lambda: 1)

    def test_a_mebibyte_comes_back(self):
        self.check(pattern(MIB), lambda: 1 << 20)

    def test_64_mebibytes_in_pieces_of_4096_come_back(self):
        self.check(pattern(sp.fewer(64) * MIB), lambda: 4096)

    def test_64_mebibytes_in_random_pieces_come_back(self):
        rng = random.Random(7)
        self.check(pattern(sp.fewer(64) * MIB), lambda: rng.randint(1, 65536))

    def test_words_that_end_other_servers_are_only_echoed(self):
        for words in (b"quit\n", b"quit\r\n", b"shutdown\n", b"kill\n", b"exit\n", b"\x03\x04"):
            self.check(words, lambda: len(words))

    def test_an_answer_does_not_wait_for_the_end(self):
        with self.server.connect() as sock:
            for _ in range(100):
                sock.sendall(b"ping")
                self.assertEqual(sp.receive_exactly(sock, 4), b"ping")

    def test_after_half_close_the_rest_still_comes(self):
        data = pattern(3 * MIB)
        with self.server.connect(receive_buffer=4096) as sock:
            self.assertEqual(sp.exchange(sock, data), data)

    def test_many_clients_get_their_own_bytes(self):
        socks = [self.server.connect() for _ in range(50)]
        rng = random.Random(3)
        sent = {sock: b"" for sock in socks}
        for _ in range(2000):
            sock = rng.choice(socks)
            piece = rng.randbytes(rng.randint(1, 3))
            sock.sendall(piece)
            sent[sock] += piece
        for sock in socks:
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(sp.receive_all(sock), sent[sock])
            sock.close()


class SlowReaders(unittest.TestCase):
    def test_a_slow_reader_gets_everything_and_costs_little_memory(self):
        with sp.Shoal("echo", "-l", "tcp://127.0.0.1:0", "-n", "1") as server:
            before = server.resident_bytes()
            data = pattern(sp.fewer(64) * MIB)
            sock = server.connect(receive_buffer=4096)
            sender = threading.Thread(target=sp.send_all, args=(sock, data, True))
            sender.start()
            digest = hashlib.sha256()
            most = 0
            received = 0
            while part := sock.recv(20000):
                digest.update(part)
                received += len(part)
                if received % 64 == 0:
                    most = max(most, server.resident_bytes())
            sender.join()
            sock.close()
            self.assertEqual(digest.digest(), hashlib.sha256(data).digest())
            self.assertLess(most - before, 16 * MIB)

    def test_a_reader_that_stops_stops_only_itself(self):
        with sp.Shoal("echo", "-l", "tcp://127.0.0.1:0", "-n", "1",
                      "--drain-timeout", "200ms") as server:
            before = server.resident_bytes()
            stopped = server.connect(receive_buffer=4096)
            stopped.setblocking(False)
            sent = 0

            def is_stuck():
                nonlocal sent
                try:
                    while True:
                        sent += stopped.send(bytes(1 << 16))
                except BlockingIOError:
                    return not sp.is_writable(stopped, 0.3)

            sp.eventually(is_stuck, "back-pressure")
            self.assertLess(server.resident_bytes() - before, 16 * MIB)
            with server.connect() as other:
                self.assertEqual(sp.exchange(other, b"still there"), b"still there")
            self.assertLess(sent, 64 * MIB)
            stopped.close()


if __name__ == "__main__":
    sp.main()
