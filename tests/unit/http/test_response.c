/* SPDX-License-Identifier: BSD-3-Clause */
/* Answering: what goes out, in which order, and every way in which a call is refused. */
#include "http_rig.h"

#include <string.h>

#include "base/buf.h"

static struct shoal_http_request *held;

static void hold(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    held = req;
}

static int start(void **state)
{
    int rc = http_rig_start(state);
    http_rig_route(*state, "*", "/{all...}", hold, NULL);
    return rc;
}

static struct shoal_view view(const char *text)
{
    return shoal_view_of(text);
}

static void a_reply_is_head_body_and_end(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_reply(held, 200, "text/plain", "Hello, %s!\n", "bob"), 0);
    assert_int_equal(stream->status, 200);
    assert_int_equal(stream->length, 12);
    assert_string(stream->head, "Content-Type: text/plain\n");
    assert_body(stream, "Hello, bob!\n");
    assert_true(stream->ended);
    assert_false(stream->was_reset);
}

static void a_long_reply_is_sent_whole(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_reply(held, 200, NULL, "%05000d", 7), 0);
    assert_int_equal(stream->length, 5000);
    assert_int_equal(stream->body_size, 5000);
    assert_int_equal(stream->body[4999], '7');
    assert_string(stream->head, "");
}

static void an_empty_reply_is_a_head_only(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_reply_view(held, 200, NULL, shoal_view(NULL, 0)), 0);
    assert_int_equal(stream->length, 0);
    assert_true(stream->ended);
}

static void a_buffer_is_moved(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    struct shoal_buf body = {0};
    shoal_buf_append(&body, "abc", 3);
    assert_int_equal(shoal_http_reply_buf(held, 200, "x/y", &body), 0);
    assert_int_equal(shoal_buf_size(&body), 0);
    assert_body(stream, "abc");
    assert_int_equal(stream->length, 3);
}

static void fields_are_sent_in_order_and_set_ones_replace(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_add(held, "A", "1"), 0);
    assert_int_equal(shoal_http_add(held, "a", "2"), 0);
    assert_int_equal(shoal_http_set(held, "B", "3"), 0);
    assert_int_equal(shoal_http_set(held, "b", "4"), 0);
    assert_int_equal(shoal_http_add_view(held, view("C"), shoal_view("5xx", 1)), 0);
    shoal_http_reply_view(held, 200, NULL, view("x"));
    assert_string(stream->head, "A: 1\na: 2\nb: 4\nC: 5\n");
}

static void a_type_that_is_passed_wins_over_one_that_was_set(void **state)
{
    struct http_rig *rig = *state;
    rig->endpoint.server_field = "Shoal";
    struct rig_stream *stream = http_rig_get(rig, "/");
    shoal_http_set(held, "Content-Type", "a/b");
    shoal_http_reply_view(held, 200, "c/d", view("x"));
    assert_string(stream->head, "Content-Type: c/d\nServer: Shoal\n");
    stream = http_rig_get(rig, "/");
    shoal_http_set(held, "Content-Type", "a/b");
    shoal_http_reply_view(held, 200, NULL, view("x"));
    assert_string(stream->head, "Server: Shoal\nContent-Type: a/b\n");
}

static void http2_gets_its_date_here(void **state)
{
    struct http_rig *rig = *state;
    rig->session.version = SHOAL__HTTP_2;
    struct rig_stream *stream = http_rig_get(rig, "/");
    shoal_http_reply_view(held, 200, NULL, view("x"));
    const char *date = http_rig_field(stream, "Date");
    assert_non_null(date);
    assert_string(date + strlen(date) - 4, " GMT");
    assert_int_equal(strlen(date), 29);
}

static void many_fields_are_sent_whole(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    for (int i = 0; i < 50; i++)
        assert_int_equal(shoal_http_add(held, "Name", "value"), 0);
    assert_int_equal(shoal_http_reply_view(held, 200, "a/b", view("x")), 0);
    assert_int_equal(strlen(stream->head), 50 * 12 + strlen("Content-Type: a/b\n"));
}

static void a_field_cannot_inject_anything(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_set(held, "X", "a\r\nSet-Cookie: b"), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_add(held, "X", "a\nb"), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_add(held, "X\r\n", "a"), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_add(held, "X ", "a"), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_add(held, "", "a"), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_add_view(held, view("X"), shoal_view("a\0b", 3)), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_add_trailer(held, "X", "a\r"), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_redirect(held, 302, "/a\r\nX: y"), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_reply(held, 200, "a/b\r\nX: y", "x"), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_set(held, "Content-Length", "5"), -SHOAL_EINVAL);
    assert_int_equal(stream->status, 0);
    assert_int_equal(shoal_http_reply(held, 200, NULL, "x"), 0);
    assert_string(stream->head, "");
}

