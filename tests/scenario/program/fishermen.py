# SPDX-License-Identifier: BSD-3-Clause
"""shoal fishermen: who walks in, who is delayed, who is paid; and a market that is closed."""

import re
import socket
import threading
import unittest

import shoal_program as sp


def market(*args):
    return sp.Shoal("fish", "-l", "tcp://127.0.0.1:0", *args)


class Fishermen(unittest.TestCase):
    def test_three_fishermen_sell_and_are_paid(self):
        with market() as server:
            done = sp.run("fishermen", "--market", server.urls[0], "--max-delay", "100ms")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        for name, dollars in (("fred", 23), ("bob", 12), ("karen", 18)):
            self.assertIn(f"{name} walks in", lines)
            self.assertIn(f"{name} is paid {dollars} dollars", lines)
            self.assertLess(lines.index(f"{name} walks in"),
                            lines.index(f"{name} is paid {dollars} dollars"))

    def test_without_delays_nobody_is_delayed(self):
        with market() as server:
            done = sp.run("fishermen", "--market", server.urls[0], "--max-delay", "0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("delayed", done.stdout)

    def test_a_seed_gives_the_same_delays_again(self):
        with market() as server:
            def delays(seed):
                done = sp.run("fishermen", "--market", server.urls[0], "--seed", str(seed),
                              "--max-delay", "50ms")
                return sorted(re.findall(r"by (\d+) ms", done.stdout))

            self.assertEqual(delays(5), delays(5))
            self.assertGreater(len({tuple(delays(seed)) for seed in range(8)}), 1)

    def test_first_in_is_not_always_first_paid(self):
        with market() as server:
            def order(seed):
                out = sp.run("fishermen", "--market", server.urls[0], "--seed", str(seed),
                             "--max-delay", "200ms").stdout
                return re.findall(r"(\w+) walks", out), re.findall(r"(\w+) is paid", out)

            sp.eventually(lambda seeds=iter(range(1000)): (lambda p: p[0] != p[1])(
                order(next(seeds))), "another order of payment")

    def test_a_crowd_is_paid_right(self):
        count = sp.fewer(2000)
        with market("-n", "2") as server:
            done = sp.run("fishermen", "--market", server.urls[0], "--crowd", str(count),
                          "--max-delay", "20ms", timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, f"{count} of {count} fishermen were paid right\n")

    def test_a_market_that_appears_to_be_closed(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            url = "tcp://127.0.0.1:%d" % nobody.getsockname()[1]
            for extra in ((), ("--crowd", "50")):
                done = sp.run("fishermen", "--market", url, *extra)
                self.assertEqual(done.returncode, 69)
                self.assertEqual(done.stderr,
                                 f"shoal fishermen: cannot connect to {url}: Connection refused "
                                 "(ECONNREFUSED); the market appears to be closed\n")

    def test_a_market_that_cheats_is_found_out(self):
        def cheat(listener):
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    sp.receive_all(sock)
                    sock.sendall(b"1\r\n")

        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=cheat, args=(listener,), daemon=True).start()
            url = "tcp://127.0.0.1:%d" % listener.getsockname()[1]
            done = sp.run("fishermen", "--market", url, "--crowd", "3", "--max-delay", "0",
                          "--seed", "1")
            listener.shutdown(socket.SHUT_RDWR)
        self.assertEqual(done.returncode, 76)
        self.assertRegex(done.stderr, r"fisherman \d was paid 1 dollars instead of \d+\n")
        self.assertEqual(done.stdout, "0 of 3 fishermen were paid right\n")

    def test_a_market_that_pays_nothing_is_told(self):
        def rob(listener):
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                sp.receive_all(sock)
                sock.close()

        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=rob, args=(listener,), daemon=True).start()
            url = "tcp://127.0.0.1:%d" % listener.getsockname()[1]
            done = sp.run("fishermen", "--market", url, "--max-delay", "0")
            listener.shutdown(socket.SHUT_RDWR)
        self.assertEqual(done.returncode, 76)
        self.assertIn("shoal fishermen: karen was not paid", done.stderr)

    def test_a_market_that_is_no_url(self):
        done = sp.run("fishermen", "--market", "nowhere")
        self.assertEqual(done.returncode, 64)
        self.assertRegex(done.stderr, r"\Ashoal fishermen: cannot connect to nowhere: [^\n]*\n\Z")


if __name__ == "__main__":
    sp.main()
