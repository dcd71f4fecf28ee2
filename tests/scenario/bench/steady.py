# SPDX-License-Identifier: BSD-3-Clause
"""The hot path, as strace sees it: for a message, a small request or a small call, a loop waits,
reads and writes, once each, and does nothing else: no lock that is waited for, no timer armed, no
memory asked for, no descriptor registered anew."""
import collections
import contextlib
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import shoal_program as sp
from bench_program import errors, measure

CALL = re.compile(r"^(\w+)\(")
WANTED = {"epoll_wait", "recvfrom", "sendto"}


@contextlib.contextmanager
def traced(pid, path):
    """Every system call of the process's loop goes to the file meanwhile."""
    loop = next(task for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                if "loop" in (task / "comm").read_text())
    tracer = subprocess.Popen(["strace", "-qq", "-s", "0", "-o", path, "-p", loop.name],
                              stderr=subprocess.DEVNULL)
    try:
        sp.eventually(lambda: "TracerPid:\t0" not in (loop / "status").read_text(), "strace")
        yield
    finally:
        tracer.terminate()
        tracer.wait()


def middle(path):
    """Calls by name, in the middle half of the trace: what begins and ends a run is left out."""
    with open(path, encoding="ascii", errors="replace") as file:
        names = [found[1] for found in map(CALL.match, file) if found]
    return collections.Counter(names[len(names) // 4:len(names) * 3 // 4])


class Steady(unittest.TestCase):
    def check(self, service, scheme, path=""):
        with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder, \
                sp.Shoal(service, "-n", "1", "-l", "tcp://127.0.0.1:0") as server:
            trace = os.path.join(folder, "trace")
            with traced(server.process.pid, trace):
                report = measure(f"{scheme}://127.0.0.1:{server.port()}{path}", "-c", 1, "-t",
                                 "400ms")
            self.assertEqual(errors(report), {})
            calls = middle(trace)
        self.assertEqual(set(calls), WANTED)
        self.assertGreater(calls["sendto"], 20)
        for name in WANTED:
            self.assertAlmostEqual(calls[name], calls["sendto"], delta=2)

    def test_an_echo_is_three_calls(self):
        self.check("echo", "tcp")

    def test_a_small_http_1_request_is_three_calls(self):
        self.check("http", "http", "/hello")

    def test_a_small_http_2_request_is_three_calls(self):
        self.check("http", "h2c", "/hello")

    def test_a_small_unary_call_is_three_calls(self):
        self.check("grpc", "grpc", "/shoal.v1.Echo/Unary")


if __name__ == "__main__":
    sp.main()
