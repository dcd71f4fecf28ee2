/* SPDX-License-Identifier: BSD-3-Clause */
/* Needles: what is written is read, nothing else is, and a needle counts at its own place only. */
#include "box.h"

#include <string.h>

static const struct needle sample = {
    .key = {"cat", 3},
    .type = {"image/png", 9},
    .body_size = 1000,
    .sequence = 7,
    .modified_ms = 1700000000123,
    .body_sum = 0x1234567890abcdef,
    .synced = 4096,
};

static void a_head_is_read_as_it_was_written(void **state)
{
    (void)state;
    uint8_t head[NEEDLE_HEAD_MAX];
    struct needle back;
    size_t size = needle_encode_head(&sample, 42, 64, head);
    assert_int_equal(size, needle_head_size(3, 9));
    assert_true(needle_decode_head(head, size, 42, 64, &back));
    assert_true(shoal_view_equal(back.key, sample.key));
    assert_true(shoal_view_equal(back.type, sample.type));
    assert_int_equal(back.body_size, sample.body_size);
    assert_int_equal(back.sequence, sample.sequence);
    assert_int_equal(back.modified_ms, sample.modified_ms);
    assert_int_equal(back.body_sum, sample.body_sum);
    assert_int_equal(back.synced, sample.synced);
    assert_false(back.deleted);
}

static void a_head_with_any_bit_turned_is_none(void **state)
{
    (void)state;
    uint8_t head[NEEDLE_HEAD_MAX];
    struct needle back;
    size_t size = needle_encode_head(&sample, 42, 64, head);
    for (size_t bit = 0; bit < size * 8; bit++) {
        head[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(needle_decode_head(head, size, 42, 64, &back));
        head[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_head_counts_in_its_volume_and_at_its_place_only(void **state)
{
    (void)state;
    uint8_t head[NEEDLE_HEAD_MAX];
    struct needle back;
    size_t size = needle_encode_head(&sample, 42, 64, head);
    assert_false(needle_decode_head(head, size, 43, 64, &back));
    assert_false(needle_decode_head(head, size, 42, 72, &back));
    assert_false(needle_decode_head(head, size - 1, 42, 64, &back));
}

static void every_size_ends_aligned_and_with_its_footer(void **state)
{
    (void)state;
    for (uint64_t body = 0; body < 20; body++) {
        uint8_t head[NEEDLE_HEAD_MAX], tail[NEEDLE_TAIL_MAX];
        struct needle needle = sample;
        needle.body_size = body;
        size_t size = needle_encode_head(&needle, 42, 64, head) + body;
        size += needle_encode_tail(head, body, tail);
        assert_int_equal(size, needle_size(3, 9, body));
        assert_int_equal(size % NEEDLE_ALIGN, 0);
        assert_true(needle_tail_matches(head, body, tail));
        tail[0] ^= 1;
        assert_false(needle_tail_matches(head, body, tail));
    }
}

static void a_volume_header_is_read_as_it_was_written_and_not_otherwise(void **state)
{
    (void)state;
    struct volume_header header = {1, 2, 3}, back;
    uint8_t bytes[VOLUME_HEADER_SIZE];
    volume_header_encode(&header, bytes);
    assert_true(volume_header_decode(bytes, &back));
    assert_memory_equal(&header, &back, sizeof(header));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] ^= 1;
        assert_false(volume_header_decode(bytes, &back));
        bytes[i] ^= 1;
    }
}

static void keys_are_utf8_without_control_characters(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "a/b", "Kätzchen", "\xe7\x8c\xab", "\xf0\x9f\x90\x9f"};
    static const char *const bad[] = {"",
                                      "\n",
                                      "a\x7f",
                                      "\xc2\x80",
                                      "\xc0\xaf",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80",
                                      "\xff",
                                      "\xe7\x8c",
                                      "\xf8\x88\x80\x80\x80"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(key_is_valid(shoal_view_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(key_is_valid(shoal_view_of(bad[i])));
    char longest[KEY_MAX + 1];
    memset(longest, 'k', sizeof(longest));
    assert_true(key_is_valid(shoal_view(longest, KEY_MAX)));
    assert_false(key_is_valid(shoal_view(longest, KEY_MAX + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_read_as_it_was_written),
        cmocka_unit_test(a_head_with_any_bit_turned_is_none),
        cmocka_unit_test(a_head_counts_in_its_volume_and_at_its_place_only),
        cmocka_unit_test(every_size_ends_aligned_and_with_its_footer),
        cmocka_unit_test(a_volume_header_is_read_as_it_was_written_and_not_otherwise),
        cmocka_unit_test(keys_are_utf8_without_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
