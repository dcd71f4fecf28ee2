/* SPDX-License-Identifier: BSD-3-Clause */
/* The timer heap, against a plain array that is searched. */
#include "runtime/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <shoal/error.h>

#include "scale.h"
#include "support/failmalloc.h"

enum { MODEL = 200, STEPS = 100000, MANY = SCALED(100000) };

static struct shoal__timers timers;
static struct shoal_timer many[MANY];

static int fresh_timers(void **state)
{
    (void)state;
    shoal__timers_init(&timers);
    return 0;
}

static int drop_timers(void **state)
{
    (void)state;
    shoal__timers_fini(&timers);
    return 0;
}

/* A small generator of our own, so that every run is the same. */
static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

static int64_t least(const int64_t deadlines[MODEL])
{
    int64_t found = INT64_MAX;
    for (int i = 0; i < MODEL; i++)
        found = deadlines[i] < found ? deadlines[i] : found;
    return found;
}

static void step(struct shoal_timer timer[MODEL], int64_t deadlines[MODEL], uint64_t *seed)
{
    uint32_t what = next_random(seed) % 4;
    uint32_t which = next_random(seed) % MODEL;
    if (what < 2) {
        deadlines[which] = next_random(seed) % 1000;
        assert_int_equal(shoal__timers_set(&timers, &timer[which], deadlines[which]), 0);
    } else if (what == 2) {
        deadlines[which] = INT64_MAX;
        shoal__timers_remove(&timers, &timer[which]);
    } else {
        int64_t now = next_random(seed) % 300;
        struct shoal_timer *due = shoal__timers_take_due(&timers, now);
        assert_true((due != NULL) == (least(deadlines) <= now));
        if (due != NULL) {
            assert_int_equal(deadlines[due - timer], least(deadlines));
            deadlines[due - timer] = INT64_MAX;
        }
    }
}

static void the_heap_agrees_with_a_searched_array(void **state)
{
    (void)state;
    static struct shoal_timer timer[MODEL]; /* some are still set when the test returns */
    int64_t deadlines[MODEL];
    uint64_t seed = 42;
    for (int i = 0; i < MODEL; i++)
        deadlines[i] = INT64_MAX;
    for (int i = 0; i < STEPS; i++) {
        step(timer, deadlines, &seed);
        assert_int_equal(shoal__timers_next(&timers), least(deadlines));
    }
    for (int i = 0; i < MODEL; i++)
        assert_true((timer[i].slot_ != 0) == (deadlines[i] != INT64_MAX));
}

static void a_hundred_thousand_timers_come_out_sorted(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < MANY; i++)
        assert_int_equal(shoal__timers_set(&timers, &many[i], next_random(&seed)), 0);
    assert_int_equal(timers.count, MANY);

    for (int i = 0; i < MANY; i++) {
        int64_t next = shoal__timers_next(&timers);
        assert_null(shoal__timers_take_due(&timers, next - 1));
        assert_non_null(shoal__timers_take_due(&timers, next));
        assert_true(shoal__timers_next(&timers) >= next);
    }
    assert_int_equal(shoal__timers_next(&timers), INT64_MAX);
}

static void a_timer_that_cannot_be_added_leaves_the_others_running(void **state)
{
    (void)state;
    static struct shoal_timer timer[17]; /* as above */
    for (int i = 0; i < 16; i++)
        assert_int_equal(shoal__timers_set(&timers, &timer[i], i), 0);
    failmalloc_at(1);
    assert_int_equal(shoal__timers_set(&timers, &timer[16], -1), -SHOAL_ENOMEM);
    assert_int_equal(shoal__timers_set(&timers, &timer[3], -1), 0); /* moving needs no memory */
    failmalloc_off();
    assert_int_equal(timer[16].slot_, 0);
    assert_ptr_equal(shoal__timers_take_due(&timers, -1), &timer[3]);
    assert_int_equal(shoal__timers_set(&timers, &timer[16], -1), 0);
}

static void timers_left_at_the_end_are_no_longer_running(void **state)
{
    (void)state;
    struct shoal_timer timer = {0};
    assert_int_equal(shoal__timers_set(&timers, &timer, 1), 0);
    shoal__timers_fini(&timers);
    assert_int_equal(timer.slot_, 0);
    shoal__timers_remove(&timers, &timer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_heap_agrees_with_a_searched_array, fresh_timers,
                                        drop_timers),
        cmocka_unit_test_setup_teardown(a_hundred_thousand_timers_come_out_sorted, fresh_timers,
                                        drop_timers),
        cmocka_unit_test_setup_teardown(a_timer_that_cannot_be_added_leaves_the_others_running,
                                        fresh_timers, drop_timers),
        cmocka_unit_test_setup_teardown(timers_left_at_the_end_are_no_longer_running, fresh_timers,
                                        drop_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
