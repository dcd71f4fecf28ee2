/* SPDX-License-Identifier: BSD-3-Clause */
/* The report: its figures, its shape, and which warnings come when. */
#include "bench_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include <shoal/histogram.h>

#include "bench_text.h"
#include "options.h"

#define MS UINT64_C(1000000)

static struct bench_stats stats;
static struct options options;
static struct bench_result result;
static char warnings[BENCH_WARNINGS_MAX][BENCH_WARNING_MAX];

/* Ten seconds, 100,000 answers of 1 ms by one of 64 connections each, nothing to warn of. */
static int make(void **state)
{
    (void)state;
    options = (struct options){.connections = 64, .depth = 1};
    if (!bench_stats_init(&stats))
        return -1;
    stats.answered = 100000;
    stats.bytes_out = stats.bytes_in = 6400000;
    shoal_histogram_record_n(stats.latency, MS, 100000);
    result = (struct bench_result){.options = &options,
                                   .target = "tcp://127.0.0.1:1",
                                   .protocol = "echo",
                                   .loops = 2,
                                   .size = 64,
                                   .seconds = 10,
                                   .stats = &stats,
                                   .cpu_share = 0.5,
                                   .busiest_share = 0.3};
    return 0;
}

static int drop(void **state)
{
    (void)state;
    bench_stats_free(&stats);
    return 0;
}

static json_t *report_json(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_true(bench_report_json(&result, out));
    fclose(out);
    assert_ptr_equal(strchr(text, '\n'), text + size - 1);
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    free(text);
    return object;
}

static double number(const json_t *object, const char *outer, const char *key)
{
    const json_t *inner = outer ? json_object_get(object, outer) : object;
    const json_t *value = json_object_get(inner, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void assert_only_warning(const char *words)
{
    assert_int_equal(bench_warnings(&result, warnings), 1);
    assert_non_null(strstr(warnings[0], words));
}

static void json_has_the_figures_where_scripts_look_for_them(void **state)
{
    (void)state;
    stats.errors[BENCH_ERROR_RESET] = 3;
    shoal_histogram_reset(stats.latency);
    for (uint64_t i = 1; i <= 100; i++)
        shoal_histogram_record_n(stats.latency, i * MS, 100);
    json_t *object = report_json();
    static const struct {
        const char *key;
        double seconds;
    } expected[] = {{"p50", 0.05},  {"p90", 0.09},   {"p99", 0.099},
                    {"p99.9", 0.1}, {"p99.99", 0.1}, {"max", 0.1}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        double got = number(object, "latency_seconds", expected[i].key);
        assert_true(got >= expected[i].seconds);
        assert_true(got <= expected[i].seconds * (1 + SHOAL_HISTOGRAM_ERROR));
    }
    assert_true(number(object, NULL, "rate") == 10000);
    assert_true(number(object, "errors", "reset") == 3);
    assert_true(number(object, "errors", "wrong") == 0);
    assert_true(number(object, NULL, "bytes_out_per_second") == 640000);
    assert_true(json_is_null(json_object_get(object, "server")));
    json_decref(object);
}

static void the_server_costs_what_it_used_for_each_answer(void **state)
{
    (void)state;
    options.server_pid = 42;
    result.has_server = true;
    result.server = (struct bench_usage){.cpu_ns = 500 * MS, .switches = 25000};
    result.server_peak_bytes = 4096;
    json_t *object = report_json();
    assert_true(number(object, "server", "cpu_us_per_request") == 5);
    assert_true(number(object, "server", "cpu_share") == 0.05);
    assert_true(number(object, "server", "context_switches_per_request") == 0.25);
    assert_true(number(object, "server", "peak_memory_bytes") == 4096);
    assert_true(number(object, "server", "pid") == 42);
    json_decref(object);
}

static void a_run_without_an_answer_divides_by_nothing(void **state)
{
    (void)state;
    bench_stats_reset(&stats);
    result.seconds = 0;
    result.has_server = true;
    json_t *object = report_json();
    assert_true(number(object, NULL, "rate") == 0);
    assert_true(number(object, "server", "cpu_us_per_request") == 0);
    assert_true(number(object, "latency_seconds", "p99") == 0);
    json_decref(object);
}

static void a_target_that_is_no_text_is_escaped(void **state)
{
    (void)state;
    result.target = "unix:/\xff\"\x1b";
    json_t *object = report_json();
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(object, "load"), "target")),
        "unix:/\\xFF\\x22\\x1B");
    json_decref(object);
}

static void nothing_is_warned_of_where_all_is_well(void **state)
{
    (void)state;
    assert_int_equal(bench_warnings(&result, warnings), 0);
    options.rate = 10000;
    assert_int_equal(bench_warnings(&result, warnings), 0);
}

