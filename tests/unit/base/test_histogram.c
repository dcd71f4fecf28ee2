/* SPDX-License-Identifier: BSD-3-Clause */
/* The histogram's promises: exact ends, bounded error in between. */
#include <shoal/histogram.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/failmalloc.h"

static struct shoal_histogram *one, *two;

/* A fixed stream of numbers, the same in every run. */
static uint64_t next_random(uint64_t *seed)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *seed;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void assert_within_error(uint64_t got, uint64_t exact)
{
    assert_true(got >= exact);
    assert_true(got - exact <= exact / 128);
}

static void assert_same(const struct shoal_histogram *a, const struct shoal_histogram *b)
{
    size_t cursor_a = 0, cursor_b = 0;
    uint64_t value_a, value_b, count_a, count_b;
    while (shoal_histogram_next(a, &cursor_a, &value_a, &count_a)) {
        assert_true(shoal_histogram_next(b, &cursor_b, &value_b, &count_b));
        assert_int_equal(value_a, value_b);
        assert_int_equal(count_a, count_b);
    }
    assert_false(shoal_histogram_next(b, &cursor_b, &value_b, &count_b));
    assert_int_equal(shoal_histogram_min(a), shoal_histogram_min(b));
    assert_true(shoal_histogram_mean(a) == shoal_histogram_mean(b));
}

static int make_both(void **state)
{
    (void)state;
    one = shoal_histogram_create();
    two = shoal_histogram_create();
    return one && two ? 0 : -1;
}

static int destroy_both(void **state)
{
    (void)state;
    shoal_histogram_destroy(&one);
    shoal_histogram_destroy(&two);
    return 0;
}

static void an_empty_histogram_is_zero_everywhere(void **state)
{
    (void)state;
    shoal_histogram_reset(one);
    assert_int_equal(shoal_histogram_count(one), 0);
    assert_int_equal(shoal_histogram_min(one), 0);
    assert_int_equal(shoal_histogram_max(one), 0);
    assert_int_equal(shoal_histogram_percentile(one, 50), 0);
    assert_true(shoal_histogram_mean(one) == 0);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    shoal_histogram_reset(one);
    for (uint64_t value = 1; value <= 200; value++)
        shoal_histogram_record(one, value);
    for (unsigned percent = 1; percent <= 100; percent++)
        assert_int_equal(shoal_histogram_percentile(one, percent), 2 * percent);
    assert_int_equal(shoal_histogram_percentile(one, 0), 1);
    assert_true(shoal_histogram_mean(one) == 100.5);
}

static void a_percentage_that_binary_cannot_hold_is_not_rounded_up(void **state)
{
    (void)state;
    shoal_histogram_reset(one);
    shoal_histogram_record_n(one, 10, 999);
    shoal_histogram_record(one, 200);
    assert_int_equal(shoal_histogram_percentile(one, 99.9), 10);
    assert_int_equal(shoal_histogram_percentile(one, 99.91), 200);
}

static void every_magnitude_is_within_the_error(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t base = UINT64_C(1) << bit;
        const uint64_t values[] = {base, base + base / 3, base + base / 2, base + (base - 1)};
        for (size_t i = 0; i < 4; i++) {
            shoal_histogram_reset(one);
            shoal_histogram_record(one, values[i]);
            shoal_histogram_record(one, UINT64_MAX);
            assert_within_error(shoal_histogram_percentile(one, 50), values[i]);
        }
    }
}

static void zero_and_the_greatest_number_can_be_counted(void **state)
{
    (void)state;
    shoal_histogram_reset(one);
    shoal_histogram_record(one, 0);
    shoal_histogram_record(one, UINT64_MAX);
    assert_int_equal(shoal_histogram_min(one), 0);
    assert_int_equal(shoal_histogram_percentile(one, 50), 0);
    assert_true(shoal_histogram_percentile(one, 100) == UINT64_MAX);
    assert_true(shoal_histogram_mean(one) == (double)UINT64_MAX / 2);
}

