/* SPDX-License-Identifier: BSD-3-Clause */
/* The router: what matches, what wins, what is refused. */
#include "proto/http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "base/arena.h"
#include "support/failmalloc.h"

static void handle(struct shoal_http_request *req, void *arg)
{
    (void)req;
    (void)arg;
}

static int add(struct shoal__http_router *router, const char *method, const char *pattern)
{
    return shoal__http_router_add(router, method, pattern, handle, NULL);
}

static void must_add(struct shoal__http_router *router, const char *method, const char *pattern)
{
    assert_int_equal(add(router, method, pattern), 0);
}

/* What a look-up finds: the pattern, "405" or "404"; with values behind it, "pattern|value". */
static const char *found(const struct shoal__http_router *router, const char *method,
                         const char *path)
{
    static char text[256];
    struct shoal__http_match match;
    shoal__http_router_find(router, method, path, &match);
    if (!match.route)
        return match.path_known ? "405" : "404";
    int at = snprintf(text, sizeof(text), "%s", match.route->pattern);
    for (size_t i = 0; i < match.route->name_count; i++)
        at += snprintf(text + at, sizeof(text) - (size_t)at, "|%.*s", (int)match.values[i].size,
                       match.values[i].data);
    return text;
}

static void fixed_beats_parameter_beats_rest(void **state)
{
    (void)state;
    struct shoal__http_router router = {0};
    must_add(&router, "GET", "/{rest...}");
    must_add(&router, "GET", "/{name}");
    must_add(&router, "GET", "/hello");
    must_add(&router, "GET", "/");
    assert_string_equal(found(&router, "GET", "/hello"), "/hello");
    assert_string_equal(found(&router, "GET", "/bob"), "/{name}|bob");
    assert_string_equal(found(&router, "GET", "/hello/bob"), "/{rest...}|hello/bob");
    assert_string_equal(found(&router, "GET", "/hello/"), "/{rest...}|hello/");
    assert_string_equal(found(&router, "GET", "/"), "/");
    shoal__http_router_fini(&router);
}

static void a_search_comes_back_from_where_it_led_nowhere(void **state)
{
    (void)state;
    struct shoal__http_router router = {0};
    must_add(&router, "GET", "/a/b/c");
    must_add(&router, "GET", "/a/{x}/d");
    must_add(&router, "GET", "/{y}/b/e");
    must_add(&router, "GET", "/{z...}");
    assert_string_equal(found(&router, "GET", "/a/b/c"), "/a/b/c");
    assert_string_equal(found(&router, "GET", "/a/b/d"), "/a/{x}/d|b");
    assert_string_equal(found(&router, "GET", "/a/b/e"), "/{y}/b/e|a");
    assert_string_equal(found(&router, "GET", "/a/b/f"), "/{z...}|a/b/f");
    shoal__http_router_fini(&router);
}

static void a_parameter_is_one_segment_that_is_not_empty(void **state)
{
    (void)state;
    struct shoal__http_router router = {0};
    must_add(&router, "GET", "/u/{a}/x/{b}");
    assert_string_equal(found(&router, "GET", "/u/1/x/2"), "/u/{a}/x/{b}|1|2");
    assert_string_equal(found(&router, "GET", "/u//x/2"), "404");
    assert_string_equal(found(&router, "GET", "/u/1/x/"), "404");
    assert_string_equal(found(&router, "GET", "/u/1/x/2/3"), "404");
    assert_string_equal(found(&router, "GET", "/u/1/x"), "404");
    shoal__http_router_fini(&router);
}

static void a_rest_may_be_empty_but_needs_its_slash(void **state)
{
    (void)state;
    struct shoal__http_router router = {0};
    must_add(&router, "GET", "/files/{rest...}");
    assert_string_equal(found(&router, "GET", "/files/"), "/files/{rest...}|");
    assert_string_equal(found(&router, "GET", "/files/a/b"), "/files/{rest...}|a/b");
    assert_string_equal(found(&router, "GET", "/files//"), "/files/{rest...}|/");
    assert_string_equal(found(&router, "GET", "/files"), "404");
    assert_string_equal(found(&router, "GET", "/filesx"), "404");
    shoal__http_router_fini(&router);
}

static void a_slash_at_the_end_makes_another_path(void **state)
{
    (void)state;
    struct shoal__http_router router = {0};
    must_add(&router, "GET", "/a");
    must_add(&router, "GET", "/b/");
    assert_string_equal(found(&router, "GET", "/a/"), "404");
    assert_string_equal(found(&router, "GET", "/b"), "404");
    assert_string_equal(found(&router, "GET", "/b/"), "/b/");
    assert_string_equal(found(&router, "GET", "//a"), "404");
    shoal__http_router_fini(&router);
}

static void a_method_that_a_path_does_not_have_is_told_apart(void **state)
{
    (void)state;
    struct shoal__http_router router = {0};
    must_add(&router, "GET", "/a");
    must_add(&router, "PUT", "/b");
    must_add(&router, "POST", "/{x}");
    assert_string_equal(found(&router, "DELETE", "/a"), "405");
    assert_string_equal(found(&router, "POST", "/a"), "/{x}|a"); /* the less specific has it */
    assert_string_equal(found(&router, "GET", "/b"), "405");
    assert_string_equal(found(&router, "GET", "/a/b"), "404");
    struct shoal__http_match match;
    shoal__http_router_find(&router, "DELETE", "/b", &match);
    struct shoal__arena arena = {0};
    assert_string_equal(shoal__http_router_allow(&router, match.methods, false, &arena),
                        "PUT, POST, OPTIONS");
    assert_string_equal(shoal__http_router_allow(&router, 0, true, &arena),
                        "GET, PUT, POST, HEAD, OPTIONS");
    shoal__arena_fini(&arena);
    shoal__http_router_fini(&router);
}

