/* SPDX-License-Identifier: BSD-3-Clause */
/* Pauses between attempts to connect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/grpc/backoff.h"

enum { MIDDLE = 2 }; /* of a jitter span's odds, in the tests below */

static void pauses_grow_to_a_limit(void **state)
{
    (void)state;
    struct shoal__grpc_backoff backoff = {1000, 5000, 0};
    const int64_t expected[] = {1000, 1600, 2560, 4096, 5000, 5000, 5000};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        int64_t half_span = expected[i] * 4 / 10 / MIDDLE;
        assert_int_equal(shoal__grpc_backoff_next(&backoff, (uint64_t)half_span), expected[i]);
    }
}

static void a_pause_is_a_fifth_more_or_less(void **state)
{
    (void)state;
    int64_t least = INT64_MAX, most = 0;
    for (uint64_t odds = 0; odds < 1000; odds++) {
        struct shoal__grpc_backoff backoff = {1000, 5000, 0};
        int64_t ms = shoal__grpc_backoff_next(&backoff, odds);
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    assert_int_equal(least, 800);
    assert_int_equal(most, 1200);
}

static void a_reset_begins_again(void **state)
{
    (void)state;
    struct shoal__grpc_backoff backoff = {100, 5000, 0};
    for (int i = 0; i < 10; i++)
        (void)shoal__grpc_backoff_next(&backoff, 0);
    shoal__grpc_backoff_reset(&backoff);
    assert_int_equal(shoal__grpc_backoff_next(&backoff, 20), 100);
}

static void the_first_pause_keeps_to_the_limit_too(void **state)
{
    (void)state;
    struct shoal__grpc_backoff backoff = {1000, 10, 0};
    assert_int_equal(shoal__grpc_backoff_next(&backoff, 2), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_grow_to_a_limit),
        cmocka_unit_test(a_pause_is_a_fifth_more_or_less),
        cmocka_unit_test(a_reset_begins_again),
        cmocka_unit_test(the_first_pause_keeps_to_the_limit_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
