# SPDX-License-Identifier: BSD-3-Clause
"""shoal fish: what is paid, when, and what is answered to lines that are no offer."""

import random
import socket
import unittest

import shoal_program as sp

ERR = 'ERR line {}: expected "N pounds of FISH"\r\n'


def err(*lines):
    return "".join(ERR.format(n) for n in lines).encode()


class Market(unittest.TestCase):
    """One market for all; each test is another customer."""

    @classmethod
    def setUpClass(cls):
        cls.server = sp.Shoal("fish", "-l", "tcp://127.0.0.1:0", "-n", "2")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.end() == 0, cls.server.lines

    def sold(self, data, end=True):
        with self.server.connect() as sock:
            return sp.exchange(sock, data, end)

    def test_transcripts_that_end_with_half_close(self):
        for data, answer in (
                (b"", b""),
                (b"\r\n", b""),
                (b"\n\n\r\n", b""),
                (b"3 pounds of trout\r\n", b"9\r\n"),
                (b"3 pounds of trout\n", b"9\r\n"),
                (b"3 pounds of trout", b"9\r\n"),
                (b"1 pound of haddock\r\n2 pounds of salmon\r\n", b"12\r\n"),
                (b"5 pounds of HADDOCK\n3 pounds of Trout\n4 pounds of bReam\n", b"23\r\n"),
                (b"7 pounds of whale\n", b"0\r\n"),
                (b"1 pound of cod\n\n1 pound of herring\n\n", b"2\r\n1\r\n"),
                (b"1 pound of cod\n\n\n\n", b"2\r\n"),
                (b"what?\n", err(1) + b"0\r\n"),
                (b"1 pound of cod\nwhat?\n2 pounds of cod\n", err(2) + b"6\r\n"),
                (b"\n\nwhat?\n\nwhat?\n", err(3) + b"0\r\n" + err(5) + b"0\r\n"),
                (b"18446744073709551616 pounds of cod\n", err(1) + b"0\r\n"),
                (b"18446744073709551615 pounds of cod\n1 pound of cod\n", err(1) + b"2\r\n"),
                (b"18446744073709551615 pounds of bream\n1 pound of bream\n",
                 err(2) + b"18446744073709551615\r\n"),
                (b"5 pounds of c\0d\n1 pound of cod\n", err(1) + b"2\r\n"),
                (b"-1 pounds of cod\n+1 pounds of cod\n1.5 pounds of cod\n", err(1, 2, 3) +
                 b"0\r\n")):
            with self.subTest(data=data):
                self.assertEqual(self.sold(data), answer)

    def test_a_client_that_sends_once_and_receives_once_is_paid(self):
        with self.server.connect() as sock:
            sock.send(b"5 pounds of haddock\r\n3 pounds of trout\r\n4 pounds of bream\r\n")
            self.assertEqual(sock.recv(100), b"23\r\n")

    def test_a_customer_may_sell_again_and_again(self):
        with self.server.connect() as sock:
            for pounds in range(1, 6):
                sock.sendall(b"%d pounds of trout\r\n" % pounds)
                self.assertEqual(sp.receive_until(sock, b"\r\n"), b"%d\r\n" % (3 * pounds))

    def test_an_empty_line_pays_at_once_although_more_follows(self):
        with self.server.connect() as sock:
            sock.sendall(b"1 pound of cod\r\n\r\n2 pounds of c")
            self.assertEqual(sp.receive_until(sock, b"\r\n"), b"2\r\n")
            sock.sendall(b"od\r\n")
            self.assertEqual(sp.receive_until(sock, b"\r\n"), b"4\r\n")

    def test_an_error_is_told_at_once_although_the_catch_is_open(self):
        with self.server.connect() as sock:
            sock.sendall(b"nonsense\r\n1 pound of c")
            self.assertEqual(sp.receive_until(sock, b"\r\n"), err(1))
            sock.sendall(b"od\r\n")
            self.assertEqual(sp.receive_until(sock, b"\r\n"), b"2\r\n")

    def test_the_total_does_not_depend_on_the_cuts(self):
        data = b"5 pounds of haddock\r\nwhat?\r\n3 pounds of trout\r\n4 pounds of bream"
        for cut in range(len(data) + 1):
            with self.server.connect() as sock:
                sock.sendall(data[:cut])
                sock.sendall(data[cut:])
                sock.shutdown(socket.SHUT_WR)
                answer = sp.receive_all(sock)
            self.assertEqual(answer, err(2) + b"23\r\n", f"cut at {cut}")

    def test_a_line_of_the_longest_length_is_an_offer_and_one_more_byte_is_not(self):
        start = b"2 pounds of "
        longest = start + b"x" * (8192 - len(start))
        self.assertEqual(self.sold(longest + b"\r\n1 pound of cod\r\n"), b"2\r\n")
        self.assertEqual(self.sold(b"1 pound of cod\r\n\r\n" + longest + b"x\r\n1 pound of cod\r\n"),
                         b"2\r\nERR line 3: longer than 8192 bytes\r\n")

    def test_an_endless_line_is_cut_off(self):
        before = self.server.resident_bytes()
        answer = self.sold(b"x" * sp.fewer(64 << 20))
        self.assertEqual(answer, b"ERR line 1: longer than 8192 bytes\r\n")
        self.assertLess(self.server.resident_bytes() - before, 16 << 20)

    def test_two_customers_interleaved_by_the_byte_do_not_mix(self):
        rng = random.Random(5)
        wants = {b"5 pounds of haddock\r\n3 pounds of trout\r\n": b"19\r\n",
                 b"nonsense\r\n6 pounds of salmon\r\n": err(1) + b"30\r\n"}
        socks = [(self.server.connect(), bytearray(data), answer)
                 for data, answer in wants.items() for _ in range(5)]
        unsent = list(socks)
        while unsent:
            at = rng.randrange(len(unsent))
            sock, data, _ = unsent[at]
            sock.send(data[:1])
            del data[:1]
            if not data:
                sock.shutdown(socket.SHUT_WR)
                del unsent[at]
        for sock, _, answer in socks:
            self.assertEqual(sp.receive_all(sock), answer)
            sock.close()

    def test_a_flood_of_lines_is_answered_in_order(self):
        count = sp.fewer(200000)
        answer = self.sold(b"1 pound of cod\n\n" * count)
        self.assertEqual(answer, b"2\r\n" * count)

    def test_a_flood_of_errors_is_answered_in_order(self):
        count = sp.fewer(100000)
        answer = self.sold(b"x\n" * count)
        self.assertEqual(answer, err(*range(1, count + 1)) + b"0\r\n")


