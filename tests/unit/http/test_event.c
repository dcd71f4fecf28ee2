/* SPDX-License-Identifier: BSD-3-Clause */
/* Server-sent events: how they look on the wire. */
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
    int rc = http_rig_start(state);
    http_rig_route(*state, "*", "/{all...}", hold, NULL);
    return rc;
}

static int event(const char *name, const char *id, const char *data)
{
    return shoal_http_event(held, name, id, shoal_view_of(data));
}

static void the_first_event_begins_the_response(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    assert_int_equal(event("tick", "7", "now"), 0);
    assert_int_equal(stream->status, 200);
    assert_int_equal(stream->length, -1);
    assert_string(stream->head, "Content-Type: text/event-stream\nCache-Control: no-store\n");
    assert_int_equal(event(NULL, NULL, "then"), 0);
    assert_body(stream, "event: tick\nid: 7\ndata: now\n\ndata: then\n\n");
    assert_int_equal(shoal_http_end(held), 0);
    assert_true(stream->ended);
    assert_int_equal(event(NULL, NULL, "late"), -SHOAL_ESTATE);
}

static void every_kind_of_line_end_begins_a_line(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    assert_int_equal(event(NULL, NULL, "a\nb\r\nc\rd\n"), 0);
    assert_int_equal(event(NULL, NULL, ""), 0);
    assert_body(stream, "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\ndata: \n\n");
}

static void names_with_line_ends_send_nothing(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    assert_int_equal(event("a\nb", NULL, "x"), -SHOAL_EINVAL);
    assert_int_equal(event(NULL, "a\r", "x"), -SHOAL_EINVAL);
    assert_int_equal(stream->status, 0);
}

static void another_response_takes_no_events(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    shoal_http_begin(held, 200, NULL, -1);
    assert_int_equal(event(NULL, NULL, "x"), -SHOAL_ESTATE);
    assert_body(stream, "");
}

static void the_marks_are_told(void **state)
{
    struct rig_stream *stream = http_rig_get(*state, "/");
    stream->write_rc = 1;
    assert_int_equal(event(NULL, NULL, "x"), 1);
    stream->write_rc = -SHOAL_EFULL;
    assert_int_equal(event(NULL, NULL, "y"), -SHOAL_EFULL);
    assert_body(stream, "data: x\n\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, http_rig_stop)
    const struct CMUnitTest tests[] = {
        TEST(the_first_event_begins_the_response),
        TEST(every_kind_of_line_end_begins_a_line),
        TEST(names_with_line_ends_send_nothing),
        TEST(another_response_takes_no_events),
        TEST(the_marks_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
