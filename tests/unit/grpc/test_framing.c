/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages out of bytes that are cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/grpc/framing.h"

enum { MOST = 1 << 20 };

/* Two messages, the first flagged, and an empty one. */
static const struct shoal_view stream = SHOAL_VIEW("\1\0\0\0\5hello\0\0\0\0\0\0\0\0\0\3you");

/* Reads a piece; what comes is written down as "h:hello" or "p:". */
static void read_piece(struct shoal__grpc_reader *reader, struct shoal_view piece, char *notes)
{
    bool whole = true;
    while (whole) {
        struct shoal__grpc_message message;
        assert_null(shoal__grpc_read(reader, &piece, MOST, &whole, &message));
        if (!whole)
            continue;
        strcat(notes, message.compressed ? "c:" : "p:");
        strncat(notes, message.payload.data ? message.payload.data : "", message.payload.size);
        strcat(notes, " ");
        whole = piece.size > 0;
    }
    assert_int_equal(piece.size, 0);
}

static void however_it_is_cut_the_messages_are_the_same(void **state)
{
    (void)state;
    for (size_t cut = 1; cut <= stream.size; cut++) {
        struct shoal__grpc_reader reader = {0};
        char notes[100] = "";
        for (size_t at = 0; at < stream.size; at += cut) {
            size_t left = stream.size - at;
            read_piece(&reader, shoal_view(stream.data + at, cut < left ? cut : left), notes);
        }
        assert_string_equal(notes, "c:hello p: p:you ");
        assert_true(shoal__grpc_reader_is_between(&reader));
        shoal__grpc_reader_fini(&reader);
    }
}

static void a_message_in_one_piece_is_not_copied(void **state)
{
    (void)state;
    struct shoal__grpc_reader reader = {0};
    struct shoal__grpc_message message;
    struct shoal_view in = stream;
    bool whole;
    assert_null(shoal__grpc_read(&reader, &in, MOST, &whole, &message));
    assert_true(whole);
    assert_ptr_equal(message.payload.data, stream.data + SHOAL__GRPC_PREFIX);
    assert_int_equal(shoal__grpc_reader_held(&reader), 0);
}

static void a_cut_message_leaves_the_reader_amid_it(void **state)
{
    (void)state;
    for (size_t size = 1; size < 10; size++) {
        struct shoal__grpc_reader reader = {0};
        char notes[100] = "";
        read_piece(&reader, shoal_view(stream.data, size), notes);
        assert_string_equal(notes, "");
        assert_false(shoal__grpc_reader_is_between(&reader));
        shoal__grpc_reader_fini(&reader);
    }
}

static const struct shoal__grpc_error *read_error(const void *bytes, size_t size)
{
    struct shoal__grpc_reader reader = {0};
    struct shoal__grpc_message message;
    struct shoal_view in = shoal_view(bytes, size);
    bool whole;
    const struct shoal__grpc_error *error = shoal__grpc_read(&reader, &in, MOST, &whole, &message);
    assert_int_equal(shoal__grpc_reader_held(&reader), 0);
    return error;
}

static void flags_but_0_and_1_are_wrong_at_their_first_byte(void **state)
{
    (void)state;
    for (unsigned flag = 2; flag < 256; flag++) {
        uint8_t byte = (uint8_t)flag;
        assert_int_equal(read_error(&byte, 1)->status, SHOAL_GRPC_INTERNAL);
    }
}

static void a_length_over_the_limit_is_wrong_before_anything_is_gathered(void **state)
{
    (void)state;
    assert_int_equal(read_error("\0\0\x10\0\1", 5)->status, SHOAL_GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(read_error("\0\xff\xff\xff\xff", 5)->status, SHOAL_GRPC_RESOURCE_EXHAUSTED);
    assert_null(read_error("\0\0\x10\0\0", 5));
}

static void memory_grows_with_what_came_not_with_what_was_announced(void **state)
{
    (void)state;
    struct shoal__grpc_reader reader = {0};
    char notes[100] = "";
    read_piece(&reader, shoal_view("\0\0\x10\0\0abc", 8), notes);
    assert_true(shoal__grpc_reader_held(&reader) <= 4096);
    assert_true(shoal__grpc_reader_held(&reader) >= 3);
    shoal__grpc_reader_fini(&reader);
}

static void a_written_prefix_is_read(void **state)
{
    (void)state;
    uint8_t prefix[SHOAL__GRPC_PREFIX];
    shoal__grpc_prefix_write(prefix, true, 0x12345678);
    assert_memory_equal(prefix, "\1\x12\x34\x56\x78", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(however_it_is_cut_the_messages_are_the_same),
        cmocka_unit_test(a_message_in_one_piece_is_not_copied),
        cmocka_unit_test(a_cut_message_leaves_the_reader_amid_it),
        cmocka_unit_test(flags_but_0_and_1_are_wrong_at_their_first_byte),
        cmocka_unit_test(a_length_over_the_limit_is_wrong_before_anything_is_gathered),
        cmocka_unit_test(memory_grows_with_what_came_not_with_what_was_announced),
        cmocka_unit_test(a_written_prefix_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
