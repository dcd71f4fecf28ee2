/* SPDX-License-Identifier: BSD-3-Clause */
/* The real clock, and the fake one that other tests rely on. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/fakeclock.h"

static void the_monotonic_clock_never_goes_back(void **state)
{
    (void)state;
    int64_t before = shoal__clock_now_ns(&shoal__clock_monotonic);
    assert_true(before > 0);
    for (int i = 0; i < 1000; i++) {
        int64_t now = shoal__clock_now_ns(&shoal__clock_monotonic);
        assert_true(now >= before);
        before = now;
    }
}

static void a_fake_clock_moves_only_by_hand(void **state)
{
    (void)state;
    struct fakeclock fake;
    struct shoal__clock clock = fakeclock_start(&fake, 500);
    assert_int_equal(shoal__clock_now_ns(&clock), 500);
    assert_int_equal(shoal__clock_now_ns(&clock), 500);
    fakeclock_advance_ns(&fake, 7);
    assert_int_equal(shoal__clock_now_ns(&clock), 507);
    fakeclock_advance_ms(&fake, 2);
    assert_int_equal(shoal__clock_now_ns(&clock), 2000507);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(a_fake_clock_moves_only_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
