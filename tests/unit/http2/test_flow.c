/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Windows, marks and deadlines: who does not consume is not sent more, who writes too much is told
 * to stop and later to go on, and who stalls is reset.
 */
#include "http2_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/failmalloc.h"

enum { WHOLE = 1 << 20, WINDOW = 100000 };

static struct peer client, server;
static char zeros[1 << 20];

static void keep_open(struct peer *peer, struct shoal__stream *stream,
                      const struct shoal__head *head, bool end)
{
    (void)peer;
    (void)stream;
    (void)head;
    (void)end;
}

static int set_up(void **state)
{
    (void)state;
    peer_init(&client);
    peer_init(&server);
    server.limits.stream_window = client.limits.stream_window = WINDOW;
    server.limits.session_window = client.limits.session_window = 3 * WINDOW;
    server.on_request = keep_open;
    server.quiet = client.quiet = true;
    peer_open(&client, SHOAL__HTTP_CLIENT);
    peer_open(&server, SHOAL__HTTP_SERVER);
    wire_run(&client, &server, WHOLE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    peer_close(&client);
    peer_close(&server);
    return 0;
}

static void run(void)
{
    wire_run(&client, &server, WHOLE);
}

static void a_server_that_does_not_consume_is_sent_a_window_and_no_more(void **state)
{
    (void)state;
    server.hoards = true;
    struct shoal__stream *stream = ask(&client, "POST", "/", false);
    shoal__stream_write(stream, shoal_view(zeros, sizeof(zeros)));
    run();
    assert_int_equal(server.received, WINDOW);
    shoal__stream_consume(server.last, WINDOW);
    run();
    assert_int_equal(server.received, 2 * WINDOW);
    assert_int_equal(shoal__stream_pending(stream), sizeof(zeros) - 2 * WINDOW);
}

static void more_than_was_received_cannot_be_consumed(void **state)
{
    (void)state;
    server.hoards = true;
    struct shoal__stream *stream = ask(&client, "POST", "/", false);
    shoal__stream_write(stream, shoal_view(zeros, sizeof(zeros)));
    run();
    shoal__stream_consume(server.last, SIZE_MAX);
    shoal__stream_consume(server.last, SIZE_MAX);
    run();
    assert_int_equal(server.received, 2 * WINDOW);
}

static void all_streams_together_keep_within_the_session_window(void **state)
{
    (void)state;
    server.hoards = true;
    for (int i = 0; i < 5; i++)
        shoal__stream_write(ask(&client, "POST", "/", false), shoal_view(zeros, WINDOW));
    run();
    assert_int_equal(server.received, 3 * WINDOW);
}

static void what_a_closed_stream_did_not_consume_is_returned(void **state)
{
    (void)state;
    server.hoards = true;
    for (int i = 1; i <= 20; i++) {
        struct shoal__stream *stream = ask(&client, "POST", "/", false);
        shoal__stream_write(stream, shoal_view(zeros, WINDOW));
        run();
        assert_int_equal(server.received, (size_t)i * WINDOW);
        shoal__stream_reset(i % 2 ? stream : server.last, SHOAL__H2_CANCEL);
        run();
    }
}

static void a_body_that_nobody_wants_is_let_through(void **state)
{
    (void)state;
    struct shoal__stream *stream = ask(&client, "POST", "/", false);
    run();
    static const struct shoal__stream_events nothing = {.on_close = NULL};
    static struct shoal__stream_events events;
    events = nothing;
    events.on_close = server.last->events->on_close;
    server.last->events = &events;
    for (int i = 0; i < 10; i++)
        shoal__stream_write(stream, shoal_view(zeros, WINDOW));
    run();
    assert_int_equal(shoal__stream_pending(stream), 0);
    assert_int_equal(server.received, 0);
}

static void a_writer_is_told_to_stop_and_once_to_go_on(void **state)
{
    (void)state;
    client.hoards = true;
    ask(&client, "GET", "/", true);
    run();
    assert_int_equal(send_status(server.last, 200, false), 0);
    server.log_size = 0;
    assert_int_equal(shoal__stream_write(server.last, shoal_view(zeros, 200000)), 0);
    assert_int_equal(shoal__stream_write(server.last, shoal_view(zeros, 200000)), 1);
    run();
    assert_string_equal(peer_log(&server), ""); /* a window of 100,000 left 300,000 */
    client.hoards = false;
    struct shoal__stream *at_client = shoal__session_find(client.session, server.last->serial);
    shoal__stream_consume(at_client, SIZE_MAX);
    run();
    assert_string_equal(peer_log(&server), "[drained]");
    assert_int_equal(client.received, 400000);
}

static void write_on(struct peer *peer, struct shoal__stream *stream)
{
    size_t left = 3000000 - peer->received;
    size_t size = left < sizeof(zeros) ? left : sizeof(zeros);
    peer->received += size;
    if (size > 0)
        (void)shoal__stream_write(stream, shoal_view(zeros, size));
    else
        (void)shoal__stream_end(stream, NULL, 0);
}

static void a_writer_that_goes_on_when_told_gets_all_across(void **state)
{
    (void)state;
    ask(&client, "GET", "/", true);
    run();
    send_status(server.last, 200, false);
    server.on_drained = write_on;
    write_on(&server, server.last);
    run();
    assert_int_equal(client.received, 3000000);
    assert_int_equal(client.last_error, SHOAL__H2_NO_ERROR);
}

static void nothing_is_taken_above_the_hard_cap(void **state)
{
    (void)state;
    server.limits.out_max = 150000;
    ask(&client, "GET", "/", true);
    run();
    send_status(server.last, 200, false);
    assert_int_equal(shoal__stream_write(server.last, shoal_view(zeros, 100000)), 0);
    assert_int_equal(shoal__stream_write(server.last, shoal_view(zeros, 100000)), -SHOAL_EFULL);
    assert_int_equal(shoal__stream_pending(server.last), 100000);
    run();
    assert_int_equal(client.received, 100000);
    assert_int_equal(shoal__stream_write(server.last, shoal_view(zeros, 100000)), 0);
}

static void buffers_are_moved_and_files_cost_no_memory(void **state)
{
    (void)state;
    server.limits.out_max = 1000;
    ask(&client, "GET", "/", true);
    run();
    send_status(server.last, 200, false);
    struct shoal_buf *buf = shoal_buf_create();
    FILE *file = tmpfile();
    assert_int_equal(ftruncate(fileno(file), 50000), 0);
    assert_int_equal(shoal_buf_append(buf, "head", 4), 0);
    assert_int_equal(shoal_buf_append_file(buf, fileno(file), 0, 50000, false), 0);
    assert_int_equal(shoal__stream_write_buf(server.last, buf), 0);
    assert_int_equal(shoal_buf_size(buf), 0);
    assert_int_equal(shoal__stream_pending(server.last), 50004);
    assert_int_equal(peer_flush(&server), 0);
    assert_int_equal(shoal__stream_pending(server.last), 0);
    shoal__buf_fini(&server.out);
    shoal_buf_destroy(&buf);
    fclose(file);
}

/* How many bytes the client got of each of two responses when `most` bytes had come. */
static size_t received_of[2];

static void count_received(struct peer *peer, struct shoal__stream *stream, struct shoal_view data)
{
    (void)peer;
    received_of[stream->serial == 1 ? 0 : 1] += data.size;
}

static void long_responses_take_turns(void **state)
{
    (void)state;
    client.on_data = count_received;
    memset(received_of, 0, sizeof(received_of));
    ask(&client, "GET", "/", true);
    ask(&client, "GET", "/", true);
    run();
    for (uint64_t serial = 1; serial <= 3; serial += 2) {
        struct shoal__stream *stream = shoal__session_find(server.session, serial);
        send_status(stream, 200, false);
        shoal__stream_write(stream, shoal_view(zeros, WINDOW));
    }
    assert_int_equal(shoal__http2_send(server.engine, WINDOW), 1);
    static char bytes[2 * WINDOW];
    size_t size = shoal_buf_copy_out(&server.out, bytes, sizeof(bytes));
    shoal_buf_consume(&server.out, size);
    peer_take(&client, bytes, size, WHOLE);
    assert_in_range(received_of[0], WINDOW / 4, WINDOW * 3 / 4);
    assert_in_range(received_of[1], WINDOW / 4, WINDOW * 3 / 4);
}

static void expire(struct peer *peer, int64_t after_ms)
{
    peer->now_ms += after_ms;
    shoal__http2_expire(peer->engine, peer->now_ms);
    run();
}

static void a_body_that_stops_coming_is_given_up(void **state)
{
    (void)state;
    struct shoal__stream *stream = ask(&client, "POST", "/", false);
    run();
    expire(&server, 29999);
    shoal__stream_write(stream, shoal_view("x", 1));
    run();
    expire(&server, 29999);
    assert_int_equal(server.closes, 0);
    expire(&server, 1);
    assert_int_equal(server.closes, 1);
    assert_int_equal(client.last_error, SHOAL__H2_CANCEL);
}

static void a_slow_handler_is_not_the_clients_fault(void **state)
{
    (void)state;
    server.hoards = true;
    struct shoal__stream *stream = ask(&client, "POST", "/", false);
    shoal__stream_write(stream, shoal_view("x", 1));
    run();
    for (int i = 0; i < 10; i++)
        expire(&server, 20000);
    assert_int_equal(server.closes, 0);
    ask(&client, "GET", "/slow", true); /* nor is an answer that takes its time */
    run();
    for (int i = 0; i < 10; i++)
        expire(&server, 20000);
    assert_int_equal(server.closes, 0);
}

static void a_window_that_stays_shut_is_given_up(void **state)
{
    (void)state;
    client.hoards = true;
    ask(&client, "GET", "/", true);
    run();
    send_status(server.last, 200, false);
    shoal__stream_write(server.last, shoal_view(zeros, 2 * WINDOW));
    run();
    expire(&server, 29999);
    assert_int_equal(server.closes, 0);
    expire(&server, 1);
    assert_int_equal(server.closes, 1);
}

static void output_that_the_connection_holds_up_is_not_given_up(void **state)
{
    (void)state;
    ask(&client, "GET", "/", true);
    run();
    send_status(server.last, 200, false);
    shoal__stream_write(server.last, shoal_view(zeros, WINDOW));
    server.now_ms += 100000; /* nothing was flushed: the driver's deadlines see to that */
    shoal__http2_expire(server.engine, server.now_ms);
    run();
    assert_int_equal(client.received, WINDOW);
    assert_int_equal(server.closes, 0);
}

static void in_steady_state_a_small_request_calls_no_malloc(void **state)
{
    (void)state;
    static struct peer quick;
    static struct frames frames;
    server_for_frames(&quick);
    quick.drops = true;
    long calls = 0;
    for (uint32_t i = 0; i < 200; i++) {
        frame_request(&frames, 2 * i + 1, NGHTTP2_FLAG_END_STREAM, get_request);
        long before = failmalloc_count();
        shoal__http2_recv(quick.engine, shoal_view(frames.bytes, frames.size), 0);
        assert_int_equal(shoal__http2_send(quick.engine, SIZE_MAX), 0);
        calls = failmalloc_count() - before;
        frames.size = quick.log_size = 0;
    }
    assert_int_equal(quick.requests, 200);
    assert_int_equal(quick.closes, 200);
    assert_int_equal(calls, 0);
    peer_close(&quick);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_that_does_not_consume_is_sent_a_window_and_no_more),
        TEST(more_than_was_received_cannot_be_consumed),
        TEST(all_streams_together_keep_within_the_session_window),
        TEST(what_a_closed_stream_did_not_consume_is_returned),
        TEST(a_body_that_nobody_wants_is_let_through),
        TEST(a_writer_is_told_to_stop_and_once_to_go_on),
        TEST(a_writer_that_goes_on_when_told_gets_all_across),
        TEST(nothing_is_taken_above_the_hard_cap),
        TEST(buffers_are_moved_and_files_cost_no_memory),
        TEST(long_responses_take_turns),
        TEST(a_body_that_stops_coming_is_given_up),
        TEST(a_slow_handler_is_not_the_clients_fault),
        TEST(a_window_that_stays_shut_is_given_up),
        TEST(output_that_the_connection_holds_up_is_not_given_up),
        TEST(in_steady_state_a_small_request_calls_no_malloc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
