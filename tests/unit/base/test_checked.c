/* SPDX-License-Identifier: BSD-3-Clause */
/* Checked arithmetic and the readers of numbers. */
#include "base/checked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <shoal/error.h>

static void assert_u64(const char *text, uint64_t max, int expected_rc, uint64_t expected)
{
    uint64_t out = 4711;
    int rc = shoal__parse_u64(shoal_view_of(text), max, &out);
    assert_int_equal(rc, expected_rc);
    assert_int_equal(out, rc == 0 ? expected : 4711);
}

static void assert_duration(const char *text, int expected_rc, uint64_t expected_ms)
{
    uint64_t out = 4711;
    int rc = shoal__parse_duration_ms(shoal_view_of(text), &out);
    assert_int_equal(rc, expected_rc);
    assert_int_equal(out, rc == 0 ? expected_ms : 4711);
}

static void assert_size(const char *text, int expected_rc, size_t expected)
{
    size_t out = 4711;
    int rc = shoal__parse_size(shoal_view_of(text), &out);
    assert_int_equal(rc, expected_rc);
    assert_int_equal(out, rc == 0 ? expected : 4711);
}

static void sums_and_products_up_to_the_limit_are_exact(void **state)
{
    (void)state;
    size_t size;
    uint64_t u64;
    assert_true(shoal__add_size(SIZE_MAX - 1, 1, &size));
    assert_int_equal(size, SIZE_MAX);
    assert_true(shoal__mul_size(SIZE_MAX / 3, 3, &size));
    assert_int_equal(size, SIZE_MAX);
    assert_true(shoal__add_u64(1, 2, &u64));
    assert_int_equal(u64, 3);
    assert_true(shoal__mul_u64(UINT64_C(1) << 32, UINT32_MAX, &u64));
    assert_int_equal(u64, UINT64_C(0xffffffff00000000));
}

static void overflow_is_said_and_leaves_the_result_alone(void **state)
{
    (void)state;
    size_t size = 42;
    uint64_t u64 = 42;
    assert_false(shoal__add_size(SIZE_MAX, 1, &size));
    assert_false(shoal__mul_size(SIZE_MAX / 2 + 1, 2, &size));
    assert_false(shoal__add_u64(UINT64_MAX, UINT64_MAX, &u64));
    assert_false(shoal__mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &u64));
    assert_int_equal(size, 42);
    assert_int_equal(u64, 42);
}

static void decimal_numbers_are_read(void **state)
{
    (void)state;
    assert_u64("0", UINT64_MAX, 0, 0);
    assert_u64("007", UINT64_MAX, 0, 7);
    assert_u64("18446744073709551615", UINT64_MAX, 0, UINT64_MAX);
    assert_u64("65535", 65535, 0, 65535);
    assert_u64("000000000000000000000000000001", 1, 0, 1);
}

static void a_number_above_the_limit_is_out_of_range(void **state)
{
    (void)state;
    assert_u64("65536", 65535, -SHOAL_EOVERFLOW, 0);
    assert_u64("18446744073709551616", UINT64_MAX, -SHOAL_EOVERFLOW, 0);
    assert_u64("99999999999999999999999999", UINT64_MAX, -SHOAL_EOVERFLOW, 0);
    assert_u64("1", 0, -SHOAL_EOVERFLOW, 0);
}

static void what_is_not_all_digits_is_no_number(void **state)
{
    (void)state;
    const char *bad[] = {"",    "-1",   "+1",  " 1",    "1 ",
                         "1.0", "0x10", "1e3", "1,000", "99999999999999999999x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_u64(bad[i], UINT64_MAX, -SHOAL_EINVAL, 0);
    uint64_t out;
    assert_int_equal(shoal__parse_u64(shoal_view("1\0", 2), 10, &out), -SHOAL_EINVAL);
}

static void durations_are_read_with_every_unit(void **state)
{
    (void)state;
    assert_duration("0", 0, 0);
    assert_duration("0ms", 0, 0);
    assert_duration("500ms", 0, 500);
    assert_duration("60s", 0, 60000);
    assert_duration("90", 0, 90000);
    assert_duration("2m", 0, 120000);
    assert_duration("1h", 0, 3600000);
}

static void what_is_no_duration_is_refused(void **state)
{
    (void)state;
    const char *bad[] = {"", "s", "ms", "1S", "1 s", "1.5s", "-1s", "1d", "1ss", "1h30m", "1us"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_duration(bad[i], -SHOAL_EINVAL, 0);
}

static void the_longest_duration_still_fits_into_nanoseconds(void **state)
{
    (void)state;
    assert_duration("9223372036854ms", 0, UINT64_C(9223372036854));
    assert_duration("9223372036855ms", -SHOAL_EOVERFLOW, 0);
    assert_duration("9223372036s", 0, UINT64_C(9223372036000));
    assert_duration("9223372037s", -SHOAL_EOVERFLOW, 0);
    assert_duration("99999999999999999999h", -SHOAL_EOVERFLOW, 0);
}

static void sizes_are_read_with_every_unit(void **state)
{
    (void)state;
    assert_size("0", 0, 0);
    assert_size("4096", 0, 4096);
    assert_size("64k", 0, 65536);
    assert_size("64K", 0, 65536);
    assert_size("1m", 0, 1048576);
    assert_size("3M", 0, 3145728);
    assert_size("1g", 0, 1073741824);
    assert_size("2G", 0, 2147483648);
}

static void what_is_no_size_is_refused(void **state)
{
    (void)state;
    const char *bad[] = {"", "k", "1kb", "1 k", "-1k", "1t", "1.5m", "0x1k"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_size(bad[i], -SHOAL_EINVAL, 0);
    assert_size("17179869183g", 0, (size_t)17179869183 << 30);
    assert_size("17179869184g", -SHOAL_EOVERFLOW, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_products_up_to_the_limit_are_exact),
        cmocka_unit_test(overflow_is_said_and_leaves_the_result_alone),
        cmocka_unit_test(decimal_numbers_are_read),
        cmocka_unit_test(a_number_above_the_limit_is_out_of_range),
        cmocka_unit_test(what_is_not_all_digits_is_no_number),
        cmocka_unit_test(durations_are_read_with_every_unit),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(the_longest_duration_still_fits_into_nanoseconds),
        cmocka_unit_test(sizes_are_read_with_every_unit),
        cmocka_unit_test(what_is_no_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
