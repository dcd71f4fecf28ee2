/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where time comes from. Everything that waits or measures takes a clock, so that a test can hand
 * in one that it moves by hand (tests/support/fakeclock.h).
 */
#ifndef SHOAL_BASE_CLOCK_H
#define SHOAL_BASE_CLOCK_H

#include <stdint.h>

/* A clock by value; `now_ns` never goes back and may be called on any thread. */
struct shoal__clock {
    int64_t (*now_ns)(void *arg);
    void *arg;
};

#define SHOAL__NS_PER_MS INT64_C(1000000)
#define SHOAL__NS_PER_S INT64_C(1000000000)

/* CLOCK_MONOTONIC: what every server runs on. */
extern const struct shoal__clock shoal__clock_monotonic;

/* Nanoseconds since some fixed moment. Thread: any. */
static inline int64_t shoal__clock_now_ns(const struct shoal__clock *clock)
{
    return clock->now_ns(clock->arg);
}

#endif
