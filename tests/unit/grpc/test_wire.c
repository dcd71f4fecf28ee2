/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages are checked before they are unpacked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <parcel.pb-c.h>

#include "base/arena.h"
#include "proto/grpc/wire.h"

static bool check(const void *bytes, size_t size, unsigned depth)
{
    return shoal__wire_check(&parcels__parcel__descriptor, shoal_view(bytes, size), depth);
}

static void what_protobuf_packs_passes_and_is_unpacked(void **state)
{
    (void)state;
    Parcels__Parcel inner = PARCELS__PARCEL__INIT, outer = PARCELS__PARCEL__INIT;
    inner.label = (char *)"gr\xc3\xbc\xc3\x9f";
    inner.count = UINT32_MAX;
    outer.inside = &inner;
    uint8_t packed[64];
    size_t size = parcels__parcel__pack(&outer, packed);
    assert_true(check(packed, size, 1));
    struct shoal__arena arena = {0};
    bool exhausted = false;
    const Parcels__Parcel *read = (const Parcels__Parcel *)shoal__wire_unpack(
        &parcels__parcel__descriptor, shoal_view(packed, size), &arena, &exhausted);
    assert_non_null(read);
    assert_string_equal(read->inside->label, inner.label);
    assert_int_equal(read->inside->count, UINT32_MAX);
    shoal__arena_fini(&arena);
}

static void malformed_messages_are_refused(void **state)
{
    (void)state;
    static const struct shoal_view bad[] = {
        SHOAL_VIEW("\x0a"),                                             /* no length */
        SHOAL_VIEW("\x0a\x02x"),                                        /* past the end */
        SHOAL_VIEW("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* 11 bytes */
        SHOAL_VIEW("\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"),     /* 65 bits */
        SHOAL_VIEW("\x18\x80"),                                         /* cut varint */
        SHOAL_VIEW("\x1b\x1c"),                                         /* a group */
        SHOAL_VIEW("\x1e"),                                             /* wire type 6 */
        SHOAL_VIEW("\x00\x00"),                                         /* field 0 */
        SHOAL_VIEW("\x0a\x01\xff"),                                     /* no UTF-8 */
        SHOAL_VIEW("\x22\x03\x0a\x01\xc0"),                             /* the same, inside */
        SHOAL_VIEW("\x29\x01"),                                         /* cut fixed64 */
        SHOAL_VIEW("\x2d\x01"),                                         /* cut fixed32 */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(check(bad[i].data, bad[i].size, 10));
}

static void unknown_fields_and_bytes_that_look_like_anything_pass(void **state)
{
    (void)state;
    assert_true(check("\x12\x03\xff\xff\xff", 5, 0));
    assert_true(check("\x4a\x02\xff\xff\x50\x07\x5d\1\2\3\4", 11, 0));
    assert_true(check("", 0, 0));
}

/* A message with `depth` others inside, from the inside out. */
static size_t nest(uint8_t *end, unsigned depth)
{
    size_t size = 0;
    for (unsigned i = 0; i < depth; i++) {
        size_t length = size;
        uint8_t varint[5];
        size_t varint_size = 0;
        do {
            varint[varint_size++] = (uint8_t)((length & 0x7f) | (length > 0x7f ? 0x80 : 0));
            length >>= 7;
        } while (length > 0);
        size += varint_size + 1;
        memcpy(end - size + 1, varint, varint_size);
        end[-(ptrdiff_t)size] = 0x22;
    }
    return size;
}

static void nesting_deeper_than_allowed_is_refused(void **state)
{
    (void)state;
    static uint8_t room[100000];
    uint8_t *end = room + sizeof(room);
    size_t size = nest(end, 100);
    assert_true(check(end - size, size, 100));
    assert_false(check(end - size, size, 99));
    size = nest(end, 10000);
    assert_false(check(end - size, size, 100));
}

static void a_message_that_would_grow_out_of_proportion_is_exhausted(void **state)
{
    (void)state;
    static uint8_t room[200000]; /* empty messages inside: two bytes each */
    for (size_t i = 0; i < sizeof(room); i++)
        room[i] = i % 2 ? 0 : 0x2a;
    struct shoal__arena arena = {0};
    bool exhausted = false;
    assert_true(check(room, sizeof(room), 1));
    assert_null(shoal__wire_unpack(&parcels__parcel__descriptor, shoal_view(room, sizeof(room)),
                                   &arena, &exhausted));
    assert_true(exhausted);
    shoal__arena_fini(&arena);
}

static void short_texts_in_messages_of_their_own_are_in_proportion(void **state)
{
    (void)state;
    static uint8_t room[200000]; /* a label of three letters in each */
    static const uint8_t inner[] = {0x2a, 5, 0x0a, 3, 'c', 'o', 'd'};
    const size_t size = sizeof(room) / sizeof(inner) * sizeof(inner);
    for (size_t i = 0; i < size; i++)
        room[i] = inner[i % sizeof(inner)];
    struct shoal__arena arena = {0};
    bool exhausted = false;
    assert_non_null(shoal__wire_unpack(&parcels__parcel__descriptor, shoal_view(room, size), &arena,
                                       &exhausted));
    shoal__arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_protobuf_packs_passes_and_is_unpacked),
        cmocka_unit_test(malformed_messages_are_refused),
        cmocka_unit_test(unknown_fields_and_bytes_that_look_like_anything_pass),
        cmocka_unit_test(nesting_deeper_than_allowed_is_refused),
        cmocka_unit_test(a_message_that_would_grow_out_of_proportion_is_exhausted),
        cmocka_unit_test(short_texts_in_messages_of_their_own_are_in_proportion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
