/* SPDX-License-Identifier: BSD-3-Clause */
/* A request's life: deadlines, the last word, and ids. */
#include "http_rig.h"

#include <stdio.h>
#include <string.h>

static struct shoal_http_request *held;
static char trace[256];

static void hold(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    held = req;
}

static void note_close(struct shoal_http_request *req, int status, void *arg)
{
    size_t at = strlen(trace);
    snprintf(trace + at, sizeof(trace) - at, "%s%s(%d) %s", at ? ", " : "", (const char *)arg,
             status, shoal_http_path(req));
    assert_int_not_equal(shoal_http_reply(req, 200, NULL, "too late"), 0);
}

static void answer_and_watch(struct shoal_http_request *req, void *arg)
{
    shoal_http_on_close(req, note_close, arg);
    shoal_http_reply(req, 200, NULL, "x");
}

static int start(void **state)
{
    trace[0] = '\0';
    int rc = http_rig_start(state);
    http_rig_route(*state, "*", "/{all...}", hold, NULL);
    return rc;
}

static void the_last_callback_set_is_told_first(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/a");
    assert_int_equal(shoal_http_on_close(held, note_close, "first"), 0);
    assert_int_equal(shoal_http_on_close(held, note_close, "second"), 0);
    shoal_http_reply(held, 200, NULL, "x");
    assert_string(trace, "");
    http_rig_close(stream, SHOAL__H2_NO_ERROR);
    assert_string(trace, "second(0) /a, first(0) /a");
}

static void a_request_answered_at_once_may_still_be_read_at_its_end(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/now", answer_and_watch, "now");
    http_rig_close(http_rig_get(rig, "/now"), SHOAL__H2_NO_ERROR);
    assert_string(trace, "now(0) /now");
}

static void a_peer_that_goes_is_told(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/a");
    shoal_http_on_close(held, note_close, "gone");
    http_rig_close(stream, SHOAL__H2_CANCEL);
    stream = http_rig_get(*state, "/b");
    shoal_http_on_close(held, note_close, "cut");
    shoal_http_begin(held, 200, NULL, -1);
    http_rig_close(stream, SHOAL__H2_NO_ERROR);
    char expected[64];
    snprintf(expected, sizeof(expected), "gone(%d) /a, cut(%d) /b", -SHOAL_EPIPE, -SHOAL_EPIPE);
    assert_string(trace, expected);
}

static void an_upgraded_request_ends_inside_the_call(void **state)
{
    static const struct shoal_service service = {.name = "next"};
    struct rig_stream *stream =
        http_rig_ask(*state, "GET", "/ws", "Upgrade: x\nConnection: upgrade\n");
    shoal_http_on_close(held, note_close, "end");
    assert_int_equal(shoal_http_upgrade(held, "x", &service), 0);
    assert_string(trace, "end(0) /ws");
    http_rig_close(stream, SHOAL__H2_NO_ERROR);
    assert_string(trace, "end(0) /ws");
}

static void a_deadline_before_the_answer_is_503(void **state)
{
    struct http_rig *rig = *state;
    struct rig_stream *stream = http_rig_get(rig, "/a");
    shoal_http_on_close(held, note_close, "end");
    assert_int_equal(shoal_http_left_ms(held), INT64_MAX);
    assert_int_equal(shoal_http_set_deadline(held, 100), 0);
    assert_int_equal(shoal_http_left_ms(held), 100);
    connrig_pass_ms(&rig->rig, 60);
    assert_int_equal(shoal_http_left_ms(held), 40);
    assert_int_equal(stream->status, 0);
    connrig_pass_ms(&rig->rig, 41);
    assert_int_equal(shoal_http_left_ms(held), 0);
    assert_int_equal(stream->status, 503);
    assert_int_equal(shoal_http_reply(held, 200, NULL, "late"), -SHOAL_ESTATE);
    http_rig_close(stream, SHOAL__H2_NO_ERROR);
    char expected[64];
    snprintf(expected, sizeof(expected), "end(%d) /a", -SHOAL_ETIMEDOUT);
    assert_string(trace, expected);
}

static void a_deadline_within_the_answer_cuts_it(void **state)
{
    struct http_rig *rig = *state;
    struct rig_stream *stream = http_rig_get(rig, "/a");
    shoal_http_set_deadline(held, 100);
    shoal_http_begin(held, 200, NULL, -1);
    connrig_pass_ms(&rig->rig, 101);
    assert_int_equal(stream->reset_error, SHOAL__H2_INTERNAL_ERROR);
    assert_true(stream->was_reset);
}

