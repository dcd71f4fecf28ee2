/* SPDX-License-Identifier: BSD-3-Clause */
/* The timetable: evenly, exactly, and shared among loops without a gap. */
#include "bench_pacer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

static void the_first_request_is_due_at_the_start(void **state)
{
    (void)state;
    const struct bench_pacer pacer = {.start_ns = 77, .per_second = 3, .loops = 1};
    assert_int_equal(bench_pacer_due_ns(&pacer, 0), 77);
}

static void a_rate_that_does_not_divide_a_second_adds_up_to_no_error(void **state)
{
    (void)state;
    const struct bench_pacer pacer = {.start_ns = 5 * S, .per_second = 3, .loops = 1};
    assert_int_equal(bench_pacer_due_ns(&pacer, 1), 5 * S + 333333333);
    assert_int_equal(bench_pacer_due_ns(&pacer, 2), 5 * S + 666666666);
    for (uint64_t second = 0; second < 1000; second++)
        assert_int_equal(bench_pacer_due_ns(&pacer, 3 * second), (5 + (int64_t)second) * S);
}

static void a_day_at_the_highest_rate_does_not_overflow(void **state)
{
    (void)state;
    const struct bench_pacer pacer = {.per_second = UINT32_MAX, .loops = 1};
    const uint64_t day = 86400;
    assert_int_equal(bench_pacer_due_ns(&pacer, day * UINT32_MAX), (int64_t)day * S);
}

static void no_request_is_due_before_the_one_in_front_of_it(void **state)
{
    (void)state;
    const struct bench_pacer pacer = {.per_second = 999983, .loops = 1};
    for (uint64_t number = 1; number < 100000; number++) {
        int64_t step = bench_pacer_due_ns(&pacer, number) - bench_pacer_due_ns(&pacer, number - 1);
        assert_true(step == 1000 || step == 1001);
    }
}

static void loops_together_serve_the_timetable_of_one(void **state)
{
    (void)state;
    enum { LOOPS = 3 };
    const struct bench_pacer alone = {.start_ns = 9, .per_second = 7000, .loops = 1};
    for (unsigned loop = 0; loop < LOOPS; loop++) {
        struct bench_pacer shared = alone;
        shared.loop = loop;
        shared.loops = LOOPS;
        for (uint64_t number = 0; number < 1000; number++)
            assert_int_equal(bench_pacer_due_ns(&shared, number),
                             bench_pacer_due_ns(&alone, number * LOOPS + loop));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_request_is_due_at_the_start),
        cmocka_unit_test(a_rate_that_does_not_divide_a_second_adds_up_to_no_error),
        cmocka_unit_test(a_day_at_the_highest_rate_does_not_overflow),
        cmocka_unit_test(no_request_is_due_before_the_one_in_front_of_it),
        cmocka_unit_test(loops_together_serve_the_timetable_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
