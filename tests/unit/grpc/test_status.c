/* SPDX-License-Identifier: BSD-3-Clause */
/* Statuses, their names and digits, and the encoding of their texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/grpc/status.h"
#include "proto/http/stream.h"

static void every_status_has_its_name_and_digits(void **state)
{
    (void)state;
    assert_string_equal(shoal_grpc_status_name(SHOAL_GRPC_OK), "OK");
    assert_string_equal(shoal_grpc_status_name(SHOAL_GRPC_UNAUTHENTICATED), "UNAUTHENTICATED");
    assert_string_equal(shoal_grpc_status_name(17), "UNKNOWN");
    assert_string_equal(shoal_grpc_status_name(-1), "UNKNOWN");
    for (int status = 0; status <= 16; status++)
        assert_int_equal(shoal__grpc_status_parse(shoal__grpc_status_digits(status)), status);
    assert_int_equal(shoal__grpc_status_parse(shoal__grpc_status_digits(99)), SHOAL_GRPC_UNKNOWN);
}

static void what_is_no_status_is_unknown(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "17", "-1", "00", "1 ", "x", "4294967296"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(shoal__grpc_status_parse(shoal_view_of(bad[i])), SHOAL_GRPC_UNKNOWN);
}

static void resets_and_bare_http_statuses_mean_what_grpc_says(void **state)
{
    (void)state;
    assert_int_equal(shoal__grpc_status_of_reset(SHOAL__H2_CANCEL), SHOAL_GRPC_CANCELLED);
    assert_int_equal(shoal__grpc_status_of_reset(SHOAL__H2_REFUSED_STREAM), SHOAL_GRPC_UNAVAILABLE);
    assert_int_equal(shoal__grpc_status_of_reset(SHOAL__H2_ENHANCE_YOUR_CALM),
                     SHOAL_GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(shoal__grpc_status_of_reset(SHOAL__H2_PROTOCOL_ERROR), SHOAL_GRPC_INTERNAL);
    assert_int_equal(shoal__grpc_status_of_http(401), SHOAL_GRPC_UNAUTHENTICATED);
    assert_int_equal(shoal__grpc_status_of_http(404), SHOAL_GRPC_UNIMPLEMENTED);
    assert_int_equal(shoal__grpc_status_of_http(503), SHOAL_GRPC_UNAVAILABLE);
    assert_int_equal(shoal__grpc_status_of_http(302), SHOAL_GRPC_UNKNOWN);
}

static void a_text_is_encoded_so_that_no_byte_can_end_the_field(void **state)
{
    (void)state;
    static const struct shoal_view text = SHOAL_VIEW("100% \r\n\t\0 \xe2\x98\xba ~\x7f");
    static const char encoded[] = "100%25 %0D%0A%09%00 %E2%98%BA ~%7F";
    char out[64];
    assert_int_equal(shoal__grpc_percent_size(text), sizeof(encoded) - 1);
    shoal__grpc_percent_encode(text, out);
    assert_memory_equal(out, encoded, sizeof(encoded) - 1);
    size_t size = shoal__grpc_percent_decode(shoal_view(encoded, sizeof(encoded) - 1), out);
    assert_true(shoal_view_equal(shoal_view(out, size), text));
}

static void malformed_encoding_stays_as_it_is(void **state)
{
    (void)state;
    static const char *const texts[] = {"%", "%4", "%zz", "a%0", "%%41"};
    static const char *const read[] = {"%", "%4", "%zz", "a%0", "%A"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char out[8];
        size_t size = shoal__grpc_percent_decode(shoal_view_of(texts[i]), out);
        assert_true(shoal_view_equal(shoal_view(out, size), shoal_view_of(read[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_name_and_digits),
        cmocka_unit_test(what_is_no_status_is_unknown),
        cmocka_unit_test(resets_and_bare_http_statuses_mean_what_grpc_says),
        cmocka_unit_test(a_text_is_encoded_so_that_no_byte_can_end_the_field),
        cmocka_unit_test(malformed_encoding_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
