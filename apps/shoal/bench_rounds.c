/* SPDX-License-Identifier: BSD-3-Clause */
/* Judging paired rounds; see bench_rounds.h. */
#include "bench_rounds.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(const double *sorted, size_t count)
{
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

/*
 * How many ratios can be left out at each end so that the interval is still good enough, and how
 * good it is then: 1 - 2 P(at most `out` of `count` coins show heads). Nothing is left out where
 * even all of them are not enough.
 */
static size_t leave_out(size_t count, double *out_confidence)
{
    double exactly = ldexp(1, -(int)count); /* P(k heads), k = 0 at first */
    double at_most = exactly;
    size_t k = 0;
    *out_confidence = 1 - 2 * at_most;
    while (2 * (k + 1) < count) {
        k++;
        exactly *= (double)(count - k + 1) / (double)k;
        at_most += exactly;
        if (1 - 2 * at_most < BENCH_CONFIDENCE)
            return k - 1;
        *out_confidence = 1 - 2 * at_most;
    }
    return k;
}

static enum bench_verdict verdict_of(const struct bench_ratio *ratio, bool more_is_better)
{
    if (ratio->confidence < BENCH_CONFIDENCE)
        return BENCH_TOO_FEW;
    if (ratio->low <= 1 && ratio->high >= 1)
        return BENCH_NO_DIFFERENCE;
    return (ratio->low > 1) == more_is_better ? BENCH_BETTER : BENCH_WORSE;
}

struct bench_ratio bench_judge(double *ratios, size_t count, bool more_is_better)
{
    struct bench_ratio ratio;
    qsort(ratios, count, sizeof(ratios[0]), by_value);
    size_t out = leave_out(count, &ratio.confidence);
    ratio.median = median_of(ratios, count);
    ratio.low = ratios[out];
    ratio.high = ratios[count - 1 - out];
    ratio.verdict = verdict_of(&ratio, more_is_better);
    return ratio;
}

const char *bench_verdict_text(enum bench_verdict verdict)
{
    static const char *const texts[] = {"better", "worse", "no difference shown", "too few rounds"};
    return texts[verdict];
}
