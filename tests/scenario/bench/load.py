# SPDX-License-Identifier: BSD-3-Clause
"""The kinds of load: targets, sizes, pipelining, churn, idle connections and slow readers."""
import os
import tempfile
import unittest

import shoal_program as sp
from bench_program import echo, errors, faulty, measure


class Targets(unittest.TestCase):
    def check(self, report):
        self.assertEqual(errors(report), {})
        self.assertGreater(report["requests"], 0)
        self.assertEqual(report["unanswered"], 0)

    def test_unix_sockets(self):
        with tempfile.TemporaryDirectory() as folder:
            url = "unix:" + os.path.join(folder, "echo")
            with sp.Shoal("echo", "-l", url):
                self.check(measure(url, "-c", 4, "-t", "300ms"))

    def test_a_host_by_its_name(self):
        with sp.Shoal("echo", "-l", "tcp://:0") as server:
            self.check(measure("tcp://localhost:%d" % server.port(), "-c", 4, "-t", "300ms"))

    def test_every_size_and_depth(self):
        with echo() as server:
            for size in (1, 64, 4096, 300000):
                for depth in (1, 16):
                    with self.subTest(size=size, depth=depth):
                        report = measure(server.url, "-c", 3, "-d", depth, "--size", size, "-t",
                                         "300ms")
                        self.check(report)
                        self.assertEqual(report["load"]["size"], size)
                        self.assertAlmostEqual(report["bytes_in_per_second"],
                                               report["rate"] * size, delta=report["rate"] * size)

    def test_lines(self):
        with echo() as server:
            report = measure(server.url, "--line", "-c", 4, "-d", 8, "--size", 100, "-t", "300ms")
        self.check(report)
        self.assertEqual(report["load"]["protocol"], "line")
        self.assertEqual(report["load"]["size"], 100)

    def test_a_file_as_messages_and_as_lines(self):
        with echo() as server, tempfile.NamedTemporaryFile() as data:
            data.write(b"first line\r\n\nthird line\x00with a nul\nlast")
            data.flush()
            self.check(measure(server.url, "--data", data.name, "-t", "300ms"))
            self.check(measure(server.url, "--data", data.name, "--line", "-t", "300ms"))

    def test_more_loops_than_connections(self):
        with echo() as server:
            self.check(measure(server.url, "-n", 4, "-c", 2, "-t", "300ms"))

    def test_busy_polling_is_for_both_sides(self):
        with echo("--busy-poll", "100") as server:
            report = measure(server.url, "-c", 1, "-t", "300ms", "--busy-poll", 100)
        self.assertEqual(errors(report), {})
        self.assertGreater(report["generator"]["cpu_share"], 0.02)

    def test_nobody_there(self):
        with echo() as server:
            url = server.url
        done = sp.run("bench", url, "-c", "8")
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertRegex(done.stderr, r"\Ashoal bench: cannot connect to tcp://127\.0\.0\.1:\d+: "
                                      r"Connection refused \(ECONNREFUSED\)\n\Z")

    def test_targets_that_are_none(self):
        for url in ("", "127.0.0.1:80", "tcp://", "tcp://127.0.0.1", "unix:", "fd:3"):
            done = sp.run("bench", url)
            self.assertEqual((done.returncode, done.stdout), (64, ""), url)
            self.assertRegex(done.stderr, r"\Ashoal bench: [^\n]+\n\Z")


class Connections(unittest.TestCase):
    def test_churn_makes_a_connection_for_every_answer(self):
        with faulty("echo") as server:
            report = measure(server.url, "-c", 8, "--reconnect", 1, "-t", "1s")
            seen = server.end()
        self.assertEqual(errors(report), {})
        self.assertGreater(report["requests"], 500)
        self.assertGreaterEqual(report["connections"]["opened"], report["requests"])
        self.assertAlmostEqual(seen["accepted"], report["connections"]["opened"], delta=8)

    def test_churn_in_an_open_loop_and_pipelined(self):
        with echo() as server:
            report = measure(server.url, "-c", 8, "-d", 4, "--reconnect", 10, "--rate", 1000,
                             "-t", "1s")
        self.assertEqual(errors(report), {})
        self.assertGreater(report["connections"]["opened"], 80)
        self.assertAlmostEqual(report["rate"], 1000, delta=50)

    def test_connections_come_from_many_addresses(self):
        with faulty("echo") as server:
            measure(server.url, "-c", 1, "--idle", sp.fewer(20000) // 2, "-t", "100ms")
            seen = server.end()
        self.assertEqual(seen["accepted"], 1 + sp.fewer(20000) // 2)
        self.assertEqual(seen["sources"], 1 + sp.fewer(20000) // 2 // 500)

    def test_idle_connections_stay_open(self):
        with echo() as server:
            report = measure(server.url, "-c", 2, "--idle", 300, "-t", "500ms")
        self.assertEqual(report["connections"]["idle_open"], 300)
        self.assertEqual(report["connections"]["opened"], 302)
        self.assertEqual(errors(report), {})

    def test_idle_connections_alone(self):
        with echo() as server:
            report = measure(server.url, "-c", 0, "--idle", 50, "-t", "200ms")
        self.assertEqual((report["requests"], report["connections"]["idle_open"]), (0, 50))

    def test_idle_connections_that_the_server_ends_are_counted(self):
        with echo("--idle-timeout", "400ms") as server:
            report = measure(server.url, "-c", 2, "--idle", 30, "-t", "2s")
        self.assertEqual(report["connections"]["idle_lost"], 30)
        self.assertEqual(report["connections"]["idle_open"], 0)
        self.assertEqual(errors(report), {})

    def test_slow_readers_hold_nobody_up(self):
        with echo() as server:
            report = measure(server.url, "-c", 4, "--slow-readers", 8, "--rate", 500, "-t", "2s")
        self.assertEqual(errors(report), {})
        self.assertEqual(report["connections"]["slow_open"], 8)
        self.assertGreater(report["connections"]["slow_bytes"], 0)
        self.assertAlmostEqual(report["rate"], 500, delta=25)
        self.assertLess(report["latency_seconds"]["p50"], 0.1)

    def test_slow_readers_that_the_server_cuts_are_counted(self):
        with faulty("cutslow", 100000) as server:
            report = measure(server.url, "-c", 1, "--slow-readers", 4, "--rate", 100, "--size",
                             10000, "-t", "8s")
        self.assertGreater(report["connections"]["slow_lost"], 0)
        self.assertEqual(errors(report), {})


class Server(unittest.TestCase):
    def test_what_the_server_used_is_measured(self):
        with echo() as server:
            before = server.cpu_seconds()
            report = measure(server.url, "-c", 8, "-t", "1s", "--server-pid", server.process.pid)
            used = server.cpu_seconds() - before
        cost = report["server"]
        self.assertGreater(cost["cpu_us_per_request"], 0)
        self.assertLess(cost["cpu_us_per_request"] * report["requests"] / 1e6, used + 0.03)
        self.assertGreater(cost["cpu_us_per_request"] * report["requests"] / 1e6, used / 2 - 0.03)
        self.assertGreater(cost["peak_memory_bytes"], 1 << 20)

    def test_a_server_that_is_not_there_is_told(self):
        with echo() as server:
            report = measure(server.url, "-t", "100ms", "--server-pid", 4194304)
        self.assertIsNone(report["server"])
        self.assertTrue(any("could not be measured" in w for w in report["warnings"]))


if __name__ == "__main__":
    sp.main()
