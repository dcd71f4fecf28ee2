/* SPDX-License-Identifier: BSD-3-Clause */
/* Dates of HTTP: written in one format, read in three, by the calendar and no locale. */
#include "proto/http/http_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now = 1782000000; /* in June 2026 */

static void assert_reads(const char *text, int64_t wanted)
{
    int64_t seconds = -1;
    if (!shoal__http_date_read(shoal_view_of(text), now, &seconds) || seconds != wanted)
        fail_msg("\"%s\" is %lld, not %lld", text, (long long)seconds, (long long)wanted);
}

static void the_three_formats_of_the_standard_mean_the_same_moment(void **state)
{
    (void)state;
    assert_reads("Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
    assert_reads("Sunday, 06-Nov-94 08:49:37 GMT", 784111777);
    assert_reads("Sun Nov  6 08:49:37 1994", 784111777);
}

static void a_year_of_two_digits_is_at_most_fifty_years_ahead(void **state)
{
    (void)state;
    assert_reads("Wednesday, 01-Jan-76 00:00:00 GMT", 3345062400);
    assert_reads("Saturday, 01-Jan-77 00:00:00 GMT", 220924800);
}

static void a_date_that_is_written_is_read_as_the_same(void **state)
{
    (void)state;
    for (int64_t seconds = -62167219200; seconds <= 253402300799; seconds += 86400 * 13 + 3607) {
        char text[SHOAL__HTTP_DATE_SIZE];
        shoal__http_date_write(seconds, text);
        assert_int_equal(strlen(text), SHOAL__HTTP_DATE_SIZE - 1);
        assert_reads(text, seconds);
    }
}

static void leap_days_are_where_the_calendar_has_them(void **state)
{
    (void)state;
    int64_t seconds;
    assert_reads("Tue, 29 Feb 2000 00:00:00 GMT", 951782400);
    assert_reads("Thu, 29 Feb 2024 23:59:60 GMT", 1709251200);
    assert_false(
        shoal__http_date_read(shoal_view_of("Mon, 29 Feb 1900 00:00:00 GMT"), now, &seconds));
    assert_false(
        shoal__http_date_read(shoal_view_of("Wed, 29 Feb 2023 00:00:00 GMT"), now, &seconds));
}

static void the_weekday_written_is_the_right_one(void **state)
{
    (void)state;
    char text[SHOAL__HTTP_DATE_SIZE];
    shoal__http_date_write(0, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    shoal__http_date_write(784111777, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    shoal__http_date_write(-1, text);
    assert_string_equal(text, "Wed, 31 Dec 1969 23:59:59 GMT");
}

static void moments_that_no_date_can_say_become_the_nearest(void **state)
{
    (void)state;
    char text[SHOAL__HTTP_DATE_SIZE];
    shoal__http_date_write(INT64_MAX, text);
    assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
    shoal__http_date_write(INT64_MIN, text);
    assert_string_equal(text, "Sat, 01 Jan 0000 00:00:00 GMT");
}

static void what_is_no_date_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "0",
        "yesterday",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 19941 08:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t seconds = 42;
        if (shoal__http_date_read(shoal_view_of(texts[i]), now, &seconds))
            fail_msg("\"%s\" was read", texts[i]);
        assert_int_equal(seconds, 42);
    }
}

static void every_beginning_of_a_date_is_no_date(void **state)
{
    (void)state;
    const char *text = "Sunday, 06-Nov-94 08:49:37 GMT";
    for (size_t size = 0; size < strlen(text); size++) {
        int64_t seconds;
        assert_false(shoal__http_date_read(shoal_view(text, size), now, &seconds));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_formats_of_the_standard_mean_the_same_moment),
        cmocka_unit_test(a_year_of_two_digits_is_at_most_fifty_years_ahead),
        cmocka_unit_test(a_date_that_is_written_is_read_as_the_same),
        cmocka_unit_test(leap_days_are_where_the_calendar_has_them),
        cmocka_unit_test(the_weekday_written_is_the_right_one),
        cmocka_unit_test(moments_that_no_date_can_say_become_the_nearest),
        cmocka_unit_test(what_is_no_date_is_refused_and_changes_nothing),
        cmocka_unit_test(every_beginning_of_a_date_is_no_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