class Settling(unittest.TestCase):
    def test_a_catch_with_part_of_a_line_does_not_settle(self):
        with sp.Shoal("fish", "-l", "tcp://127.0.0.1:0", "--settle", "1ms") as server:
            with server.connect() as sock, server.connect() as other:
                sock.sendall(b"1 pound of cod\r\n2 pounds")
                for _ in range(50):  # many settle times of somebody else
                    other.sendall(b"1 pound of trout\r\n")
                    self.assertEqual(sp.receive_until(other, b"\r\n"), b"3\r\n")
                sock.sendall(b" of salmon\r\n")
                self.assertEqual(sp.receive_until(sock, b"\r\n"), b"12\r\n")

    def test_settle_0_pays_only_at_the_end(self):
        with sp.Shoal("fish", "-l", "tcp://127.0.0.1:0", "--settle", "0") as server:
            with server.connect() as sock:
                sock.sendall(b"1 pound of cod\r\n")
                sock.settimeout(0.3)
                with self.assertRaises(TimeoutError):
                    sock.recv(1)
                sock.settimeout(sp.PATIENCE)
                sock.sendall(b"\r\n")
                self.assertEqual(sp.receive_until(sock, b"\r\n"), b"2\r\n")

    def test_a_drain_pays_open_catches(self):
        with sp.Shoal("fish", "-l", "tcp://127.0.0.1:0", "--settle", "400ms") as server:
            with server.connect() as whole, server.connect() as partial:
                whole.sendall(b"1 pound of cod\r\nx\r\n")
                partial.sendall(b"1 pound of trout\r\nx\r\n1 pou")
                sp.receive_until(whole, b"\r\n")  # the ERR lines tell that all has arrived
                sp.receive_until(partial, b"\r\n")
                self.assertEqual(server.end(), 0)
                self.assertEqual(sp.receive_all(whole), b"2\r\n")
                self.assertEqual(sp.receive_all(partial), b"3\r\n")
            self.assertEqual(server.report(),
                             {"graceful": 2, "forced": 0, "discarded": 0, "stuck": 0})


if __name__ == "__main__":
    sp.main()
