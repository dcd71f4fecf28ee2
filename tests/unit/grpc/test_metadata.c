/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata: base64, names, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "base/arena.h"
#include "proto/grpc/metadata.h"

static void base64_is_read_with_and_without_padding(void **state)
{
    (void)state;
    static const char *const good[][2] = {{"", ""},          {"YQ==", "a"}, {"YQ", "a"},
                                          {"YWI=", "ab"},    {"YWI", "ab"}, {"YWJj", "abc"},
                                          {"YWJjZA", "abcd"}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char out[16];
        size_t size;
        assert_true(shoal__grpc_base64_decode(shoal_view_of(good[i][0]), out, &size));
        assert_true(shoal_view_equal(shoal_view(out, size), shoal_view_of(good[i][1])));
    }
}

static void what_is_no_base64_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "=", "==", "Y", "YQ=", "Y===", "Y Q", "YQ=Q", "YW!j", "YWJjZ", "\xff\xff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char out[16];
        size_t size;
        assert_false(shoal__grpc_base64_decode(shoal_view_of(bad[i]), out, &size));
    }
}

static void any_bytes_come_through_base64(void **state)
{
    (void)state;
    char bytes[200], text[300], back[300];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 37);
    for (size_t size = 0; size < sizeof(bytes); size++) {
        size_t text_size = shoal__grpc_base64_size(size), back_size;
        shoal__grpc_base64_encode(shoal_view(bytes, size), text);
        assert_true(shoal__grpc_base64_room(text_size) <= sizeof(back));
        assert_true(shoal__grpc_base64_decode(shoal_view(text, text_size), back, &back_size));
        assert_true(shoal_view_equal(shoal_view(bytes, size), shoal_view(back, back_size)));
    }
}

static const struct shoal__grpc_metadata_limits limits = {3, 100};

static const struct shoal__grpc_error *read_fields(struct shoal__grpc_metadata *metadata,
                                                   struct shoal__arena *arena,
                                                   const char *const *pairs, size_t count)
{
    struct shoal__http_field fields[8];
    for (size_t i = 0; i < count; i++)
        fields[i] = (struct shoal__http_field){shoal_view_of(pairs[2 * i]),
                                               shoal_view_of(pairs[2 * i + 1])};
    *metadata = (struct shoal__grpc_metadata){0};
    return shoal__grpc_metadata_read(metadata, arena, fields, count, true, &limits);
}

static void our_own_fields_are_no_metadata_and_joined_values_are_several(void **state)
{
    (void)state;
    static const char *const pairs[] = {"te",   "trailers", "grpc-timeout", "1S",
                                        "name", "value",    "x-bin",        "YQ, Yg=="};
    struct shoal__arena arena = {0};
    struct shoal__grpc_metadata metadata;
    assert_null(read_fields(&metadata, &arena, pairs, 4));
    assert_int_equal(metadata.count, 3);
    assert_true(shoal_view_equal(shoal__grpc_metadata_find(&metadata, shoal_view_of("name")),
                                 shoal_view_of("value")));
    assert_true(shoal_view_equal(metadata.items[1].value, shoal_view_of("a")));
    assert_true(shoal_view_equal(metadata.items[2].value, shoal_view_of("b")));
    assert_null(shoal__grpc_metadata_find(&metadata, shoal_view_of("te")).data);
    shoal__arena_fini(&arena);
}

static void limits_are_kept(void **state)
{
    (void)state;
    static const char *const many[] = {"a", "", "b", "", "c", "", "d", ""};
    static const char *const wide[] = {
        "a", "0123456789012345678901234567890123456789012345678901234567890123456789"
             "0123456789012345678901234567890"};
    static const char *const joined[] = {"x-bin", "YQ,YQ,YQ,YQ"};
    struct shoal__arena arena = {0};
    struct shoal__grpc_metadata metadata;
    assert_null(read_fields(&metadata, &arena, many, 3));
    assert_int_equal(read_fields(&metadata, &arena, many, 4)->status,
                     SHOAL_GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(read_fields(&metadata, &arena, wide, 1)->status,
                     SHOAL_GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(read_fields(&metadata, &arena, joined, 1)->status,
                     SHOAL_GRPC_RESOURCE_EXHAUSTED);
    shoal__arena_fini(&arena);
}

static void only_what_may_be_sent_is_added(void **state)
{
    (void)state;
    struct shoal__arena arena = {0};
    struct shoal__http_fields fields = {0};
    struct shoal_view value = shoal_view_of("v");
    static const char *const bad[] = {"", "A", "a b", "grpc-x", "te", "content-type", "a\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(shoal__grpc_metadata_add(&fields, &arena, shoal_view_of(bad[i]), value),
                         -SHOAL_EINVAL);
    assert_int_equal(
        shoal__grpc_metadata_add(&fields, &arena, shoal_view_of("a"), shoal_view_of("\r\n")),
        -SHOAL_EINVAL);
    assert_int_equal(shoal__grpc_metadata_add(&fields, &arena, shoal_view_of("a_b.c-d"), value), 0);
    assert_int_equal(
        shoal__grpc_metadata_add(&fields, &arena, shoal_view_of("x-bin"), shoal_view("\n\0", 2)),
        0);
    assert_int_equal(fields.count, 2);
    assert_true(shoal_view_equal(fields.items[1].value, shoal_view_of("CgA")));
    shoal__arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_read_with_and_without_padding),
        cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(any_bytes_come_through_base64),
        cmocka_unit_test(our_own_fields_are_no_metadata_and_joined_values_are_several),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(only_what_may_be_sent_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
