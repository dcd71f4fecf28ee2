/* SPDX-License-Identifier: BSD-3-Clause */
/* CoDel alone: when it drops, how fast, and when it stops. Times are in made-up units. */
#include "runtime/codel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TARGET = 5, INTERVAL = 100 };

/* Takes one piece per unit of time from `from` on, each delayed as told; counts the drops. */
static int drops(struct shoal__codel *codel, int64_t from, int64_t until, int64_t delay)
{
    int dropped = 0;
    for (int64_t now = from; now < until; now++)
        dropped += shoal__codel_drops(codel, now, delay);
    return dropped;
}

static void without_a_target_nothing_is_dropped(void **state)
{
    (void)state;
    struct shoal__codel codel = {.target_ns = 0, .interval_ns = INTERVAL};
    assert_int_equal(drops(&codel, 1, 10000, INT64_MAX / 2), 0);
}

static void a_burst_shorter_than_the_interval_passes(void **state)
{
    (void)state;
    struct shoal__codel codel = {.target_ns = TARGET, .interval_ns = INTERVAL};
    for (int64_t at = 1; at < 10000; at += INTERVAL) {
        assert_int_equal(drops(&codel, at, at + INTERVAL - 1, 50), 0);
        assert_false(shoal__codel_drops(&codel, at + INTERVAL - 1, TARGET - 1));
    }
}

static void a_standing_delay_is_dropped_faster_the_longer_it_lasts(void **state)
{
    (void)state;
    struct shoal__codel codel = {.target_ns = TARGET, .interval_ns = INTERVAL};
    assert_int_equal(drops(&codel, 1, 1 + INTERVAL, TARGET), 0);
    assert_true(shoal__codel_drops(&codel, 1 + INTERVAL, TARGET));
    int early = drops(&codel, 2 + INTERVAL, 1002, 50);
    int late = drops(&codel, 10000, 11000, 50);
    assert_true(early > 0);
    assert_true(late > early);
}

static void dropping_ends_when_the_delay_sinks_below_the_target(void **state)
{
    (void)state;
    struct shoal__codel codel = {.target_ns = TARGET, .interval_ns = INTERVAL};
    assert_true(drops(&codel, 1, 1000, 50) > 0);
    assert_false(shoal__codel_drops(&codel, 1000, TARGET - 1));
    assert_int_equal(drops(&codel, 1001, 1001 + INTERVAL, 50), 0); /* a new interval begins */
    assert_true(shoal__codel_drops(&codel, 1001 + INTERVAL, 50));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_target_nothing_is_dropped),
        cmocka_unit_test(a_burst_shorter_than_the_interval_passes),
        cmocka_unit_test(a_standing_delay_is_dropped_faster_the_longer_it_lasts),
        cmocka_unit_test(dropping_ends_when_the_delay_sinks_below_the_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
