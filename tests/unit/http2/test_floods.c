/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Floods of frames made by hand against a server that answers every request. Each kind alone, and
 * a mixture of them all, ends with GOAWAY within 2,000 abusive frames; what honest clients do,
 * however long, ends nothing. The clock stands still, so time gives no tokens.
 */
#include "http2_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_FRAMES = 2000, MORE_THAN_ENOUGH = 20000 };

static struct peer server;

static int set_up(void **state)
{
    (void)state;
    server_for_frames(&server);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    peer_close(&server);
    return 0;
}

/* Adds the i-th piece of a flood; returns how many of its frames are abuse. */
typedef unsigned flood_fn(struct frames *frames, uint32_t i);

static uint32_t id_of(uint32_t i)
{
    return 2 * i + 1;
}

/* Floods until the server ends the session; fails where it takes too long. */
static void expect_end(flood_fn *flood)
{
    static struct frames frames;
    frames.size = 0;
    unsigned abusive = 0;
    bool goes_on = true;
    for (uint32_t i = 0; goes_on && abusive < MORE_THAN_ENOUGH; i++) {
        abusive += flood(&frames, i);
        goes_on = feed(&server, &frames);
    }
    assert_in_range(abusive, 1, MOST_FRAMES);
    struct seen seen = see(&server);
    assert_int_equal(seen.count[NGHTTP2_GOAWAY], 1);
    assert_int_not_equal(seen.goaway_error, SHOAL__H2_NO_ERROR);
}

static void expect_calm(flood_fn *flood)
{
    expect_end(flood);
    assert_int_equal(shoal__http2_useless(server.engine)->balance, 0);
}

static unsigned rapid_reset(struct frames *frames, uint32_t i)
{
    frame_request(frames, id_of(i), NGHTTP2_FLAG_END_STREAM, get_request);
    frame_u32(frames, NGHTTP2_RST_STREAM, id_of(i), SHOAL__H2_CANCEL);
    return 2;
}

static void rapid_reset_ends(void **state)
{
    (void)state;
    expect_end(rapid_reset);
}

static void keep_open(struct peer *peer, struct shoal__stream *stream,
                      const struct shoal__head *head, bool end)
{
    (void)peer;
    (void)stream;
    (void)head;
    (void)end;
}

static void rapid_reset_of_unanswered_requests_ends(void **state)
{
    (void)state;
    server.on_request = keep_open;
    expect_calm(rapid_reset);
    assert_in_range(server.requests, 1, 600);
    assert_in_range(server.session->open_streams, 0, 1);
}

static unsigned stream_window_overflow(struct frames *frames, uint32_t i)
{
    frame_request(frames, id_of(i), 0, post_request);
    frame_u32(frames, NGHTTP2_WINDOW_UPDATE, id_of(i), INT32_MAX);
    return 2;
}

static void provoked_resets_by_window_overflow_end(void **state)
{
    (void)state;
    server.on_request = keep_open;
    expect_calm(stream_window_overflow);
}

static unsigned length_mismatch(struct frames *frames, uint32_t i)
{
    static const struct pair request[] = {{":method", "POST"},           {":scheme", "http"},
                                          {":authority", "example.org"}, {":path", "/"},
                                          {"content-length", "9"},       {NULL, NULL}};
    frame_request(frames, id_of(i), 0, request);
    frame(frames, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id_of(i), "x", 1);
    return 2;
}

static void provoked_resets_by_content_length_end(void **state)
{
    (void)state;
    server.on_request = keep_open;
    expect_calm(length_mismatch);
    assert_int_equal(server.last_error, SHOAL__H2_PROTOCOL_ERROR);
}

static unsigned bad_field(struct frames *frames, uint32_t i)
{
    static const struct pair request[] = {{":method", "GET"}, {":scheme", "http"},
                                          {":path", "/"},     {":authority", "example.org"},
                                          {"a b", "c"},       {NULL, NULL}};
    frame_request(frames, id_of(i), NGHTTP2_FLAG_END_STREAM, request);
    return 1;
}

static void provoked_resets_by_bad_fields_end(void **state)
{
    (void)state;
    expect_calm(bad_field);
    assert_int_equal(server.requests, 0);
}

