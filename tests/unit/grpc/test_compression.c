/* SPDX-License-Identifier: BSD-3-Clause */
/* Message encodings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/grpc/compression.h"

enum { ROOM = 100000 };
static char text[ROOM];

static struct shoal__grpc_codec *start(void)
{
    for (size_t i = 0; i < ROOM; i++)
        text[i] = (char)('a' + i / 7 % 20);
    return shoal__grpc_codec_create();
}

static void what_is_compressed_is_decompressed(void **state)
{
    (void)state;
    struct shoal__grpc_codec *codec = start();
    for (size_t size = 0; size <= ROOM; size = size * 3 + 1) {
        enum shoal__grpc_encoding encoding = size % 2 ? SHOAL__GRPC_GZIP : SHOAL__GRPC_DEFLATE;
        char *packed, *plain;
        size_t packed_size, plain_size;
        assert_int_equal(
            shoal__grpc_deflate(codec, encoding, shoal_view(text, size), 5, &packed, &packed_size),
            0);
        assert_null(shoal__grpc_inflate(codec, encoding, shoal_view(packed + 5, packed_size),
                                        (uint32_t)(size ? size : 1), &plain, &plain_size));
        assert_int_equal(plain_size, size);
        assert_memory_equal(plain, text, size);
        free(packed);
        free(plain);
    }
    shoal__grpc_codec_destroy(&codec);
}

static int inflate_status(struct shoal__grpc_codec *codec, struct shoal_view in, uint32_t max)
{
    char *plain = NULL;
    size_t size;
    const struct shoal__grpc_error *error =
        shoal__grpc_inflate(codec, SHOAL__GRPC_GZIP, in, max, &plain, &size);
    assert_true(error == NULL || plain == NULL);
    free(plain);
    return error ? error->status : SHOAL_GRPC_OK;
}

static void what_is_cut_broken_or_followed_is_wrong(void **state)
{
    (void)state;
    struct shoal__grpc_codec *codec = start();
    char *packed;
    size_t size;
    assert_int_equal(
        shoal__grpc_deflate(codec, SHOAL__GRPC_GZIP, shoal_view(text, 1000), 0, &packed, &size), 0);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(inflate_status(codec, shoal_view(packed, cut), 0), SHOAL_GRPC_INTERNAL);
    char *followed = malloc(size + 1);
    memcpy(followed, packed, size);
    followed[size] = 'x';
    assert_int_equal(inflate_status(codec, shoal_view(followed, size + 1), 0), SHOAL_GRPC_INTERNAL);
    followed[size - 6] = (char)(followed[size - 6] ^ 1); /* the checksum */
    assert_int_equal(inflate_status(codec, shoal_view(followed, size), 0), SHOAL_GRPC_INTERNAL);
    assert_int_equal(inflate_status(codec, shoal_view(packed, size), 0), SHOAL_GRPC_OK);
    free(followed);
    free(packed);
    shoal__grpc_codec_destroy(&codec);
}

static void more_than_the_limit_is_exhausted(void **state)
{
    (void)state;
    struct shoal__grpc_codec *codec = start();
    char *packed;
    size_t size;
    assert_int_equal(
        shoal__grpc_deflate(codec, SHOAL__GRPC_GZIP, shoal_view(text, ROOM), 0, &packed, &size), 0);
    assert_int_equal(inflate_status(codec, shoal_view(packed, size), ROOM), SHOAL_GRPC_OK);
    assert_int_equal(inflate_status(codec, shoal_view(packed, size), ROOM - 1),
                     SHOAL_GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(inflate_status(codec, shoal_view(packed, size), 1),
                     SHOAL_GRPC_RESOURCE_EXHAUSTED);
    free(packed);
    shoal__grpc_codec_destroy(&codec);
}

static void encodings_are_negotiated_by_name(void **state)
{
    (void)state;
    enum shoal__grpc_encoding encoding = SHOAL__GRPC_IDENTITY;
    assert_true(shoal__grpc_encoding_parse(shoal_view_of("deflate"), &encoding));
    assert_int_equal(encoding, SHOAL__GRPC_DEFLATE);
    assert_false(shoal__grpc_encoding_parse(shoal_view_of("br"), &encoding));
    assert_false(shoal__grpc_encoding_parse(shoal_view_of("GZIP "), &encoding));
    assert_int_equal(shoal__grpc_encoding_choose(shoal_view_of("identity, deflate, gzip")),
                     SHOAL__GRPC_GZIP);
    assert_int_equal(shoal__grpc_encoding_choose(shoal_view_of("br,deflate")), SHOAL__GRPC_DEFLATE);
    assert_int_equal(shoal__grpc_encoding_choose(shoal_view_of("")), SHOAL__GRPC_IDENTITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_compressed_is_decompressed),
        cmocka_unit_test(what_is_cut_broken_or_followed_is_wrong),
        cmocka_unit_test(more_than_the_limit_is_exhausted),
        cmocka_unit_test(encodings_are_negotiated_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