static void a_bad_status_sends_nothing(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    const unsigned bad[] = {0, 99, 100, 199, 600, 1000};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(shoal_http_reply(held, bad[i], NULL, "x"), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_begin(held, 200, NULL, -2), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_redirect(held, 200, "/"), -SHOAL_EINVAL);
    assert_int_equal(stream->status, 0);
}

static void the_second_answer_is_refused(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_reply(held, 200, NULL, "one"), 0);
    assert_int_equal(shoal_http_reply(held, 200, NULL, "two"), -SHOAL_ESTATE);
    assert_int_equal(shoal_http_reply_status(held, 500), -SHOAL_ESTATE);
    assert_int_equal(shoal_http_redirect(held, 302, "/"), -SHOAL_ESTATE);
    assert_int_equal(shoal_http_begin(held, 200, NULL, -1), -SHOAL_ESTATE);
    assert_int_equal(shoal_http_write(held, view("x")), -SHOAL_ESTATE);
    assert_int_equal(shoal_http_end(held), -SHOAL_ESTATE);
    assert_int_equal(shoal_http_hint(held), -SHOAL_ESTATE);
    assert_int_equal(shoal_http_set(held, "A", "b"), -SHOAL_ESTATE);
    assert_int_equal(shoal_http_add_trailer(held, "A", "b"), -SHOAL_ESTATE);
    assert_body(stream, "one");
}

static void what_the_peer_will_not_see_is_refused(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    stream->was_reset = true;
    assert_int_equal(shoal_http_reply(held, 200, NULL, "x"), -SHOAL_EPIPE);
    assert_int_equal(shoal_http_begin(held, 200, NULL, -1), -SHOAL_EPIPE);
    assert_int_equal(shoal_http_hint(held), -SHOAL_EPIPE);
    stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_begin(held, 200, NULL, -1), 0);
    stream->was_reset = true;
    assert_int_equal(shoal_http_write(held, view("x")), -SHOAL_EPIPE);
    assert_int_equal(shoal_http_printf(held, "x"), -SHOAL_EPIPE);
    assert_int_equal(shoal_http_end(held), -SHOAL_EPIPE);
}

static void a_body_is_streamed(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    struct shoal_buf part = {0};
    assert_int_equal(shoal_http_write(held, view("x")), -SHOAL_ESTATE);
    assert_int_equal(shoal_http_end(held), -SHOAL_ESTATE);
    assert_int_equal(shoal_http_begin(held, 200, "a/b", -1), 0);
    assert_int_equal(stream->length, -1);
    assert_false(stream->ended);
    assert_int_equal(shoal_http_write(held, view("a")), 0);
    assert_int_equal(shoal_http_printf(held, "%d", 2), 0);
    shoal_buf_append(&part, "c", 1);
    assert_int_equal(shoal_http_write_buf(held, &part), 0);
    assert_int_equal(shoal_http_printf(held, "%05000d", 7), 0);
    assert_int_equal(shoal_http_set(held, "A", "b"), -SHOAL_ESTATE);
    assert_int_equal(shoal_http_end(held), 0);
    assert_int_equal(stream->body_size, 5003);
    assert_memory_equal(stream->body, "a2c0", 4);
    assert_true(stream->ended);
}

static void an_announced_length_is_kept(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_begin(held, 200, NULL, 3), 0);
    assert_int_equal(shoal_http_write(held, view("abcd")), -SHOAL_EOVERFLOW);
    assert_int_equal(shoal_http_write(held, view("ab")), 0);
    assert_int_equal(shoal_http_write(held, view("cd")), -SHOAL_EOVERFLOW);
    assert_int_equal(shoal_http_write(held, view("c")), 0);
    assert_int_equal(shoal_http_end(held), 0);
    assert_body(stream, "abc");

    stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_begin(held, 200, NULL, 3), 0);
    assert_int_equal(shoal_http_write(held, view("ab")), 0);
    assert_int_equal(shoal_http_end(held), -SHOAL_EINVAL);
    assert_true(stream->was_reset);
    assert_false(stream->ended);
}

static void the_marks_are_passed_on(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    shoal_http_begin(held, 200, NULL, -1);
    stream->write_rc = 1;
    stream->pending = 99;
    assert_int_equal(shoal_http_write(held, view("a")), 1);
    assert_int_equal(shoal_http_printf(held, "b"), 1);
    assert_int_equal(shoal_http_pending(held), 99);
    stream->write_rc = -SHOAL_EFULL;
    assert_int_equal(shoal_http_write(held, view("c")), -SHOAL_EFULL);
    stream->write_rc = -SHOAL_ENOMEM;
    assert_int_equal(shoal_http_write(held, view("d")), -SHOAL_ENOMEM);
    assert_body(stream, "ab");
    stream = http_rig_get(*state, "/");
    stream->write_rc = 1;
    assert_int_equal(shoal_http_reply(held, 200, NULL, "x"), 0);
}

