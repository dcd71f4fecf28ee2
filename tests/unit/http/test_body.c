/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a body: whole and streamed, paused and resumed, and the window's account. */
#include "http_rig.h"

#include <stdio.h>
#include <string.h>

static struct shoal_http_request *held;
static char trace[512];
static char whole[512];
static bool pause_at_each;
static bool end_at_first;

static void hold(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    held = req;
}

static int start(void **state)
{
    trace[0] = whole[0] = '\0';
    pause_at_each = end_at_first = false;
    int rc = http_rig_start(state);
    http_rig_route(*state, "*", "/{all...}", hold, NULL);
    return rc;
}

static void on_whole(struct shoal_http_request *req, struct shoal_view body, void *arg)
{
    (void)req;
    (void)arg;
    snprintf(whole, sizeof(whole), "%zu:%.20s", body.size, body.data);
    assert_int_equal(body.data[body.size], '\0');
}

static void on_data(struct shoal_http_request *req, struct shoal_view data, void *arg)
{
    (void)arg;
    size_t at = strlen(trace);
    snprintf(trace + at, sizeof(trace) - at, "[%.*s]", (int)data.size, data.data);
    if (pause_at_each)
        shoal_http_pause(req);
    if (end_at_first)
        shoal_http_reply(req, 200, NULL, "enough");
}

static void on_end(struct shoal_http_request *req, void *arg)
{
    (void)req;
    (void)arg;
    strcat(trace, "end");
}

static int read_streamed(void)
{
    return shoal_http_read(held, on_data, on_end, NULL);
}

static int read_whole(size_t max)
{
    return shoal_http_read_all(held, max, on_whole, NULL);
}

static void a_body_is_gathered(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, 6);
    assert_int_equal(read_whole(100), 0);
    http_rig_data(stream, "abc");
    http_rig_data(stream, "def");
    assert_string(whole, "");
    http_rig_ends(stream);
    assert_string(whole, "6:abcdef");
    assert_int_equal(stream->consumed, 6);
}

static void a_body_that_is_here_is_passed_on_at_once(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    http_rig_data(stream, "abc");
    http_rig_ends(stream);
    assert_int_equal(stream->consumed, 0);
    assert_int_equal(read_whole(100), 0);
    assert_string(whole, "3:abc");
    assert_int_equal(stream->consumed, 3);
    http_rig_get(*state, "/");
    assert_int_equal(read_whole(0), 0);
    assert_string(whole, "0:");
}

static void a_long_body_is_gathered_whole(void **state)
{
    char piece[1001];
    memset(piece, 'x', 1000);
    piece[1000] = '\0';
    const int64_t lengths[] = {-1, 200000, 300};
    for (size_t i = 0; i < 3; i++) {
        struct rig_stream *stream = http_rig_post(*state, "/", NULL, lengths[i]);
        assert_int_equal(read_whole(200000), 0);
        for (int k = 0; k < 200; k++)
            http_rig_data(stream, piece);
        http_rig_ends(stream);
        assert_string(whole, "200000:xxxxxxxxxxxxxxxxxxxx");
        http_rig_close(stream, SHOAL__H2_CANCEL);
    }
}

static void a_body_over_the_limit_is_413(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    assert_int_equal(read_whole(5), 0);
    http_rig_data(stream, "abc");
    http_rig_data(stream, "def");
    assert_int_equal(stream->status, 413);
    assert_true(stream->ended);
    assert_int_equal(stream->reset_error, SHOAL__H2_NO_ERROR);
    assert_true(stream->was_reset);
    assert_string(whole, "");
}

static void an_announced_body_over_the_limit_is_413_at_once(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", "Expect: 100-continue\n", 6);
    assert_int_equal(read_whole(5), 0);
    assert_int_equal(stream->status, 413);
    assert_string(stream->interim, "");
    stream = http_rig_post(*state, "/", NULL, 5);
    assert_int_equal(read_whole(5), 0);
    http_rig_data(stream, "abcde");
    http_rig_ends(stream);
    assert_string(whole, "5:abcde");
}

static void a_begun_response_is_cut_instead_of_413(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    shoal_http_begin(held, 200, NULL, -1);
    assert_int_equal(read_whole(2), 0);
    http_rig_data(stream, "abc");
    assert_int_equal(stream->status, 200);
    assert_int_equal(stream->reset_error, SHOAL__H2_INTERNAL_ERROR);
}

static void a_streamed_body_over_the_listeners_limit_is_413(void **state)
{
    struct http_rig *rig = *state;
    rig->endpoint.max_body = 5;
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    assert_int_equal(read_streamed(), 0);
    http_rig_data(stream, "abcde");
    assert_int_equal(stream->status, 0);
    http_rig_data(stream, "f");
    assert_int_equal(stream->status, 413);
    assert_string(trace, "[abcde]");
}

static void an_announced_body_over_the_listeners_limit_reaches_no_handler(void **state)
{
    struct http_rig *rig = *state;
    rig->endpoint.max_body = 5;
    held = NULL;
    assert_int_equal(http_rig_post(*state, "/", NULL, 6)->status, 413);
    assert_null(held);
    http_rig_post(*state, "/", NULL, 5);
    assert_non_null(held);
}

static void a_body_that_nobody_reads_is_held_to_the_listeners_limit(void **state)
{
    struct http_rig *rig = *state;
    rig->endpoint.max_body = 5;
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    http_rig_data(stream, "abcdef");
    assert_int_equal(stream->status, 413);
}

static void a_body_is_streamed(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    assert_int_equal(read_streamed(), 0);
    http_rig_data(stream, "abc");
    assert_int_equal(stream->consumed, 3);
    http_rig_data(stream, "de");
    http_rig_ends(stream);
    assert_string(trace, "[abc][de]end");
    assert_int_equal(stream->consumed, 5);
}

