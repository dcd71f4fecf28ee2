/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a process has used so far, seen from outside it: nanoseconds of CPU time of all its threads
 * (the process's CPU clock, exact to the moment of asking, unlike the ticks of /proc/PID/stat), and
 * context switches. And what everybody has used of the cores where a process may run, which tells
 * whether others disturbed the measurement.
 */
#ifndef BENCH_LOAD_USAGE_H
#define BENCH_LOAD_USAGE_H

#include <stdint.h>
#include <sys/types.h>

struct bench_usage {
    uint64_t cpu_ns;
    uint64_t context_switches; /* voluntary and not */
};

/* What process `pid` has used; 0 is this process. All zero where there is no such process.
 * Thread: any. */
struct bench_usage bench_usage_of(pid_t pid);

/* How long the cores on which this process or `pid` may run were busy, with whatever; in steps of
 * the kernel's tick (10 ms). Thread: any. */
uint64_t bench_busy_ns(pid_t pid);

/* The monotonic time. Thread: any. */
uint64_t bench_now_ns(void);

#endif
