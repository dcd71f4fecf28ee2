/* SPDX-License-Identifier: BSD-3-Clause */
/* The report; see bench_report.h. */
#include "bench_report.h"

#include <inttypes.h>
#include <jansson.h>

#include <shoal/histogram.h>

#include "bench_text.h"
#include "options.h"
#include "parse.h"

static const struct {
    const char *name;
    double percent;
} percentiles[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"p99.99", 99.99}};

enum { PERCENTILES = sizeof(percentiles) / sizeof(percentiles[0]) };

static double per_request(const struct bench_result *result, double amount)
{
    return result->stats->answered > 0 ? amount / (double)result->stats->answered : 0;
}

static double per_second(const struct bench_result *result, double amount)
{
    return result->seconds > 0 ? amount / result->seconds : 0;
}

double bench_rate(const struct bench_result *result)
{
    return per_second(result, (double)result->stats->answered);
}

/* Text */

static void print_load(const struct bench_result *result, FILE *out)
{
    const struct options *options = result->options;
    char count[16], shown[256];
    fprintf(out, "%s on %s: %" PRIu64 " connection%s x %" PRIu64 " in flight, %zu bytes, ",
            result->protocol, escape_text(shoal_view_of(result->target), shown, sizeof(shown)),
            options->connections, options->connections == 1 ? "" : "s", options->depth,
            result->size);
    if (options->rate > 0)
        fprintf(out, "open loop of %s/s", bench_count_text((double)options->rate, count));
    else
        fputs("closed loop", out);
    fprintf(out, ", %.2f s by %u loop%s\n", result->seconds, result->loops,
            result->loops == 1 ? "" : "s");
}

static void print_rate(const struct bench_result *result, FILE *out)
{
    char rate[16], sent[16], received[16];
    fprintf(out, "  rate         %s/s   (%" PRIu64 " answers; %sB/s out, %sB/s in)\n",
            bench_count_text(bench_rate(result), rate), result->stats->answered,
            bench_count_text(per_second(result, (double)result->stats->bytes_out), sent),
            bench_count_text(per_second(result, (double)result->stats->bytes_in), received));
}

static void print_latency(const struct bench_result *result, FILE *out)
{
    const struct shoal_histogram *latency = result->stats->latency;
    char time[16];
    fputs("  latency     ", out);
    for (int i = 0; i < PERCENTILES; i++) {
        uint64_t ns = shoal_histogram_percentile(latency, percentiles[i].percent);
        fprintf(out, " %s %s  ", percentiles[i].name, bench_time_text(ns, time));
    }
    fprintf(out, " max %s\n", bench_time_text(shoal_histogram_max(latency), time));
    fprintf(out,
            "               (counted from when a request was %s; percentiles at most %.1f %% "
            "too high)\n",
            result->options->rate > 0 ? "due" : "sent", 100 * SHOAL_HISTOGRAM_ERROR);
}

static void print_errors(const struct bench_result *result, FILE *out)
{
    if (bench_stats_errors(result->stats) == 0)
        fputs("  errors       none\n", out);
    for (int i = 0; i < BENCH_ERRORS; i++) {
        if (result->stats->errors[i] > 0)
            fprintf(out, "  errors       %" PRIu64 " %s: %s\n", result->stats->errors[i],
                    bench_error_name((enum bench_error)i),
                    bench_error_meaning((enum bench_error)i));
    }
}

static void print_connections(const struct bench_result *result, FILE *out)
{
    const struct options *options = result->options;
    const struct bench_stats *stats = result->stats;
    char bytes[16];
    fprintf(out, "  connections  %" PRIu64 " opened, %" PRIu64 " lost while idle\n", stats->opened,
            stats->lost);
    if (options->idle > 0)
        fprintf(out,
                "  idle         %" PRIu64 " of %" PRIu64 " open at the end, %" PRIu64 " lost\n",
                stats->idle_open, options->idle, stats->idle_lost);
    if (options->slow_readers > 0)
        fprintf(out,
                "  slow readers %" PRIu64 " of %" PRIu64 " open at the end, cut %" PRIu64
                " times, %sB read\n",
                stats->slow_open, options->slow_readers, stats->slow_lost,
                bench_count_text((double)stats->slow_bytes, bytes));
}

static void print_cost(const struct bench_result *result, FILE *out)
{
    double server_ns = (double)result->server.cpu_ns;
    char memory[16];
    fprintf(out, "  generator    %.2f cores; its busiest loop was busy %.0f %% of the time\n",
            result->cpu_share, 100 * result->busiest_share);
    if (result->has_server)
        fprintf(out,
                "  server       %.2f us of CPU and %.3f context switches per request, %.2f "
                "cores, at most %sB\n",
                per_request(result, server_ns / 1e3),
                per_request(result, (double)result->server.switches),
                per_second(result, server_ns / 1e9),
                bench_count_text((double)result->server_peak_bytes, memory));
}

