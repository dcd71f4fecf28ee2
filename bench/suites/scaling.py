# SPDX-License-Identifier: BSD-3-Clause
"""Scaling over loops: echo by one loop and by two, the server on both cores. Where the machine has no
core to spare for the load, the rate is bounded by what the load takes; the CPU for a message then
tells what a second loop costs.
"""
from harness import report
from harness.bench import CORES, SERVER_CORE, Server
from harness.rounds import interleave
from suites.baseline import CPU, RATE, Cell

SECTION = "Scaling: echo by one loop and by two"

SERVERS = tuple(
    Server(f"loops-{count}", f"{count} loop{'s' if count > 1 else ''}",
           ("shoal", "echo", "-n", str(count), "-q", "-l", "tcp://127.0.0.1:0"))
    for count in (1, 2))
CELLS = [Cell(64, 64, 1), Cell(64, 1000, 1), Cell(4096, 64, 16)]


def run(bench):
    servers = bench.choose(SERVERS)
    seconds, warmup = (0.3, 0.1) if bench.quick else (1.0, 0.3)
    cores = ",".join(str(core) for core in (SERVER_CORE, CORES[-1]))

    def measure(server, cell):
        with bench.running(server, cores) as running:
            return bench.load("bench/echo_load", "--port", running.port, "--server-pid", running.pid,
                              "--size", cell.size, "--connections", cell.connections,
                              "--depth", cell.depth, "--seconds", seconds, "--warmup", warmup)

    results = interleave(bench, servers, CELLS, measure)
    return "\n\n".join([
        f"Median of {results.rounds()} interleaved rounds of {seconds} s each, in brackets the least "
        f"and the greatest, on {len(CORES)} cores. Others used at most "
        f"{results.worst('others_cpu_share'):.0%} of a core meanwhile.",
        "Messages a second (higher is better):",
        report.ratio_table(servers, results, CELLS, RATE, "{:,.0f}/s"),
        "Server CPU time for a message (lower is better):",
        report.ratio_table(servers, results, CELLS, CPU, "{:.2f} us")])
