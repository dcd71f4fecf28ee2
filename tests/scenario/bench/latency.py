# SPDX-License-Identifier: BSD-3-Clause
"""Latencies against servers whose latency is known: each must show at the right percentile, whether
the server answers or stands still meanwhile."""
import signal
import time
import unittest

import shoal_program as sp
from bench_program import Running, echo, faulty, measure

SECONDS = 4


def stall(running, server):
    """Stops the server for a second in the middle of the measurement; returns how long it was."""
    running.wait_for_phase("measure")
    begun = time.monotonic()
    server.send(signal.SIGSTOP)
    time.sleep(1)
    server.send(signal.SIGCONT)
    return time.monotonic() - begun


class KnownLatency(unittest.TestCase):
    def test_a_fixed_delay_is_every_percentile(self):
        with faulty("delay", 0.05) as server:
            for rate in (0, 200):
                latency = measure(server.url, "-c", 16, "-t", "2s", "--rate", rate)["latency_seconds"]
                self.assertGreaterEqual(latency["min"], 0.05)
                self.assertLess(latency["p50"], 0.06)
                self.assertLess(latency["p90"], 0.08)

    def test_one_percent_of_hiccups_is_seen_beyond_p99_and_not_before(self):
        with faulty("hiccup", 100) as server:
            latency = measure(server.url, "-c", 64, "-t", "4s", "--rate", 500)["latency_seconds"]
        self.assertLess(latency["p50"], 0.05)
        self.assertLess(latency["p90"], 0.05)
        self.assertGreaterEqual(latency["p99.9"], 0.1)
        self.assertLess(latency["p99.9"], 0.2)

    def test_hiccups_are_seen_in_a_closed_loop_too(self):
        with faulty("hiccup", 100) as server:
            report = measure(server.url, "-c", 4, "-t", "3s")
        self.assertLess(report["latency_seconds"]["p90"], 0.05)
        self.assertGreaterEqual(report["latency_seconds"]["p99.9"], 0.1)
        self.assertTrue(any("coordinated omission" in w for w in report["warnings"]), report)


class AServerThatStandsStill(unittest.TestCase):
    def test_the_open_loop_tells_how_long_everybody_waited(self):
        """A stop of S in T seconds: (1 - q) T of it lies above percentile q."""
        with echo() as server:
            running = Running(server.url, "-c", "8", "--rate", "1000", "-t", f"{SECONDS}s")
            stopped = stall(running, server)
            report = running.report()
        latency = report["latency_seconds"]
        self.assertEqual(report["errors"]["closed"], 0)
        self.assertLess(latency["p50"], 0.1)
        self.assertAlmostEqual(latency["p90"], stopped - 0.1 * SECONDS, delta=0.15)
        self.assertAlmostEqual(latency["p99"], stopped - 0.01 * SECONDS, delta=0.15)
        self.assertGreater(latency["max"], 0.9 * stopped)
        self.assertAlmostEqual(report["requests"], 1000 * SECONDS, delta=200)

    def test_the_closed_loop_does_not_see_it_and_says_so(self):
        with echo() as server:
            running = Running(server.url, "-c", "8", "-t", f"{SECONDS}s")
            stopped = stall(running, server)
            report = running.report()
        self.assertLess(report["latency_seconds"]["p99"], 0.5 * stopped)
        self.assertGreater(report["latency_seconds"]["max"], 0.9 * stopped)
        told = [w for w in report["warnings"] if "coordinated omission" in w]
        self.assertEqual(len(told), 1, report["warnings"])
        self.assertIn("measure with --rate", told[0])

    def test_one_that_never_answers_again_counts_with_its_age(self):
        with faulty("mute", 300) as server:
            report = measure(server.url, "-c", 64, "--rate", 500, "-t", "2s")
        latency = report["latency_seconds"]
        self.assertGreater(report["unanswered"], 500)
        self.assertGreater(latency["p90"], 1.9)
        self.assertAlmostEqual(report["requests"] + report["unanswered"], 1000, delta=100)
        self.assertTrue(any("had no answer" in w for w in report["warnings"]))

    def test_a_closed_loop_that_stands_still_since_the_warm_up_is_told(self):
        with faulty("mute", 20) as server:
            report = measure(server.url, "-c", 4, "-t", "500ms", warmup="500ms")
        self.assertEqual((report["requests"], report["unanswered"]), (0, 4))
        self.assertGreater(report["latency_seconds"]["p50"], 0.5)


class TheTimetable(unittest.TestCase):
    def test_a_rate_is_held_whatever_the_loops(self):
        with echo() as server:
            for loops in (1, 3):
                report = measure(server.url, "-c", 6, "--rate", 1500, "-t", "2s", "-n", loops)
                self.assertAlmostEqual(report["rate"], 1500, delta=45)
                self.assertEqual(report["load"]["mode"], "open")

    def test_a_rate_that_is_too_high_is_told(self):
        with faulty("delay", 0.1) as server:
            report = measure(server.url, "-c", 2, "--rate", 1000, "-t", "1s")
        self.assertLess(report["rate"], 25)
        self.assertGreater(report["latency_seconds"]["p50"], 1)
        self.assertTrue(any("were due" in w for w in report["warnings"]), report["warnings"])


if __name__ == "__main__":
    sp.main()
