# SPDX-License-Identifier: BSD-3-Clause
"""One run of the benchmarks: its settings, and servers started and stopped on a core of their own.

A server is any program that says `msg=listening ... url=tcp://127.0.0.1:PORT` on stderr. It is
started afresh for every measurement, so that none inherits the other's heap or open connections.
"""
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

LISTENING = re.compile(rb"msg=listening.*url=tcp://127\.0\.0\.1:(\d+)")
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[0]
LOAD_CORE = CORES[1] if len(CORES) > 1 else CORES[0]


class BenchError(Exception):
    """A measurement that cannot be made, or an answer that was wrong; the text says which."""


class Stalled(BenchError):
    """Nothing was measured, because the machine did nothing for us meanwhile."""


@dataclasses.dataclass(frozen=True)
class Server:
    """A server to measure: a short name, a title for the tables, and its command, of which the
    first word is a program in the build folder."""
    name: str
    title: str
    command: tuple


@dataclasses.dataclass(frozen=True)
class Running:
    """A server that accepts connections."""
    pid: int
    port: int


@dataclasses.dataclass
class Bench:
    """The settings of a run. `only` names the servers wanted, None for all."""
    build: pathlib.Path
    quick: bool
    rounds: int
    budget: float
    only: list

    def choose(self, servers):
        """Those of `servers` that are wanted, in the order wanted."""
        if self.only is None:
            return list(servers)
        by_name = {server.name: server for server in servers}
        unknown = [name for name in self.only if name not in by_name]
        if unknown:
            raise BenchError(f"no such server: {unknown[0]}; there are: {', '.join(by_name)}")
        return [by_name[name] for name in self.only]

    @contextlib.contextmanager
    def running(self, server, cores=SERVER_CORE):
        """The server, started on its core (or on a taskset list of them); stopped at the end."""
        program = self.build / server.command[0]
        if not program.exists():
            raise BenchError(f"{program.name} is not built: no {program}")
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(pinned(cores, program, *server.command[1:]),
                                       stdin=subprocess.DEVNULL, stderr=log)
            try:
                yield Running(process.pid, wait_for_port(process, log, server))
            finally:
                stop(process)

    def load(self, program, *arguments, timeout=60):
        """Runs a load program on its core and returns the JSON object it prints."""
        command = pinned(LOAD_CORE, self.build / program, *arguments)
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{' '.join(map(str, command))}: no end after {timeout} s") from None
        if result.returncode != 0:
            raise (Stalled if result.returncode == os.EX_TEMPFAIL else BenchError)(
                f"{' '.join(map(str, command))}: {result.stderr.strip()}")
        return json.loads(result.stdout)


def pinned(core, *command):
    """The command line that runs `command` on one core. taskset execs it: the pid is its own."""
    return ["taskset", "-c", str(core), *map(str, command)]


def wait_for_port(process, log, server):
    """The port the server says it listens on, within 10 seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        log.seek(0)
        said = log.read()
        found = LISTENING.search(said)
        if found:
            return int(found.group(1))
        if process.poll() is not None:
            raise BenchError(f"{server.name} ended with {process.returncode}: {said.decode()}")
        time.sleep(0.01)
    raise BenchError(f"{server.name} does not listen after 10 s")


def stop(process):
    """Asks it to end; after 5 seconds, makes it."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
