# SPDX-License-Identifier: BSD-3-Clause
"""The worker pool: from submit to done, and how many a second, beside the queue with a mutex and a
condition that everybody writes; by threads, and by loops, which are told on their own thread.
"""
import json
import subprocess

from harness import report
from harness.bench import BenchError, Server
from harness.rounds import interleave

SECTION = "Worker pool: submit to done"

KINDS = (
    Server("queue", "mutex and condition", ()),
    Server("pool", "Shoal's pool, by threads", ()),
    Server("loops", "Shoal's pool, by loops", ()),
)
ALONE, BATCH = 1, 16
CELLS = [f"{producers} x {batch}" for batch in (ALONE, BATCH) for producers in (1, 4, 16, 64)]
KEYS = (("CPU time of the whole process for a piece of work (lower is better):", "cpu_us", "{:.2f} us"),
        ("Pieces of work a second (higher is better):", "rate", "{:,.0f}/s"),
        ("From submit to done, the median (lower is better):", "p50_us", "{:.1f} us"),
        ("From submit to done, 99 of 100:", "p99_us", "{:.1f} us"))


def run(bench):
    kinds = bench.choose(KINDS)
    seconds = 0.1 if bench.quick else 0.4

    def measure(kind, cell):
        producers, batch = cell.split(" x ")
        command = [bench.build / "bench" / "pool_load", kind.name, producers, batch, str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(map(str, command))}: {done.stderr}")
        return json.loads(done.stdout) | {"others_cpu_share": 0}

    results = interleave(bench, kinds, CELLS, measure)
    parts = [f"""\
Producers x pieces of empty work that each submits at a time; it submits the next ones when all of them
are done. 4 workers, all cores. Median of {results.rounds()} interleaved rounds of {seconds} s each, as ratio to
{kinds[0].title}, in brackets the least and the greatest: bench/pool_load KIND PRODUCERS BATCH SECONDS."""]
    for title, key, form in KEYS:
        parts += [title, report.ratio_table(kinds, results, CELLS, key, form)]
    return "\n\n".join(parts)
