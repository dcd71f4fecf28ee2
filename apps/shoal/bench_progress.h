/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The progress board: what all loops did in the last second. Loops add to it once a second, main
 * takes it down and shows it on stderr: in one living line on a terminal, as a plain line a second
 * otherwise.
 */
#ifndef APPS_SHOAL_BENCH_PROGRESS_H
#define APPS_SHOAL_BENCH_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench_stats.h"

/* Owned by the command; `lock` is taken alone, by loops and by main. */
struct bench_progress {
    FILE *out;     /* NULL: quiet */
    bool living;   /* on a terminal */
    bool is_drawn; /* a living line is there */

    pthread_mutex_t lock; /* guards what follows */
    struct bench_stats second;
};

/* Thread: main's. Returns false where memory is out; free copes. */
bool bench_progress_init(struct bench_progress *progress, FILE *out);
void bench_progress_free(struct bench_progress *progress);

/* Moves everything of `recent` onto the board; `recent` is empty afterwards. Thread: any. */
void bench_progress_add(struct bench_progress *progress, struct bench_stats *recent);

/* Shows what is on the board, under a time ("3 s"), and clears it. Thread: main's. */
void bench_progress_show(struct bench_progress *progress, const char *phase, double seconds);

/* Removes the living line, so that something else can be printed. Thread: main's. */
void bench_progress_clear(struct bench_progress *progress);

#endif