static void wrong_answers_come_first(void **state)
{
    (void)state;
    stats.errors[BENCH_ERROR_CUT] = 7;
    assert_only_warning("7 answers failed verification");
}

static void a_generator_at_its_limit_is_told(void **state)
{
    (void)state;
    result.busiest_share = 0.97;
    assert_only_warning("the generator was the bottleneck");
}

static void a_generator_that_was_late_is_told(void **state)
{
    (void)state;
    options.rate = 10000;
    shoal_histogram_record_n(stats.late, 1000, 98);
    shoal_histogram_record_n(stats.late, 5 * MS, 2);
    assert_only_warning("the generator itself sent");
}

static void an_open_loop_that_was_not_kept_up_with_is_told(void **state)
{
    (void)state;
    options.rate = 12000;
    assert_only_warning("12.0 k/s were due, 10.0 k/s were answered");
}

static void requests_without_an_answer_are_told(void **state)
{
    (void)state;
    stats.unanswered = 5;
    assert_only_warning("5 requests had no answer");
}

static void a_server_that_cannot_be_measured_is_told(void **state)
{
    (void)state;
    options.server_pid = 1234567;
    assert_only_warning("process 1234567");
}

/* 64 connections stood still for a second of ten: a tenth of the requests at a constant rate. */
static void a_stall_in_a_closed_loop_is_told_with_the_percentile_it_hides(void **state)
{
    (void)state;
    shoal_histogram_record_n(stats.latency, 1000 * MS, 64);
    assert_only_warning("stalled for up to 1.00 s");
    assert_non_null(strstr(warnings[0], "coordinated omission"));
    assert_non_null(strstr(warnings[0], "p99 would have been about 9"));
    assert_non_null(strstr(warnings[0], "instead of 1.0"));
    options.rate = 10000;
    assert_int_equal(bench_warnings(&result, warnings), 0);
}

static void one_slow_answer_hides_nothing_worth_telling(void **state)
{
    (void)state;
    shoal_histogram_record(stats.latency, 9 * MS);
    assert_int_equal(bench_warnings(&result, warnings), 0);
    shoal_histogram_record(stats.latency, 11 * MS);
    assert_int_equal(bench_warnings(&result, warnings), 0);
}

static void the_text_has_a_line_for_everything(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    options.idle = 10;
    stats.errors[BENCH_ERROR_WRONG] = 1;
    FILE *out = open_memstream(&text, &size);
    bench_report_text(&result, out);
    fclose(out);
    static const char *const parts[] = {"64 connections x 1", "closed loop", "10.0 k/s",
                                        "p99.99 1.0",         "1 wrong: ",   "0 of 10 open",
                                        "0.50 cores",         "\nwarning: "};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        assert_non_null(strstr(text, parts[i]));
    assert_null(strstr(text, "slow readers"));
    free(text);
}

static void figures_have_three_digits_and_a_unit(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } times[] = {{0, "0 ns"},          {999, "999 ns"},        {1000, "1.00 us"},
                 {12345, "12.3 us"},   {999499, "999 us"},     {999500, "1.00 ms"},
                 {99960000, "100 ms"}, {1500000000, "1.50 s"}, {UINT64_C(4000000000000), "4000 s"}};
    char out[16];
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        assert_string_equal(bench_time_text(times[i].ns, out), times[i].text);
    assert_string_equal(bench_count_text(950, out), "950 ");
    assert_string_equal(bench_count_text(0.5, out), "0.50 ");
    assert_string_equal(bench_count_text(123456, out), "123 k");
}

#define WELL_MADE(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WELL_MADE(json_has_the_figures_where_scripts_look_for_them),
        WELL_MADE(the_server_costs_what_it_used_for_each_answer),
        WELL_MADE(a_run_without_an_answer_divides_by_nothing),
        WELL_MADE(a_target_that_is_no_text_is_escaped),
        WELL_MADE(nothing_is_warned_of_where_all_is_well),
        WELL_MADE(wrong_answers_come_first),
        WELL_MADE(a_generator_at_its_limit_is_told),
        WELL_MADE(a_generator_that_was_late_is_told),
        WELL_MADE(an_open_loop_that_was_not_kept_up_with_is_told),
        WELL_MADE(requests_without_an_answer_are_told),
        WELL_MADE(a_server_that_cannot_be_measured_is_told),
        WELL_MADE(a_stall_in_a_closed_loop_is_told_with_the_percentile_it_hides),
        WELL_MADE(one_slow_answer_hides_nothing_worth_telling),
        WELL_MADE(the_text_has_a_line_for_everything),
        cmocka_unit_test(figures_have_three_digits_and_a_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
