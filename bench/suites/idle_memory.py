# SPDX-License-Identifier: BSD-3-Clause
"""Resident memory of a connection that is open and silent, after one message, beyond what the
kernel keeps for it.
"""
import contextlib
import re
import subprocess
import time

from harness import report
from harness.bench import LOAD_CORE, BenchError, pinned
from suites.baseline import SERVERS

SECTION = "Idle connections: resident bytes"

FIRST = 16  # opened before: they pay for what is needed once
MOST_BYTES = 400
MANY = 19_000  # a process gets 20,000 descriptors
PROCESSES = 3


def run(bench):
    servers = bench.choose(SERVERS)
    more = 1000 if bench.quick else 10000
    sizes = {server: median_bytes(bench, server, more) for server in servers}
    rows = [[server.title, f"{size:.0f}"] for server, size in sizes.items()]
    parts = [f"Resident bytes for each of {more:,} connections, after one message on each (kernel memory "
             "not counted).", report.table(["server", "bytes a connection"], rows)]
    parts += crowds(bench, servers)
    shoal = [size for server, size in sizes.items() if server.name == "shoal"]
    if shoal:
        holds = "holds" if shoal[0] <= MOST_BYTES else "missed"
        parts.append(f"- shoal echo: {shoal[0]:.0f} bytes, aim {MOST_BYTES}: {holds}")
    return "\n\n".join(parts)


def crowds(bench, servers):
    """The same for as many connections as one process may have, and as three may have together."""
    shoal = [server for server in servers if server.name == "shoal"]
    many = 2000 if bench.quick else MANY
    rows = [[f"{processes} process{'es' if processes > 1 else ''}, {processes * many:,} connections",
             f"{crowd_bytes(bench, server, processes, many):.0f}"]
            for server in shoal for processes in (1, PROCESSES)]
    return ["As many as descriptors allow, by `shoal echo`:",
            report.table(["", "bytes a connection"], rows)] if rows else []


def crowd_bytes(bench, server, processes, many):
    """Several servers at once, each with its own holder of connections."""
    with contextlib.ExitStack() as open_ones:
        grown = [open_ones.enter_context(crowd(bench, server, many)) for _ in range(processes)]
        return sum(grown) / processes


@contextlib.contextmanager
def crowd(bench, server, more):
    """A server that holds so many connections; yields how much it grew for each."""
    with bench.running(server) as running:
        command = pinned(LOAD_CORE, bench.build / "bench" / "idle_hold", running.port, FIRST,
                         FIRST + more)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as holder:
            before = resident_when_open(holder, running.pid, FIRST)
            holder.stdin.write("\n")
            holder.stdin.flush()
            after = resident_when_open(holder, running.pid, FIRST + more)
            yield (after - before) / more


def median_bytes(bench, server, more):
    return sorted(measure(bench, server, more) for _ in range(3))[1]


def measure(bench, server, more):
    """How much the server grew for each of `more` connections."""
    with crowd(bench, server, more) as grown:
        return grown


def resident_when_open(holder, pid, connections):
    """The server's memory once so many connections are open, and quiet for a moment."""
    said = holder.stdout.readline()
    if said.strip() != str(connections):
        raise BenchError(f"idle_hold could not open {connections} connections")
    time.sleep(0.3)
    return resident_bytes(pid)


def resident_bytes(pid):
    """Rss of smaps_rollup: that of /proc/PID/status is counted by the CPU and lags behind."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Rss:\s*(\d+) kB", file.read(), re.MULTILINE).group(1)) * 1024
