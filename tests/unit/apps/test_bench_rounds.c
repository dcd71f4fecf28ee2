/* SPDX-License-Identifier: BSD-3-Clause */
/* Verdicts: what paired rounds show, and what they do not. */
#include "bench_rounds.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_close(double a, double b)
{
    assert_true(fabs(a - b) < 1e-9);
}

static void the_median_is_the_middle_or_between_both(void **state)
{
    (void)state;
    double odd[] = {3, 1, 2};
    double even[] = {4, 1, 2, 3};
    double one[] = {7};
    assert_close(bench_judge(odd, 3, true).median, 2);
    assert_close(bench_judge(even, 4, true).median, 2.5);
    assert_close(bench_judge(one, 1, true).median, 7);
}

static void five_rounds_are_too_few_whatever_they_say(void **state)
{
    (void)state;
    double ratios[] = {9, 9, 9, 9, 9};
    struct bench_ratio ratio = bench_judge(ratios, 5, true);
    assert_int_equal(ratio.verdict, BENCH_TOO_FEW);
    assert_close(ratio.confidence, 1 - 2.0 / 32);
}

static void six_rounds_that_agree_are_enough(void **state)
{
    (void)state;
    double faster[] = {1.02, 1.01, 1.05, 1.03, 1.04, 1.02};
    struct bench_ratio ratio = bench_judge(faster, 6, true);
    assert_int_equal(ratio.verdict, BENCH_BETTER);
    assert_close(ratio.low, 1.01);
    assert_close(ratio.high, 1.05);
    assert_close(ratio.confidence, 1 - 2.0 / 64);
    assert_int_equal(bench_judge(faster, 6, false).verdict, BENCH_WORSE);

    double slower[] = {0.9, 0.8, 0.9, 0.7, 0.9, 0.99};
    assert_int_equal(bench_judge(slower, 6, true).verdict, BENCH_WORSE);
    assert_int_equal(bench_judge(slower, 6, false).verdict, BENCH_BETTER);
}

static void one_round_of_six_that_disagrees_leaves_it_open(void **state)
{
    (void)state;
    double ratios[] = {1.2, 1.2, 1.2, 1.2, 1.2, 0.99};
    assert_int_equal(bench_judge(ratios, 6, true).verdict, BENCH_NO_DIFFERENCE);
}

/* The textbook's intervals: of 9 rounds the 2nd and 8th (96.1 %), of 20 the 6th and 15th (95.9 %).
 */
static void more_rounds_bear_more_outliers(void **state)
{
    (void)state;
    double ratios[20];
    for (int i = 0; i < 20; i++)
        ratios[i] = i + 1;
    struct bench_ratio nine = bench_judge(ratios, 9, true);
    assert_close(nine.low, 2);
    assert_close(nine.high, 8);
    assert_true(fabs(nine.confidence - 0.9609375) < 1e-12);
    struct bench_ratio twenty = bench_judge(ratios, 20, true);
    assert_close(twenty.low, 6);
    assert_close(twenty.high, 15);
    assert_true(fabs(twenty.confidence - 0.95861) < 1e-5);
}

static void the_most_rounds_do_not_underflow(void **state)
{
    (void)state;
    static double ratios[BENCH_ROUNDS_MAX];
    for (int i = 0; i < BENCH_ROUNDS_MAX; i++)
        ratios[i] = i;
    struct bench_ratio ratio = bench_judge(ratios, BENCH_ROUNDS_MAX, true);
    assert_in_range((uintmax_t)ratio.low, 465, 472);
    assert_true(ratio.confidence >= 0.95 && ratio.confidence < 0.96);
}

/* Pairs that differ by nothing but noise must be called different in at most one of twenty. */
static void noise_is_taken_for_a_difference_as_rarely_as_promised(void **state)
{
    (void)state;
    uint64_t random = 1;
    int called_different = 0;
    for (int trial = 0; trial < 2000; trial++) {
        double ratios[10];
        for (int i = 0; i < 10; i++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            ratios[i] = exp((double)(random >> 40) / (double)(1 << 24) - 0.5);
        }
        enum bench_verdict verdict = bench_judge(ratios, 10, true).verdict;
        called_different += verdict != BENCH_NO_DIFFERENCE;
    }
    assert_in_range(called_different, 10, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_is_the_middle_or_between_both),
        cmocka_unit_test(five_rounds_are_too_few_whatever_they_say),
        cmocka_unit_test(six_rounds_that_agree_are_enough),
        cmocka_unit_test(one_round_of_six_that_disagrees_leaves_it_open),
        cmocka_unit_test(more_rounds_bear_more_outliers),
        cmocka_unit_test(the_most_rounds_do_not_underflow),
        cmocka_unit_test(noise_is_taken_for_a_difference_as_rarely_as_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