static unsigned bad_host(struct frames *frames, uint32_t i)
{
    static const struct pair request[] = {{":method", "GET"}, {":scheme", "http"},
                                          {":path", "/"},     {":authority", "example.org"},
                                          {"host", "other"},  {NULL, NULL}};
    frame_request(frames, id_of(i), NGHTTP2_FLAG_END_STREAM, request);
    return 1;
}

static void requests_that_are_refused_end_too(void **state)
{
    (void)state;
    expect_calm(bad_host);
    assert_int_equal(server.requests, 0);
}

static unsigned above_the_limit(struct frames *frames, uint32_t i)
{
    frame_request(frames, id_of(i), 0, post_request);
    return i >= 128;
}

static unsigned above_the_limit_for_ever(struct frames *frames, uint32_t i)
{
    return above_the_limit(frames, 500 + i);
}

static void streams_above_the_limit_end(void **state)
{
    (void)state;
    server.on_request = keep_open;
    expect_end(above_the_limit);
    assert_int_equal(server.requests, 128);
}

static unsigned window_update_of_zero(struct frames *frames, uint32_t i)
{
    frame_request(frames, id_of(i), 0, post_request);
    frame_u32(frames, NGHTTP2_WINDOW_UPDATE, id_of(i), 0);
    return 2;
}

static void window_updates_of_zero_end(void **state)
{
    (void)state;
    server.on_request = keep_open;
    expect_end(window_update_of_zero);
}

static unsigned data_after_end(struct frames *frames, uint32_t i)
{
    frame_request(frames, id_of(i), NGHTTP2_FLAG_END_STREAM, get_request);
    frame(frames, NGHTTP2_DATA, 0, id_of(i), "x", 1);
    return 2;
}

static void data_after_the_end_ends(void **state)
{
    (void)state;
    expect_end(data_after_end);
}

static unsigned headers_after_end(struct frames *frames, uint32_t i)
{
    frame_request(frames, id_of(i), NGHTTP2_FLAG_END_STREAM, get_request);
    frame_request(frames, id_of(i), NGHTTP2_FLAG_END_STREAM, get_request);
    return 2;
}

static void headers_after_the_end_end(void **state)
{
    (void)state;
    expect_end(headers_after_end);
}

static unsigned continuations(struct frames *frames, uint32_t i, size_t size)
{
    static const uint8_t filler[1024];
    if (i == 0) {
        uint8_t block[256];
        size_t used = block_make(block, get_request);
        frame(frames, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, block, used);
    }
    /* Fields "\0": a literal with an empty name would be malformed; table size updates to 0 are
     * only allowed in front, so the filler is not decoded before the flood has ended. */
    frame(frames, NGHTTP2_CONTINUATION, 0, 1, filler, size);
    return 1;
}

static unsigned large_continuations(struct frames *frames, uint32_t i)
{
    return continuations(frames, i, 1024);
}

static unsigned empty_continuations(struct frames *frames, uint32_t i)
{
    return continuations(frames, i, 0);
}

static void large_continuations_end(void **state)
{
    (void)state;
    expect_end(large_continuations);
}

static void empty_continuations_end(void **state)
{
    (void)state;
    expect_end(empty_continuations);
}

