# SPDX-License-Identifier: BSD-3-Clause
"""Instructions counted by valgrind's callgrind, which depend on the build and not on the machine's
mood: a program serves N and 2 N requests, and the difference is what N requests cost.
"""
import re
import shutil
import subprocess

from harness.bench import BenchError


def can_count():
    return shutil.which("valgrind") is not None


def instructions(program, kind, count):
    """What one run executes, in all; None where the program does not know the kind."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, kind,
               str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if "cost: usage:" in done.stderr:
        return None
    if done.returncode != 0 or not found:
        raise BenchError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return int(found[1])


def per_request(program, kind, count):
    """Instructions for one of `count` requests of that kind; None where the program does not know it."""
    once = instructions(program, kind, count)
    return None if once is None else (instructions(program, kind, 2 * count) - once) / count
