# SPDX-License-Identifier: BSD-3-Clause
"""gRPC: what a small unary call costs `shoal grpc` beside gRPC C++'s asynchronous server and
@grpc/grpc-js, what the worker pool adds to it, and what idle connections and open streams take.

Every answer of every measurement is checked: gRPC says with trailers what went wrong, so a call
that failed brings fewer bytes than the echo of its message.
"""
import contextlib
import re
import shutil
import socket
import statistics
import subprocess
import tempfile

from harness import report, web
from harness.bench import BenchError, Server
from harness.rounds import interleave
from suites.http2 import END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, frame

SECTION = "gRPC: CPU per call"

SHOAL = Server("shoal", "shoal grpc",
               ("shoal", "grpc", "-n", "1", "-q", "-l", "tcp://127.0.0.1:0"))
GRPC_CPP = Server("grpc++", "gRPC C++, asynchronous", ("bench/grpcpp_echo",))
TOP = web.INSTALL.parent.parent
NODE_PARTS = TOP / "bench" / "servers" / "grpc_js"
ECHO_PROTO = TOP / "apps" / "shoal" / "proto" / "shoal" / "v1" / "echo.proto"

NARROW = "1 call at a time"
ONE = "1 connection x 100 calls"
WIDE = "16 connections x 16 calls"
LOADS = {NARROW: (1, 1, 20_000), ONE: (1, 100, 100_000), WIDE: (16, 16, 100_000)}
AIMS = {NARROW: 1 / 1.3, ONE: 1 / 7, WIDE: 1 / 6}  # of shoal, where gRPC C++ is 1
ON_LOOP, IN_POOL = "on the loop", "in the pool"
METHODS = {ON_LOOP: "Unary", IN_POOL: "Delayed"}
POOL_AIM = 1.25

PAYLOAD = 64
MESSAGE = b"\x0a" + bytes([PAYLOAD]) + b"e" * PAYLOAD  # an EchoMessage's first field
BODY = b"\0" + len(MESSAGE).to_bytes(4, "big") + MESSAGE
DATA = 0
STREAMS = 100  # held on one connection


def run(bench):
    install_peers(bench)
    servers = bench.choose((GRPC_CPP, grpc_js(bench), SHOAL))
    for server in servers:
        check_answers(bench, server)

    def measure(server, cell):
        connections, streams, requests = LOADS[cell]
        return load(bench, server, "Unary", connections, streams, requests)

    results = interleave(bench, servers, list(LOADS), measure)
    return "\n\n".join([describe(servers, results), report.ratios(servers, results, list(LOADS)),
                        *verdicts(servers, results), *pool_table(bench, servers),
                        *memory_table(bench, servers)])


def describe(servers, results):
    return f"""\
Server CPU time for a unary call that echoes {PAYLOAD} bytes, as ratio to {servers[0].title} (lower
is better): median of {results.rounds()} interleaved rounds of h2load, in brackets the least and the
greatest. Every server is pinned to one core, all its threads.
Others used at most {results.worst("others_cpu_share"):.0%} of a core meanwhile."""


def verdicts(servers, results):
    if not {GRPC_CPP, SHOAL} <= set(servers):
        return []
    return [report.verdict(f"{cell} against gRPC C++",
                           results.median_ratio(SHOAL.name, GRPC_CPP.name, cell, report.CPU), aim)
            for cell, aim in AIMS.items()]


# The peers


def install_peers(bench):
    """Installs packages, builds gRPC C++'s server and fetches @grpc/grpc-js, where missing."""
    web.install_peers()
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(["cmake", bench.build], **quiet)  # finds what was just installed
    subprocess.run(["cmake", "--build", bench.build, "--target", "grpcpp_echo"], **quiet)
    if not shutil.which("npm"):
        subprocess.run([web.INSTALL, "npm"], check=True)
    folder = node_folder(bench)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "server.js"):
        shutil.copy(NODE_PARTS / name, folder)
    subprocess.run(["npm", "install", "--prefer-offline", "--no-audit", "--no-fund",
                    "--no-package-lock", "--ignore-scripts", "--loglevel=error"],
                   cwd=folder, **quiet)


def node_folder(bench):
    return bench.build / "bench" / "grpc_js"


def grpc_js(bench):
    return Server("grpc-js", "@grpc/grpc-js",
                  (shutil.which("node"), node_folder(bench) / "server.js", ECHO_PROTO))


@contextlib.contextmanager
def serving(bench, server):
    with bench.running(server) as running:
        yield web.Web(running.pid, running.port)


# Load


def load(bench, server, method, connections, streams, requests):
    """The figures of so many calls, all of which must have been answered in full."""
    with serving(bench, server) as running:
        return load_running(running, method, connections, streams,
                            requests // 4 if bench.quick else requests)


def load_running(running, method, connections, streams, requests):
    with tempfile.NamedTemporaryFile() as body:
        body.write(BODY)
        body.flush()
        command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-n{requests}",
                   "-d", body.name, "-H", "content-type: application/grpc", "-H", "te: trailers",
                   f"http://127.0.0.1:{running.port}/shoal.v1.Echo/{method}"]
        return web.load_of(running, command, count_of_calls)


