# SPDX-License-Identifier: BSD-3-Clause
"""The memcached example beside memcached itself, one thread each: get and set of 64 bytes, alone
and pipelined 16 deep. memcached answers each pipelined get by a system call of its own.
"""
import dataclasses
import re
import socket

from harness import report, web
from harness.rounds import interleave

SECTION = "memcached's text protocol: CPU per request"

CONNECTIONS = 50
VALUE = "v" * 64
SET = f"set key 0 0 {len(VALUE)}\r\n{VALUE}\r\n"
STORED = "STORED\r\n"
FOUND = f"VALUE key 0 {len(VALUE)}\r\n{VALUE}\r\nEND\r\n"

SERVERS = (
    web.WebServer("memcached", "memcached", ("memcached", "-u", "nobody", "-t", "1", "-c", "4096",
                                             "-l", "127.0.0.1", "-p", "{port}")),
    web.WebServer("shoal", "the example", ("{build}/examples/memcached", "tcp://127.0.0.1:{port}",
                                           "1")),
)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One line of the table."""
    title: str
    request: str
    answer: str
    depth: int

    def __str__(self):
        return self.title


GET = Cell("get", "get key\r\n", FOUND, 1)
PUT = Cell("set", SET, STORED, 1)
DEEP_GET = Cell("get, pipelined 16 deep", "get key\r\n", FOUND, 16)
DEEP_PUT = Cell("set, pipelined 16 deep", SET, STORED, 16)
CELLS = [GET, PUT, DEEP_GET, DEEP_PUT]


def run(bench):
    web.install_peers()
    servers = bench.choose(SERVERS)
    seconds = 1 if bench.quick else 2

    def measure(server, cell):
        with web.serving(bench, server) as running:
            fill(running.port)
            return web.load_of(running, [bench.build / "bench" / "exchange_load", running.port,
                                         CONNECTIONS, cell.depth, seconds, cell.request,
                                         cell.answer], count_exchanges)

    results = interleave(bench, servers, CELLS, measure)
    return "\n\n".join([describe(servers, results, seconds),
                        report.ratios(servers, results, CELLS), *verdicts(servers, results)])


def fill(port):
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(SET.encode())
        sock.recv(len(STORED))


def count_exchanges(said):
    found = re.search(r"(\d+) exchanges", said)
    return int(found.group(1)) if found else 0


def describe(servers, results, seconds):
    return f"""\
Server CPU time for a request, as ratio to {servers[0].title} (lower is better): median of
{results.rounds()} interleaved rounds of {seconds} s each, in brackets the least and the greatest.
{CONNECTIONS} connections from the other core; every answer is compared byte by byte. Others used at
most {results.worst("others_cpu_share"):.0%} of a core meanwhile."""


def verdicts(servers, results):
    """The aims, where both were measured."""
    if {"memcached", "shoal"} - {server.name for server in servers}:
        return []

    def against(cell):
        return results.median_ratio("shoal", "memcached", cell, report.CPU)

    return ["\n".join([
        report.verdict("get against memcached", against(GET), 0.95),
        report.verdict("set against memcached", against(PUT), 0.95),
        report.verdict("pipelined get against memcached", against(DEEP_GET), 0.10),
    ])]
