# SPDX-License-Identifier: BSD-3-Clause
"""`shoal bench` under test, and servers with known faults to point it at."""
import contextlib
import json
import os
import re
import subprocess
import sys

import shoal_program as sp

HERE = os.path.dirname(os.path.abspath(__file__))


class Faulty:
    """A running faulty_server.py."""

    def __init__(self, process):
        self.process = process
        self.url = "tcp://127.0.0.1:%d" % int(process.stdout.readline().split()[1])

    def send(self, number):
        self.process.send_signal(number)

    def end(self):
        """Ends it; returns what it saw."""
        self.process.terminate()
        return json.loads(self.process.communicate(timeout=sp.PATIENCE)[0])


@contextlib.contextmanager
def faulty(fault, value=0):
    process = subprocess.Popen([sys.executable, os.path.join(HERE, "faulty_server.py"), fault,
                                str(value)], stdout=subprocess.PIPE, text=True)
    try:
        yield Faulty(process)
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def echo(*args):
    """A running `shoal echo`; yields it with its `url`."""
    with sp.Shoal("echo", "-n", "1", "-l", "tcp://127.0.0.1:0", *args) as server:
        server.url = "tcp://127.0.0.1:%d" % server.port()
        yield server


def command(url, *args):
    return ["bench", url, "--json", "-n", "1", *map(str, args)]


def check(code, expected, out, err):
    """The exit code is as expected, and no sanitizer has complained."""
    assert code == expected, (code, out, err)
    assert not any(word in err for word in sp.SANITIZER_WORDS), err


def measure(url, *args, code=0, warmup="100ms"):
    """Runs it to its end, expects this exit code, and returns the report."""
    done = sp.run(*command(url, "--warmup", warmup, *args))
    check(done.returncode, code, done.stdout, done.stderr)
    return json.loads(done.stdout)


class Running:
    """A bench that runs meanwhile, on pipes."""

    def __init__(self, url, *args):
        self.process = subprocess.Popen([sp.BIN, *command(url, *args)], env=sp.environment(),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def wait_for_phase(self, phase):
        """Waits until a progress line tells of this phase."""
        for line in self.process.stderr:
            if re.match(phase + r" +\d", line):
                return
        raise AssertionError(f"no progress line of {phase}")

    def report(self, code=0):
        out, err = self.process.communicate(timeout=sp.PATIENCE)
        check(self.process.returncode, code, out, err)
        return json.loads(out)


def errors(report):
    """The errors that there were."""
    return {kind: count for kind, count in report["errors"].items() if count}
