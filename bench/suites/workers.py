# SPDX-License-Identifier: BSD-3-Clause
"""The way from a loop to a worker and back, as a share of an echo: what a service pays for never
blocking its loop.
"""
from harness import report
from harness.bench import Server
from harness.rounds import interleave
from suites.baseline import CPU, RATE, Cell

SECTION = "Loop to worker and back: CPU per message"

INLINE = Server("inline", "shoal echo",
                ("shoal", "echo", "-n", "1", "-q", "-l", "tcp://127.0.0.1:0"))
TRIP = Server("trip", "by way of a worker", ("bench/worker_echo",))
CELLS = [Cell(64, 1, 1), Cell(64, 64, 1), Cell(64, 1000, 1)]
AIM = 1.15


def run(bench):
    servers = bench.choose((INLINE, TRIP))
    seconds, warmup = (0.2, 0.1) if bench.quick else (1.0, 0.3)

    def measure(server, cell):
        with bench.running(server) as running:
            return bench.load("bench/echo_load", "--port", running.port, "--server-pid", running.pid,
                              "--size", cell.size, "--connections", cell.connections,
                              "--depth", cell.depth, "--seconds", seconds, "--warmup", warmup)

    results = interleave(bench, servers, CELLS, measure)
    parts = [f"""\
Each message is copied, handed to the pool's one worker, and answered when it comes back to the loop
(bench/worker_echo). CPU time of the server, all threads, as ratio to {servers[0].title} (lower is better):
median of {results.rounds()} interleaved rounds of {seconds} s each, in brackets the least and the greatest.
Others used at most {results.worst('others_cpu_share'):.0%} of a core meanwhile.""",
             report.ratio_table(servers, results, CELLS, CPU, "{:.2f} us"),
             "Messages a second (higher is better):",
             report.ratio_table(servers, results, CELLS, RATE, "{:,.0f}/s")]
    if len(servers) == 2:
        parts.append("\n".join(
            report.verdict(f"by way of a worker against inline, {cell.connections:,} connections",
                           results.median_ratio("trip", "inline", cell, CPU), AIM)
            for cell in CELLS[1:]))
    return "\n\n".join(parts)
