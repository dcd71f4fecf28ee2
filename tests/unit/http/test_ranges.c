/* SPDX-License-Identifier: BSD-3-Clause */
/* The Range field against representations of some size. */
#include "proto/http/ranges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>

/* The answer as text: "whole", "outside", or "0+5 7+1". */
static const char *answer(const char *field, uint64_t size)
{
    static char text[512];
    struct shoal__ranges ranges;
    switch (shoal__ranges_read(shoal_view_of(field), size, &ranges)) {
    case SHOAL__RANGES_WHOLE:
        return "whole";
    case SHOAL__RANGES_OUTSIDE:
        return "outside";
    case SHOAL__RANGES_PARTS:
        break;
    }
    size_t at = 0;
    for (size_t i = 0; i < ranges.count; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%llu+%llu", i ? " " : "",
                               (unsigned long long)ranges.parts[i].offset,
                               (unsigned long long)ranges.parts[i].size);
    return text;
}

struct row {
    const char *field;
    uint64_t size;
    const char *wanted;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *got = answer(rows[i].field, rows[i].size);
        if (strcmp(got, rows[i].wanted) != 0)
            fail_msg("\"%s\" of %llu is %s, not %s", rows[i].field,
                     (unsigned long long)rows[i].size, got, rows[i].wanted);
    }
}
#define CHECK(rows) check((rows), sizeof(rows) / sizeof((rows)[0]))

static void one_range_is_a_part_as_far_as_it_exists(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bytes=0-0", 10, "0+1"},
        {"bytes=0-9", 10, "0+10"},
        {"bytes=0-", 10, "0+10"},
        {"bytes=9-9", 10, "9+1"},
        {"bytes=9-", 10, "9+1"},
        {"bytes=5-100", 10, "5+5"},
        {"bytes=-1", 10, "9+1"},
        {"bytes=-10", 10, "0+10"},
        {"bytes=-11", 10, "0+10"},
        {"bytes=0-18446744073709551615", 10, "0+10"},
        {"bytes=1-99999999999999999999999999999999", 10, "1+9"},
        {"bytes=-99999999999999999999999999999999", 10, "0+10"},
        {"BYTES=0-0", 10, "0+1"},
        {"bytes=18446744073709551614-", UINT64_MAX, "18446744073709551614+1"},
        {"bytes=000000000000000000000000000003-04", 10, "3+2"},
    };
    CHECK(rows);
}

static void what_lies_behind_the_end_is_outside(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bytes=10-", 10, "outside"},
        {"bytes=10-20", 10, "outside"},
        {"bytes=-0", 10, "outside"},
        {"bytes=0-", 0, "outside"},
        {"bytes=-5", 0, "outside"},
        {"bytes=18446744073709551615-", 10, "outside"},
        {"bytes=18446744073709551616-", 10, "outside"},
        {"bytes=99999999999999999999999999-99999999999999999999999999", 10, "outside"},
        {"bytes=10-11,12-,-0", 10, "outside"},
    };
    CHECK(rows);
}

static void what_is_malformed_is_ignored(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", 10, "whole"},
        {"bytes", 10, "whole"},
        {"bytes=", 10, "whole"},
        {"bytes=,", 10, "whole"},
        {"bytes=-", 10, "whole"},
        {"bytes=a-b", 10, "whole"},
        {"bytes=1", 10, "whole"},
        {"bytes=5-2", 10, "whole"},
        {"bytes=0-1,5-2", 10, "whole"},
        {"bytes=--1", 10, "whole"},
        {"bytes=-1-2", 10, "whole"},
        {"bytes=1-2-3", 10, "whole"},
        {"bytes=+1-2", 10, "whole"},
        {"bytes=0x1-2", 10, "whole"},
        {"bytes=1 -2", 10, "whole"},
        {"bytes =0-1", 10, "whole"},
        {"bytes:0-1", 10, "whole"},
        {"lines=0-1", 10, "whole"},
        {"bytes=0-1;5-6", 10, "whole"},
    };
    CHECK(rows);
}

static void several_ranges_come_in_the_order_asked_for(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bytes=0-0,9-9", 10, "0+1 9+1"},
        {"bytes=9-9,0-0", 10, "9+1 0+1"},
        {"bytes= 0-1 ,\t3-4, -2", 10, "0+2 3+2 8+2"},
        {"bytes=0-1,,,3-4,", 10, "0+2 3+2"},
        {"bytes=0-4,5-9", 10, "0+5 5+5"},
        {"bytes=0-1,20-30", 10, "0+2"},
        {"bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9", 10,
         "0+1 1+1 2+1 3+1 4+1 5+1 6+1 7+1 8+1 9+1"},
    };
    CHECK(rows);
}

static void who_asks_for_bytes_twice_or_for_too_many_parts_gets_the_whole(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bytes=0-,0-", 10, "whole"},
        {"bytes=0-5,5-9", 10, "whole"},
        {"bytes=5-9,0-5", 10, "whole"},
        {"bytes=-1,-1", 10, "whole"},
        {"bytes=2-3,0-9", 10, "whole"},
        {"bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10", 100, "whole"},
        {"bytes=50-,51-,52-,53-,54-,55-,56-,57-,58-,59-,60-", 10, "whole"},
    };
    CHECK(rows);
}

static void a_thousand_ranges_are_ignored(void **state)
{
    (void)state;
    char field[8192] = "bytes=0-0";
    for (size_t i = 1; i < 1000; i++)
        (void)snprintf(field + strlen(field), sizeof(field) - strlen(field), ",%zu-%zu", i, i);
    assert_string_equal(answer(field, 1000), "whole");
}

/* A poor man's fuzzer: whatever the field, the parts lie inside and share no byte. */
static void parts_never_hold_more_than_there_is(void **state)
{
    (void)state;
    static const char letters[] = "0123456789--,,, 5";
    uint32_t seed = 7;
    for (unsigned round = 0; round < 200000; round++) {
        char field[40] = "bytes=";
        size_t length = 6 + round % 30;
        for (size_t i = 6; i < length; i++) {
            seed = seed * 1664525 + 1013904223;
            field[i] = letters[(seed >> 16) % (sizeof(letters) - 1)];
        }
        struct shoal__ranges ranges;
        uint64_t size = seed % 50, sum = 0;
        if (shoal__ranges_read(shoal_view(field, length), size, &ranges) != SHOAL__RANGES_PARTS)
            continue;
        assert_in_range(ranges.count, 1, SHOAL__RANGES_MAX);
        for (size_t i = 0; i < ranges.count; i++) {
            assert_true(ranges.parts[i].size > 0);
            assert_true(ranges.parts[i].offset + ranges.parts[i].size <= size);
            sum += ranges.parts[i].size;
        }
        assert_true(sum <= size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_range_is_a_part_as_far_as_it_exists),
        cmocka_unit_test(what_lies_behind_the_end_is_outside),
        cmocka_unit_test(what_is_malformed_is_ignored),
        cmocka_unit_test(several_ranges_come_in_the_order_asked_for),
        cmocka_unit_test(who_asks_for_bytes_twice_or_for_too_many_parts_gets_the_whole),
        cmocka_unit_test(a_thousand_ranges_are_ignored),
        cmocka_unit_test(parts_never_hold_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
