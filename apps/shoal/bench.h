/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `shoal bench`; see bench.c. */
#ifndef APPS_SHOAL_BENCH_H
#define APPS_SHOAL_BENCH_H

struct options;

/* Puts load on a server and reports, or compares two files of reports. Returns the exit code.
 * Thread: main's. */
int bench(const struct options *options);

#endif
