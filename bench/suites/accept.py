# SPDX-License-Identifier: BSD-3-Clause
"""What SHOAL_ACCEPT_DEFAULT is chosen by: what a short connection (one echo of 64 bytes) costs in
each way of accepting, on two loops; and how evenly the ways spread connections that stay.
"""
import re
import socket
import statistics

from harness import report
from harness.bench import CORES, BenchError, Server
from harness.rounds import interleave

SECTION = "Accepting: CPU per short connection"

ECHO = ("shoal", "echo", "-n", "2", "-q", "-l", "tcp://127.0.0.1:0", "--accept")
WAYS = (
    Server("handoff", "handoff (round robin)", (*ECHO, "handoff")),
    Server("least-of-two", "least of two", (*ECHO, "least-of-two")),
    Server("reuseport", "reuseport", (*ECHO, "reuseport")),
)
BOTH_CORES = ",".join(map(str, CORES[:2]))
CELLS = [1, 16, 256]  # connections under way at a time
CPU = "cpu_us_per_connection"
RATE = "connections_per_second"
SWITCHES = "switches_per_connection"
STAYING = ((16, 50), (1000, 3))  # connections, and how often

CHOICE = """\
The default is the hand-off in turn. SO_REUSEPORT saves the acceptor's part of the work, once in the life
of a connection; but the kernel spreads by lot, and the loop that drew too many of a few busy connections
keeps them for life. A server of many short connections does better with --accept reuseport."""


def run(bench):
    ways = bench.choose(WAYS)
    seconds = 0.5 if bench.quick else 2

    def measure(way, parallel):
        with bench.running(way, BOTH_CORES) as running:
            return bench.load("bench/short_load", "--port", running.port, "--server-pid",
                              running.pid, "--parallel", parallel, "--seconds", seconds)

    results = interleave(bench, ways, CELLS, measure)
    return "\n\n".join([describe(results, seconds), *tables(ways, results),
                        *verdicts(ways, results), *spreads(bench, ways), CHOICE])


def verdicts(ways, results):
    if not {"handoff", "reuseport"} <= {way.name for way in ways}:
        return []
    return ["\n".join(report.verdict(f"hand-off against reuseport, {cell} at a time",
                                     results.median_ratio("handoff", "reuseport", cell, CPU), 1.20)
                      for cell in CELLS)]


def describe(results, seconds):
    return f"""\
A client connects, sends 64 bytes, reads them back and closes; 1, 16 or 256 do so at a time. The server has
two loops, server and load share both cores. CPU time of the server for each connection, as ratio to the
first way (lower is better): median of {results.rounds()} interleaved rounds of {seconds} s, in brackets the least and the
greatest. The load is pinned to one core of the two: bench/short_load --parallel N. Others used at most
{results.worst("others_cpu_share"):.0%} of a core meanwhile."""


def tables(ways, results):
    named = (("", CPU, "{:.1f} us"), ("Connections a second:", RATE, "{:,.0f}/s"),
             ("Context switches of the server for each connection:", SWITCHES, "{:.2f}"))
    for title, key, base_format in named:
        if title:
            yield title
        yield table(ways, results, key, base_format)


def table(ways, results, key, base_format):
    base = ways[0]
    rows = [[f"{cell} at a time", base_format.format(results.median(base.name, cell, key)),
             *(report.spread(results.ratios(way.name, base.name, cell, key)) for way in ways[1:])]
            for cell in CELLS]
    return report.table(["", *(way.title for way in ways)], rows)


def spreads(bench, ways):
    """How many of so many open connections the fuller loop has: the console tells where one is."""
    rows = []
    for way in ways:
        console = Server(way.name, way.title, ("shoal", "console", *way.command[2:]))
        with bench.running(console, BOTH_CORES) as running:
            rows.append([way.title, *(cell_of_fuller_loop(running.port, staying, times)
                                      for staying, times in STAYING)])
    yield ("Connections that stay: how many of them the fuller of both loops has, on average, and at "
           "worst:")
    yield report.table(["", *(f"of {staying:,}, {times} times" for staying, times in STAYING)], rows)


def cell_of_fuller_loop(port, staying, times):
    fuller = [on_fuller_loop(port, staying) for _ in range(times)]
    return f"{statistics.mean(fuller):.1f}, {max(fuller)}"


def on_fuller_loop(port, staying):
    socks = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(staying)]
    loops = [loop_of(sock) for sock in socks]
    for sock in socks:
        sock.close()
    return max(loops.count(0), loops.count(1))


def loop_of(sock):
    sock.sendall(b"info\n")
    said = b""
    while True:
        found = re.search(rb"loop (\d+) of", said)
        if found:
            return int(found.group(1))
        part = sock.recv(4096)
        if not part:
            raise BenchError(f"the console said only {said!r}")
        said += part
