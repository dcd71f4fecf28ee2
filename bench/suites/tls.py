# SPDX-License-Identifier: BSD-3-Clause
"""TLS 1.3: what a full handshake and a MiB cost `shoal http` beside nginx with one worker and h2o.
All use OpenSSL, the same P-256 certificate, and what cipher the client likes best.
"""
import re

from harness import report, web
from harness.rounds import interleave

SECTION = "TLS: CPU per handshake and per MiB"

PEERS = (web.NGINX_SERVER, web.H2O_SERVER)
HANDSHAKE = "a full handshake"
BULK = "a file of 1 MiB, keep-alive"
CELLS = [HANDSHAKE, BULK]


def run(bench):
    web.install_peers()
    servers = bench.choose((*PEERS, web.SHOAL_SERVER))
    seconds = 1 if bench.quick else 2

    def measure(server, cell):
        asked = web.SHOAL_FILES if server is web.SHOAL_SERVER else server
        with web.serving(bench, asked, "tls") as running:
            if cell == HANDSHAKE:
                return shake_hands(running, seconds)
            return web.wrk(running, 4, seconds, "/1m", scheme="https")

    results = interleave(bench, servers, CELLS, measure)
    return "\n\n".join([describe(servers, results, seconds),
                        report.ratios(servers, results, CELLS), *verdicts(servers, results)])


def shake_hands(running, seconds):
    command = ["openssl", "s_time", "-new", "-tls1_3", "-time", str(seconds), "-connect",
               f"127.0.0.1:{running.port}"]
    return web.load_of(running, command, count_of_s_time)


def count_of_s_time(said):
    found = re.search(r"(\d+) connections in \d+ real seconds", said)
    return int(found.group(1)) if found else 0


def describe(servers, results, seconds):
    return f"""\
Server CPU time as ratio to {servers[0].title} (lower is better): median of {results.rounds()} interleaved
rounds of {seconds} s each, in brackets the least and the greatest. Handshakes by openssl s_time, one after
the other; the file by wrk on 4 connections. Others used at most {results.worst("others_cpu_share"):.0%} of a core meanwhile."""


def verdicts(servers, results):
    if not {"nginx", "shoal"} <= {server.name for server in servers}:
        return []
    return ["\n".join(report.verdict(f"{cell} against nginx",
                                     results.median_ratio("shoal", "nginx", cell, report.CPU), 1.00)
                      for cell in CELLS)]
