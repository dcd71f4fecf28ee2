/* SPDX-License-Identifier: BSD-3-Clause */
/* Which version the first bytes of a connection say, at every split. */
#include "proto/web/web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum { PREFACE = sizeof(preface) - 1 };

static void the_whole_preface_is_http2_and_a_part_says_nothing(void **state)
{
    (void)state;
    for (size_t size = 0; size < PREFACE; size++)
        assert_int_equal(shoal__web_sniff(shoal_view(preface, size)), SHOAL__WEB_UNDECIDED);
    assert_int_equal(shoal__web_sniff(shoal_view(preface, PREFACE)), SHOAL__WEB_HTTP2);
    assert_int_equal(shoal__web_sniff(shoal_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", 26)),
                     SHOAL__WEB_HTTP2);
}

static void one_wrong_byte_anywhere_is_http1(void **state)
{
    (void)state;
    for (size_t at = 0; at < PREFACE; at++) {
        char bytes[PREFACE];
        memcpy(bytes, preface, PREFACE);
        bytes[at] ^= 0x20;
        assert_int_equal(shoal__web_sniff(shoal_view(bytes, at)), SHOAL__WEB_UNDECIDED);
        assert_int_equal(shoal__web_sniff(shoal_view(bytes, at + 1)), SHOAL__WEB_HTTP1);
        assert_int_equal(shoal__web_sniff(shoal_view(bytes, PREFACE)), SHOAL__WEB_HTTP1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_preface_is_http2_and_a_part_says_nothing),
        cmocka_unit_test(one_wrong_byte_anywhere_is_http1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
