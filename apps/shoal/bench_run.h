/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Main's side of a run: moves the loops from phase to phase, samples CPU times at both ends of the
 * window, shows progress, and heeds signals.
 *
 *     connect ──► warm up ──► measure ──► wait for the last answers
 *        └───────────┴───────────┴─── SIGINT or SIGTERM ───▲
 */
#ifndef APPS_SHOAL_BENCH_RUN_H
#define APPS_SHOAL_BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "bench_loop.h"
#include "bench_progress.h"
#include "bench_stats.h"
#include "bench_target.h"
#include "bench_usage.h"
#include "log.h"

#define BENCH_NS_PER_S INT64_C(1000000000)

/* What had been used at one end of the window. */
struct bench_sample {
    int64_t now_ns;
    uint64_t own_cpu_ns;
    uint64_t *wanted_ns; /* by loop */
    bool has_server;
    struct bench_usage server;
};

/* Owned by bench(). */
struct bench {
    const struct options *options;
    struct bench_target target;
    struct bench_progress progress;
    struct log log;
    struct shoal_server *server;
    struct bench_loop *loops; /* plan.loops of them */
    struct bench_plan plan;
    int report_fd; /* eventfd that the loops count up */
    int signal_fd;
    uint64_t reports; /* counted so far: each loop gives one when connected, one when done */
    bool interrupted;
    const char *phase;
    int64_t phase_ns;           /* when it began */
    int64_t show_ns;            /* when progress is shown next */
    struct bench_window window; /* as it came out */
    struct bench_sample begin;
    struct bench_sample end;
};

/* Opens all connections; returns when each was tried, or when interrupted. Thread: main's. */
void bench_run_connect(struct bench *bench);

/* True where at least one of them was made. Thread: main's. */
bool bench_run_any_open(const struct bench *bench);

/* Warms up, measures, and waits for the last answers. Thread: main's. */
void bench_run_measure(struct bench *bench);

/* Instead of measuring: the loops stop trying. Thread: main's. */
void bench_run_give_up(const struct bench *bench);

#endif
