/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers, durations and words from outside: what is taken, and that nothing else is. */
#include "parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const no_numbers[] = {"",
                                         "-1",
                                         "+5",
                                         " 5",
                                         "5 ",
                                         "0x10",
                                         "1e9",
                                         "1.5",
                                         "1,0",
                                         "1_0",
                                         "\t1",
                                         "\xd9\xa1\xd9\xa2",
                                         "5a",
                                         "18446744073709551616",
                                         "9999999999999999999999999999999999999999"};

static void only_plain_decimal_digits_are_a_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(no_numbers) / sizeof(no_numbers[0]); i++) {
        uint64_t out = 4711;
        if (parse_number(shoal_view_of(no_numbers[i]), UINT64_MAX, &out))
            fail_msg("\"%s\" was taken for %llu", no_numbers[i], (unsigned long long)out);
        assert_int_equal(out, 4711);
    }
    uint64_t out;
    assert_true(parse_number(shoal_view_of("007"), 7, &out));
    assert_int_equal(out, 7);
    assert_true(parse_number(shoal_view_of("18446744073709551615"), UINT64_MAX, &out));
    assert_true(out == UINT64_MAX);
}

static void a_number_ends_at_its_maximum(void **state)
{
    (void)state;
    uint64_t out;
    assert_true(parse_number(shoal_view_of("255"), 255, &out));
    assert_false(parse_number(shoal_view_of("256"), 255, &out));
    assert_true(parse_number(shoal_view_of("0"), 0, &out));
}

static void durations_have_units_and_seconds_without(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } durations[] = {{"0", 0},       {"60", 60000},  {"60s", 60000},
                     {"500ms", 500}, {"5m", 300000}, {"1h", 3600000},
                     {"0ms", 0},     {"1S", 1000},   {"366h", 1317600000}};
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        int64_t ms = -1;
        assert_true(parse_duration_ms(shoal_view_of(durations[i].text), &ms));
        assert_int_equal(ms, durations[i].ms);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     "s",   "ms",    "-1s",
                                        "1.5s", "1 s", "1d",    "1ss",
                                        "1sm",  "s1",  "9000h", "18446744073709551615h"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int64_t ms = 4711;
        assert_false(parse_duration_ms(shoal_view_of(wrong[i]), &ms));
        assert_int_equal(ms, 4711);
    }
}

static void words_are_taken_up_to_the_separator(void **state)
{
    (void)state;
    struct shoal_view text = shoal_view_of("one two");
    assert_true(shoal_view_equal(take_until(&text, ' '), shoal_view_of("one")));
    assert_true(shoal_view_equal(text, shoal_view_of("two")));
    assert_true(shoal_view_equal(take_until(&text, ' '), shoal_view_of("two")));
    assert_int_equal(text.size, 0);
    assert_int_equal(take_until(&text, ' ').size, 0);
}

static void a_text_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    struct shoal_view text = shoal_view_of("pound of");
    assert_false(take_text(&text, "pounds"));
    assert_int_equal(text.size, 8);
    assert_true(take_text(&text, "pound "));
    assert_true(shoal_view_equal(text, shoal_view_of("of")));
}

static void letters_compare_without_case_and_nothing_else_does(void **state)
{
    (void)state;
    assert_int_equal(compare_nocase(shoal_view_of("TrOuT"), shoal_view_of("trout")), 0);
    assert_true(compare_nocase(shoal_view_of("[bream"), shoal_view_of("{bream")) != 0);
    assert_true(compare_nocase(shoal_view_of("cod"), shoal_view_of("codling")) < 0);
    assert_true(compare_nocase(shoal_view_of("codling"), shoal_view_of("COD")) > 0);
}

static void escaped_text_is_plain_ascii(void **state)
{
    (void)state;
    char out[64];
    static const char wild[] = "a\0b\x1b[2J\n\"\\\xc3\xa4%n";
    assert_string_equal(escape_text(shoal_view(wild, sizeof(wild) - 1), out, sizeof(out)),
                        "a\\x00b\\x1B[2J\\x0A\\x22\\x5C\\xC3\\xA4%n");
}

static void escaped_text_is_cut_where_it_does_not_fit(void **state)
{
    (void)state;
    char out[16];
    assert_string_equal(escape_text(shoal_view_of("aaaaaaaaaaaaaaaaaaaaaaaa"), out, sizeof(out)),
                        "aaaaaaaaa...");
    assert_string_equal(escape_text(shoal_view_of("\n\n\n\n\n\n"), out, sizeof(out)),
                        "\\x0A\\x0A\\x0A...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_plain_decimal_digits_are_a_number),
        cmocka_unit_test(a_number_ends_at_its_maximum),
        cmocka_unit_test(durations_have_units_and_seconds_without),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(words_are_taken_up_to_the_separator),
        cmocka_unit_test(a_text_is_taken_whole_or_not_at_all),
        cmocka_unit_test(letters_compare_without_case_and_nothing_else_does),
        cmocka_unit_test(escaped_text_is_plain_ascii),
        cmocka_unit_test(escaped_text_is_cut_where_it_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
