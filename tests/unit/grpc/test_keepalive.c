/* SPDX-License-Identifier: BSD-3-Clause */
/* How often a client may ping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/grpc/keepalive.h"

static const struct shoal__grpc_keepalive_cfg cfg = {1000, 5000, 2};

static void pings_in_time_are_never_too_many(void **state)
{
    (void)state;
    struct shoal__grpc_keepalive keepalive = {0};
    for (int64_t now_ms = 0; now_ms < 100000; now_ms += 1000)
        assert_true(shoal__grpc_keepalive_ping(&keepalive, &cfg, true, now_ms));
}

static void the_third_ping_too_soon_is_one_too_many(void **state)
{
    (void)state;
    struct shoal__grpc_keepalive keepalive = {0};
    assert_true(shoal__grpc_keepalive_ping(&keepalive, &cfg, true, 0));
    assert_true(shoal__grpc_keepalive_ping(&keepalive, &cfg, true, 999));
    assert_true(shoal__grpc_keepalive_ping(&keepalive, &cfg, true, 1998));
    assert_false(shoal__grpc_keepalive_ping(&keepalive, &cfg, true, 2997));
}

static void without_calls_the_longer_time_counts(void **state)
{
    (void)state;
    struct shoal__grpc_keepalive keepalive = {0};
    assert_true(shoal__grpc_keepalive_ping(&keepalive, &cfg, false, 0));
    assert_true(shoal__grpc_keepalive_ping(&keepalive, &cfg, false, 4999));
    assert_int_equal(keepalive.strikes, 1);
    assert_true(shoal__grpc_keepalive_ping(&keepalive, &cfg, false, 9999));
    assert_int_equal(keepalive.strikes, 1);
}

static void what_the_server_sends_forgives(void **state)
{
    (void)state;
    struct shoal__grpc_keepalive keepalive = {0};
    for (int i = 0; i < 100; i++) {
        assert_true(shoal__grpc_keepalive_ping(&keepalive, &cfg, true, 0));
        shoal__grpc_keepalive_sent(&keepalive);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pings_in_time_are_never_too_many),
        cmocka_unit_test(the_third_ping_too_soon_is_one_too_many),
        cmocka_unit_test(without_calls_the_longer_time_counts),
        cmocka_unit_test(what_the_server_sends_forgives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