def count_of_calls(said):
    """The number of calls, 0 where not all brought their echo."""
    calls = web.count_of_h2load(said)
    data = re.search(r"\((\d+)\) data", said)
    return calls if data and int(data.group(1)) == calls * len(BODY) else 0


def pool_table(bench, servers):
    """What the pool costs; both methods in one interleaved run of the same server."""
    if SHOAL not in servers:
        return []
    connections, streams, requests = LOADS[WIDE]
    places = [Server(place, f"shoal grpc, {place}", SHOAL.command) for place in METHODS]

    def measure(server, cell):
        return load(bench, server, METHODS[server.name], connections, streams, requests)

    results = interleave(bench, places, [WIDE], measure)
    ratio = results.median_ratio(IN_POOL, ON_LOOP, WIDE, report.CPU)
    return ["A method that runs in the worker pool, all threads on the same core:",
            report.ratio_table(places, results, [WIDE], report.CPU, "{:.2f} us"),
            report.verdict("a call in the pool against one on the loop", ratio, POOL_AIM)]


# Memory


def memory_table(bench, servers):
    connections, held = (200, 10) if bench.quick else (1000, 20)
    rows = [[server.title, f"{idle_bytes(bench, server, connections):,.0f}",
             f"{stream_bytes(bench, server, held):,.0f}"] for server in servers]
    return [f"Resident bytes of a connection, idle after one call, of {connections:,}; and of a "
            f"bidirectional stream, open after one message, of {held * STREAMS:,} on {held} "
            "connections (kernel memory not counted):",
            report.table(["server", "bytes a connection", "bytes a stream"], rows)]


def idle_bytes(bench, server, count):
    def once():
        with serving(bench, server) as running:
            return web.idle_bytes(running, count, lambda sock: Client(sock).call())
    return statistics.median(once() for _ in range(3))


def stream_bytes(bench, server, connections):
    def once():
        with serving(bench, server) as running, contextlib.ExitStack() as held:
            clients = [Client(held.enter_context(
                socket.create_connection(("127.0.0.1", running.port), 10)))
                for _ in range(connections)]
            for client in clients:
                client.call()
            before = web.settled_bytes(running)
            for client in clients:
                client.hold(STREAMS)
            return (web.settled_bytes(running) - before) / (connections * STREAMS)
    return statistics.median(once() for _ in range(3))


def literal(name, value):
    """A field that is not indexed."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def head(method):
    return b"".join(literal(name, value) for name, value in (
        (b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"x"),
        (b":path", b"/shoal.v1.Echo/" + method), (b"te", b"trailers"),
        (b"content-type", b"application/grpc")))


class Client:
    """The least that a gRPC client needs: calls whose echo must be what was sent."""

    def __init__(self, sock):
        self.sock = sock
        self.waiting = sock.makefile("rb")
        self.next_stream = 1
        sock.sendall(PREFACE + frame(SETTINGS, 0, 0))

    def call(self):
        """One unary call, from its head to its trailers."""
        stream = self.begin(b"Unary", END_STREAM)
        self.wait_for_echoes({stream})

    def hold(self, count):
        """So many streams, each of which has echoed one message and stays open."""
        self.wait_for_echoes({self.begin(b"Bidi", 0) for _ in range(count)})

    def begin(self, method, end):
        stream = self.next_stream
        self.next_stream += 2
        self.sock.sendall(frame(HEADERS, END_HEADERS, stream, head(method)) +
                          frame(DATA, end, stream, BODY))
        return stream

    def wait_for_echoes(self, streams):
        """Until each has brought its message; settings are acknowledged meanwhile."""
        came = dict.fromkeys(streams, b"")
        while any(len(echo) < len(BODY) for echo in came.values()):
            kind, flags, stream, payload = self.read_frame()
            if kind == SETTINGS and not flags:
                self.sock.sendall(frame(SETTINGS, 1, 0))
            elif kind == DATA:
                came[stream] += payload
            elif stream in came and flags & END_STREAM and not came[stream]:
                raise BenchError("a call has failed")
        if set(came.values()) != {BODY}:
            raise BenchError(f"no echo: {came}")

    def read_frame(self):
        first = self.waiting.read(9)
        if len(first) < 9:
            raise BenchError("the server has closed the connection")
        payload = self.waiting.read(int.from_bytes(first[:3], "big"))
        return first[3], first[4], int.from_bytes(first[5:], "big"), payload


def check_answers(bench, server):
    """Before anything is measured: unary calls and streams bring back what was sent."""
    with serving(bench, server) as running, \
            socket.create_connection(("127.0.0.1", running.port), 10) as sock:
        client = Client(sock)
        for _ in range(3):
            client.call()
        client.hold(STREAMS)
