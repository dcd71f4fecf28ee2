/* SPDX-License-Identifier: BSD-3-Clause */
/* The application: who gets a request, and what is answered where nobody does. */
#include "http_rig.h"

#include <string.h>

static char trace[128];
static struct shoal_http_request *held;

static void note(const char *word)
{
    strcat(trace, trace[0] ? " " : "");
    strcat(trace, word);
}

static void handler(struct shoal_http_request *req, void *arg)
{
    note(arg ? arg : "handler");
    shoal_http_reply(req, 200, "text/plain", "%s", shoal_http_pattern(req));
}

static void pass(struct shoal_http_request *req, void *arg)
{
    note(arg);
    shoal_http_next(req);
}

static void hold(struct shoal_http_request *req, void *arg)
{
    note(arg);
    held = req;
}

static void answer(struct shoal_http_request *req, void *arg)
{
    note(arg);
    shoal_http_reply_status(req, 403);
    shoal_http_next(req); /* too late: does nothing */
}

static int start(void **state)
{
    trace[0] = '\0';
    held = NULL;
    return http_rig_start(state);
}

static void a_request_reaches_its_handler(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/hello/{name}", handler, NULL);
    struct rig_stream *stream = http_rig_get(rig, "/hello/bob?x=1");
    assert_int_equal(stream->status, 200);
    assert_body(stream, "/hello/{name}");
    assert_string(trace, "handler");
}

static void what_no_pattern_matches_is_404(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/a", handler, NULL);
    struct rig_stream *stream = http_rig_get(rig, "/b");
    assert_int_equal(stream->status, 404);
    assert_body(stream, "404 Not Found\n");
    assert_true(stream->ended);
    assert_null(http_rig_field(stream, "Allow"));
}

static void a_method_the_path_does_not_have_is_405_with_allow(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/a", handler, NULL);
    http_rig_route(rig, "PUT", "/a", handler, NULL);
    struct rig_stream *stream = http_rig_ask(rig, "DELETE", "/a", NULL);
    assert_int_equal(stream->status, 405);
    assert_string(http_rig_field(stream, "Allow"), "GET, PUT, HEAD, OPTIONS");
}

static void options_is_answered_by_itself(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/a", handler, NULL);
    http_rig_route(rig, "POST", "/b", handler, NULL);
    struct rig_stream *stream = http_rig_ask(rig, "OPTIONS", "/a", NULL);
    assert_int_equal(stream->status, 204);
    assert_string(http_rig_field(stream, "Allow"), "GET, HEAD, OPTIONS");
    stream = http_rig_ask(rig, "OPTIONS", "*", NULL);
    assert_int_equal(stream->status, 204);
    assert_string(http_rig_field(stream, "Allow"), "GET, POST, HEAD, OPTIONS");
    assert_int_equal(http_rig_ask(rig, "OPTIONS", "/c", NULL)->status, 404);
}

static void options_with_a_route_is_the_route_s(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "OPTIONS", "/a", handler, NULL);
    assert_int_equal(http_rig_ask(rig, "OPTIONS", "/a", NULL)->status, 200);
    http_rig_route(rig, "*", "/b", handler, NULL);
    assert_int_equal(http_rig_ask(rig, "OPTIONS", "/b", NULL)->status, 200);
}

static void a_get_route_answers_head_without_the_body(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/a", handler, NULL);
    struct rig_stream *stream = http_rig_ask(rig, "HEAD", "/a", NULL);
    assert_int_equal(stream->status, 200);
    assert_int_equal(stream->length, 2);
    assert_body(stream, "");
    assert_true(stream->ended);
}