static unsigned settings(struct frames *frames, uint32_t i)
{
    (void)i;
    frame(frames, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    return 1;
}

static void settings_end(void **state)
{
    (void)state;
    expect_calm(settings);
}

static unsigned pings(struct frames *frames, uint32_t i)
{
    (void)i;
    frame(frames, NGHTTP2_PING, 0, 0, "12345678", 8);
    return 1;
}

static void pings_end(void **state)
{
    (void)state;
    expect_calm(pings);
}

static unsigned answers_to_no_ping(struct frames *frames, uint32_t i)
{
    (void)i;
    frame(frames, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678", 8);
    return 1;
}

static void answers_to_no_ping_end(void **state)
{
    (void)state;
    expect_calm(answers_to_no_ping);
}

/* 108 and 109 by a client that does not read: nothing is flushed. */
static void pings_of_a_client_that_does_not_read_end(void **state)
{
    (void)state;
    static struct frames frames;
    frames.size = 0;
    unsigned sent = 0;
    int rc = 0;
    for (; rc == 0 && sent < MORE_THAN_ENOUGH; sent++) {
        pings(&frames, 0);
        rc = peer_take(&server, frames.bytes, frames.size, SIZE_MAX / 2);
        frames.size = 0;
    }
    assert_in_range(sent, 1, MOST_FRAMES);
    assert_int_equal(rc, -SHOAL_EPROTOCOL);
}

static unsigned empty_data(struct frames *frames, uint32_t i)
{
    if (i == 0)
        frame_request(frames, 1, 0, post_request);
    frame(frames, NGHTTP2_DATA, 0, 1, NULL, 0);
    return 1;
}

static void empty_data_ends(void **state)
{
    (void)state;
    server.on_request = keep_open;
    expect_calm(empty_data);
}

static unsigned padding_only(struct frames *frames, uint32_t i)
{
    static const uint8_t padded[] = {3, 0, 0, 0};
    if (i == 0)
        frame_request(frames, 1, 0, post_request);
    frame(frames, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, padded, sizeof(padded));
    return 1;
}

static void data_that_is_all_padding_ends(void **state)
{
    (void)state;
    server.on_request = keep_open;
    expect_calm(padding_only);
}

static unsigned priorities(struct frames *frames, uint32_t i)
{
    static const uint8_t priority[] = {0, 0, 0, 0, 16};
    frame(frames, NGHTTP2_PRIORITY, 0, id_of(i), priority, sizeof(priority));
    return 1;
}

static void priorities_end(void **state)
{
    (void)state;
    expect_calm(priorities);
}

static unsigned window_updates(struct frames *frames, uint32_t i)
{
    (void)i;
    frame_u32(frames, NGHTTP2_WINDOW_UPDATE, 0, 1);
    return 1;
}

static void window_updates_end(void **state)
{
    (void)state;
    expect_calm(window_updates);
}

static unsigned unknown_frames(struct frames *frames, uint32_t i)
{
    (void)i;
    frame(frames, 0xbb, 0, 0, "what", 4);
    return 1;
}

static void unknown_frames_end(void **state)
{
    (void)state;
    expect_calm(unknown_frames);
}

static unsigned goaways(struct frames *frames, uint32_t i)
{
    if (i == 0)
        frame_request(frames, 1, 0, post_request);
    frame(frames, NGHTTP2_GOAWAY, 0, 0, "\0\0\0\0\0\0\0\0", 8);
    return 1;
}

static void goaways_end(void **state)
{
    (void)state;
    server.on_request = keep_open;
    expect_calm(goaways);
}

static unsigned resets_of_closed_streams(struct frames *frames, uint32_t i)
{
    if (i == 0)
        frame_request(frames, 1, NGHTTP2_FLAG_END_STREAM, get_request);
    frame_u32(frames, NGHTTP2_RST_STREAM, 1, SHOAL__H2_CANCEL);
    return 1;
}

static void resets_of_closed_streams_end(void **state)
{
    (void)state;
    expect_calm(resets_of_closed_streams);
}

static void refuse_body(struct peer *peer, struct shoal__stream *stream,
                        const struct shoal__head *head, bool end)
{
    answer_hello(peer, stream, head, end);
    shoal__stream_reset(stream, SHOAL__H2_NO_ERROR);
}

static unsigned data_for_closed_streams(struct frames *frames, uint32_t i)
{
    if (i == 0)
        frame_request(frames, 1, 0, post_request);
    frame(frames, NGHTTP2_DATA, 0, 1, "x", 1);
    return 1;
}

static void data_for_closed_streams_ends(void **state)
{
    (void)state;
    server.on_request = refuse_body;
    expect_calm(data_for_closed_streams);
}

static unsigned requests_passed_over(struct frames *frames, uint32_t i)
{
    if (i == 0)
        frame_request(frames, 100001, NGHTTP2_FLAG_END_STREAM, get_request);
    frame_request(frames, id_of(i), NGHTTP2_FLAG_END_STREAM, get_request);
    return 1;
}

static void requests_on_streams_passed_over_end(void **state)
{
    (void)state;
    expect_end(requests_passed_over);
    assert_int_equal(server.requests, 1);
}

static unsigned trailers_without_end(struct frames *frames, uint32_t i)
{
    static const struct pair trailers[] = {{"a", "b"}, {NULL, NULL}};
    frame_request(frames, id_of(i), 0, post_request);
    frame_request(frames, id_of(i), 0, trailers);
    return 2;
}

static void trailers_without_end_end(void **state)
{
    (void)state;
    server.on_request = keep_open;
    expect_end(trailers_without_end);
}

static void answer_long(struct peer *peer, struct shoal__stream *stream,
                        const struct shoal__head *head, bool end)
{
    (void)peer;
    (void)head;
    (void)end;
    static char body[200000];
    (void)send_status(stream, 200, false);
    (void)shoal__stream_write(stream, shoal_view(body, sizeof(body)));
    (void)shoal__stream_end(stream, NULL, 0);
}

static unsigned dribbled_window(struct frames *frames, uint32_t i)
{
    if (i == 0) {
        static const uint8_t no_window[] = {0, 4, 0, 0, 0, 0};
        frame(frames, NGHTTP2_SETTINGS, 0, 0, no_window, sizeof(no_window));
        frame_request(frames, 1, NGHTTP2_FLAG_END_STREAM, get_request);
    }
    frame_u32(frames, NGHTTP2_WINDOW_UPDATE, 1, 1);
    return 1;
}

static void a_window_opened_byte_by_byte_ends(void **state)
{
    (void)state;
    server.on_request = answer_long;
    expect_calm(dribbled_window);
}

static unsigned everything(struct frames *frames, uint32_t i)
{
    static flood_fn *const kinds[] = {settings,       pings,          priorities,
                                      window_updates, unknown_frames, answers_to_no_ping};
    return kinds[i % 6](frames, i);
}

static void a_mixture_of_floods_ends(void **state)
{
    (void)state;
    expect_calm(everything);
}

/* One request among five useless frames is not enough to pay for them. */
static unsigned flood_with_alibi(struct frames *frames, uint32_t i)
{
    frame_request(frames, id_of(i), NGHTTP2_FLAG_END_STREAM, get_request);
    for (uint32_t k = 0; k < 20; k++)
        everything(frames, k);
    return 20;
}

static void a_flood_with_a_few_requests_in_it_ends(void **state)
{
    (void)state;
    expect_calm(flood_with_alibi);
}

static void a_client_ends_the_floods_of_a_server_too(void **state)
{
    (void)state;
    flood_fn *const kinds[] = {settings, pings, window_updates, unknown_frames};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        tear_down(NULL);
        peer_init(&server);
        peer_open(&server, SHOAL__HTTP_CLIENT);
        assert_non_null(ask(&server, "GET", "/", true));
        struct frames frames = {0};
        frame(&frames, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
        assert_true(feed(&server, &frames));
        shoal_buf_consume(&server.out, shoal_buf_size(&server.out)); /* its preface is no frame */
        expect_calm(kinds[i]);
    }
}

/* Honest clients */

static void expect_no_end(flood_fn *traffic, uint32_t times)
{
    static struct frames frames;
    frames.size = 0;
    struct seen seen = {0};
    for (uint32_t i = 0; i < times; i++) {
        traffic(&frames, i);
        assert_true(feed(&server, &frames));
        seen = see(&server);
        assert_int_equal(seen.count[NGHTTP2_GOAWAY], 0);
    }
}

/* Like a client that measures the bandwidth: an update of both windows, and a ping. */
static unsigned request_with_updates_and_ping(struct frames *frames, uint32_t i)
{
    frame_request(frames, id_of(i), NGHTTP2_FLAG_END_STREAM, get_request);
    frame_u32(frames, NGHTTP2_WINDOW_UPDATE, 0, 5);
    frame_u32(frames, NGHTTP2_WINDOW_UPDATE, id_of(i), 5);
    frame(frames, NGHTTP2_PING, 0, 0, "12345678", 8);
    return 0;
}

static void a_client_that_updates_and_pings_for_every_answer_is_served(void **state)
{
    (void)state;
    expect_no_end(request_with_updates_and_ping, 20000);
    assert_int_equal(server.requests, 20000);
}

/* A browser that leaves a page: every other request is cancelled. */
static unsigned every_other_cancelled(struct frames *frames, uint32_t i)
{
    frame_request(frames, id_of(i), NGHTTP2_FLAG_END_STREAM, get_request);
    if (i % 2)
        frame_u32(frames, NGHTTP2_RST_STREAM, id_of(i), SHOAL__H2_CANCEL);
    return 0;
}

static void a_client_that_cancels_half_of_its_requests_is_served(void **state)
{
    (void)state;
    expect_no_end(every_other_cancelled, 20000);
}

static unsigned cancelled(struct frames *frames, uint32_t i)
{
    return rapid_reset(frames, i);
}

static void a_burst_of_cancelled_requests_is_forgiven(void **state)
{
    (void)state;
    server.on_request = keep_open;
    expect_no_end(cancelled, 300);
}

static unsigned small_uploads(struct frames *frames, uint32_t i)
{
    if (i == 0)
        frame_request(frames, 1, 0, post_request);
    frame(frames, NGHTTP2_DATA, 0, 1, "msg", 3);
    return 0;
}

static void a_stream_of_small_messages_is_served(void **state)
{
    (void)state;
    server.on_request = keep_open;
    expect_no_end(small_uploads, 50000);
    assert_int_equal(server.received, 150000);
}

static void keepalive_pings_for_days_are_answered(void **state)
{
    (void)state;
    static struct frames frames;
    for (int i = 0; i < 20000; i++) {
        server.now_ms += 10000;
        pings(&frames, 0);
        assert_true(feed(&server, &frames));
        assert_int_equal(see(&server).count[NGHTTP2_PING], 1);
    }
}

static void
a_client_that_asks_too_much_before_it_knows_the_limit_is_forgiven_for_a_while(void **state)
{
    (void)state;
    tear_down(NULL);
    server_before_settings(&server);
    server.on_request = keep_open;
    expect_no_end(above_the_limit, 500);
    assert_int_equal(server.requests, 128);
    expect_calm(above_the_limit_for_ever);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rapid_reset_ends),
        TEST(rapid_reset_of_unanswered_requests_ends),
        TEST(provoked_resets_by_window_overflow_end),
        TEST(provoked_resets_by_content_length_end),
        TEST(provoked_resets_by_bad_fields_end),
        TEST(requests_that_are_refused_end_too),
        TEST(streams_above_the_limit_end),
        TEST(window_updates_of_zero_end),
        TEST(data_after_the_end_ends),
        TEST(headers_after_the_end_end),
        TEST(large_continuations_end),
        TEST(empty_continuations_end),
        TEST(settings_end),
        TEST(pings_end),
        TEST(answers_to_no_ping_end),
        TEST(pings_of_a_client_that_does_not_read_end),
        TEST(empty_data_ends),
        TEST(data_that_is_all_padding_ends),
        TEST(priorities_end),
        TEST(window_updates_end),
        TEST(unknown_frames_end),
        TEST(goaways_end),
        TEST(resets_of_closed_streams_end),
        TEST(data_for_closed_streams_ends),
        TEST(requests_on_streams_passed_over_end),
        TEST(trailers_without_end_end),
        TEST(a_window_opened_byte_by_byte_ends),
        TEST(a_mixture_of_floods_ends),
        TEST(a_flood_with_a_few_requests_in_it_ends),
        TEST(a_client_ends_the_floods_of_a_server_too),
        TEST(a_client_that_updates_and_pings_for_every_answer_is_served),
        TEST(a_client_that_cancels_half_of_its_requests_is_served),
        TEST(a_burst_of_cancelled_requests_is_forgiven),
        TEST(a_stream_of_small_messages_is_served),
        TEST(keepalive_pings_for_days_are_answered),
        TEST(a_client_that_asks_too_much_before_it_knows_the_limit_is_forgiven_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
