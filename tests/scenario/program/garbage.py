# SPDX-License-Identifier: BSD-3-Clause
"""Binary garbage, floods, resets and vanished clients: nothing falls over, nothing piles up."""

import random
import socket
import unittest

import shoal_program as sp

RESET = b"\1\0\0\0\0\0\0\0"
SEEDS = sp.fewer(200)


class Garbage(unittest.TestCase):
    def setUp(self):
        self.server = sp.Shoal("serve", *sp.services(), "-n", "2", listens=len(sp.SERVICES))

    def tearDown(self):
        if self.server.process.poll() is None:
            self.assertEqual(self.server.end(), 0)

    def check_all_alive(self):
        with self.server.connect(0) as sock:
            self.assertEqual(sp.exchange(sock, b"alive"), b"alive")
        with self.server.connect(1) as sock:
            self.assertEqual(sp.exchange(sock, b"2 pounds of salmon\n"), b"10\r\n")
        with self.server.connect(2) as sock:
            self.assertEqual(sp.exchange(sock, b"echo alive\nquit\n"), b"> alive\r\n> bye\r\n")

    def test_random_bytes(self):
        for seed in range(SEEDS):
            rng = random.Random(seed)
            data = rng.randbytes(rng.choice((1, 100, 9000, 1 << 16, 1 << 20)))
            for index in range(3):
                with self.server.connect(index) as sock:
                    answer = sp.exchange(sock, data)
                if index == 0:
                    self.assertEqual(answer, data, f"seed {seed}")
        self.check_all_alive()

    def test_random_text(self):
        words = ["5", "pounds", "pound", "of", "trout", " ", "\n", "\r\n", "\r", "echo", "who",
                 "crunch 9", "sleep 0", "say x", "help", "info", "\x00", "%n", "\xff", "x" * 9000]
        for seed in range(SEEDS):
            rng = random.Random(seed)
            data = "".join(rng.choice(words) + rng.choice(("", " ", "\n"))
                           for _ in range(rng.randint(1, 200))).encode("latin-1")
            for index in (1, 2):
                with self.server.connect(index) as sock:
                    for piece in (data[:len(data) // 2], data[len(data) // 2:]):
                        sp.send_all(sock, piece)
                    sp.exchange(sock, b"")
        self.check_all_alive()

    def test_clients_that_reset_in_the_middle(self):
        for seed in range(SEEDS):
            rng = random.Random(seed)
            with self.server.connect(seed % 3) as sock:
                sp.send_all(sock, b"3 pounds of trout\necho x\nsay x\n" * rng.randint(0, 50))
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.check_all_alive()

    def test_clients_that_come_and_go_at_once(self):
        for i in range(sp.fewer(2000)):
            self.server.connect(i % 3).close()
        self.check_all_alive()

    def test_a_flood_that_nobody_reads_is_held_back(self):
        before = self.server.resident_bytes()
        socks = [self.server.connect(index, receive_buffer=4096) for index in (0, 1, 2) * 3]
        data = b"nonsense\n" * 100000
        for sock in socks:
            sock.setblocking(False)
            try:
                while sp.is_writable(sock, 0.05):
                    sock.send(data)
            except (BlockingIOError, ConnectionResetError, BrokenPipeError):
                pass
        self.assertLess(self.server.resident_bytes() - before, 32 << 20)
        self.check_all_alive()
        for sock in socks:
            sock.close()


if __name__ == "__main__":
    sp.main()