static void head_is_served_by_get_unless_it_has_a_route(void **state)
{
    (void)state;
    struct shoal__http_router router = {0};
    struct shoal__http_match match;
    must_add(&router, "*", "/a");
    must_add(&router, "GET", "/a");
    shoal__http_router_find(&router, "HEAD", "/a", &match);
    assert_int_equal(match.route->method, 0);
    must_add(&router, "HEAD", "/a");
    shoal__http_router_find(&router, "HEAD", "/a", &match);
    assert_int_equal(match.route->method, 1);
    shoal__http_router_find(&router, "BREW", "/a", &match);
    assert_int_equal(match.route->method, SHOAL__HTTP_METHODS_MAX);
    shoal__http_router_fini(&router);
}

static void an_empty_router_knows_nothing(void **state)
{
    (void)state;
    struct shoal__http_router router = {0};
    assert_string_equal(found(&router, "GET", "/"), "404");
    shoal__http_router_fini(&router);
}

static void malformed_routes_are_refused(void **state)
{
    (void)state;
    struct shoal__http_router router = {0};
    const char *bad[] = {"",         "a",       "/{",     "/}",     "/{}",        "/{a",
                         "/a}",      "/{a}b",   "/b{a}",  "/{a b}", "/{...}",     "/{a...}/b",
                         "/{a}/{a}", "/{a}{b}", "/{a/b}", "/{a..}", "/{a}/{a...}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(add(&router, "GET", bad[i]), -SHOAL_EINVAL);
    const char *methods[] = {"", "get", "G T", "**", "G\n"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        assert_int_equal(add(&router, methods[i], "/a"), -SHOAL_EINVAL);
    assert_int_equal(add(&router, "GET",
                         "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}"
                         "/{o}/{p}/{q}"),
                     -SHOAL_EINVAL);
    assert_string_equal(found(&router, "GET", "/a"), "404");
    shoal__http_router_fini(&router);
}

static void the_same_route_twice_is_refused_whatever_its_names(void **state)
{
    (void)state;
    struct shoal__http_router router = {0};
    must_add(&router, "GET", "/a/{x}");
    must_add(&router, "PUT", "/a/{y}");
    must_add(&router, "GET", "/a/{x...}");
    must_add(&router, "*", "/a/{x}");
    assert_int_equal(add(&router, "GET", "/a/{other}"), -SHOAL_EBUSY);
    assert_int_equal(add(&router, "*", "/a/{other}"), -SHOAL_EBUSY);
    assert_int_equal(add(&router, "GET", "/a/{other...}"), -SHOAL_EBUSY);
    shoal__http_router_fini(&router);
}

static void a_thousand_routes_are_told_apart(void **state)
{
    (void)state;
    struct shoal__http_router router = {0};
    char pattern[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(pattern, sizeof(pattern), "/r%d/x", i * 7919 % 1000);
        must_add(&router, "GET", pattern);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(pattern, sizeof(pattern), "/r%d/x", i);
        assert_string_equal(found(&router, "GET", pattern), pattern);
    }
    assert_string_equal(found(&router, "GET", "/r1000/x"), "404");
    shoal__http_router_fini(&router);
}

static int add_many(struct shoal__http_router *router)
{
    static const char *const patterns[] = {"/", "/a/b", "/a/{x}", "/a/{x}/{y...}", "/b"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(patterns) / sizeof(patterns[0]); i++)
        rc = add(router, i % 2 ? "PUT" : "GET", patterns[i]);
    return rc;
}

static void every_failing_allocation_is_told_and_nothing_leaks(void **state)
{
    (void)state;
    int rc = -1;
    for (long k = 1; rc != 0; k++) {
        struct shoal__http_router router = {0};
        failmalloc_at(k);
        rc = add_many(&router);
        failmalloc_off();
        assert_true(rc == 0 || rc == -SHOAL_ENOMEM);
        found(&router, "GET", "/a/b");
        shoal__http_router_fini(&router);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_beats_parameter_beats_rest),
        cmocka_unit_test(a_search_comes_back_from_where_it_led_nowhere),
        cmocka_unit_test(a_parameter_is_one_segment_that_is_not_empty),
        cmocka_unit_test(a_rest_may_be_empty_but_needs_its_slash),
        cmocka_unit_test(a_slash_at_the_end_makes_another_path),
        cmocka_unit_test(a_method_that_a_path_does_not_have_is_told_apart),
        cmocka_unit_test(head_is_served_by_get_unless_it_has_a_route),
        cmocka_unit_test(an_empty_router_knows_nothing),
        cmocka_unit_test(malformed_routes_are_refused),
        cmocka_unit_test(the_same_route_twice_is_refused_whatever_its_names),
        cmocka_unit_test(a_thousand_routes_are_told_apart),
        cmocka_unit_test(every_failing_allocation_is_told_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
