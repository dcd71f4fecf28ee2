# SPDX-License-Identifier: BSD-3-Clause
"""How a run is told: reports, progress, and signals in every phase."""
import json
import os
import pty
import re
import signal
import socket
import subprocess
import unittest

import shoal_program as sp
from bench_program import Running, command, echo, measure

KEYS = ("p50", "p90", "p99", "p99.9", "p99.99", "max")


class Reports(unittest.TestCase):
    def test_json_is_one_line_with_what_scripts_look_for(self):
        with echo() as server:
            done = sp.run(*command(server.url, "-c", 2, "-t", "300ms", "--warmup", 0))
        self.assertEqual(done.stdout.count("\n"), 1)
        report = json.loads(done.stdout)
        latency = [report["latency_seconds"][key] for key in KEYS]
        self.assertEqual(latency, sorted(latency))
        self.assertAlmostEqual(report["rate"], report["requests"] / report["load"]["seconds"],
                               delta=1)
        self.assertEqual(sum(report["errors"].values()), 0)

    def test_text_tells_the_same(self):
        with echo() as server:
            done = sp.run("bench", server.url, "-c", "2", "-t", "300ms", "--warmup", "0", "-q")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in ("rate", "p99.99", "max", "errors       none", "generator"):
            self.assertIn(word, done.stdout)

    def test_progress_is_a_plain_line_a_second(self):
        with echo() as server:
            done = sp.run(*command(server.url, "-c", 2, "-t", "2500ms", "--warmup", 0))
        lines = done.stderr.splitlines()
        self.assertGreaterEqual(len(lines), 2)
        for line in lines:
            self.assertRegex(line, r"^(measure|finish) +\d+ s +\d+/s  p50 .* p99 .* max ")
        self.assertGreater(int(re.search(r"(\d+)/s", lines[0])[1]), 0)

    def test_progress_on_a_terminal_is_one_living_line(self):
        ours, theirs = pty.openpty()
        with echo() as server, os.fdopen(ours, "rb", buffering=0) as terminal:
            process = subprocess.Popen([sp.BIN, *command(server.url, "-t", "2500ms")],
                                       stdout=subprocess.PIPE, stderr=theirs, env=sp.environment())
            os.close(theirs)
            out = process.communicate(timeout=sp.PATIENCE)[0]
            shown = terminal.read(4096)
        self.assertEqual(process.returncode, 0)
        json.loads(out)
        self.assertIn(b"\r\x1b[K", shown)
        self.assertNotIn(b"\n", shown)


class Signals(unittest.TestCase):
    def test_an_interrupted_run_reports_what_it_has(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with echo() as server:
                running = Running(server.url, "-c", 4, "-t", "1h", "--warmup", 0)
                running.wait_for_phase("measure")
                running.process.send_signal(number)
                report = running.report()
            self.assertGreater(report["requests"], 0)
            self.assertAlmostEqual(report["load"]["seconds"], 1, delta=0.9)
            self.assertAlmostEqual(report["rate"], report["requests"] / report["load"]["seconds"],
                                   delta=1)
            self.assertEqual(report["unanswered"], 0)

    def test_a_warm_up_that_is_interrupted_has_measured_nothing(self):
        with echo() as server:
            running = Running(server.url, "-c", 4, "--warmup", "1h")
            running.wait_for_phase("warm-up")
            running.process.send_signal(signal.SIGINT)
            report = running.report()
        self.assertEqual((report["requests"], report["load"]["seconds"]), (0, 0))

    def test_connecting_can_be_interrupted(self):
        """A listener that accepts nobody: what does not fit into its queue stays connecting."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            url = "tcp://127.0.0.1:%d" % listener.getsockname()[1]
            running = Running(url, "-c", 8)
            sp.eventually(lambda: queued(listener) > 0, "somebody in the queue")
            running.process.send_signal(signal.SIGINT)
            report = running.report()
        self.assertEqual(report["requests"], 0)

    def test_the_wait_for_a_last_answer_can_be_cut_short(self):
        with echo() as server:
            running = Running(server.url, "-c", 4, "-t", "1h", "--warmup", 0)
            running.wait_for_phase("measure")
            server.send(signal.SIGSTOP)
            running.process.send_signal(signal.SIGINT)
            report = running.report()
            server.send(signal.SIGCONT)
        self.assertGreater(report["requests"], 0)
        self.assertLessEqual(report["unanswered"], 4)


def queued(listener):
    """How many connections wait in a listening socket's queue (tcp_info, tcpi_unacked)."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int.from_bytes(info[24:28], "little")


class WrongUse(unittest.TestCase):
    def test_each_is_one_sentence(self):
        url = "tcp://127.0.0.1:1"
        for args in ((), (url, url), (url, "-c", "0"), (url, "-d", "0"), (url, "-t", "0"),
                     (url, "--size", "1", "--data", __file__), (url, "--rate", "-1"),
                     (url, "--listen", url), ("compare",), ("compare", "a"),
                     (url, "--idle", "4000000000")):
            with self.subTest(args=args):
                done = sp.run("bench", *args)
                self.assertEqual((done.returncode, done.stdout), (64, ""))
                self.assertRegex(done.stderr, r"\Ashoal bench: [^\n]+\n\Z")

    def test_data_that_is_not_there(self):
        done = sp.run("bench", "tcp://127.0.0.1:1", "--data", "/nowhere/at/all")
        self.assertEqual(done.returncode, 66)
        self.assertIn("/nowhere/at/all", done.stderr)


if __name__ == "__main__":
    sp.main()
