# SPDX-License-Identifier: BSD-3-Clause
"""Rounds: every server is measured once in every cell of the table, then everything again. Two
servers are compared only within a round and a cell, where they ran within seconds of each other, so
that a machine which slows down meanwhile slows both. What counts is the median of those ratios.
"""
import statistics
import sys
import time

from harness.bench import Stalled

DISTURBED = 0.05  # the share of a core that others may use of ours
ATTEMPTS = 3


class Results:
    """What was measured, by server name and cell, one figure after the other: result[n] of two
    servers are of the same round."""

    def __init__(self):
        self.by_server = {}

    def add(self, server, cell, figures):
        self.by_server.setdefault((server, cell), []).append(figures)

    def has(self, server, cell):
        return (server, cell) in self.by_server

    def values(self, server, cell, key):
        return [figures[key] for figures in self.by_server[server, cell]]

    def median(self, server, cell, key):
        return statistics.median(self.values(server, cell, key))

    def ratios(self, server, base, cell, key):
        """server / base, for each round."""
        pairs = zip(self.values(server, cell, key), self.values(base, cell, key))
        return [a / b for a, b in pairs]

    def median_ratio(self, server, base, cell, key):
        return statistics.median(self.ratios(server, base, cell, key))

    def rounds(self):
        return min(len(figures) for figures in self.by_server.values())

    def worst(self, key):
        """The greatest value of a figure anywhere."""
        return max(figures[key] for all_figures in self.by_server.values() for figures in all_figures)


def least_disturbed(measure, server, cell):
    """Measures, and once more (at most twice) where somebody else used the cores meanwhile."""
    attempts = []
    for left in reversed(range(ATTEMPTS)):
        try:
            attempts.append(measure(server, cell))
        except Stalled:
            if left == 0 and not attempts:
                raise
            continue
        if attempts[-1]["others_cpu_share"] < DISTURBED:
            break
    return min(attempts, key=lambda figures: figures["others_cpu_share"])


def interleave(bench, servers, cells, measure, can=lambda server, cell: True):
    """Calls measure(server, cell) for all of which can(server, cell) says so, round after round,
    while the time budget lasts (one round is always made). Who comes first changes from round to
    round."""
    results = Results()
    end = time.monotonic() + bench.budget
    for number in range(bench.rounds):
        if number > 0 and time.monotonic() > end:
            break
        first = number % len(servers)
        for cell in cells:
            able = [server for server in servers if can(server, cell)]
            for server in able[first:] + able[:first]:
                progress(f"round {number + 1} of {bench.rounds}: {cell}: {server.name}")
                results.add(server.name, cell, least_disturbed(measure, server, cell))
    progress("")
    return results


def progress(text):
    """One line on a terminal that overwrites itself; nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