static void what_nobody_reads_waits_and_fills_the_window(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    http_rig_data(stream, "abc");
    http_rig_data(stream, "de");
    assert_int_equal(stream->consumed, 0);
    assert_int_equal(read_streamed(), 0);
    assert_string(trace, "[abcde]");
    assert_int_equal(stream->consumed, 5);
    http_rig_data(stream, "f");
    http_rig_ends(stream);
    assert_string(trace, "[abcde][f]end");
}

static void a_paused_reader_is_left_alone(void **state)
{
    pause_at_each = true;
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    assert_int_equal(read_streamed(), 0);
    http_rig_data(stream, "abc");
    assert_int_equal(stream->consumed, 3); /* the piece at hand counts as taken */
    http_rig_data(stream, "de");
    http_rig_ends(stream);
    assert_string(trace, "[abc]");
    assert_int_equal(stream->consumed, 3);
    shoal_http_resume(held);
    assert_string(trace, "[abc][de]");
    shoal_http_resume(held);
    assert_string(trace, "[abc][de]end");
    assert_int_equal(stream->consumed, 5);
    shoal_http_resume(held);
    assert_string(trace, "[abc][de]end");
}

static void pausing_does_not_nest(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    shoal_http_pause(held);
    shoal_http_pause(held);
    assert_int_equal(read_streamed(), 0);
    http_rig_data(stream, "a");
    assert_string(trace, "");
    shoal_http_resume(held);
    assert_string(trace, "[a]");
}

static void resume_inside(struct shoal_http_request *req, struct shoal_view data, void *arg)
{
    on_data(req, data, arg);
    shoal_http_resume(req); /* must not recurse into the piece at hand */
}

static void a_reader_may_resume_inside_its_callback(void **state)
{
    pause_at_each = true;
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    http_rig_data(stream, "abc");
    assert_int_equal(shoal_http_read(held, resume_inside, on_end, NULL), 0);
    http_rig_data(stream, "de");
    http_rig_ends(stream);
    assert_string(trace, "[abc][de]end");
}

static void a_body_is_read_once(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    assert_int_equal(read_streamed(), 0);
    assert_int_equal(read_streamed(), -SHOAL_ESTATE);
    assert_int_equal(read_whole(9), -SHOAL_ESTATE);
    http_rig_ends(stream);
    assert_int_equal(read_streamed(), -SHOAL_ESTATE);
}

static void after_the_answer_the_body_is_not_wanted(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    http_rig_data(stream, "abc");
    shoal_http_reply(held, 200, NULL, "x");
    assert_true(stream->was_reset);
    assert_int_equal(stream->reset_error, SHOAL__H2_NO_ERROR);
    assert_int_equal(read_streamed(), -SHOAL_ESTATE);
}

static void an_answer_from_within_stops_the_reading(void **state)
{
    end_at_first = true;
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    http_rig_data(stream, "abc");
    assert_int_equal(read_streamed(), 0);
    assert_string(trace, "[abc]");
    assert_body(stream, "enough");
    assert_int_equal(stream->reset_error, SHOAL__H2_NO_ERROR);
}

static void an_answer_after_the_body_resets_nothing(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    assert_int_equal(read_streamed(), 0);
    http_rig_ends(stream);
    shoal_http_reply(held, 200, NULL, "x");
    assert_false(stream->was_reset);
}

static void who_expects_to_be_told_to_go_on_is_told_once(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", "Expect: 100-Continue\n", -1);
    assert_string(stream->interim, "");
    assert_int_equal(read_streamed(), 0);
    assert_string(stream->interim, "100");
    stream = http_rig_post(*state, "/", "Expect: 100-continue\n", -1);
    http_rig_data(stream, "did not wait");
    assert_int_equal(read_whole(100), 0);
    assert_string(stream->interim, "");
    stream = http_rig_post(*state, "/", NULL, -1);
    assert_int_equal(read_streamed(), 0);
    assert_string(stream->interim, "");
}

static void a_peer_that_goes_is_no_end(void **state)
{
    struct rig_stream *stream = http_rig_post(*state, "/", NULL, -1);
    assert_int_equal(read_streamed(), 0);
    http_rig_data(stream, "abc");
    http_rig_close(stream, SHOAL__H2_CANCEL);
    assert_string(trace, "[abc]");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, http_rig_stop)
    const struct CMUnitTest tests[] = {
        TEST(a_body_is_gathered),
        TEST(a_body_that_is_here_is_passed_on_at_once),
        TEST(a_long_body_is_gathered_whole),
        TEST(a_body_over_the_limit_is_413),
        TEST(an_announced_body_over_the_limit_is_413_at_once),
        TEST(a_begun_response_is_cut_instead_of_413),
        TEST(a_streamed_body_over_the_listeners_limit_is_413),
        TEST(an_announced_body_over_the_listeners_limit_reaches_no_handler),
        TEST(a_body_that_nobody_reads_is_held_to_the_listeners_limit),
        TEST(a_body_is_streamed),
        TEST(what_nobody_reads_waits_and_fills_the_window),
        TEST(a_paused_reader_is_left_alone),
        TEST(pausing_does_not_nest),
        TEST(a_reader_may_resume_inside_its_callback),
        TEST(a_body_is_read_once),
        TEST(after_the_answer_the_body_is_not_wanted),
        TEST(an_answer_from_within_stops_the_reading),
        TEST(an_answer_after_the_body_resets_nothing),
        TEST(who_expects_to_be_told_to_go_on_is_told_once),
        TEST(a_peer_that_goes_is_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
