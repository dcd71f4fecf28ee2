/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures as people read them: three significant digits and a unit. Pure functions, any thread. */
#ifndef APPS_SHOAL_BENCH_TEXT_H
#define APPS_SHOAL_BENCH_TEXT_H

#include <stdint.h>

/* "12.3 us", "1.00 s"; "0 ns" for nothing. Returns out. Thread: any. */
char *bench_time_text(uint64_t ns, char out[16]);

/* "950", "12.3 k", "1.20 M", for "/s" or "B" behind it. Returns out. Thread: any. */
char *bench_count_text(double count, char out[16]);

#endif
