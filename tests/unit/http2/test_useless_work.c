/* SPDX-License-Identifier: BSD-3-Clause */
/* The account: every kind of abuse alone, and any mixture, empties it in time; honest use never. */
#include "proto/http2/useless_work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST_ABUSE = 2000 };

static void every_kind_alone_empties_the_account_in_time(void **state)
{
    (void)state;
    for (int kind = 0; kind < USELESS_KINDS; kind++) {
        struct shoal__useless_work work;
        shoal__useless_work_init(&work, 0);
        unsigned paid = 1;
        while (shoal__useless_work_charge(&work, (enum shoal__useless_kind)kind))
            paid++;
        assert_in_range(paid, 100, MOST_ABUSE);
        assert_int_equal(work.counts[kind], paid);
    }
}

static void a_mixture_pays_from_the_same_account(void **state)
{
    (void)state;
    struct shoal__useless_work work;
    shoal__useless_work_init(&work, 0);
    unsigned paid = 1;
    while (shoal__useless_work_charge(&work, (enum shoal__useless_kind)(paid % USELESS_KINDS)))
        paid++;
    assert_in_range(paid, 100, MOST_ABUSE);
}

static void an_empty_account_stays_empty_until_something_is_earned(void **state)
{
    (void)state;
    struct shoal__useless_work work;
    shoal__useless_work_init(&work, 0);
    while (shoal__useless_work_charge(&work, USELESS_PING))
        ;
    assert_false(shoal__useless_work_charge(&work, USELESS_PING));
    assert_int_equal(work.balance, 0);
    shoal__useless_work_earn(&work, SHOAL__USELESS_PER_ANSWER);
    assert_true(shoal__useless_work_charge(&work, USELESS_PING));
}

static void nothing_can_be_saved_up_for_a_flood(void **state)
{
    (void)state;
    struct shoal__useless_work work;
    shoal__useless_work_init(&work, 0);
    shoal__useless_work_earn(&work, 1 << 20);
    shoal__useless_work_earn_bytes(&work, SIZE_MAX / 2);
    shoal__useless_work_refill(&work, INT64_MAX / 2);
    assert_int_equal(work.balance, SHOAL__USELESS_BALANCE_MAX);
}

static void bytes_earn_a_token_each_time_they_make_up_one(void **state)
{
    (void)state;
    struct shoal__useless_work work;
    shoal__useless_work_init(&work, 0);
    shoal__useless_work_charge(&work, USELESS_MALFORMED);
    int32_t before = work.balance;
    for (int i = 0; i < SHOAL__USELESS_BYTES - 1; i++)
        shoal__useless_work_earn_bytes(&work, 1);
    assert_int_equal(work.balance, before);
    shoal__useless_work_earn_bytes(&work, 1);
    assert_int_equal(work.balance, before + 1);
}

static void time_gives_its_tokens_however_often_it_is_asked(void **state)
{
    (void)state;
    struct shoal__useless_work often, once;
    shoal__useless_work_init(&often, 1000);
    shoal__useless_work_init(&once, 1000);
    often.balance = once.balance = 1;
    for (int64_t now = 1000; now <= 11000; now += 7)
        shoal__useless_work_refill(&often, now);
    shoal__useless_work_refill(&often, 11000);
    shoal__useless_work_refill(&once, 11000);
    assert_int_equal(once.balance, 1 + 10 * SHOAL__USELESS_PER_SECOND);
    assert_int_equal(often.balance, once.balance);
}

static void keepalive_pings_never_empty_it(void **state)
{
    (void)state;
    struct shoal__useless_work work;
    shoal__useless_work_init(&work, 0);
    for (int64_t now = 0; now < 1000000; now += 100) {
        shoal__useless_work_refill(&work, now);
        assert_true(shoal__useless_work_charge(&work, USELESS_PING));
    }
}

static void every_kind_has_a_meaning(void **state)
{
    (void)state;
    for (int kind = 0; kind < USELESS_KINDS; kind++)
        assert_non_null(shoal__useless_work_name((enum shoal__useless_kind)kind));
    assert_string_equal(shoal__useless_work_name(USELESS_CONTINUATION), "a CONTINUATION frame");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_alone_empties_the_account_in_time),
        cmocka_unit_test(a_mixture_pays_from_the_same_account),
        cmocka_unit_test(an_empty_account_stays_empty_until_something_is_earned),
        cmocka_unit_test(nothing_can_be_saved_up_for_a_flood),
        cmocka_unit_test(bytes_earn_a_token_each_time_they_make_up_one),
        cmocka_unit_test(time_gives_its_tokens_however_often_it_is_asked),
        cmocka_unit_test(keepalive_pings_never_empty_it),
        cmocka_unit_test(every_kind_has_a_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
