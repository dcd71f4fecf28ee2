/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An alarm on a loop, exact to microseconds: the loop's own timers count milliseconds, which is
 * right for deadlines and too coarse for sending a hundred thousand requests a second evenly.
 */
#ifndef APPS_SHOAL_BENCH_ALARM_H
#define APPS_SHOAL_BENCH_ALARM_H

#include <stdint.h>

struct event;
struct shoal_loop;

typedef void bench_alarm_fn(void *arg);

/* A member of what uses it; the loop's thread only. */
struct bench_alarm {
    int fd; /* timerfd */
    struct event *event;
    int64_t at_ns; /* monotonic; 0: not set */
    bench_alarm_fn *ring;
    void *arg;
};

/* Makes it, not set. Returns 0 or a negative code, with nothing to close. Thread: owner. */
int bench_alarm_open(struct bench_alarm *alarm, struct shoal_loop *loop, bench_alarm_fn *ring,
                     void *arg);

/* Ends it; copes with one that was never opened. Before the loop's exit hook returns.
 * Thread: owner. */
void bench_alarm_close(struct bench_alarm *alarm);

/* Has ring(arg) called at this time, at once where it has passed, instead of at the time set
 * before; 0: never. Free where nothing changes. Thread: owner. */
void bench_alarm_set(struct bench_alarm *alarm, int64_t at_ns);

#endif
