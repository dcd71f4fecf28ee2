/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptor limits. */
#include "runtime/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

static void the_soft_limit_rises_to_the_hard_one(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit lowered = {.rlim_cur = 100, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lowered), 0);

    size_t allowed = shoal__descriptors_raise();
    struct rlimit after;
    getrlimit(RLIMIT_NOFILE, &after);
    assert_int_equal(after.rlim_cur, before.rlim_max);
    assert_int_equal(allowed, before.rlim_max == RLIM_INFINITY ? SIZE_MAX : before.rlim_max);
}

static void connections_leave_some_descriptors_over(void **state)
{
    (void)state;
    assert_int_equal(shoal__descriptors_connections(0, 1024, 2), 1024 - 64 - 16);
    assert_int_equal(shoal__descriptors_connections(100, 1024, 2), 100);
    assert_int_equal(shoal__descriptors_connections(5000, 1024, 2), 1024 - 64 - 16);
    assert_int_equal(shoal__descriptors_connections(5000, 10, 2), 1);
    assert_int_equal(shoal__descriptors_connections(0, 10, 2), 1);
    assert_int_equal(shoal__descriptors_connections(7, SIZE_MAX, 2), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_soft_limit_rises_to_the_hard_one),
        cmocka_unit_test(connections_leave_some_descriptors_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
