/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The timetable of an open loop: which request is due when. It is fixed before the first request
 * is sent and knows nothing of answers; that is what makes the latencies honest. Each loop serves
 * every n-th request of one timetable, so that the loops together send evenly. Pure arithmetic,
 * exact over any duration.
 */
#ifndef APPS_SHOAL_BENCH_PACER_H
#define APPS_SHOAL_BENCH_PACER_H

#include <stdint.h>

/* A value. */
struct bench_pacer {
    int64_t start_ns;    /* when the first request of all is due */
    uint64_t per_second; /* requests, all loops together; not 0 */
    unsigned loop;
    unsigned loops;
};

/* When this loop's request `number` (from 0) is due. Thread: any. */
int64_t bench_pacer_due_ns(const struct bench_pacer *pacer, uint64_t number);

#endif
