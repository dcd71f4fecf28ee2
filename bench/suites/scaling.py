# SPDX-License-Identifier: BSD-3-Clause
"""Scaling over loops: echo, HTTP/1.1 and gRPC by one loop and by two, the server on both cores. Where
the machine has no core to spare for the load, the rate is bounded by what the load takes; the CPU for
a message then tells what a second loop costs.
"""
from harness import report, web
from harness.bench import CORES, SERVER_CORE, Server
from harness.rounds import interleave
from suites import grpc
from suites.baseline import Cell

SECTION = "Scaling: one loop and two"

HTTP = "HTTP/1.1, 14 bytes, 64 connections"
GRPC = "gRPC, 64 bytes, 16 connections x 16 calls"
CELLS = [Cell(64, 64, 1), Cell(64, 1000, 1), Cell(4096, 64, 16), HTTP, GRPC]
COUNTS = (1, 2)
LOOPS = tuple(Server(f"loops-{count}", f"{count} loop{'s' if count > 1 else ''}", (str(count),))
              for count in COUNTS)


def run(bench):
    web.install_peers()
    loops = bench.choose(LOOPS)
    seconds = 0.3 if bench.quick else 1.0
    cores = ",".join(str(core) for core in (SERVER_CORE, CORES[-1]))

    def measure(count, cell):
        command = "http" if cell == HTTP else "grpc" if cell == GRPC else "echo"
        server = Server(count.name, command, ("shoal", command, "-n", count.command[0], "-q", "-l",
                                              "tcp://127.0.0.1:0"))
        with bench.running(server, cores) as running:
            target = web.Web(running.pid, running.port)
            if cell == HTTP:
                return web.wrk(target, 64, 1, "/hello")
            if cell == GRPC:
                return grpc.load_running(target, "Unary", 16, 16, 30_000 if bench.quick else 100_000)
            return echo(bench, running, cell, seconds)

    results = interleave(bench, loops, CELLS, measure)
    return "\n\n".join([
        f"Median of {results.rounds()} interleaved rounds, in brackets the least and the greatest, on "
        f"{len(CORES)} cores,\nof which the load has one: bench/echo_load, wrk, h2load. Others used at "
        f"most {results.worst('others_cpu_share'):.0%} of a core meanwhile.",
        "A second (higher is better):",
        report.ratio_table(loops, results, CELLS, report.RATE, "{:,.0f}/s"),
        "Server CPU time for each (lower is better):",
        report.ratio_table(loops, results, CELLS, report.CPU, "{:.2f} us")])


def echo(bench, running, cell, seconds):
    """The figures of an echo by the names that those of HTTP have."""
    figures = bench.load("bench/echo_load", "--port", running.port, "--server-pid", running.pid,
                         "--size", cell.size, "--connections", cell.connections,
                         "--depth", cell.depth, "--seconds", seconds)
    return figures | {report.RATE: figures["messages_per_second"],
                      report.CPU: figures["server_cpu_us_per_message"]}
