/* SPDX-License-Identifier: BSD-3-Clause */
/* The choice of a loop, on made-up loads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/spread.h"

enum { LOOPS = 4 };

static _Atomic uint64_t open_now[LOOPS];

static void start(struct shoal__spread *spread, enum shoal__spread_by by, unsigned count)
{
    assert_int_equal(shoal__spread_init(spread, by, count), 0);
    for (unsigned i = 0; i < count; i++) {
        atomic_store(&open_now[i], 0);
        spread->lanes[i].open = &open_now[i];
    }
}

static unsigned choose(struct shoal__spread *spread)
{
    return (unsigned)(shoal__spread_choose(spread) - spread->lanes);
}

/* Chooses, and opens at once where it was sent. */
static unsigned choose_and_open(struct shoal__spread *spread)
{
    unsigned i = choose(spread);
    shoal__lane_arrived(&spread->lanes[i], 1);
    atomic_fetch_add(&open_now[i], 1);
    return i;
}

static void round_robin_goes_round(void **state)
{
    (void)state;
    struct shoal__spread spread;
    start(&spread, SHOAL__SPREAD_ROUND_ROBIN, LOOPS);
    for (unsigned i = 0; i < 3 * LOOPS; i++)
        assert_int_equal(choose_and_open(&spread), i % LOOPS);
    shoal__spread_fini(&spread);
}

static void round_robin_does_not_look_at_the_load(void **state)
{
    (void)state;
    struct shoal__spread spread;
    start(&spread, SHOAL__SPREAD_ROUND_ROBIN, 2);
    atomic_store(&open_now[0], 1000);
    assert_int_equal(choose(&spread), 0);
    assert_int_equal(choose(&spread), 1);
    shoal__spread_fini(&spread);
}

static void a_choice_counts_as_queued_until_it_arrives(void **state)
{
    (void)state;
    struct shoal__spread spread;
    start(&spread, SHOAL__SPREAD_ROUND_ROBIN, 1);
    shoal__spread_choose(&spread);
    shoal__spread_choose(&spread);
    assert_int_equal(atomic_load(&spread.lanes[0].queued), 2);
    shoal__lane_arrived(&spread.lanes[0], 2);
    assert_int_equal(atomic_load(&spread.lanes[0].queued), 0);
    shoal__spread_fini(&spread);
}

static void least_of_two_spreads_within_ten_percent(void **state)
{
    (void)state;
    struct shoal__spread spread;
    start(&spread, SHOAL__SPREAD_LEAST_OF_TWO, LOOPS);
    for (int i = 0; i < 2000; i++)
        choose_and_open(&spread);
    for (unsigned i = 0; i < LOOPS; i++)
        assert_in_range(atomic_load(&open_now[i]), 450, 550);
    shoal__spread_fini(&spread);
}

static void least_of_two_spreads_a_batch_that_nobody_has_opened_yet(void **state)
{
    (void)state;
    struct shoal__spread spread;
    start(&spread, SHOAL__SPREAD_LEAST_OF_TWO, LOOPS);
    for (int i = 0; i < 400; i++)
        choose(&spread);
    for (unsigned i = 0; i < LOOPS; i++)
        assert_in_range(atomic_load(&spread.lanes[i].queued), 90, 110);
    shoal__spread_fini(&spread);
}

static void least_of_two_never_takes_the_most_loaded_loop(void **state)
{
    (void)state;
    struct shoal__spread spread;
    start(&spread, SHOAL__SPREAD_LEAST_OF_TWO, LOOPS);
    atomic_store(&open_now[2], 1000000);
    for (int i = 0; i < 1000; i++)
        assert_int_not_equal(choose_and_open(&spread), 2);
    shoal__spread_fini(&spread);
}

static void least_of_two_reaches_every_other_loop(void **state)
{
    (void)state;
    struct shoal__spread spread;
    start(&spread, SHOAL__SPREAD_LEAST_OF_TWO, 2);
    atomic_store(&open_now[0], 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(choose_and_open(&spread), 1);
    shoal__spread_fini(&spread);
}

static void one_loop_gets_everything(void **state)
{
    (void)state;
    struct shoal__spread spread;
    start(&spread, SHOAL__SPREAD_LEAST_OF_TWO, 1);
    assert_int_equal(choose(&spread), 0);
    assert_int_equal(choose(&spread), 0);
    shoal__spread_fini(&spread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_goes_round),
        cmocka_unit_test(round_robin_does_not_look_at_the_load),
        cmocka_unit_test(a_choice_counts_as_queued_until_it_arrives),
        cmocka_unit_test(least_of_two_spreads_within_ten_percent),
        cmocka_unit_test(least_of_two_spreads_a_batch_that_nobody_has_opened_yet),
        cmocka_unit_test(least_of_two_never_takes_the_most_loaded_loop),
        cmocka_unit_test(least_of_two_reaches_every_other_loop),
        cmocka_unit_test(one_loop_gets_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
