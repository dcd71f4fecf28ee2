/* SPDX-License-Identifier: BSD-3-Clause */
/* Authorities: what is a host with or without a port, and what is not. */
#include "proto/http/authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool is_authority(const char *text)
{
    return shoal__http_is_authority(shoal_view_of(text), false);
}

static void hosts_with_or_without_a_port_are_authorities(void **state)
{
    (void)state;
    static const char *const good[] = {
        "h",       "example.org", "example.org:80", "h:",    "h:0",           "h:65535",
        "h:00080", "127.0.0.1:1", "a-b_c~d.E",      "[::1]", "[fe80::A]:443", "[::1.2.3.4]"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (!is_authority(good[i]))
            fail_msg("%s is refused", good[i]);
}

static void what_has_no_host_or_no_number_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",         ":",       ":80",      "h:x",      "h:8/",  "h:8:",
        "h:-1",     "h:65536", "[",        "[]",       "[:]",   "[::1",
        "[::1]x",   "[::1x",   "[::1x:80", "::1",      "[g::]", "h:99999999999999",
        "u@h",      "h/",      "h?",       "h#",       "h%41",  "a,b",
        "a b",      " h",      "h ",       "h\t",      "h\r\n", "h\x7f",
        "\xc3\xa4", "h:8 ",    "[::1] ",   "http://h",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (is_authority(bad[i]))
            fail_msg("%s is taken", bad[i]);
    assert_false(shoal__http_is_authority(shoal_view("h\0i", 3), false));
    assert_false(shoal__http_is_authority(shoal_view(NULL, 0), false));
}

static void a_port_may_be_needed(void **state)
{
    (void)state;
    assert_true(shoal__http_is_authority(shoal_view_of("h:1"), true));
    assert_true(shoal__http_is_authority(shoal_view_of("[::1]:1"), true));
    assert_false(shoal__http_is_authority(shoal_view_of("h"), true));
    assert_false(shoal__http_is_authority(shoal_view_of("h:"), true));
    assert_false(shoal__http_is_authority(shoal_view_of("[::1]"), true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_with_or_without_a_port_are_authorities),
        cmocka_unit_test(what_has_no_host_or_no_number_is_none),
        cmocka_unit_test(a_port_may_be_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
