/* SPDX-License-Identifier: BSD-3-Clause */
/* The request's accessors: inside the handler, and after it has returned. */
#include "http_rig.h"

#include <string.h>

static struct shoal_http_request *held;

static void hold(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    held = req;
}

static int start(void **state)
{
    held = NULL;
    int rc = http_rig_start(state);
    http_rig_route(*state, "*", "/u/{a}/{b...}", hold, NULL);
    http_rig_route(*state, "*", "/{all...}", hold, NULL);
    return rc;
}

static void everything_is_still_there_after_the_handler_has_returned(void **state)
{
    struct http_rig *rig = *state;
    http_rig_ask(rig, "BREW", "/u/a%20b/c/d?q=1+2&e", "Cookie: x=y\nX-Empty: \ncookie: z\n");
    assert_string(shoal_http_method(held), "BREW");
    assert_text(shoal_http_target(held), "/u/a%20b/c/d?q=1+2&e");
    assert_string(shoal_http_path(held), "/u/a b/c/d");
    assert_string(shoal_http_param(held, "a"), "a b");
    assert_string(shoal_http_param(held, "b"), "c/d");
    assert_string(shoal_http_param(held, "c"), "");
    assert_string(shoal_http_query(held, "q"), "1 2");
    assert_string(shoal_http_query(held, "e"), "");
    assert_null(shoal_http_query(held, "none"));
    assert_string(shoal_http_pattern(held), "/u/{a}/{b...}");
    assert_string(shoal_http_scheme(held), "http");
    assert_text(shoal_http_host(held), "example.org:80");
    assert_int_equal(shoal_http_version(held), 11);
    assert_text(shoal_http_field(held, "COOKIE"), "x=y");
    assert_non_null(shoal_http_field(held, "x-empty").data);
    assert_int_equal(shoal_http_field(held, "x-empty").size, 0);
    assert_null(shoal_http_field(held, "none").data);
    assert_ptr_equal(shoal_http_conn(held), rig->conn);
    assert_ptr_equal(shoal_http_loop(held), rig->rig.loop);
}

static void fields_are_listed_in_their_order(void **state)
{
    struct shoal_view name;
    struct shoal_view value;
    http_rig_ask(*state, "GET", "/", "B: 1\na: 2\nB: 3\n");
    assert_int_equal(shoal_http_field_count(held), 3);
    assert_true(shoal_http_field_at(held, 0, &name, &value));
    assert_text(name, "B");
    assert_text(value, "1");
    assert_true(shoal_http_field_at(held, 2, &name, &value));
    assert_text(value, "3");
    assert_false(shoal_http_field_at(held, 3, &name, &value));
}

static void without_a_target_s_host_the_host_field_counts(void **state)
{
    struct http_rig *rig = *state;
    http_rig_ask(rig, "GET", "/", "Host: other\n");
    assert_text(shoal_http_host(held), "example.org:80");
}

static void the_length_of_the_body_is_known_or_not(void **state)
{
    struct http_rig *rig = *state;
    http_rig_get(rig, "/");
    assert_int_equal(shoal_http_body_length(held), 0);
    http_rig_post(rig, "/", NULL, 12);
    assert_int_equal(shoal_http_body_length(held), 12);
    http_rig_post(rig, "/", NULL, -1);
    assert_int_equal(shoal_http_body_length(held), -1);
}

static void memory_lives_as_long_as_the_request(void **state)
{
    http_rig_get(*state, "/");
    char *bytes = shoal_http_alloc(held, 100000);
    memset(bytes, 'x', 100000);
    char *text = shoal_http_format(held, "%d-%s", 7, "x");
    assert_string(text, "7-x");
    assert_null(shoal_http_data(held));
    shoal_http_set_data(held, text);
    assert_ptr_equal(shoal_http_data(held), text);
}

static void trailers_are_there_at_the_end(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    assert_null(shoal_http_trailer(held, "sum").data);
    http_rig_ends_with(stream, "Sum", "42");
    assert_text(shoal_http_trailer(held, "SUM"), "42");
    assert_null(shoal_http_field(held, "sum").data);
}

static void look(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_reply_view(req, 200, NULL, shoal_http_field(req, "x"));
}

static void inside_the_handler_nothing_needs_to_be_kept(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/look", look, NULL);
    assert_body(http_rig_ask(rig, "GET", "/look", "X: seen\n"), "seen");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, http_rig_stop)
    const struct CMUnitTest tests[] = {
        TEST(everything_is_still_there_after_the_handler_has_returned),
        TEST(fields_are_listed_in_their_order),
        TEST(without_a_target_s_host_the_host_field_counts),
        TEST(the_length_of_the_body_is_known_or_not),
        TEST(memory_lives_as_long_as_the_request),
        TEST(trailers_are_there_at_the_end),
        TEST(inside_the_handler_nothing_needs_to_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
