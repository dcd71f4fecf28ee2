/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets: path and query, and how they are decoded. */
#include "proto/http/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void a_target_is_cut_at_its_first_question_mark(void **state)
{
    (void)state;
    struct shoal_view target = SHOAL_VIEW("/a?b?c=1");
    assert_true(shoal_view_equal(shoal__http_path_of(target), shoal_view("/a", 2)));
    assert_true(shoal_view_equal(shoal__http_query_of(target), shoal_view("b?c=1", 5)));
    struct shoal_view plain = SHOAL_VIEW("/a");
    assert_true(shoal_view_equal(shoal__http_path_of(plain), plain));
    assert_null(shoal__http_query_of(plain).data);
    assert_int_equal(shoal__http_query_of(shoal_view("/?", 2)).size, 0);
}

static void paths_are_decoded(void **state)
{
    (void)state;
    const char *cases[][2] = {
        {"/", "/"},         {"/a%20b", "/a b"},         {"/%2e%2E/x", "/../x"},
        {"/a%2fb", "/a/b"}, {"/%C3%bc+", "/\xc3\xbc+"}, {"/%25%32%30", "/%20"},
        {"/%ff", "/\xff"}};
    char room[32];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(shoal__http_path_decode(shoal_view_of(cases[i][0]), room));
        assert_string_equal(room, cases[i][1]);
    }
}

static void malformed_paths_are_refused(void **state)
{
    (void)state;
    const char *bad[] = {"", "a", "*", "/%", "/%2", "/%2g", "/%g2", "/%00", "/a%0", "/%+1", "/% 1"};
    char room[32];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(shoal__http_path_decode(shoal_view_of(bad[i]), room));
}

static const char *query(const char *text, const char *name)
{
    static char room[64];
    struct shoal_view value;
    if (!shoal__http_query_find(shoal_view_of(text), shoal_view_of(name), &value))
        return NULL;
    shoal__http_query_decode(value, room);
    return room;
}

static void queries_are_looked_up_by_decoded_names(void **state)
{
    (void)state;
    assert_string_equal(query("a=1&b=2&a=3", "a"), "1");
    assert_string_equal(query("a=1&b=2", "b"), "2");
    assert_string_equal(query("a+b=x", "a b"), "x");
    assert_string_equal(query("%61=x", "a"), "x");
    assert_string_equal(query("a", "a"), "");
    assert_string_equal(query("a&b", "b"), "");
    assert_string_equal(query("&&a=1", "a"), "1");
    assert_null(query("ab=1", "a"));
    assert_null(query("a=1", "ab"));
    assert_null(query("", "a"));
}

static void values_are_decoded_leniently(void **state)
{
    (void)state;
    assert_string_equal(query("a=x%20y+z", "a"), "x y z");
    assert_string_equal(query("a=b=c", "a"), "b=c");
    assert_string_equal(query("a=100%", "a"), "100%");
    assert_string_equal(query("a=%zz%4", "a"), "%zz%4");
    assert_string_equal(query("a=x%00y", "a"), "x%00y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_cut_at_its_first_question_mark),
        cmocka_unit_test(paths_are_decoded),
        cmocka_unit_test(malformed_paths_are_refused),
        cmocka_unit_test(queries_are_looked_up_by_decoded_names),
        cmocka_unit_test(values_are_decoded_leniently),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
