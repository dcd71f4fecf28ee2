# SPDX-License-Identifier: BSD-3-Clause
"""HTTP/2 by prior knowledge: what a small request costs `shoal http` beside nginx with one worker
and h2o, and what an idle connection takes.
"""
import statistics

from harness import report, web
from harness.rounds import interleave

SECTION = "HTTP/2: CPU per request"

PEERS = (web.NGINX_SERVER, web.H2O_SERVER)
WIDE = "16 connections x 32 streams"
NARROW = "1 connection x 1 stream"
LOADS = {WIDE: (16, 32, 200_000), NARROW: (1, 1, 20_000)}
IDLE_AIM = 14 * 1024

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, SETTINGS, END_STREAM, END_HEADERS = 1, 4, 1, 4


def run(bench):
    web.install_peers()
    servers = bench.choose((*PEERS, web.SHOAL_SERVER))

    def measure(server, cell):
        connections, streams, requests = LOADS[cell]
        with web.serving(bench, server, "http2") as running:
            return web.h2load(running, connections, streams,
                              requests // 4 if bench.quick else requests, "/hello")

    results = interleave(bench, servers, list(LOADS), measure)
    parts = [describe(servers, results), report.ratios(servers, results, list(LOADS)),
             *idle_table(bench, servers), *verdicts(servers, results)]
    return "\n\n".join(parts)


def describe(servers, results):
    return f"""\
Server CPU time for a request of 14 bytes, as ratio to {servers[0].title} (lower is better): median
of {results.rounds()} interleaved rounds of h2load, in brackets the least and the greatest.
Others used at most {results.worst("others_cpu_share"):.0%} of a core meanwhile."""


def idle_table(bench, servers):
    count = 500 if bench.quick else 2000
    sizes = {server: idle_bytes(bench, server, count) for server in servers}
    parts = [f"Resident bytes of an HTTP/2 connection, idle after one request, of {count:,} "
             "(kernel memory not counted):",
             report.table(["server", "bytes a connection"],
                          [[server.title, f"{size:,.0f}"] for server, size in sizes.items()])]
    return parts + [report.verdict("an idle connection's KiB", size / 1024, IDLE_AIM / 1024)
                    for server, size in sizes.items() if server.name == "shoal"]


def idle_bytes(bench, server, count):
    def once():
        with web.serving(bench, server, "http2") as running:
            return web.idle_bytes(running, count, ask)
    return statistics.median(once() for _ in range(3))


def frame(kind, flags, stream, payload=b""):
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags])
            + stream.to_bytes(4, "big") + payload)


# GET http://x/hello: indexed fields of the static table, and two literals that are not indexed.
REQUEST = (PREFACE + frame(SETTINGS, 0, 0)
           + frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x82\x86\x04\x06/hello\x01\x01x"))


def ask(sock):
    """One request, its answer read to the end of its stream, the server's settings acknowledged."""
    sock.sendall(REQUEST)
    waiting = sock.makefile("rb")
    while True:
        head = waiting.read(9)
        waiting.read(int.from_bytes(head[:3], "big"))
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        if kind == SETTINGS and not flags:
            sock.sendall(frame(SETTINGS, 1, 0))
        elif stream == 1 and kind <= HEADERS and flags & END_STREAM:
            return


def verdicts(servers, results):
    if not {"h2o", "shoal"} <= {server.name for server in servers}:
        return []
    return [report.verdict(f"{WIDE} against h2o",
                           results.median_ratio("shoal", "h2o", WIDE, report.CPU), 1.00)]