static void go_on(struct shoal_http_request *req, void *arg)
{
    ++*(int *)arg;
    shoal_http_write(req, shoal_view("more", 4));
}

static void a_drained_response_is_told_until_it_ends(void **state)
{
    int calls = 0;
    struct rig_stream *stream = http_rig_get(*state, "/");
    shoal_http_on_drained(held, go_on, &calls);
    shoal_http_begin(held, 200, NULL, -1);
    stream->stream.events->on_drained(&stream->stream);
    assert_int_equal(calls, 1);
    assert_body(stream, "more");
    shoal_http_end(held);
    stream->stream.events->on_drained(&stream->stream);
    assert_int_equal(calls, 1);
}

static void trailers_come_with_the_end(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    shoal_http_begin(held, 200, NULL, -1);
    assert_int_equal(shoal_http_add_trailer(held, "Sum", "42"), 0);
    assert_int_equal(shoal_http_add_trailer(held, "Content-Length", "42"), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_add_trailer(held, "Set-Cookie", "a=b"), -SHOAL_EINVAL);
    shoal_http_end(held);
    assert_string(stream->trailers, "Sum: 42\n");
    stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_add_trailer(held, "Sum", "0"), 0);
    assert_int_equal(shoal_http_reply_view(held, 200, NULL, shoal_view(NULL, 0)), 0);
    assert_string(stream->trailers, "Sum: 0\n");
}

static void what_has_no_content_is_sent_without(void **state)
{
    const unsigned bodiless[] = {204, 205, 304};
    for (size_t i = 0; i < 3; i++) {
        struct rig_stream *stream = http_rig_get(*state, "/");
        assert_int_equal(shoal_http_reply(held, bodiless[i], "a/b", "dropped"), 0);
        assert_int_equal(stream->length, bodiless[i] == 205 ? 0 : -1);
        assert_body(stream, "");
        assert_true(stream->ended);
        http_rig_close(stream, SHOAL__H2_NO_ERROR);
        stream = http_rig_get(*state, "/");
        assert_int_equal(shoal_http_begin(held, bodiless[i], NULL, 4), 0);
        assert_int_equal(shoal_http_write(held, view("ab")), 0);
        assert_int_equal(shoal_http_write(held, view("abc")), -SHOAL_EOVERFLOW);
        assert_int_equal(shoal_http_end(held), 0);
        assert_body(stream, "");
        http_rig_close(stream, SHOAL__H2_NO_ERROR);
    }
}

static void head_is_answered_with_the_length_only(void **state)
{
    struct rig_stream *stream = http_rig_ask(*state, "HEAD", "/", NULL);
    struct shoal_buf body = {0};
    shoal_buf_append(&body, "abc", 3);
    assert_int_equal(shoal_http_reply_buf(held, 200, NULL, &body), 0);
    assert_int_equal(shoal_buf_size(&body), 0);
    assert_int_equal(stream->length, 3);
    assert_body(stream, "");
    stream = http_rig_ask(*state, "HEAD", "/", NULL);
    assert_int_equal(shoal_http_begin(held, 200, NULL, 1000), 0);
    assert_int_equal(shoal_http_end(held), 0); /* nobody misses what is not sent */
    assert_int_equal(stream->length, 1000);
    assert_false(stream->was_reset);
}

static void statuses_have_their_names_as_text(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_reply_status(held, 503), 0);
    assert_body(stream, "503 Service Unavailable\n");
    stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_reply_status(held, 599), 0);
    assert_body(stream, "599 Status\n");
    stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_reply_status(held, 204), 0);
    assert_string(stream->head, "");
}

static void a_redirect_says_where(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    assert_int_equal(shoal_http_redirect(held, 303, "/there?x=1"), 0);
    assert_int_equal(stream->status, 303);
    assert_string(http_rig_field(stream, "Location"), "/there?x=1");
}

static void hints_come_before_the_answer(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    shoal_http_add(held, "Link", "</a.css>");
    assert_int_equal(shoal_http_hint(held), 0);
    assert_string(stream->interim, "103");
    assert_string(stream->head, "Link: </a.css>\n");
    assert_int_equal(shoal_http_reply(held, 200, NULL, "x"), 0);
    assert_string(stream->head, "Link: </a.css>\n");
}

