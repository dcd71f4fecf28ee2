/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Limits of requests at one below, at and one above, wherever the bytes are cut; and floods far
 * above them, of which the parser must hold no more than its limits say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http1_wire.h"

/* `count` times `filler` between `before` and `after`; the caller frees it. */
static char *build(const char *before, const char *filler, size_t count, const char *after)
{
    const size_t size = strlen(filler);
    char *text = malloc(strlen(before) + size * count + strlen(after) + 1);
    assert_non_null(text);
    char *at = stpcpy(text, before);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, filler);
    strcpy(at, after);
    return text;
}

/* Asserts the answer to a request under small limits, and that cuts leave no trace in it. */
static void assert_answer(const char *text, const char *refusal)
{
    struct http1_wire wire;
    http1_wire_start(&wire);
    wire.limits = (struct http1_limits){
        .target_bytes = 20, .field_bytes = 30, .head_bytes = 150, .field_count = 6};
    wire.body_limit = 10;
    http1_wire_assert_cuts_leave_no_trace(&wire, shoal_view_of(text), 1);
    wire = http1_wire_run(&wire, shoal_view_of(text), 1000);
    const char *found = strstr(http1_wire_log(&wire), "REFUSED ");
    assert_string_equal(found ? found + strlen("REFUSED ") : "", refusal);
    assert_int_equal(wire.messages, *refusal == '\0');
    http1_wire_free(&wire);
}

static void assert_filled(const char *before, const char *filler, size_t count, const char *after,
                          const char *refusal)
{
    char *text = build(before, filler, count, after);
    assert_answer(text, refusal);
    free(text);
}

#define START "GET / HTTP/1.1\r\nHost: h\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

static void a_method_has_at_most_32_bytes(void **state)
{
    (void)state;
    const char *rest = " / HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_filled("", "A", 31, rest, "");
    assert_filled("", "A", 32, rest, "");
    assert_filled("", "A", 33, rest, "UNKNOWN_METHOD");
}

static void a_target_has_at_most_its_limit(void **state)
{
    (void)state;
    const char *rest = " HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_filled("GET /", "a", 18, rest, "");
    assert_filled("GET /", "a", 19, rest, "");
    assert_filled("GET /", "a", 20, rest, "LONG_TARGET");
    assert_filled("GET /?", "a", 18, rest, "");
    assert_filled("GET /?", "a", 19, rest, "LONG_TARGET");
}

static void a_field_line_has_at_most_its_limit(void **state)
{
    (void)state;
    assert_filled(START "X: ", "a", 26, "\r\n\r\n", "");
    assert_filled(START "X: ", "a", 27, "\r\n\r\n", "");
    assert_filled(START "X: ", "a", 28, "\r\n\r\n", "LARGE_FIELD");
    assert_filled(START, "a", 28, ":\r\n\r\n", "");
    assert_filled(START, "a", 29, ":\r\n\r\n", "");
    assert_filled(START, "a", 30, ":\r\n\r\n", "LARGE_FIELD");
    assert_filled(START, "a", 31, ":\r\n\r\n", "LARGE_FIELD");
    assert_filled(START "X:", " ", 28, "\r\n\r\n", "");
    assert_filled(START "X:", " ", 29, "\r\n\r\n", "LARGE_FIELD");
}

static void fields_are_counted_up_to_their_limit(void **state)
{
    (void)state;
    assert_filled(START, "X: y\r\n", 4, "\r\n", "");
    assert_filled(START, "X: y\r\n", 5, "\r\n", "");
    assert_filled(START, "X: y\r\n", 6, "\r\n", "MANY_FIELDS");
}

/* 27 bytes to Host, three lines of 30, a name and a colon and a space, n, and two line ends. */
static void a_head_has_at_most_its_limit(void **state)
{
    (void)state;
#define LINE "X: 4567890123456789012345678\r\n"
    const char *before = "GET / HTTP/1.1\r\nHost: hhh\r\n" LINE LINE LINE "X: ";
    assert_int_equal(strlen(before), 120);
    assert_filled(before, "a", 25, "\r\n\r\n", "");
    assert_filled(before, "a", 26, "\r\n\r\n", "");
    assert_filled(before, "a", 27, "\r\n\r\n", "LARGE_HEAD");
}

static void two_empty_lines_may_come_first(void **state)
{
    (void)state;
    assert_filled("", "\r\n", 1, START "\r\n", "");
    assert_filled("", "\r\n", 2, START "\r\n", "");
    assert_filled("", "\r\n", 3, START "\r\n", "EMPTY_LINES");
}

static void a_counted_body_has_at_most_its_limit(void **state)
{
    (void)state;
    assert_filled(POST "Content-Length: 9\r\n\r\n", "a", 9, "", "");
    assert_filled(POST "Content-Length: 10\r\n\r\n", "a", 10, "", "");
    assert_filled(POST "Content-Length: 11\r\n\r\n", "a", 11, "", "LARGE_BODY");
}

static void a_chunked_body_has_at_most_its_limit(void **state)
{
    (void)state;
    assert_answer(CHUNKED "6\r\nabcdef\r\n3\r\nghi\r\n0\r\n\r\n", "");
    assert_answer(CHUNKED "6\r\nabcdef\r\n4\r\nghij\r\n0\r\n\r\n", "");
    assert_answer(CHUNKED "6\r\nabcdef\r\n5\r\nghijk\r\n0\r\n\r\n", "LARGE_BODY");
    assert_answer(CHUNKED "ffffffffffffffff\r\nabc", "LARGE_BODY");
}