void bench_report_text(const struct bench_result *result, FILE *out)
{
    char warnings[BENCH_WARNINGS_MAX][BENCH_WARNING_MAX];
    size_t count = bench_warnings(result, warnings);
    print_load(result, out);
    print_rate(result, out);
    print_latency(result, out);
    print_errors(result, out);
    print_connections(result, out);
    print_cost(result, out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "warning: %s\n", warnings[i]);
}

/* JSON. json_pack() gives NULL where memory is out, and packing a NULL gives NULL again. */

static double seconds_of(uint64_t ns)
{
    return (double)ns / 1e9;
}

static json_t *pack_latency(const struct shoal_histogram *latency)
{
    json_t *object = json_pack("{s:f, s:f}", "min", seconds_of(shoal_histogram_min(latency)),
                               "mean", shoal_histogram_mean(latency) / 1e9);
    for (int i = 0; i < PERCENTILES; i++) {
        uint64_t ns = shoal_histogram_percentile(latency, percentiles[i].percent);
        json_object_set_new(object, percentiles[i].name, json_real(seconds_of(ns)));
    }
    json_object_set_new(object, "max", json_real(seconds_of(shoal_histogram_max(latency))));
    return object;
}

static json_t *pack_errors(const struct bench_stats *stats)
{
    json_t *object = json_object();
    for (int i = 0; i < BENCH_ERRORS; i++)
        json_object_set_new(object, bench_error_name((enum bench_error)i),
                            json_integer((json_int_t)stats->errors[i]));
    return object;
}

static json_t *pack_load(const struct bench_result *result)
{
    const struct options *options = result->options;
    char target[256];
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:f, s:f}", "target",
                     escape_text(shoal_view_of(result->target), target, sizeof(target)), "protocol",
                     result->protocol, "mode", options->rate > 0 ? "open" : "closed",
                     "offered_rate", (json_int_t)options->rate, "connections",
                     (json_int_t)options->connections, "depth", (json_int_t)options->depth, "size",
                     (json_int_t)result->size, "reconnect", (json_int_t)options->reconnect,
                     "slow_readers", (json_int_t)options->slow_readers, "loops", (int)result->loops,
                     "seconds", result->seconds, "warmup_seconds",
                     (double)options->warmup_ms / 1e3);
}

static json_t *pack_connections(const struct bench_stats *stats)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "opened", (json_int_t)stats->opened,
                     "lost", (json_int_t)stats->lost, "idle_open", (json_int_t)stats->idle_open,
                     "idle_lost", (json_int_t)stats->idle_lost, "slow_open",
                     (json_int_t)stats->slow_open, "slow_lost", (json_int_t)stats->slow_lost,
                     "slow_bytes", (json_int_t)stats->slow_bytes);
}

static json_t *pack_generator(const struct bench_result *result)
{
    uint64_t late_ns = shoal_histogram_percentile(result->stats->late, 99);
    return json_pack("{s:f, s:f, s:f}", "cpu_share", result->cpu_share, "busiest_loop_share",
                     result->busiest_share, "late_p99_seconds", seconds_of(late_ns));
}

static json_t *pack_server(const struct bench_result *result)
{
    double cpu_ns = (double)result->server.cpu_ns;
    double switches = (double)result->server.switches;
    if (!result->has_server)
        return json_null();
    return json_pack(
        "{s:I, s:f, s:f, s:I, s:f, s:I}", "pid", (json_int_t)result->options->server_pid,
        "cpu_us_per_request", per_request(result, cpu_ns / 1e3), "cpu_share",
        per_second(result, cpu_ns / 1e9), "context_switches", (json_int_t)result->server.switches,
        "context_switches_per_request", per_request(result, switches), "peak_memory_bytes",
        (json_int_t)result->server_peak_bytes);
}

static json_t *pack_warnings(const struct bench_result *result)
{
    char warnings[BENCH_WARNINGS_MAX][BENCH_WARNING_MAX];
    size_t count = bench_warnings(result, warnings);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(warnings[i]));
    return array;
}

bool bench_report_json(const struct bench_result *result, FILE *out)
{
    const struct bench_stats *stats = result->stats;
    json_t *object =
        json_pack("{s:o, s:I, s:I, s:f, s:f, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "load",
                  pack_load(result), "requests", (json_int_t)stats->answered, "unanswered",
                  (json_int_t)stats->unanswered, "rate", bench_rate(result), "bytes_out_per_second",
                  per_second(result, (double)stats->bytes_out), "bytes_in_per_second",
                  per_second(result, (double)stats->bytes_in), "errors", pack_errors(stats),
                  "latency_seconds", pack_latency(stats->latency), "connections",
                  pack_connections(stats), "generator", pack_generator(result), "server",
                  pack_server(result), "warnings", pack_warnings(result));
    bool printed = object && json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0;
    json_decref(object);
    return printed && fputc('\n', out) != EOF && fflush(out) == 0;
}
