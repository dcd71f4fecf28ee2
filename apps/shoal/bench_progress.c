/* SPDX-License-Identifier: BSD-3-Clause */
/* The progress board; see bench_progress.h. */
#include "bench_progress.h"

#include <inttypes.h>
#include <unistd.h>

#include <shoal/histogram.h>

#include "bench_text.h"

bool bench_progress_init(struct bench_progress *progress, FILE *out)
{
    *progress = (struct bench_progress){.out = out, .living = out && isatty(fileno(out))};
    pthread_mutex_init(&progress->lock, NULL);
    return bench_stats_init(&progress->second);
}

void bench_progress_free(struct bench_progress *progress)
{
    bench_stats_free(&progress->second);
    pthread_mutex_destroy(&progress->lock);
}

void bench_progress_add(struct bench_progress *progress, struct bench_stats *recent)
{
    pthread_mutex_lock(&progress->lock);
    bench_stats_merge(&progress->second, recent);
    pthread_mutex_unlock(&progress->lock);
    bench_stats_reset(recent);
}

static void print_second(const struct bench_progress *progress, const char *phase, double seconds,
                         const struct bench_stats *second)
{
    char p50[16], p99[16], max[16];
    fprintf(progress->out, "%s%-7s %4.0f s  %10" PRIu64 "/s  p50 %s  p99 %s  max %s",
            progress->living ? "\r\x1b[K" : "", phase, seconds, second->answered,
            bench_time_text(shoal_histogram_percentile(second->latency, 50), p50),
            bench_time_text(shoal_histogram_percentile(second->latency, 99), p99),
            bench_time_text(shoal_histogram_max(second->latency), max));
    uint64_t errors = bench_stats_errors(second);
    if (errors > 0)
        fprintf(progress->out, "  errors %" PRIu64, errors);
    fputs(progress->living ? "" : "\n", progress->out);
    fflush(progress->out);
}

void bench_progress_show(struct bench_progress *progress, const char *phase, double seconds)
{
    pthread_mutex_lock(&progress->lock);
    if (progress->out)
        print_second(progress, phase, seconds, &progress->second);
    bench_stats_reset(&progress->second);
    pthread_mutex_unlock(&progress->lock);
    progress->is_drawn = progress->living;
}

void bench_progress_clear(struct bench_progress *progress)
{
    if (progress->is_drawn)
        fputs("\r\x1b[K", progress->out);
    progress->is_drawn = false;
}
