# SPDX-License-Identifier: BSD-3-Clause
"""A thread for each connection, and an event_base for each, beside an event loop: CPU time, context
switches, memory, and who is never answered.
"""
from harness import report
from harness.bench import Server
from harness.rounds import interleave
from suites import baseline, idle_memory

SECTION = "A thread or an event_base per connection, and a loop"

CONNECTIONS = 200
PATIENT = "base-each"  # serves as many connections as it has threads
SERVERS = (
    Server("threads", "a thread each", ("bench/thread_echo",)),
    Server(PATIENT, "an event_base each, 8 threads", ("bench/base_per_conn_echo",)),
    Server("shoal", "shoal echo", ("shoal", "echo", "-n", "1", "-q", "-l", "tcp://127.0.0.1:0")),
)
CELLS = [baseline.Cell(64, 64, 1), baseline.Cell(64, CONNECTIONS, 1),
         baseline.Cell(4096, CONNECTIONS, 1)]
SWITCHES = "server_context_switches_per_message"


def run(bench):
    servers = bench.choose(SERVERS)
    seconds = 0.3 if bench.quick else 1.0

    def measure(server, cell):
        with bench.running(server) as running:
            return bench.load("bench/echo_load", "--port", running.port, "--server-pid", running.pid,
                              "--size", cell.size, "--connections", cell.connections,
                              "--depth", cell.depth, "--seconds", seconds)

    results = interleave(bench, servers, CELLS, measure)
    sizes = {server: idle_memory.median_bytes(bench, server, CONNECTIONS) for server in servers
             if server.name != PATIENT}
    return "\n\n".join([
        "An echo of connections that are all busy. CPU time for a message:",
        table(servers, results, baseline.CPU, "{:.2f} us"),
        "Connections that were never answered:", table(servers, results, "starved", "{:.0f}"),
        "Context switches of the server for a message:", table(servers, results, SWITCHES, "{:.4f}"),
        "Resident bytes for each connection, stacks included, what the kernel needs for a thread not:",
        report.table(["server", "bytes a connection"],
                     [[server.title, f"{size:,.0f}"] for server, size in sizes.items()])])


def table(servers, results, key, form):
    rows = [[str(cell), *(form.format(results.median(server.name, cell, key)) for server in servers)]
            for cell in CELLS]
    return report.table(["", *(server.title for server in servers)], rows)