static void percentiles_of_random_values_are_within_the_error(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static uint64_t values[COUNT];
    uint64_t seed = 1;
    double sum = 0;
    shoal_histogram_reset(one);
    for (int i = 0; i < COUNT; i++) {
        values[i] = next_random(&seed) >> (next_random(&seed) % 60 + 4);
        sum += (double)values[i];
        shoal_histogram_record(one, values[i]);
    }
    qsort(values, COUNT, sizeof *values, by_value);
    for (int percent = 1; percent < 100; percent++) {
        uint64_t exact = values[COUNT / 100 * percent - 1];
        assert_within_error(shoal_histogram_percentile(one, percent), exact);
    }
    assert_int_equal(shoal_histogram_min(one), values[0]);
    assert_int_equal(shoal_histogram_max(one), values[COUNT - 1]);
    double error = shoal_histogram_mean(one) / (sum / COUNT) - 1;
    assert_true(error < 1e-9 && error > -1e-9);
}

static void merging_is_the_same_as_counting_in_one(void **state)
{
    (void)state;
    struct shoal_histogram *whole = shoal_histogram_create();
    assert_non_null(whole);
    uint64_t seed = 2;
    shoal_histogram_reset(one);
    shoal_histogram_reset(two);
    for (int i = 0; i < 1000; i++) {
        uint64_t value = next_random(&seed);
        shoal_histogram_record(i % 3 == 0 ? one : two, value);
        shoal_histogram_record(whole, value);
    }
    shoal_histogram_merge(one, two);
    assert_same(one, whole);
    shoal_histogram_destroy(&whole);
    assert_null(whole);
}

static void merging_an_empty_one_changes_nothing(void **state)
{
    (void)state;
    shoal_histogram_reset(one);
    shoal_histogram_reset(two);
    shoal_histogram_record_n(one, 77, 3);
    shoal_histogram_record_n(one, 5, 0);
    shoal_histogram_merge(one, two);
    assert_int_equal(shoal_histogram_min(one), 77);
    assert_int_equal(shoal_histogram_count(one), 3);
    shoal_histogram_merge(two, one);
    assert_same(one, two);
}

static void a_sum_above_64_bits_keeps_the_mean_right(void **state)
{
    (void)state;
    shoal_histogram_reset(one);
    shoal_histogram_record_n(one, UINT64_C(1) << 62, 1000000);
    assert_true(shoal_histogram_mean(one) == 0x1p62);
}

static void going_through_it_gives_every_step_once_in_rising_order(void **state)
{
    (void)state;
    shoal_histogram_reset(one);
    shoal_histogram_record_n(one, 0, 2);
    shoal_histogram_record_n(one, 1000000, 3);
    shoal_histogram_record(one, 1000001);
    shoal_histogram_record(one, UINT64_MAX);
    static const struct {
        uint64_t least, count;
    } expected[] = {{0, 2}, {1000001, 4}, {UINT64_MAX, 1}};
    size_t cursor = 0;
    uint64_t value, count;
    for (size_t i = 0; i < 3; i++) {
        assert_true(shoal_histogram_next(one, &cursor, &value, &count));
        assert_within_error(value, expected[i].least);
        assert_int_equal(count, expected[i].count);
    }
    assert_false(shoal_histogram_next(one, &cursor, &value, &count));
}

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    failmalloc_at(1);
    assert_null(shoal_histogram_create());
    failmalloc_off();
    struct shoal_histogram *none = NULL;
    shoal_histogram_destroy(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_histogram_is_zero_everywhere),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(a_percentage_that_binary_cannot_hold_is_not_rounded_up),
        cmocka_unit_test(every_magnitude_is_within_the_error),
        cmocka_unit_test(zero_and_the_greatest_number_can_be_counted),
        cmocka_unit_test(percentiles_of_random_values_are_within_the_error),
        cmocka_unit_test(merging_is_the_same_as_counting_in_one),
        cmocka_unit_test(merging_an_empty_one_changes_nothing),
        cmocka_unit_test(a_sum_above_64_bits_keeps_the_mean_right),
        cmocka_unit_test(going_through_it_gives_every_step_once_in_rising_order),
        cmocka_unit_test(memory_that_runs_out_is_told),
    };
    return cmocka_run_group_tests(tests, make_both, destroy_both);
}
