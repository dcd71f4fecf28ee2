# SPDX-License-Identifier: BSD-3-Clause
"""The baseline: what `shoal echo` costs for a message, between the limit (bare epoll) and what
libevent users write today (bufferevent). `event` is libevent without bufferevents: the figure that
Shoal can reach.

A thread for each connection, and an event_base for each, are in the suite `threads`.
"""
import dataclasses
import statistics

from harness import report
from harness.bench import LOAD_CORE, SERVER_CORE, Server
from harness.rounds import interleave

SECTION = "Echo: CPU per message"

SERVERS = (
    Server("epoll", "bare epoll", ("bench/epoll_echo",)),
    Server("event", "libevent event", ("bench/event_echo",)),
    Server("libuv", "libuv", ("bench/uv_echo",)),
    Server("bufferevent", "bufferevent", ("bench/bufferevent_echo",)),
    Server("shoal", "shoal echo", ("shoal", "echo", "-n", "1", "-q", "-l", "tcp://127.0.0.1:0")),
)

CPU = "server_cpu_us_per_message"
RATE = "messages_per_second"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One line of the table."""
    size: int
    connections: int
    depth: int

    def __str__(self):
        size = f"{self.size} B" if self.size < 1024 else f"{self.size // 1024} KiB"
        plural = "" if self.connections == 1 else "s"
        return f"{size} x {self.depth}, {self.connections:,} connection{plural}"


CELLS = [Cell(size, connections, depth)
         for size in (64, 4096, 65536) for depth in (1, 16) for connections in (1, 64, 1000)]


def run(bench):
    servers = bench.choose(SERVERS)
    seconds, warmup = (0.2, 0.2) if bench.quick else (0.4, 0.2)

    def measure(server, cell):
        with bench.running(server) as running:
            return bench.load("bench/echo_load", "--port", running.port, "--server-pid", running.pid,
                              "--size", cell.size, "--connections", cell.connections,
                              "--depth", cell.depth, "--seconds", seconds, "--warmup", warmup)

    results = interleave(bench, servers, CELLS, measure)
    parts = [describe(servers, results, seconds), ratio_table(servers, results, CPU, "{:.2f} us"),
             "Messages a second, as ratio to the same server (higher is better):",
             ratio_table(servers, results, RATE, "{:,.0f}/s"), *verdicts(servers, results)]
    return "\n\n".join(parts)


def describe(servers, results, seconds):
    commands = "\n".join(f"    taskset -c {SERVER_CORE} {' '.join(server.command)}"
                         for server in servers)
    return f"""\
Server CPU time for a message, as ratio to {servers[0].title} (lower is better): median of
{results.rounds()} interleaved rounds of {seconds} s each, in brackets the least and the greatest. Size x messages
in flight on each connection; every byte is verified. Others used at most {results.worst("others_cpu_share"):.0%} of a core meanwhile.
The servers, and the load (PORT and PID are the server's):

{commands}
    taskset -c {LOAD_CORE} bench/echo_load --port PORT --server-pid PID --size 64 --connections 64 --depth 1"""


def ratio_table(servers, results, key, base_format):
    base = servers[0]
    header = ["", base.title, *(server.title for server in servers[1:])]
    rows = [[str(cell), base_format.format(results.median(base.name, cell, key)),
             *(report.spread(results.ratios(server.name, base.name, cell, key))
               for server in servers[1:])]
            for cell in CELLS]
    return report.table(header, rows)


def verdicts(servers, results):
    """The aims, and whether they hold, where everybody they speak of was measured."""
    if not {"epoll", "bufferevent", "shoal"} <= {server.name for server in servers}:
        return []
    to_epoll = {cell: results.median_ratio("shoal", "epoll", cell, CPU) for cell in CELLS}
    to_bufferevent = {cell: results.median_ratio("shoal", "bufferevent", cell, CPU)
                      for cell in CELLS}
    worst = max(to_epoll, key=to_epoll.get)
    busy = [cell for cell in CELLS if cell.connections > 1]
    small = statistics.median(to_bufferevent[cell] for cell in busy if cell.size == 64)
    large = statistics.median(to_bufferevent[cell] for cell in busy
                              if cell.size == 4096 and cell.depth == 16)
    return ["\n".join([
        verdict("the median cell against bare epoll", statistics.median(to_epoll.values()), 1.05),
        verdict(f"the worst cell against bare epoll ({worst})", to_epoll[worst], 1.10),
        verdict("64 B against bufferevent (median of 64 and 1,000 connections)", small, 0.75),
        verdict("4 KiB x 16 against bufferevent (median of 64 and 1,000 connections)", large, 0.20),
    ])]


def verdict(what, value, aim):
    return f"- {what}: {value:.2f}, aim {aim:.2f}: {'holds' if value <= aim else 'missed'}"
