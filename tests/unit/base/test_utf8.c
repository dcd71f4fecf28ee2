/* SPDX-License-Identifier: BSD-3-Clause */
/* Strict UTF-8, whole and in pieces. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Encodes any number below 2^21 in `size` bytes, whether that is allowed or not. */
static struct shoal_view encode(char out[4], uint32_t code, size_t size)
{
    static const uint8_t lead[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    for (size_t i = size; i-- > 1; code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[size] | code);
    return shoal_view(out, size);
}

static size_t shortest(uint32_t code)
{
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

static void every_code_point_but_surrogates_is_valid_in_its_shortest_form(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char bytes[4];
        bool allowed = code < 0xd800 || code > 0xdfff;
        struct shoal_view text = encode(bytes, code, shortest(code));
        assert_int_equal(shoal__utf8_is_valid(text), allowed);
        assert_int_equal(shoal__utf8_char_size(text), allowed ? text.size : 0);
    }
}

static void no_overlong_form_is_valid(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x10000; code++) {
        for (size_t size = shortest(code) + 1; size <= 4; size++) {
            char bytes[4];
            assert_false(shoal__utf8_is_valid(encode(bytes, code, size)));
        }
    }
}

static void nothing_above_10ffff_is_valid(void **state)
{
    (void)state;
    char bytes[4];
    for (uint32_t code = 0x110000; code < 0x200000; code += 0x101)
        assert_false(shoal__utf8_is_valid(encode(bytes, code, 4)));
    assert_false(shoal__utf8_is_valid(shoal_view_of("\xf8\x88\x80\x80\x80")));
    assert_false(shoal__utf8_is_valid(shoal_view_of("\xff")));
}

static void a_text_that_ends_inside_a_character_is_not_valid(void **state)
{
    (void)state;
    const char *cut[] = {"\xc3", "\xe2\x82", "\xe2", "\xf0\x9f\x90", "fish\xf0"};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++)
        assert_false(shoal__utf8_is_valid(shoal_view_of(cut[i])));
    assert_false(shoal__utf8_is_valid(shoal_view_of("\x80")));
    assert_false(shoal__utf8_is_valid(shoal_view_of("\xc3(")));
    assert_true(shoal__utf8_is_valid(shoal_view(NULL, 0)));
}

static void a_bad_byte_is_found_at_every_place_of_a_long_text(void **state)
{
    (void)state;
    char text[40];
    for (size_t size = 1; size <= sizeof text; size++) {
        memset(text, 'a', size);
        assert_true(shoal__utf8_is_valid(shoal_view(text, size)));
        for (size_t bad = 0; bad < size; bad++) {
            text[bad] = (char)0xbf;
            assert_false(shoal__utf8_is_valid(shoal_view(text, size)));
            text[bad] = 'a';
        }
    }
}

static void a_text_may_be_cut_anywhere(void **state)
{
    (void)state;
    struct shoal_view text = shoal_view_of("ab\xc3\xb6 \xe2\x82\xac 0123456789 \xf0\x9f\x90\x9f!");
    for (size_t cut = 0; cut <= text.size; cut++) {
        struct shoal__utf8 utf8 = {0};
        bool inside = cut < text.size && ((uint8_t)text.data[cut] & 0xc0) == 0x80;
        assert_true(shoal__utf8_feed(&utf8, shoal_view(text.data, cut)));
        assert_int_equal(shoal__utf8_is_complete(&utf8), !inside);
        assert_true(shoal__utf8_feed(&utf8, shoal_view_from(text, cut)));
        assert_true(shoal__utf8_is_complete(&utf8));
    }
}

static void a_piece_is_refused_at_its_first_bad_byte(void **state)
{
    (void)state;
    struct shoal__utf8 utf8 = {0};
    assert_true(shoal__utf8_feed(&utf8, shoal_view_of("\xed")));
    assert_false(shoal__utf8_feed(&utf8, shoal_view_of("\xa0")));
}

static void the_size_of_no_character_is_zero(void **state)
{
    (void)state;
    assert_int_equal(shoal__utf8_char_size(shoal_view(NULL, 0)), 0);
    assert_int_equal(shoal__utf8_char_size(shoal_view_of("\xe2\x82")), 0);
    assert_int_equal(shoal__utf8_char_size(shoal_view_of("\xe2(\xa1")), 0);
    assert_int_equal(shoal__utf8_char_size(shoal_view_of("\xe2\x82\xac!")), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_but_surrogates_is_valid_in_its_shortest_form),
        cmocka_unit_test(no_overlong_form_is_valid),
        cmocka_unit_test(nothing_above_10ffff_is_valid),
        cmocka_unit_test(a_text_that_ends_inside_a_character_is_not_valid),
        cmocka_unit_test(a_bad_byte_is_found_at_every_place_of_a_long_text),
        cmocka_unit_test(a_text_may_be_cut_anywhere),
        cmocka_unit_test(a_piece_is_refused_at_its_first_bad_byte),
        cmocka_unit_test(the_size_of_no_character_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
