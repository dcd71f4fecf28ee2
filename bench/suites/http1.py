# SPDX-License-Identifier: BSD-3-Clause
"""HTTP/1.1: what a small request, a pipelined one and a file of 100 KiB cost `shoal http`, beside
nginx with one worker, h2o, lighttpd, evhttp and libevhtp; and what an idle keep-alive connection takes.
"""
import dataclasses
import pathlib
import statistics
import sys
import tempfile

from harness import report, web
from harness.rounds import interleave

SECTION = "HTTP/1.1: CPU per request"

PEERS = (web.NGINX_SERVER, web.H2O_SERVER, web.LIGHTTPD_SERVER, web.EVHTTP_SERVER,
         web.EVHTP_SERVER)
CONNECTIONS = 64
DEPTH = 16
PIPELINE = f"""\
init = function(args)
    local requests = {{}}
    for i = 1, {DEPTH} do requests[i] = wrk.format() end
    whole = table.concat(requests)
end
request = function() return whole end
"""
IDLE_AIM = 562  # bytes: nginx's


@dataclasses.dataclass(frozen=True)
class Cell:
    """One line of the table."""
    title: str
    path: str
    pipelined: bool = False
    file: bool = False

    def __str__(self):
        return self.title


SMALL = Cell("14 bytes, keep-alive", "/hello")
DEEP = Cell(f"14 bytes, pipelined {DEPTH} deep", "/hello", pipelined=True)
FILE = Cell("a file of 100 KiB", "/100k", file=True)
CELLS = [SMALL, DEEP, FILE]


def run(bench):
    web.install_peers()
    servers = bench.choose((*PEERS, web.SHOAL_SERVER))
    seconds = 1 if bench.quick else 2
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "pipeline.lua"
        script.write_text(PIPELINE)

        def measure(server, cell):
            asked = web.SHOAL_FILES if cell.file and server is web.SHOAL_SERVER else server
            with web.serving(bench, asked) as running:
                return web.wrk(running, CONNECTIONS, seconds, cell.path,
                               script=script if cell.pipelined else None)

        results = interleave(bench, servers, CELLS, measure,
                             lambda server, cell: server.pipelines or not cell.pipelined)
    parts = [describe(servers, results, seconds), report.ratios(servers, results, CELLS),
             *idle_table(bench, servers), *verdicts(servers, results)]
    return "\n\n".join(parts)


def describe(servers, results, seconds):
    return f"""\
Server CPU time for a request, as ratio to {servers[0].title} (lower is better): median of
{results.rounds()} interleaved rounds of {seconds} s each, in brackets the least and the greatest.
{CONNECTIONS} connections by wrk on the other core. libevhtp answers one of the requests that come
together and leaves the others until more comes, so it has no figure there. Others used at most {results.worst("others_cpu_share"):.0%} of a core meanwhile."""


def idle_table(bench, servers):
    count = 1000 if bench.quick else 10000
    web.allow_descriptors(count + 128)  # for the servers, too, which inherit it
    sizes = {server: idle_bytes(bench, server, count) for server in servers}
    parts = [f"Resident bytes of a keep-alive connection, idle after one request, of {count:,} "
             "(kernel memory not counted; a dash where it did not answer on so many):",
             report.table(["server", "bytes a connection"],
                          [[server.title, f"{size:,.0f}" if size else "-"]
                           for server, size in sizes.items()])]
    return parts + [report.verdict("an idle connection's bytes", size, IDLE_AIM)
                    for server, size in sizes.items() if server.name == "shoal" and size]


def idle_bytes(bench, server, count):
    def once():
        with web.serving(bench, server) as running:
            return web.idle_bytes(running, count, ask)
    try:
        return statistics.median(once() for _ in range(3))
    except OSError as error:
        print(f"bench: http1: {server.title}, {count:,} connections: {error}", file=sys.stderr)
        return None


def ask(sock):
    sock.sendall(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while not answer.endswith(web.GREETING):
        answer += sock.recv(4096)


def verdicts(servers, results):
    """The aims, where everybody they speak of was measured."""
    if not {"nginx", "h2o", "shoal"} <= {server.name for server in servers}:
        return []

    def to(base, cell):
        return results.median_ratio("shoal", base, cell, report.CPU)

    return ["\n".join([
        report.verdict("small keep-alive against nginx", to("nginx", SMALL), 0.90),
        report.verdict("small keep-alive against h2o", to("h2o", SMALL), 0.90),
        report.verdict("pipelined against nginx", to("nginx", DEEP), 0.125),
        report.verdict("file against h2o", to("h2o", FILE), 1.00),
    ])]
