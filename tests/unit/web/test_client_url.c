/* SPDX-License-Identifier: BSD-3-Clause */
/* URLs taken apart and references resolved: RFC 3986's own examples, and what is refused. */
#include "proto/web/client_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "base/arena.h"

/* "tls host port authority target" */
static const char *parts(const char *text)
{
    static char out[512];
    struct shoal__client_url url;
    if (shoal__client_url_parse(text, &url) < 0)
        return "refused";
    snprintf(out, sizeof(out), "%s %.*s %u %.*s %.*s", url.tls ? "tls" : "plain",
             (int)url.host.size, url.host.data, url.port, (int)url.authority.size,
             url.authority.data, (int)url.target.size, url.target.data);
    return out;
}

static void a_url_is_taken_apart(void **state)
{
    (void)state;
    assert_string_equal(parts("http://a.b/c?d"), "plain a.b 80 a.b /c?d");
    assert_string_equal(parts("https://a.b/c#d"), "tls a.b 443 a.b /c");
    assert_string_equal(parts("http://a:8080"), "plain a 8080 a:8080 ");
    assert_string_equal(parts("http://a?q"), "plain a 80 a ?q");
    assert_string_equal(parts("HTTPS://A:443/"), "tls A 443 A /");
    assert_string_equal(parts("http://a:/x"), "plain a 80 a /x");
    assert_string_equal(parts("http://[::1]:81/x"), "plain [::1] 81 [::1]:81 /x");
    assert_string_equal(parts("https://127.0.0.1"), "tls 127.0.0.1 443 127.0.0.1 ");
    assert_string_equal(parts("http://a/b:c@d"), "plain a 80 a /b:c@d");
}

static void what_is_no_url_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "a",
        "/a",
        "http:",
        "http:/a",
        "http://",
        "http:///a",
        "ftp://a/",
        "http://a b/",
        "http://a/ b",
        "http://a/\n",
        "http://u@a/",
        "http://u:p@a/",
        "http://a:b/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:1:2/",
        "http://[::1",
        "http://[::1]x/",
        "http://[]/",
        "http://a\\b/",
        "http://a%41/",
        "http://\xc3\xa4/",
        "http://a/\xc3\xa4",
        "http://a/\x7f",
        "javascript:alert(1)",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (strcmp(parts(bad[i]), "refused") != 0)
            fail_msg("\"%s\" was not refused: %s", bad[i], parts(bad[i]));
    }
}

static void expect_resolved(const char *base, const char *reference, const char *result)
{
    struct shoal__arena arena = {0};
    const char *url = shoal__client_url_resolve(&arena, base, shoal_view_of(reference));
    assert_non_null(url);
    if (strcmp(url, result) != 0)
        fail_msg("\"%s\" is \"%s\", not \"%s\"", reference, url, result);
    shoal__arena_fini(&arena);
}

/* RFC 3986 §5.4; fragments are dropped when the result is parsed, so here they may stay. */
static void references_are_resolved_as_the_rfc_says(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"g#s", "http://a/b/c/g#s"},
        {"g?y#s", "http://a/b/c/g?y#s"},
        {";x", "http://a/b/c/;x"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
        expect_resolved("http://a/b/c/d;p?q", pairs[i][0], pairs[i][1]);
}

static void a_base_without_path_has_the_root(void **state)
{
    (void)state;
    expect_resolved("http://a", "g", "http://a/g");
    expect_resolved("http://a?q", "g", "http://a/g");
    expect_resolved("http://a", "?y", "http://a?y");
    expect_resolved("https://a:8443/x", "/y", "https://a:8443/y");
    expect_resolved("http://a#f", "g", "http://a/g");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_is_taken_apart),
        cmocka_unit_test(what_is_no_url_is_refused),
        cmocka_unit_test(references_are_resolved_as_the_rfc_says),
        cmocka_unit_test(a_base_without_path_has_the_root),
    };
    return cmocka_run_group_tests_name("client URLs", tests, NULL, NULL);
}
