# SPDX-License-Identifier: BSD-3-Clause
"""shoal fish --prices: the file replaces the built-in list, HUP reads it again on every loop."""

import os
import signal
import tempfile
import unittest

import shoal_program as sp


class Prices(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "prices")

    def tearDown(self):
        self.folder.cleanup()

    def write(self, text):
        """In one step: the program may be reading it."""
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.path + ".new", self.path)

    def start(self, *args):
        return sp.Shoal("fish", "-l", "tcp://127.0.0.1:0", "--prices", self.path, *args)

    @staticmethod
    def price_of_cod(sock):
        sock.sendall(b"1 pound of cod\n\n")
        return int(sp.receive_until(sock, b"\r\n"))

    def test_the_file_replaces_the_built_in_list(self):
        self.write("# today\ncod = 20\nRed Snapper = 7 # dear\n")
        with self.start() as server, server.connect() as sock:
            answer = sp.exchange(sock, b"1 pound of cod\n\n1 pound of red snapper\n\n"
                                       b"1 pound of trout\n")
            self.assertEqual(answer, b"20\r\n7\r\n0\r\n")

    def test_hup_reads_the_file_again_on_every_loop(self):
        self.write("cod = 1\n")
        with self.start("-n", "3", "--accept", "handoff") as server:
            socks = [server.connect() for _ in range(6)]
            for price in (5, 6, 7):
                self.write(f"cod = {price}\n")
                server.send(signal.SIGHUP)
                server.wait_for_line('msg="prices read"', price - 4)
                for sock in socks:
                    sp.eventually(lambda: self.price_of_cod(sock) == price, f"price {price}")
            for sock in socks:
                sock.close()

    def test_a_bad_new_file_leaves_the_old_prices(self):
        self.write("cod = 4\n")
        with self.start() as server, server.connect() as sock:
            self.write("cod = 5\ntrout\n")
            server.send(signal.SIGHUP)
            line, = server.wait_for_line('msg="prices kept"')
            self.assertIn('error="line 2: expected', line)
            sock.sendall(b"1 pound of cod\n\n")
            self.assertEqual(sp.receive_until(sock, b"\r\n"), b"4\r\n")
            os.unlink(self.path)
            server.send(signal.SIGHUP)
            server.wait_for_line('msg="prices kept"', 2)
            sock.sendall(b"1 pound of cod\n\n")
            self.assertEqual(sp.receive_until(sock, b"\r\n"), b"4\r\n")

    def test_hup_without_a_file_changes_nothing(self):
        with sp.Shoal("fish", "-l", "tcp://127.0.0.1:0") as server, server.connect() as sock:
            server.send(signal.SIGHUP)
            self.assertEqual(sp.exchange(sock, b"1 pound of cod\n"), b"2\r\n")

    def test_prices_change_under_load_without_a_wrong_answer(self):
        self.write("cod = 1\n")
        with self.start("-n", "2") as server:
            socks = [server.connect() for _ in range(8)]
            for turn in range(sp.fewer(300)):
                if turn % 10 == 0:
                    self.write(f"cod = {1 + turn % 2}\n")
                    server.send(signal.SIGHUP)
                for sock in socks:
                    sock.sendall(b"1 pound of cod\n\n")
                for sock in socks:
                    self.assertIn(sp.receive_until(sock, b"\r\n"), (b"1\r\n", b"2\r\n"))
            for sock in socks:
                sock.close()

    def test_a_bad_file_at_the_start_is_told(self):
        self.write("cod = 2\n\ntrout = 1.5\n")
        done = sp.run("fish", "-l", "tcp://127.0.0.1:0", "--prices", self.path)
        self.assertEqual(done.returncode, 66)
        self.assertEqual(done.stderr, f"shoal fish: cannot read prices from {self.path}: "
                                      'line 3: expected "FISH = DOLLARS"\n')

    def test_a_missing_file_at_the_start_is_told(self):
        done = sp.run("fish", "-l", "tcp://127.0.0.1:0", "--prices", self.path)
        self.assertEqual(done.returncode, 66)
        self.assertEqual(done.stderr, f"shoal fish: cannot read prices from {self.path}: "
                                      "No such file or directory (ENOENT)\n")


if __name__ == "__main__":
    sp.main()
