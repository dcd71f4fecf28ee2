/* SPDX-License-Identifier: BSD-3-Clause */
/* The key of the opening handshake and its answer. */
#include "proto/websocket/websocket_handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_answer(const char *key, const char *wanted)
{
    char accept[SHOAL__WEBSOCKET_ACCEPT_SIZE];
    assert_true(shoal__websocket_accept_key(shoal_view_of(key), accept));
    assert_string_equal(accept, wanted);
}

static void keys_are_answered_as_the_standard_says(void **state)
{
    (void)state;
    assert_answer("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_answer("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI=");
    assert_answer("/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g=");
}

static void what_is_not_sixteen_bytes_in_base64_is_no_key(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZR==",
        "dGhlIHNhbXBsZSBub25jZTE=",
        "dGhlIHNhbXBsZSBub25j-Q==",
        "dGhlIHNhbXBsZSBub25j Q==",
        "=====================Q==",
        "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
    };
    char accept[SHOAL__WEBSOCKET_ACCEPT_SIZE];
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_false(shoal__websocket_accept_key(shoal_view_of(keys[i]), accept));
    assert_false(shoal__websocket_accept_key(shoal_view(NULL, 0), accept));
    assert_false(shoal__websocket_accept_key(shoal_view("\0GhlIHNhbXBsZSBub25jZQ==", 24), accept));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_answered_as_the_standard_says),
        cmocka_unit_test(what_is_not_sixteen_bytes_in_base64_is_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
