/* SPDX-License-Identifier: BSD-3-Clause */
/* Counting; see bench_stats.h. */
#include "bench_stats.h"

#include <string.h>

#include <shoal/histogram.h>

static const struct {
    const char *name;
    const char *meaning;
    bool verifies;
} errors[] = {
#define BENCH_ERROR_ROW(NAME, name, verifies, meaning) {#name, meaning, verifies},
    BENCH_ERROR_TABLE(BENCH_ERROR_ROW)
#undef BENCH_ERROR_ROW
};

bool bench_stats_init(struct bench_stats *stats)
{
    memset(stats, 0, sizeof(*stats));
    stats->latency = shoal_histogram_create();
    stats->late = shoal_histogram_create();
    return stats->latency && stats->late;
}

void bench_stats_free(struct bench_stats *stats)
{
    shoal_histogram_destroy(&stats->latency);
    shoal_histogram_destroy(&stats->late);
}

void bench_stats_reset(struct bench_stats *stats)
{
    struct bench_stats empty = {.latency = stats->latency, .late = stats->late};
    *stats = empty;
    shoal_histogram_reset(stats->latency);
    shoal_histogram_reset(stats->late);
}

static bool is_within(const struct bench_window *window, int64_t at_ns)
{
    return at_ns >= window->begin_ns && at_ns < window->end_ns;
}

void bench_stats_answer(struct bench_stats *stats, const struct bench_window *window,
                        int64_t due_ns, int64_t now_ns)
{
    if (is_within(window, due_ns))
        shoal_histogram_record(stats->latency, (uint64_t)(now_ns - due_ns));
    if (is_within(window, now_ns))
        stats->answered++;
}

void bench_stats_unanswered(struct bench_stats *stats, const struct bench_window *window,
                            int64_t due_ns, int64_t now_ns)
{
    if (due_ns >= window->end_ns)
        return;
    shoal_histogram_record(stats->latency, (uint64_t)(now_ns - due_ns));
    stats->unanswered++;
}

void bench_stats_merge(struct bench_stats *to, const struct bench_stats *from)
{
    shoal_histogram_merge(to->latency, from->latency);
    shoal_histogram_merge(to->late, from->late);
    to->answered += from->answered;
    to->bytes_out += from->bytes_out;
    to->bytes_in += from->bytes_in;
    to->unanswered += from->unanswered;
    for (int i = 0; i < BENCH_ERRORS; i++)
        to->errors[i] += from->errors[i];
    to->opened += from->opened;
    to->lost += from->lost;
    to->idle_open += from->idle_open;
    to->idle_lost += from->idle_lost;
    to->slow_open += from->slow_open;
    to->slow_lost += from->slow_lost;
    to->slow_bytes += from->slow_bytes;
}

uint64_t bench_stats_errors(const struct bench_stats *stats)
{
    uint64_t sum = 0;
    for (int i = 0; i < BENCH_ERRORS; i++)
        sum += stats->errors[i];
    return sum;
}

uint64_t bench_stats_wrong(const struct bench_stats *stats)
{
    uint64_t sum = 0;
    for (int i = 0; i < BENCH_ERRORS; i++)
        sum += errors[i].verifies ? stats->errors[i] : 0;
    return sum;
}

const char *bench_error_name(enum bench_error error)
{
    return errors[error].name;
}

const char *bench_error_meaning(enum bench_error error)
{
    return errors[error].meaning;
}

/* The requests behind one of `latency_ns`: latency - interval, latency - 2 * interval, and so on
 * down to 0. Very many are recorded as a thousand groups of equal size. */
static void add_behind(uint64_t latency_ns, uint64_t count, uint64_t interval_ns,
                       struct shoal_histogram *out)
{
    const uint64_t most_groups = 1000;
    uint64_t omitted = latency_ns / interval_ns;
    uint64_t groups = omitted < most_groups ? omitted : most_groups;
    for (uint64_t i = 1; i <= groups; i++) {
        uint64_t behind_ns = (uint64_t)((double)i / (double)groups * (double)omitted) * interval_ns;
        uint64_t weight = count * (omitted * i / groups - omitted * (i - 1) / groups);
        shoal_histogram_record_n(out, latency_ns - behind_ns, weight);
    }
}

void bench_add_omitted(const struct shoal_histogram *measured, uint64_t interval_ns,
                       struct shoal_histogram *out)
{
    size_t cursor = 0;
    uint64_t latency_ns, count;
    shoal_histogram_merge(out, measured);
    while (interval_ns > 0 && shoal_histogram_next(measured, &cursor, &latency_ns, &count)) {
        /* What is not slow holds nobody up; and half the requests are a little over the median. */
        if (latency_ns > 2 * interval_ns)
            add_behind(latency_ns, count, interval_ns, out);
    }
}
