/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a run has found, and how it is told: as text for people, as one JSON object for programs,
 * and as warnings, which say why a figure may not mean what it seems to.
 */
#ifndef APPS_SHOAL_BENCH_REPORT_H
#define APPS_SHOAL_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bench_stats.h"
#include "bench_usage.h"

struct options;

/* A value that borrows everything; made at the end of a run. */
struct bench_result {
    const struct options *options; /* what was asked for */
    const char *target;
    const char *protocol;
    unsigned loops;
    size_t size;    /* of a request, bytes */
    double seconds; /* really measured */
    const struct bench_stats *stats;
    double cpu_share;     /* of one core, used by this whole process */
    double busiest_share; /* of the time, in which the busiest loop ran or waited for a core */
    bool has_server;      /* the server's process was measured: */
    struct bench_usage server;
    uint64_t server_peak_bytes;
};

enum { BENCH_WARNINGS_MAX = 8, BENCH_WARNING_MAX = 320 };

/* Sentences, most important first. Returns how many. Thread: main's. */
size_t bench_warnings(const struct bench_result *result,
                      char out[BENCH_WARNINGS_MAX][BENCH_WARNING_MAX]);

/* Requests answered right per second. Thread: any. */
double bench_rate(const struct bench_result *result);

/* Prints the report for people, warnings included. Thread: main's. */
void bench_report_text(const struct bench_result *result, FILE *out);

/* Prints one JSON object on one line. Returns false where memory is out. Thread: main's. */
bool bench_report_json(const struct bench_result *result, FILE *out);

#endif
