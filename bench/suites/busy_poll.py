# SPDX-License-Identifier: BSD-3-Clause
"""Busy polling: what it gains a single client that waits for each answer, and what it costs where
many keep the loop busy anyway. A client that sleeps has to be woken for each answer, which takes as
long as waking the server does and is none of the server's business; so one that never sleeps is
measured, too, and judged by.
"""
import dataclasses

from harness import report
from harness.bench import Server
from harness.rounds import interleave
from suites.baseline import CPU, RATE, Cell

SECTION = "Busy polling: one client's ping-pong"

ECHO = ("shoal", "echo", "-n", "1", "-q", "-l", "tcp://127.0.0.1:0")
SERVERS = (
    Server("sleeping", "shoal echo", ECHO),
    Server("polling", "--busy-poll 200", (*ECHO, "--busy-poll", "200")),
)


@dataclasses.dataclass(frozen=True)
class Polled(Cell):
    """A line of the table; with `spin` the client never sleeps."""
    spin: bool = False

    def __str__(self):
        return super().__str__() + (", client polls" if self.spin else "")


ONE = Polled(64, 1, 1, spin=True)
CELLS = [ONE, Polled(64, 1, 1), Polled(64, 64, 1)]


def run(bench):
    servers = bench.choose(SERVERS)
    seconds, warmup = (0.3, 0.1) if bench.quick else (1.0, 0.3)

    def measure(server, cell):
        with bench.running(server) as running:
            return bench.load("bench/echo_load", "--port", running.port, "--server-pid", running.pid,
                              "--size", cell.size, "--connections", cell.connections,
                              "--depth", cell.depth, "--seconds", seconds, "--warmup", warmup,
                              "--spin", int(cell.spin))

    results = interleave(bench, servers, CELLS, measure)
    parts = [f"Median of {results.rounds()} interleaved rounds of {seconds} s each, in brackets the "
             "least and the greatest. Others used at most "
             f"{results.worst('others_cpu_share'):.0%} of a core meanwhile.",
             "Messages a second (higher is better):",
             report.ratio_table(servers, results, CELLS, RATE, "{:,.0f}/s"),
             "Server CPU time for a message (lower is better):",
             report.ratio_table(servers, results, CELLS, CPU, "{:.2f} us")]
    if len(servers) == len(SERVERS):
        gain = results.median_ratio("polling", "sleeping", ONE, RATE)
        parts.append(f"- one client's rate with busy polling: {gain:.2f} times, aim 2.00: "
                     f"{'holds' if gain >= 2 else 'missed'}")
    return "\n\n".join(parts)
