/* SPDX-License-Identifier: BSD-3-Clause */
/* What reaches a log sink, and how a peer's text gets there. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct sink {
    int lines;
    enum shoal_log_level level;
    char last[SHOAL__LOG_LINE_BYTES];
};

static void keep(void *arg, enum shoal_log_level level, const char *message)
{
    struct sink *sink = arg;
    sink->lines++;
    sink->level = level;
    snprintf(sink->last, sizeof sink->last, "%s", message);
}

static void assert_escapes(struct shoal_view text, const char *expected)
{
    char out[128];
    size_t length = shoal__escape(out, sizeof out, text);
    assert_string_equal(out, expected);
    assert_int_equal(length, strlen(expected));
}

static void a_line_reaches_the_sink_with_its_level(void **state)
{
    (void)state;
    struct sink sink = {0};
    struct shoal_log log = {keep, &sink, SHOAL_LOG_INFO};
    shoal__log(&log, SHOAL_LOG_WARN, "msg=listening port=%d", 8080);
    assert_int_equal(sink.lines, 1);
    assert_int_equal(sink.level, SHOAL_LOG_WARN);
    assert_string_equal(sink.last, "msg=listening port=8080");
}

static void a_level_above_the_sinks_is_dropped(void **state)
{
    (void)state;
    struct sink sink = {0};
    struct shoal_log log = {keep, &sink, SHOAL_LOG_INFO};
    shoal__log(&log, SHOAL_LOG_DEBUG, "msg=accepted");
    assert_int_equal(sink.lines, 0);
    shoal__log(&log, SHOAL_LOG_INFO, "msg=drained");
    assert_int_equal(sink.lines, 1);
}

static void no_sink_is_silence(void **state)
{
    (void)state;
    struct shoal_log log = {NULL, NULL, SHOAL_LOG_DEBUG};
    shoal__log(&log, SHOAL_LOG_ERROR, "msg=lost");
    shoal__log(NULL, SHOAL_LOG_ERROR, "msg=lost");
}

static void a_line_that_is_too_long_ends_in_dots(void **state)
{
    (void)state;
    struct sink sink = {0};
    struct shoal_log log = {keep, &sink, SHOAL_LOG_INFO};
    char text[2 * SHOAL__LOG_LINE_BYTES];
    memset(text, 'x', sizeof text);
    shoal__log(&log, SHOAL_LOG_INFO, "%.*s", SHOAL__LOG_LINE_BYTES - 1, text);
    assert_string_equal(sink.last + SHOAL__LOG_LINE_BYTES - 5, "xxxx");
    shoal__log(&log, SHOAL_LOG_INFO, "%.*s", SHOAL__LOG_LINE_BYTES, text);
    assert_int_equal(strlen(sink.last), SHOAL__LOG_LINE_BYTES - 1);
    assert_string_equal(sink.last + SHOAL__LOG_LINE_BYTES - 5, "x...");
}

static void a_long_line_is_not_cut_inside_a_character(void **state)
{
    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        struct sink sink = {0};
        struct shoal_log log = {keep, &sink, SHOAL_LOG_INFO};
        char text[1200];
        for (size_t i = 0; i < sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\x90\x9f", 4);
        shoal__log(&log, SHOAL_LOG_INFO, "%.*s%.*s", shift, "abc", (int)sizeof text, text);
        size_t characters = strlen(sink.last) - 3 - (size_t)shift;
        assert_string_equal(sink.last + strlen(sink.last) - 3, "...");
        assert_int_equal(characters % 4, 0);
        assert_true(characters > 1000);
    }
}

static void a_newline_that_was_not_escaped_does_not_make_two_lines(void **state)
{
    (void)state;
    struct sink sink = {0};
    struct shoal_log log = {keep, &sink, SHOAL_LOG_INFO};
    shoal__log(&log, SHOAL_LOG_INFO,
               "a\nb\x7f"
               "c\x1b[1m");
    assert_string_equal(sink.last, "a?b?c?[1m");
}

static void levels_have_lower_case_names(void **state)
{
    (void)state;
    assert_string_equal(shoal_log_level_name(SHOAL_LOG_ERROR), "error");
    assert_string_equal(shoal_log_level_name(SHOAL_LOG_WARN), "warn");
    assert_string_equal(shoal_log_level_name(SHOAL_LOG_INFO), "info");
    assert_string_equal(shoal_log_level_name(SHOAL_LOG_DEBUG), "debug");
    assert_string_equal(shoal_log_level_name((enum shoal_log_level)77), "unknown");
}

static void harmless_text_is_left_as_it_is(void **state)
{
    (void)state;
    assert_escapes(shoal_view_of(""), "");
    assert_escapes(shoal_view_of("5 pounds of haddock"), "5 pounds of haddock");
    assert_escapes(shoal_view_of("h\xc3\xb6he \xe2\x82\xac \xf0\x9f\x90\x9f"),
                   "h\xc3\xb6he \xe2\x82\xac \xf0\x9f\x90\x9f");
}

static void controls_quotes_and_backslashes_are_escaped(void **state)
{
    (void)state;
    assert_escapes(shoal_view("a\0b\r\n\t\x7f", 7), "a\\x00b\\x0d\\x0a\\x09\\x7f");
    assert_escapes(shoal_view_of("say \"hi\" c:\\"), "say \\x22hi\\x22 c:\\x5c");
    assert_escapes(shoal_view_of("\xc2\x9b"
                                 "31m\xc2\xa0"),
                   "\\xc2\\x9b31m\xc2\xa0");
}

static void bytes_that_are_not_utf8_are_escaped_one_by_one(void **state)
{
    (void)state;
    assert_escapes(shoal_view_of("\xff"
                                 "a\xe2\x82"),
                   "\\xffa\\xe2\\x82");
    assert_escapes(shoal_view_of("\xed\xa0\x80"), "\\xed\\xa0\\x80");
}

static void escaped_text_is_cut_between_pieces_and_marked(void **state)
{
    (void)state;
    char out[9];
    assert_int_equal(shoal__escape(out, sizeof out, shoal_view_of("12345678")), 8);
    assert_string_equal(out, "12345678");
    assert_int_equal(shoal__escape(out, sizeof out, shoal_view_of("123456789")), 8);
    assert_string_equal(out, "12345...");
    assert_int_equal(shoal__escape(out, sizeof out, shoal_view_of("12\n\n\n")), 5);
    assert_string_equal(out, "12...");
    shoal__escape(out, sizeof out, shoal_view_of("1\n\n\n"));
    assert_string_equal(out, "1\\x0a...");
}

static void every_size_of_output_is_respected(void **state)
{
    (void)state;
    for (size_t size = 0; size < 40; size++) {
        char out[48];
        memset(out, '#', sizeof out);
        size_t length =
            shoal__escape(out, size, shoal_view_of("ab\n\xc3\xb6\xff\xe2\x82\xac text"));
        for (size_t i = size; i < sizeof out; i++)
            assert_int_equal(out[i], '#');
        assert_true(size == 0 ? length == 0 : length < size && length == strlen(out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_reaches_the_sink_with_its_level),
        cmocka_unit_test(a_level_above_the_sinks_is_dropped),
        cmocka_unit_test(no_sink_is_silence),
        cmocka_unit_test(a_line_that_is_too_long_ends_in_dots),
        cmocka_unit_test(a_long_line_is_not_cut_inside_a_character),
        cmocka_unit_test(a_newline_that_was_not_escaped_does_not_make_two_lines),
        cmocka_unit_test(levels_have_lower_case_names),
        cmocka_unit_test(harmless_text_is_left_as_it_is),
        cmocka_unit_test(controls_quotes_and_backslashes_are_escaped),
        cmocka_unit_test(bytes_that_are_not_utf8_are_escaped_one_by_one),
        cmocka_unit_test(escaped_text_is_cut_between_pieces_and_marked),
        cmocka_unit_test(every_size_of_output_is_respected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