static void a_deadline_can_be_moved_and_taken_away(void **state)
{
    struct http_rig *rig = *state;
    struct rig_stream *stream = http_rig_get(rig, "/a");
    shoal_http_set_deadline(held, 100);
    shoal_http_set_deadline(held, 300);
    connrig_pass_ms(&rig->rig, 200);
    assert_int_equal(stream->status, 0);
    shoal_http_set_deadline(held, 0);
    assert_int_equal(shoal_http_left_ms(held), INT64_MAX);
    connrig_pass_ms(&rig->rig, 1000);
    assert_int_equal(stream->status, 0);
}

static void a_listener_s_deadline_is_every_request_s(void **state)
{
    struct http_rig *rig = *state;
    rig->endpoint.request_ms = 50;
    struct rig_stream *stream = http_rig_get(rig, "/a");
    assert_int_equal(shoal_http_left_ms(held), 50);
    connrig_pass_ms(&rig->rig, 51);
    assert_int_equal(stream->status, 503);
}

static void an_ended_request_has_no_deadline(void **state)
{
    struct http_rig *rig = *state;
    struct rig_stream *stream = http_rig_get(rig, "/a");
    shoal_http_set_deadline(held, 100);
    http_rig_close(stream, SHOAL__H2_CANCEL);
    connrig_pass_ms(&rig->rig, 200); /* a timer that still ran would touch freed memory */
    assert_int_equal(stream->status, 0);
}

static void an_id_leads_to_its_request_until_that_ends(void **state)
{
    struct http_rig *rig = *state;
    struct rig_stream *one = http_rig_get(rig, "/a");
    struct shoal_http_request *first = held;
    struct shoal_http_id first_id = shoal_http_get_id(first);
    assert_int_equal(shoal_http_get_id(first).serial, first_id.serial);
    http_rig_get(rig, "/b");
    struct shoal_http_request *second = held;
    struct shoal_http_id second_id = shoal_http_get_id(second);
    assert_ptr_equal(shoal_http_find(rig->rig.loop, first_id), first);
    assert_ptr_equal(shoal_http_find(rig->rig.loop, second_id), second);
    http_rig_close(one, SHOAL__H2_NO_ERROR);
    assert_null(shoal_http_find(rig->rig.loop, first_id));
    http_rig_get(rig, "/c"); /* in the same memory */
    assert_null(shoal_http_find(rig->rig.loop, first_id));
    assert_ptr_equal(shoal_http_find(rig->rig.loop, second_id), second);
}

static void an_id_of_another_connection_leads_nowhere(void **state)
{
    struct http_rig *rig = *state;
    http_rig_get(rig, "/a");
    struct shoal_http_id id = shoal_http_get_id(held);
    id.conn++;
    assert_null(shoal_http_find(rig->rig.loop, id));
    assert_null(shoal_http_find(rig->rig.loop, (struct shoal_http_id){id.conn - 1, 0}));
}

static struct shoal_http_id taken_id;

static void answer_and_name(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    taken_id = shoal_http_get_id(req);
    shoal_http_reply(req, 200, NULL, "x");
}

static void a_named_request_can_be_read_although_it_was_answered_at_once(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/named", answer_and_name, NULL);
    http_rig_ask(rig, "GET", "/named", "X: still here\n");
    struct shoal_http_request *req = shoal_http_find(rig->rig.loop, taken_id);
    assert_non_null(req);
    assert_text(shoal_http_field(req, "x"), "still here");
}

static void called(struct shoal_http_request *req, void *arg)
{
    (void)req;
    ++*(int *)arg;
}

static void without_a_running_server_nothing_is_called(void **state)
{
    struct http_rig *rig = *state;
    int calls = 0;
    http_rig_get(rig, "/a");
    struct shoal_http_id id = shoal_http_get_id(held);
    struct shoal_buf *body = shoal_buf_create();
    assert_int_equal(shoal_http_call(rig->rig.server, id, called, &calls), -SHOAL_ESTOPPED);
    assert_int_equal(shoal_http_answer(rig->rig.server, id, 200, "a/b", &body), -SHOAL_ESTOPPED);
    assert_non_null(body);
    shoal_buf_destroy(&body);
    connrig_run(&rig->rig);
    assert_int_equal(calls, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, http_rig_stop)
    const struct CMUnitTest tests[] = {
        TEST(the_last_callback_set_is_told_first),
        TEST(a_request_answered_at_once_may_still_be_read_at_its_end),
        TEST(a_peer_that_goes_is_told),
        TEST(an_upgraded_request_ends_inside_the_call),
        TEST(a_deadline_before_the_answer_is_503),
        TEST(a_deadline_within_the_answer_cuts_it),
        TEST(a_deadline_can_be_moved_and_taken_away),
        TEST(a_listener_s_deadline_is_every_request_s),
        TEST(an_ended_request_has_no_deadline),
        TEST(an_id_leads_to_its_request_until_that_ends),
        TEST(an_id_of_another_connection_leads_nowhere),
        TEST(a_named_request_can_be_read_although_it_was_answered_at_once),
        TEST(without_a_running_server_nothing_is_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
