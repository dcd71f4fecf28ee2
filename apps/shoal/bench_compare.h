/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `shoal bench compare A.json B.json`: is B better than A, or is it noise? Each file holds what
 * `shoal bench --json` printed, one object for each round, appended in turn: A, B, A, B, ... so
 * that whatever drifts on the machine drifts for both.
 */
#ifndef APPS_SHOAL_BENCH_COMPARE_H
#define APPS_SHOAL_BENCH_COMPARE_H

struct options;

/* Reads the files that follow "compare" and prints the verdicts. Returns the exit code: 0 whatever
 * they are, 66 for a file that cannot be read. Thread: main's. */
int bench_compare(const struct options *options);

#endif
