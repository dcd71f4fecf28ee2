/* SPDX-License-Identifier: BSD-3-Clause */
/* The grpc-timeout field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/grpc/timeout.h"

static void every_unit_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"1n", 1},
        {"0S", 0},
        {"7u", 7000},
        {"12m", 12000000},
        {"3S", INT64_C(3000000000)},
        {"2M", INT64_C(120000000000)},
        {"1H", INT64_C(3600000000000)},
        {"00000001S", INT64_C(1000000000)},
        {"99999999n", 99999999},
        {"99999999S", INT64_C(99999999000000000)},
        {"99999999H", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ns = -1;
        assert_true(shoal__grpc_timeout_parse(shoal_view_of(good[i].text), &ns));
        assert_int_equal(ns, good[i].ns);
    }
}

static void what_is_malformed_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "S",   "1",   "123456789S", "-1S",  "+1S", "1s",
                                      "1 S", " 1S", "1SS", "1.5S",       "0x1S", "1S "};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ns = 42;
        assert_false(shoal__grpc_timeout_parse(shoal_view_of(bad[i]), &ns));
        assert_int_equal(ns, 42);
    }
}

static void what_is_written_is_read_and_never_shorter(void **state)
{
    (void)state;
    char text[SHOAL__GRPC_TIMEOUT_MAX];
    for (int64_t ns = 1; ns < INT64_MAX / 3; ns = ns * 3 + 1) {
        int64_t read;
        assert_true(shoal__grpc_timeout_parse(shoal__grpc_timeout_format(ns, text), &read));
        assert_true(read >= ns);
        assert_true(read - ns <= ns / 50000);
    }
    assert_true(shoal_view_equal(shoal__grpc_timeout_format(-5, text), shoal_view_of("0n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_unit_is_read),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(what_is_written_is_read_and_never_shorter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