static void an_aborted_response_is_seen_as_cut(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    shoal_http_begin(held, 200, NULL, -1);
    shoal_http_abort(held);
    assert_int_equal(stream->reset_error, SHOAL__H2_INTERNAL_ERROR);
    assert_false(stream->ended);
    assert_int_equal(shoal_http_write(held, view("x")), -SHOAL_EPIPE);
}

static void a_failure_before_the_head_leaves_another_answer_possible(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    stream->send_head_rc = -SHOAL_ENOMEM;
    assert_int_equal(shoal_http_reply(held, 200, NULL, "x"), -SHOAL_ENOMEM);
    struct shoal_buf body = {0};
    shoal_buf_append(&body, "abc", 3);
    assert_int_equal(shoal_http_reply_buf(held, 200, NULL, &body), -SHOAL_ENOMEM);
    assert_int_equal(shoal_buf_size(&body), 3);
    shoal__buf_fini(&body);
    stream->send_head_rc = 0;
    assert_int_equal(shoal_http_reply(held, 200, NULL, "x"), 0);
    assert_false(stream->was_reset);
}

static void a_failure_behind_the_head_cuts_the_response(void **state)
{
    const int failures[] = {-SHOAL_ENOMEM, -SHOAL_EFULL};
    for (size_t i = 0; i < 2; i++) {
        struct rig_stream *stream = http_rig_get(*state, "/");
        stream->write_rc = failures[i];
        assert_int_equal(shoal_http_reply(held, 200, NULL, "x"), -SHOAL_EPIPE);
        assert_true(stream->was_reset);
        stream = http_rig_get(*state, "/");
        stream->end_rc = -SHOAL_ENOMEM;
        shoal_http_begin(held, 200, NULL, -1);
        assert_int_equal(shoal_http_end(held), -SHOAL_EPIPE);
        assert_true(stream->was_reset);
    }
}

static void upgrades_need_to_be_asked_for(void **state)
{
    static const struct shoal_service service = {.name = "next"};
    struct http_rig *rig = *state;
    struct rig_stream *stream = http_rig_get(rig, "/");
    assert_int_equal(shoal_http_upgrade(held, "websocket", &service), -SHOAL_ESTATE);
    http_rig_ask(rig, "GET", "/", "Upgrade: websocket\n");
    assert_int_equal(shoal_http_upgrade(held, "websocket", &service), -SHOAL_ESTATE);
    http_rig_post(rig, "/", "Upgrade: websocket\nConnection: Upgrade\n", 3);
    assert_int_equal(shoal_http_upgrade(held, "websocket", &service), -SHOAL_ESTATE);
    stream = http_rig_ask(rig, "GET", "/", "Upgrade: websocket\nConnection: x, Upgrade\n");
    shoal_http_add(held, "Sec-WebSocket-Accept", "k");
    assert_int_equal(shoal_http_upgrade(held, "websocket", &service), 0);
    assert_string(stream->head, "Upgrade: websocket\nSec-WebSocket-Accept: k\n");
    assert_int_equal(shoal_http_upgrade(held, "websocket", &service), -SHOAL_ESTATE);
    assert_int_equal(stream->upgrades, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, http_rig_stop)
    const struct CMUnitTest tests[] = {
        TEST(a_reply_is_head_body_and_end),
        TEST(a_long_reply_is_sent_whole),
        TEST(an_empty_reply_is_a_head_only),
        TEST(a_buffer_is_moved),
        TEST(fields_are_sent_in_order_and_set_ones_replace),
        TEST(a_type_that_is_passed_wins_over_one_that_was_set),
        TEST(http2_gets_its_date_here),
        TEST(many_fields_are_sent_whole),
        TEST(a_field_cannot_inject_anything),
        TEST(a_bad_status_sends_nothing),
        TEST(the_second_answer_is_refused),
        TEST(what_the_peer_will_not_see_is_refused),
        TEST(a_body_is_streamed),
        TEST(an_announced_length_is_kept),
        TEST(the_marks_are_passed_on),
        TEST(a_drained_response_is_told_until_it_ends),
        TEST(trailers_come_with_the_end),
        TEST(what_has_no_content_is_sent_without),
        TEST(head_is_answered_with_the_length_only),
        TEST(statuses_have_their_names_as_text),
        TEST(a_redirect_says_where),
        TEST(hints_come_before_the_answer),
        TEST(an_aborted_response_is_seen_as_cut),
        TEST(a_failure_before_the_head_leaves_another_answer_possible),
        TEST(a_failure_behind_the_head_cuts_the_response),
        TEST(upgrades_need_to_be_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
