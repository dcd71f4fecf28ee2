/* SPDX-License-Identifier: BSD-3-Clause */
/* Comparing reports; see bench_compare.h. The arithmetic is in bench_rounds.c. */
#include "bench_compare.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sysexits.h>

#include "bench_rounds.h"
#include "host.h"
#include "options.h"
#include "parse.h"

/* A figure that is compared. */
struct figure {
    const char *title;
    const char *object; /* that it is a member of; NULL: the report itself */
    const char *key;
    bool more_is_better;
};

static const struct figure figures[] = {
    {"rate", NULL, "rate", true},
    {"server CPU per request", "server", "cpu_us_per_request", false},
    {"p50", "latency_seconds", "p50", false},
    {"p99", "latency_seconds", "p99", false},
    {"p99.9", "latency_seconds", "p99.9", false},
};

/* What two loads must have in common to be compared. */
static const char *const same[] = {"protocol", "mode",      "offered_rate", "connections",
                                   "depth",    "reconnect", "size",         "slow_readers"};

enum {
    FIGURES = sizeof(figures) / sizeof(figures[0]),
    SAME = sizeof(same) / sizeof(same[0]),
};

/* Reading */

static bool is_at_end(FILE *file)
{
    int next = fgetc(file);
    while (next == ' ' || next == '\t' || next == '\r' || next == '\n')
        next = fgetc(file);
    return ungetc(next, file) == EOF;
}

/* The objects of a file, one after the other. NULL, after a sentence, where it is none. */
static json_t *read_rounds(const struct options *options, const char *path)
{
    char shown[256];
    escape_text(shoal_view_of(path), shown, sizeof(shown));
    FILE *file = fopen(path, "re");
    if (!file) {
        host_fail(options, EX_NOINPUT, "cannot read %s: %s", shown, strerror(errno));
        return NULL;
    }
    json_error_t error = {.text = "it is empty"};
    json_t *rounds = json_array();
    json_t *round = rounds;
    while (round && !is_at_end(file) && json_array_size(rounds) < BENCH_ROUNDS_MAX) {
        round = json_loadf(file, JSON_DISABLE_EOF_CHECK, &error);
        json_array_append_new(rounds, round);
    }
    fclose(file);
    if (round && json_array_size(rounds) > 0)
        return rounds;
    host_fail(options, EX_NOINPUT, "%s is not what 'shoal bench --json' prints: %s", shown,
              error.text);
    json_decref(rounds);
    return NULL;
}

static double value_of(const json_t *round, const struct figure *figure)
{
    const json_t *object = figure->object ? json_object_get(round, figure->object) : round;
    return json_number_value(json_object_get(object, figure->key));
}

/* A round that lacks the figure, or has 0, is left out. */
static size_t take_ratios(const json_t *a, const json_t *b, const struct figure *figure,
                          double *out_ratios)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(a) && i < json_array_size(b); i++) {
        double base = value_of(json_array_get(a, i), figure);
        double head = value_of(json_array_get(b, i), figure);
        if (base > 0 && head > 0)
            out_ratios[count++] = head / base;
    }
    return count;
}

/* Telling */

static size_t count_pairs(const json_t *a, const json_t *b)
{
    return json_array_size(a) < json_array_size(b) ? json_array_size(a) : json_array_size(b);
}

static void warn_of_differences(const json_t *a, const json_t *b)
{
    const json_t *base = json_object_get(json_array_get(a, 0), "load");
    const json_t *head = json_object_get(json_array_get(b, 0), "load");
    for (int i = 0; i < SAME; i++) {
        if (!json_equal(json_object_get(base, same[i]), json_object_get(head, same[i])))
            fprintf(stderr, "warning: not the same load: they differ in %s\n", same[i]);
    }
    if (json_array_size(a) != json_array_size(b))
        fprintf(stderr, "warning: %zu and %zu rounds; the last ones have no partner\n",
                json_array_size(a), json_array_size(b));
}

static void print_figure(const struct figure *figure, const struct bench_ratio *ratio)
{
    printf("  %-24s %.3f   [%.3f, %.3f] at %.1f %%   %s\n", figure->title, ratio->median,
           ratio->low, ratio->high, 100 * ratio->confidence, bench_verdict_text(ratio->verdict));
}

static json_t *pack_figure(const struct bench_ratio *ratio, size_t rounds)
{
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:s}", "rounds", (json_int_t)rounds, "ratio",
                     ratio->median, "low", ratio->low, "high", ratio->high, "confidence",
                     ratio->confidence, "verdict", bench_verdict_text(ratio->verdict));
}

/* Prints each figure, or adds it to `out` where that is not NULL. */
static void judge_all(const json_t *a, const json_t *b, json_t *out)
{
    double ratios[BENCH_ROUNDS_MAX];
    for (int i = 0; i < FIGURES; i++) {
        size_t rounds = take_ratios(a, b, &figures[i], ratios);
        if (rounds == 0)
            continue;
        struct bench_ratio ratio = bench_judge(ratios, rounds, figures[i].more_is_better);
        if (out)
            json_object_set_new(out, figures[i].title, pack_figure(&ratio, rounds));
        else
            print_figure(&figures[i], &ratio);
    }
}

static int tell(const struct options *options, const json_t *a, const json_t *b)
{
    warn_of_differences(a, b);
    if (!options->json) {
        printf("B as ratio to A: median of %zu paired rounds [its confidence interval]\n",
               count_pairs(a, b));
        judge_all(a, b, NULL);
        return EX_OK;
    }
    json_t *out = json_object();
    judge_all(a, b, out);
    bool printed = json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0;
    json_decref(out);
    if (!printed)
        return host_fail(options, EX_IOERR, "cannot write the verdicts");
    putchar('\n');
    return EX_OK;
}

int bench_compare(const struct options *options)
{
    if (options->argument_count != 3)
        return host_fail(options, EX_USAGE,
                         "expected 'compare A.json B.json'; try 'shoal bench --help'");
    json_t *a = read_rounds(options, options->arguments[1]);
    json_t *b = a ? read_rounds(options, options->arguments[2]) : NULL;
    int code = b ? tell(options, a, b) : EX_NOINPUT;
    json_decref(a);
    json_decref(b);
    return code;
}
