/* SPDX-License-Identifier: BSD-3-Clause */
/* The pattern: a prime number of pseudo-random bytes, repeated, entered at a place that depends on
 * the connection. */
#include "pattern.h"

#define PERIOD 65521 /* prime: no message size divides it, so neighbours always differ */
#define SKEW 7919    /* how far apart two connections enter */

static char bytes[PERIOD + BENCH_PATTERN_SLICE];

void bench_pattern_init(void)
{
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < PERIOD; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[i] = (char)(state >> 56);
    }
    for (size_t i = PERIOD; i < sizeof bytes; i++)
        bytes[i] = bytes[i - PERIOD];
}

const char *bench_pattern(unsigned index, uint64_t position)
{
    return bytes + (position + (uint64_t)index * SKEW) % PERIOD;
}