static void trailers_have_the_limits_of_fields(void **state)
{
    (void)state;
    assert_filled(CHUNKED "0\r\n", "X: y\r\n", 6, "\r\n", "");
    assert_filled(CHUNKED "0\r\n", "X: y\r\n", 7, "\r\n", "MANY_FIELDS");
    assert_filled(CHUNKED "0\r\n", "Host: y\r\n", 7, "\r\n", "MANY_FIELDS");
    assert_filled(CHUNKED "0\r\nX: ", "a", 27, "\r\n\r\n", "");
    assert_filled(CHUNKED "0\r\nX: ", "a", 28, "\r\n\r\n", "LARGE_FIELD");
    assert_filled(CHUNKED "0\r\n", "X: 45678901234567890123456789\r\n", 5, "\r\n", "LARGE_HEAD");
}

static void a_chunk_extension_has_at_most_256_bytes(void **state)
{
    (void)state;
    assert_filled(CHUNKED "3;", "a", 254, "\r\nabc\r\n0\r\n\r\n", "");
    assert_filled(CHUNKED "3;", "a", 255, "\r\nabc\r\n0\r\n\r\n", "");
    assert_filled(CHUNKED "3;", "a", 256, "\r\nabc\r\n0\r\n\r\n", "CHUNK_OVERHEAD");
}

static void a_chunk_size_has_at_most_16_digits(void **state)
{
    (void)state;
    assert_filled(CHUNKED, "0", 14, "3\r\nabc\r\n0\r\n\r\n", "");
    assert_filled(CHUNKED, "0", 15, "3\r\nabc\r\n0\r\n\r\n", "");
    assert_filled(CHUNKED, "0", 16, "3\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_SIZE");
}

/* Feeds `filler` without end and returns how many bytes were held until it was refused. */
static size_t held_in_flood(const char *before, const char *filler, const char *refusal)
{
    struct http1_wire wire;
    http1_wire_start(&wire);
    http1_wire_feed(&wire, shoal_view_of(before));
    size_t held = 0;
    for (size_t fed = 0; fed < 1 << 21 && !wire.is_over; fed += strlen(filler)) {
        http1_wire_feed(&wire, shoal_view_of(filler));
        if (!wire.is_over && wire.kept_size > held)
            held = wire.kept_size;
    }
    const char *found = strstr(http1_wire_log(&wire), "REFUSED ");
    assert_string_equal(found ? found + strlen("REFUSED ") : "accepted", refusal);
    http1_wire_free(&wire);
    return held;
}

static void floods_are_refused_and_hold_no_more_than_the_limits(void **state)
{
    (void)state;
    const size_t some = 150; /* the lines before, and a line is looked at when it is too long */
    assert_true(held_in_flood("", "A", "UNKNOWN_METHOD") < 8192 + some);
    assert_true(held_in_flood("GET /", "a", "LONG_TARGET") < 8192 + some);
    assert_true(held_in_flood(START, "a", "LARGE_FIELD") < 8192 + some);
    assert_true(held_in_flood(START "X: ", "a", "LARGE_FIELD") < 8192 + some);
    assert_true(held_in_flood(START, "X: 0123456789\r\n", "MANY_FIELDS") < 2000);
    assert_true(held_in_flood("", "\r\n", "EMPTY_LINES") < some);
    assert_true(held_in_flood(CHUNKED, "0", "BAD_CHUNK_SIZE") < some);
    assert_true(held_in_flood(CHUNKED "1;", "a", "CHUNK_OVERHEAD") < 256 + some);
    assert_true(held_in_flood(CHUNKED, "1;a\r\nx\r\n", "CHUNK_OVERHEAD") < some);
    assert_true(held_in_flood(CHUNKED "0\r\n", "X: y\r\n", "MANY_FIELDS") < 1000);
    assert_true(held_in_flood(CHUNKED "0\r\nX: ", "a", "LARGE_FIELD") < 8192 + some);
    assert_true(held_in_flood(CHUNKED, "10\r\n0123456789abcdef\r\n", "LARGE_BODY") < some);
}

static void long_lines_within_the_field_limit_still_fill_the_head(void **state)
{
    (void)state;
    char *line = build("X: ", "a", 4000, "\r\n");
    assert_in_range(held_in_flood(START, line, "LARGE_HEAD"), 25000, 32768);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_method_has_at_most_32_bytes),
        cmocka_unit_test(a_target_has_at_most_its_limit),
        cmocka_unit_test(a_field_line_has_at_most_its_limit),
        cmocka_unit_test(fields_are_counted_up_to_their_limit),
        cmocka_unit_test(a_head_has_at_most_its_limit),
        cmocka_unit_test(two_empty_lines_may_come_first),
        cmocka_unit_test(a_counted_body_has_at_most_its_limit),
        cmocka_unit_test(a_chunked_body_has_at_most_its_limit),
        cmocka_unit_test(trailers_have_the_limits_of_fields),
        cmocka_unit_test(a_chunk_extension_has_at_most_256_bytes),
        cmocka_unit_test(a_chunk_size_has_at_most_16_digits),
        cmocka_unit_test(floods_are_refused_and_hold_no_more_than_the_limits),
        cmocka_unit_test(long_lines_within_the_field_limit_still_fill_the_head),
    };
    return cmocka_run_group_tests_name("http1 limits", tests, NULL, NULL);
}
