/* SPDX-License-Identifier: BSD-3-Clause */
/* What counts when, and what a closed loop leaves out. */
#include "bench_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/histogram.h>

#define MS INT64_C(1000000)

static struct bench_stats stats;
static const struct bench_window window = {100 * MS, 200 * MS};

static int make(void **state)
{
    (void)state;
    return bench_stats_init(&stats) ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    bench_stats_free(&stats);
    return 0;
}

static void a_latency_counts_where_its_request_was_due(void **state)
{
    (void)state;
    bench_stats_answer(&stats, &window, 99 * MS, 150 * MS);
    assert_int_equal(shoal_histogram_count(stats.latency), 0);
    bench_stats_answer(&stats, &window, 100 * MS, 103 * MS);
    bench_stats_answer(&stats, &window, 199 * MS, 1199 * MS);
    bench_stats_answer(&stats, &window, 200 * MS, 201 * MS);
    assert_int_equal(shoal_histogram_count(stats.latency), 2);
    assert_int_equal(shoal_histogram_min(stats.latency), 3 * MS);
    assert_int_equal(shoal_histogram_max(stats.latency), 1000 * MS);
}

static void a_rate_counts_the_answers_that_came_within_the_window(void **state)
{
    (void)state;
    bench_stats_answer(&stats, &window, 50 * MS, 99 * MS);
    assert_int_equal(stats.answered, 0);
    bench_stats_answer(&stats, &window, 50 * MS, 100 * MS);
    bench_stats_answer(&stats, &window, 150 * MS, 199 * MS);
    bench_stats_answer(&stats, &window, 150 * MS, 200 * MS);
    assert_int_equal(stats.answered, 2);
}

static void a_request_without_an_answer_counts_with_its_age(void **state)
{
    (void)state;
    bench_stats_unanswered(&stats, &window, 200 * MS, 300 * MS);
    assert_int_equal(stats.unanswered, 0);
    bench_stats_unanswered(&stats, &window, 150 * MS, 300 * MS);
    assert_int_equal(stats.unanswered, 1);
    assert_int_equal(stats.answered, 0);
    assert_int_equal(shoal_histogram_max(stats.latency), 150 * MS);
}

static void a_request_that_waits_since_before_the_window_is_not_forgotten(void **state)
{
    (void)state;
    bench_stats_unanswered(&stats, &window, 50 * MS, 300 * MS);
    assert_int_equal(stats.unanswered, 1);
    assert_int_equal(shoal_histogram_max(stats.latency), 250 * MS);
}

static void errors_add_up_and_wrong_answers_are_told_apart(void **state)
{
    (void)state;
    stats.errors[BENCH_ERROR_RESET] = 3;
    stats.errors[BENCH_ERROR_CUT] = 2;
    stats.errors[BENCH_ERROR_WRONG] = 1;
    assert_int_equal(bench_stats_errors(&stats), 6);
    assert_int_equal(bench_stats_wrong(&stats), 3);
    assert_string_equal(bench_error_name(BENCH_ERROR_CUT), "cut");
}

static void merging_adds_every_count(void **state)
{
    (void)state;
    struct bench_stats other;
    assert_true(bench_stats_init(&other));
    uint64_t *a = &stats.answered, *b = &other.answered;
    const size_t counts = (sizeof(stats) - offsetof(struct bench_stats, answered)) / sizeof(*a);
    for (size_t i = 0; i < counts; i++) {
        a[i] = i + 1;
        b[i] = 1000;
    }
    shoal_histogram_record(other.latency, 5);
    shoal_histogram_record(other.late, 6);
    bench_stats_merge(&stats, &other);
    for (size_t i = 0; i < counts; i++)
        assert_int_equal(a[i], 1001 + i);
    assert_int_equal(shoal_histogram_max(stats.latency), 5);
    assert_int_equal(shoal_histogram_max(stats.late), 6);
    bench_stats_reset(&stats);
    for (size_t i = 0; i < counts; i++)
        assert_int_equal(a[i], 0);
    assert_int_equal(shoal_histogram_count(stats.latency), 0);
    bench_stats_free(&other);
}

static struct shoal_histogram *with_omitted(uint64_t interval_ns)
{
    struct shoal_histogram *out = shoal_histogram_create();
    assert_non_null(out);
    bench_add_omitted(stats.latency, interval_ns, out);
    return out;
}

static void a_loop_without_a_stall_leaves_nothing_out(void **state)
{
    (void)state;
    shoal_histogram_record_n(stats.latency, MS, 1000);
    shoal_histogram_record_n(stats.latency, 2 * MS, 10);
    struct shoal_histogram *out = with_omitted(MS);
    assert_int_equal(shoal_histogram_count(out), 1010);
    shoal_histogram_destroy(&out);
}

/* Four seconds of one slot: 3000 answers of 1 ms, and a stall of one second. At a constant rate,
 * 1000 requests would have been due meanwhile and have waited for what was left of it. */
static void a_stall_of_a_second_hides_a_thousand_requests_of_a_millisecond(void **state)
{
    (void)state;
    shoal_histogram_record_n(stats.latency, MS, 3000);
    shoal_histogram_record(stats.latency, 1000 * MS);
    struct shoal_histogram *out = with_omitted(MS);
    uint64_t p99 = shoal_histogram_percentile(out, 99);
    assert_int_equal(shoal_histogram_count(out),
                     4001 + shoal_histogram_percentile(stats.latency, 100) / MS - 1000);
    assert_in_range(p99, 950 * MS, 970 * MS);
    assert_in_range(shoal_histogram_percentile(out, 87.5), 490 * MS, 515 * MS);
    assert_in_range(shoal_histogram_percentile(out, 70), MS, MS + MS / 128);
    shoal_histogram_destroy(&out);
}

static void a_stall_of_very_many_intervals_is_still_spread_evenly(void **state)
{
    (void)state;
    shoal_histogram_record_n(stats.latency, 10000, 1000000);
    shoal_histogram_record(stats.latency, 10000 * MS);
    struct shoal_histogram *out = with_omitted(10000);
    assert_in_range(shoal_histogram_count(out), 1990000, 2010000);
    assert_in_range(shoal_histogram_percentile(out, 75), 4900 * MS, 5100 * MS);
    shoal_histogram_destroy(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_latency_counts_where_its_request_was_due, make, drop),
        cmocka_unit_test_setup_teardown(a_rate_counts_the_answers_that_came_within_the_window, make,
                                        drop),
        cmocka_unit_test_setup_teardown(a_request_without_an_answer_counts_with_its_age, make,
                                        drop),
        cmocka_unit_test_setup_teardown(
            a_request_that_waits_since_before_the_window_is_not_forgotten, make, drop),
        cmocka_unit_test_setup_teardown(errors_add_up_and_wrong_answers_are_told_apart, make, drop),
        cmocka_unit_test_setup_teardown(merging_adds_every_count, make, drop),
        cmocka_unit_test_setup_teardown(a_loop_without_a_stall_leaves_nothing_out, make, drop),
        cmocka_unit_test_setup_teardown(
            a_stall_of_a_second_hides_a_thousand_requests_of_a_millisecond, make, drop),
        cmocka_unit_test_setup_teardown(a_stall_of_very_many_intervals_is_still_spread_evenly, make,
                                        drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
