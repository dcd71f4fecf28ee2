/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a reader of the figures has to know. Each warning is a function that writes its sentence
 * where it applies and returns whether it did.
 */
#include "bench_report.h"

#include <inttypes.h>

#include <shoal/histogram.h>

#include "bench_text.h"
#include "options.h"

#define MS INT64_C(1000000)

/* A loop that is busy for so much of the time is at its limit. */
static const double BUSY_SHARE = 0.9;

/* An open loop that is answered less than so much of its rate was not kept up with. */
static const double KEPT_UP_SHARE = 0.95;

typedef bool warning_fn(const struct bench_result *result, char *out);

static bool wrong_answers(const struct bench_result *result, char *out)
{
    uint64_t wrong = bench_stats_wrong(result->stats);
    snprintf(out, BENCH_WARNING_MAX, "%" PRIu64 " answers failed verification", wrong);
    return wrong > 0;
}

static bool generator_at_its_limit(const struct bench_result *result, char *out)
{
    snprintf(
        out, BENCH_WARNING_MAX,
        "the generator was the bottleneck: its busiest loop ran, or waited for a core, %.0f %% "
        "of the time; a faster server could not have shown more than this",
        100 * result->busiest_share);
    return result->busiest_share > BUSY_SHARE;
}

static bool generator_late(const struct bench_result *result, char *out)
{
    uint64_t late_ns = shoal_histogram_percentile(result->stats->late, 99);
    uint64_t p99_ns = shoal_histogram_percentile(result->stats->latency, 99);
    char late[16];
    snprintf(out, BENCH_WARNING_MAX,
             "the generator itself sent 1 %% of the requests %s late or more, which is part of the "
             "latencies",
             bench_time_text(late_ns, late));
    return late_ns > (uint64_t)MS && late_ns > p99_ns / 10;
}

static bool not_kept_up(const struct bench_result *result, char *out)
{
    double offered = (double)result->options->rate;
    char asked[16], got[16];
    snprintf(out, BENCH_WARNING_MAX,
             "%s/s were due, %s/s were answered: the latencies are those of a queue that grows as "
             "long as the run lasts",
             bench_count_text(offered, asked), bench_count_text(bench_rate(result), got));
    return bench_rate(result) < KEPT_UP_SHARE * offered;
}

static bool unanswered(const struct bench_result *result, char *out)
{
    uint64_t count = result->stats->unanswered;
    snprintf(out, BENCH_WARNING_MAX,
             "%" PRIu64 " requests had no answer when the run ended; they count with their age",
             count);
    return count > 0;
}

/* The percentile that a constant rate would most clearly have shown to be worse. */
static bool find_hidden(const struct shoal_histogram *measured,
                        const struct shoal_histogram *honest, const char **out_name,
                        uint64_t *out_measured, uint64_t *out_honest)
{
    static const struct {
        const char *name;
        double percent;
    } looked_at[] = {{"p99", 99}, {"p99.9", 99.9}};
    for (size_t i = 0; i < sizeof(looked_at) / sizeof(looked_at[0]); i++) {
        uint64_t a = shoal_histogram_percentile(measured, looked_at[i].percent);
        uint64_t b = shoal_histogram_percentile(honest, looked_at[i].percent);
        if (b / 2 > a && b > (uint64_t)MS) {
            *out_name = looked_at[i].name;
            *out_measured = a;
            *out_honest = b;
            return true;
        }
    }
    return false;
}

/* Only a stall is worth the warning: ten times slower than usual, and 10 ms. */
static bool is_stall(uint64_t latency_ns, uint64_t usual_ns)
{
    return latency_ns > 10 * usual_ns && latency_ns >= (uint64_t)(10 * MS);
}

static bool omission(const struct bench_result *result, char *out)
{
    const struct shoal_histogram *measured = result->stats->latency;
    uint64_t usual_ns = shoal_histogram_percentile(measured, 50);
    uint64_t stall_ns = shoal_histogram_max(measured);
    if (result->options->rate > 0 || !is_stall(stall_ns, usual_ns))
        return false;

    struct shoal_histogram *honest = shoal_histogram_create();
    if (!honest)
        return false;
    const char *name;
    uint64_t measured_ns, honest_ns;
    char stall[16], shown[16], real[16];
    bench_add_omitted(measured, usual_ns, honest);
    bool hidden = find_hidden(measured, honest, &name, &measured_ns, &honest_ns);
    if (hidden)
        snprintf(
            out, BENCH_WARNING_MAX,
            "the server stalled for up to %s, and a closed loop asks nothing meanwhile "
            "(coordinated omission): at a constant rate %s would have been about %s instead of "
            "%s; measure with --rate",
            bench_time_text(stall_ns, stall), name, bench_time_text(honest_ns, real),
            bench_time_text(measured_ns, shown));
    shoal_histogram_destroy(&honest);
    return hidden;
}

static bool server_not_measured(const struct bench_result *result, char *out)
{
    snprintf(out, BENCH_WARNING_MAX, "process %" PRIu64 " could not be measured",
             result->options->server_pid);
    return result->options->server_pid > 0 && !result->has_server;
}

size_t bench_warnings(const struct bench_result *result,
                      char out[BENCH_WARNINGS_MAX][BENCH_WARNING_MAX])
{
    static warning_fn *const warnings[BENCH_WARNINGS_MAX] = {
        wrong_answers, generator_at_its_limit, generator_late, not_kept_up, unanswered,
        omission,      server_not_measured};
    size_t count = 0;
    for (int i = 0; i < BENCH_WARNINGS_MAX && warnings[i]; i++)
        count += warnings[i](result, out[count]);
    return count;
}
