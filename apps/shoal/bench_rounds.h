/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The arithmetic of comparing: paired rounds, of which each gives one ratio. Their median is the
 * answer, and order statistics give its confidence interval without any assumption about how the
 * noise is distributed: the true median lies outside [r(k), r(n+1-k)] only where at least n+1-k of
 * n fair coins fell alike. Pure functions, any thread.
 */
#ifndef APPS_SHOAL_BENCH_ROUNDS_H
#define APPS_SHOAL_BENCH_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>

enum { BENCH_ROUNDS_MAX = 1000 };

/* The confidence that a verdict needs; it takes six rounds at least. */
#define BENCH_CONFIDENCE 0.95

enum bench_verdict {
    BENCH_BETTER,
    BENCH_WORSE,
    BENCH_NO_DIFFERENCE, /* none shown: 1 is within the interval */
    BENCH_TOO_FEW,       /* rounds, for any verdict */
};

struct bench_ratio {
    double median;
    double low; /* of the interval */
    double high;
    double confidence; /* of the interval, 0 to 1 */
    enum bench_verdict verdict;
};

/*
 * Judges `count` ratios (1 to BENCH_ROUNDS_MAX; they are sorted in place). `more_is_better` says
 * what a ratio above 1 means. Thread: any.
 */
struct bench_ratio bench_judge(double *ratios, size_t count, bool more_is_better);

/* "better", "worse", "no difference shown", "too few rounds". Static. Thread: any. */
const char *bench_verdict_text(enum bench_verdict verdict);

#endif
