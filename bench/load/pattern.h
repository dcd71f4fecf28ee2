/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bytes that are sent and must come back. Byte p of connection c is a fixed function of both,
 * so what has arrived is checked wherever TCP cut it, with one memcmp per read, and a byte lost,
 * doubled, swapped or given to another connection is found.
 */
#ifndef BENCH_LOAD_PATTERN_H
#define BENCH_LOAD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest piece that bench_pattern() gives at once. */
#define BENCH_PATTERN_SLICE 262144

/* Makes the pattern. Thread: main, before the other functions. */
void bench_pattern_init(void);

/* BENCH_PATTERN_SLICE bytes of connection `index` from stream position `position` on. Static.
 * Thread: any, after init. */
const char *bench_pattern(unsigned index, uint64_t position);

#endif
