/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What processes and threads have used so far. CPU time is of the CPU clocks, exact to the moment
 * of asking; the ticks of /proc/PID/stat are not.
 */
#ifndef APPS_SHOAL_BENCH_USAGE_H
#define APPS_SHOAL_BENCH_USAGE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bench_usage {
    uint64_t cpu_ns;   /* user and system, all threads */
    uint64_t switches; /* of context, voluntary and not, of threads that still exist */
};

/* What process `pid` has used. False, with *out untouched, where there is no such process or its
 * clock may not be read. Thread: any. */
bool bench_usage_of_process(pid_t pid, struct bench_usage *out);

/* The most memory that process `pid` has had resident; 0 where that cannot be told. Thread: any. */
uint64_t bench_peak_memory_bytes(pid_t pid);

/*
 * How long a thread of this process has run or, though it could, has waited for a core. A loop
 * for which that is all of the time could not have done more. Thread: any, while that one exists.
 */
uint64_t bench_wanted_ns_of_thread(pthread_t thread, pid_t thread_id);

/* CPU time of this whole process. Thread: any. */
uint64_t bench_own_cpu_ns(void);

#endif