static void bad_paths_are_refused_before_anybody_sees_them(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "*", "/{all...}", handler, NULL);
    assert_int_equal(shoal_http_use(rig->app, pass, "seen"), 0);
    const char *bad[] = {"/%00", "/%zz", "/a%2", "x", "*"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct rig_stream *stream = http_rig_get(rig, bad[i]);
        assert_int_equal(stream->status, 400);
        http_rig_close(stream, SHOAL__H2_NO_ERROR);
    }
    assert_int_equal(http_rig_ask(rig, "CONNECT", "", NULL)->status, 400);
    assert_string(trace, "");
}

static void middleware_comes_first_and_in_order(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/a", handler, NULL);
    assert_int_equal(shoal_http_use(rig->app, pass, "one"), 0);
    assert_int_equal(shoal_http_use(rig->app, pass, "two"), 0);
    http_rig_get(rig, "/a");
    assert_string(trace, "one two handler");
    trace[0] = '\0';
    assert_int_equal(http_rig_get(rig, "/none")->status, 404);
    assert_string(trace, "one two");
}

static void middleware_that_answers_ends_the_way(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/a", handler, NULL);
    assert_int_equal(shoal_http_use(rig->app, answer, "guard"), 0);
    assert_int_equal(shoal_http_use(rig->app, pass, "never"), 0);
    assert_int_equal(http_rig_get(rig, "/a")->status, 403);
    assert_string(trace, "guard");
}

static void middleware_may_go_on_later(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/a/{x}", handler, NULL);
    assert_int_equal(shoal_http_use(rig->app, hold, "wait"), 0);
    struct rig_stream *stream = http_rig_ask(rig, "GET", "/a/bob", "X: y\n");
    assert_int_equal(stream->status, 0);
    shoal_http_next(held);
    assert_string(trace, "wait handler");
    assert_int_equal(stream->status, 200);
    shoal_http_next(held);
    assert_string(trace, "wait handler");
}

static void a_handler_cannot_go_on(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/a", pass, "again");
    struct rig_stream *stream = http_rig_get(rig, "/a");
    assert_string(trace, "again");
    assert_int_equal(stream->status, 0);
}

static void wrong_routes_are_refused(void **state)
{
    struct http_rig *rig = *state;
    assert_int_equal(shoal_http_route(rig->app, "GET", "a", handler, NULL), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_route(rig->app, "GET", "/a", NULL, NULL), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_route(rig->app, "GET", NULL, handler, NULL), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_route(NULL, "GET", "/a", handler, NULL), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_use(rig->app, NULL, NULL), -SHOAL_EINVAL);
    http_rig_route(rig, "GET", "/a", handler, NULL);
    assert_int_equal(shoal_http_route(rig->app, "GET", "/a", handler, NULL), -SHOAL_EBUSY);
}

static void a_failure_is_told_again_by_the_server_s_start(void **state)
{
    (void)state;
    struct shoal_server *server;
    assert_int_equal(shoal_server_create(NULL, &server), 0);
    struct shoal_http_app *app = shoal_http_app_create(server);
    assert_int_equal(shoal_http_route(app, "GET", "/{", handler, NULL), -SHOAL_EINVAL);
    assert_int_equal(shoal_server_start(server), -SHOAL_EINVAL);
    assert_non_null(strstr(shoal_server_error(server), "/{"));
    assert_int_equal(shoal_server_destroy(&server), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, http_rig_stop)
    const struct CMUnitTest tests[] = {
        TEST(a_request_reaches_its_handler),
        TEST(what_no_pattern_matches_is_404),
        TEST(a_method_the_path_does_not_have_is_405_with_allow),
        TEST(options_is_answered_by_itself),
        TEST(options_with_a_route_is_the_route_s),
        TEST(a_get_route_answers_head_without_the_body),
        TEST(bad_paths_are_refused_before_anybody_sees_them),
        TEST(middleware_comes_first_and_in_order),
        TEST(middleware_that_answers_ends_the_way),
        TEST(middleware_may_go_on_later),
        TEST(a_handler_cannot_go_on),
        TEST(wrong_routes_are_refused),
        cmocka_unit_test(a_failure_is_told_again_by_the_server_s_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
