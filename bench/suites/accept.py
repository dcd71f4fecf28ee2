# SPDX-License-Identifier: BSD-3-Clause
"""Short connections: what taking one, one echo of 64 bytes and its close cost in each way of
accepting, on two loops; and how evenly the ways spread connections that stay. The default of
SHOAL_ACCEPT_DEFAULT follows from this.
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
STAYING = 1000


def run(bench):
    ways = bench.choose(WAYS)
    seconds = 0.5 if bench.quick else 2

    def measure(way, parallel):
        with bench.running(way, BOTH_CORES) as running:
            return bench.load("bench/short_load", "--port", running.port, "--server-pid",
                              running.pid, "--parallel", parallel, "--seconds", seconds)

    results = interleave(bench, ways, CELLS, measure)
    shares = {way.name: spread_of(bench, way) for way in ways}
    return "\n\n".join([describe(results, seconds), *tables(ways, results),
                        f"Of {STAYING:,} connections that stay, those of loop 0 (half would be "
                        f"{STAYING // 2}):", spread_table(ways, shares), *verdicts(ways, results)])


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


def spread_of(bench, way):
    """How many of STAYING open connections loop 0 has, three times over: the console says where a
    connection lives."""
    console = Server(way.name, way.title, ("shoal", "console", *way.command[2:]))
    return [staying_on_loop_0(bench, console) for _ in range(3)]


def staying_on_loop_0(bench, console):
    with bench.running(console, BOTH_CORES) as running:
        socks = [socket.create_connection(("127.0.0.1", running.port), 10) for _ in range(STAYING)]
        loops = [loop_of(sock) for sock in socks]
        for sock in socks:
            sock.close()
    return loops.count(0)


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


def spread_table(ways, shares):
    return report.table(["", "three times"], [[way.title, ", ".join(map(str, shares[way.name]))]
                                              for way in ways])


def verdicts(ways, results):
    if len(ways) < len(WAYS):
        return []
    cost = {way.title: statistics.median(results.median_ratio(way.name, ways[0].name, cell, CPU)
                                         for cell in CELLS) for way in ways}
    return ["\n".join(f"- {title}: {ratio:.2f} of the hand-off's CPU time for a connection "
                      f"(median of the cells)" for title, ratio in cost.items())]
