/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an HTTP/1 server's connection does against slow, greedy and broken peers, when the server
 * drains, and when memory is out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "driver_rig.h"
#include "net/conn.h"
#include "support/failmalloc.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(path, length) "POST " path " HTTP/1.1\r\nHost: h\r\nContent-Length: " length "\r\n\r\n"
#define POST_CHUNKED(path) "POST " path " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

static char block[64 * 1024];

static void feed_block(size_t size)
{
    memset(block, 'x', sizeof(block));
    rig_feed_bytes(block, size);
}

static bool output_begins(const char *text)
{
    return strncmp(rig_output(), text, strlen(text)) == 0;
}

/* Refusals */

static void a_bad_head_is_refused_and_nothing_behind_it_executed(void **state)
{
    (void)state;
    rig.on_request = rig_hello;
    rig_open();
    rig_feed(GET("/good") "GET / HTTP/1.1\nHost: h\n\n" GET("/smuggled"));
    assert_string_equal(rig_output(),
                        "HTTP/1.1 200 OK|Content-Length: 5||hello"
                        "HTTP/1.1 400 Bad Request|Content-Length: 34|Connection: close|"
                        "Content-Type: text/plain||line feed without carriage return\n");
    rig_feed(GET("/smuggled"));
    rig_end();
    assert_string_equal(rig_notes(), "busy <GET /good> closed:0 idle over:8");
    assert_int_equal(rig.refused, 400);
    assert_memory_equal(rig.refused_in, "GET / HTTP/1.1\nHost: h\n\n", 24);
    assert_int_equal(rig_closed_for(SHOAL_CLOSED_PROTOCOL), 1);
}

static void a_refusal_lingers_so_that_it_arrives(void **state)
{
    (void)state;
    rig.conn_limits.flush_ms = 5000;
    rig_open();
    rig_feed("GET / HTTP/9.9\r\n");
    assert_true(output_begins("HTTP/1.1 505 "));
    assert_false(rig_is_closed());
    assert_int_equal(rig.bench->wire.shutdowns, 1);
    feed_block(sizeof(block));
    assert_false(rig_is_closed());
    rig_pass_ms(5000);
    assert_true(rig_is_closed());
}

static void a_bad_body_is_refused_where_no_answer_has_begun(void **state)
{
    (void)state;
    rig_open();
    rig_feed(POST_CHUNKED("/") "3\r\nabc\r\nzz\r\n" GET("/smuggled"));
    assert_true(output_begins("HTTP/1.1 400 "));
    rig_end();
    assert_string_equal(rig_notes(), "busy <POST / ...> (abc) closed:1 over:8");
}

static void a_bad_body_cuts_an_answer_that_has_begun(void **state)
{
    (void)state;
    rig.on_request = rig_echo;
    rig_open();
    rig_feed(POST_CHUNKED("/") "3\r\nabc\r\nzz\r\n" GET("/smuggled"));
    assert_string_equal(rig_notes(), "busy <POST / ...> (abc) closed:1 over:8");
    assert_true(rig.bench->wire.aborted);
}

static void a_bad_body_that_nobody_wants_does_not_cost_the_answer(void **state)
{
    (void)state;
    rig.on_request = rig_hello;
    rig_open();
    rig_feed(POST_CHUNKED("/") "3\r\nabc\r\nzz\r\n" GET("/smuggled"));
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Content-Length: 5||hello");
    rig_end();
    assert_false(rig.bench->wire.aborted);
    assert_int_equal(rig.requests, 1);
}

static void half_a_body_at_the_end_is_refused(void **state)
{
    (void)state;
    rig_open();
    rig_feed(POST("/", "10") "abc");
    rig_end();
    assert_true(output_begins("HTTP/1.1 400 "));
    assert_string_equal(rig_notes(), "busy <POST / ...> (abc) closed:1 over:8");
}

static void a_head_over_its_limits_is_refused_with_the_right_status(void **state)
{
    (void)state;
    rig_open();
    rig_feed("GET /");
    feed_block(40000);
    assert_true(output_begins("HTTP/1.1 414 "));
    assert_int_equal(rig.refused, 414);
}

static void too_large_fields_are_refused_with_the_right_status(void **state)
{
    (void)state;
    rig_open();
    rig_feed("GET / HTTP/1.1\r\nHost: h\r\nX: ");
    feed_block(40000);
    assert_true(output_begins("HTTP/1.1 431 "));
    assert_int_equal(rig.refused, 431);
    assert_memory_equal(rig.refused_in, "GET / HTTP/1.1\r\nHost: h", 23);
}

/* Bodies that nobody wants */

static void refuse_413(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    (void)head;
    (void)end;
    rig_reply(stream, 413, "too large");
}

static void the_rest_of_an_answered_body_is_dropped_and_the_next_request_served(void **state)
{
    (void)state;
    rig.on_request = refuse_413;
    rig_open();
    rig_feed(POST("/", "100000"));
    feed_block(50000);
    feed_block(50000);
    rig.on_request = rig_hello;
    rig_feed(GET("/next"));
    assert_string_equal(rig_notes(), "busy <POST / ...> closed:0 idle busy <GET /next> closed:0 "
                                     "idle");
    assert_false(rig_is_closed());
}

static void too_long_a_rest_ends_the_connection_gently(void **state)
{
    (void)state;
    rig.on_request = refuse_413;
    rig_open();
    rig_feed(POST("/", "1000000000"));
    for (int i = 0; i < 20; i++)
        feed_block(sizeof(block));
    assert_string_equal(rig_notes(), "busy <POST / ...> closed:0");
    assert_int_equal(rig.bench->wire.shutdowns, 1);
    assert_false(rig_is_closed());
    rig_end();
    assert_string_equal(rig_notes(), "over:0");
    assert_false(rig.bench->wire.aborted);
}

static void a_body_given_up_while_it_was_held_back_is_dropped(void **state)
{
    (void)state;
    rig.hoards = true;
    rig.limits.stream_window = 1000;
    rig.quiet = true;
    rig_open();
    rig_feed(POST("/", "5000"));
    feed_block(2000);
    assert_true(shoal_conn_paused(rig.bench->conn));
    rig_reply(rig.stream, 200, "enough");
    rig_run();
    feed_block(3000);
    rig.on_request = rig_hello;
    rig_feed(GET("/next"));
    assert_string_equal(rig_notes(),
                        "busy <POST / ...> closed:0 idle busy <GET /next> closed:0 idle");
}

static void what_is_not_wanted_after_the_answer_may_be_said_so(void **state)
{
    (void)state;
    rig.hoards = true;
    rig.limits.stream_window = 1000;
    rig.quiet = true;
    rig_open();
    rig_feed(POST("/", "5000"));
    feed_block(2000);
    rig_reply(rig.stream, 200, "enough");
    shoal__stream_reset(rig.stream, SHOAL__H2_NO_ERROR);
    rig_run();
    feed_block(3000);
    assert_string_equal(rig_notes(), "busy <POST / ...> closed:0 idle");
}

/* Slow bodies */

static void a_body_that_does_not_come_is_told_408(void **state)
{
    (void)state;
    rig_open();
    rig_feed(POST("/", "10") "abc");
    rig_pass_ms(29000);
    assert_string_equal(rig_output(), "");
    rig_pass_ms(1500);
    assert_true(output_begins("HTTP/1.1 408 "));
    assert_string_equal(rig_notes(), "busy <POST / ...> (abc) closed:1");
}

static void a_body_that_trickles_is_told_408(void **state)
{
    (void)state;
    rig.quiet = true;
    rig_open();
    rig_feed(POST("/", "1000000"));
    for (int i = 0; i < 70; i++) {
        feed_block(10);
        rig_pass_ms(1000);
    }
    assert_true(output_begins("HTTP/1.1 408 "));
}

static void a_body_that_is_merely_slow_is_waited_for(void **state)
{
    (void)state;
    rig.quiet = true;
    rig_open();
    rig_feed(POST("/", "1000000"));
    for (int i = 0; i < 200; i++) {
        feed_block(200);
        rig_pass_ms(1000);
    }
    assert_string_equal(rig_output(), "");
    assert_string_equal(rig_notes(), "busy <POST / ...>");
}

static void a_client_that_waits_for_100_is_not_slow(void **state)
{
    (void)state;
    rig_open();
    rig_feed("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    rig_pass_ms(31000);
    rig_pass_ms(31000);
    assert_string_equal(rig_output(), "");
    rig_send_head(rig.stream, 100, -1, false);
    rig_pass_ms(31000);
    rig_pass_ms(31000);
    assert_true(output_begins("HTTP/1.1 100 Continue||HTTP/1.1 408 "));
}

static void who_is_held_back_is_not_slow(void **state)
{
    (void)state;
    rig.hoards = true;
    rig.quiet = true;
    rig.limits.stream_window = 1000;
    rig_open();
    rig_feed(POST("/", "5000"));
    feed_block(1000);
    rig_pass_ms(100000);
    assert_string_equal(rig_output(), "");
    shoal__stream_consume(rig.stream, 1000);
    rig_pass_ms(31000);
    assert_true(output_begins("HTTP/1.1 408 "));
}

static void a_dropped_body_that_does_not_come_ends_the_connection(void **state)
{
    (void)state;
    rig.on_request = rig_hello;
    rig.conn_limits.flush_ms = 1000;
    rig_open();
    rig_feed(POST("/", "10") "abc");
    assert_string_equal(rig_notes(), "busy <POST / ...> closed:0");
    rig_pass_ms(31000);
    rig_pass_ms(1000);
    assert_true(rig_is_closed());
    assert_false(rig.bench->wire.aborted);
}

static void a_slow_head_is_cut_by_the_connection(void **state)
{
    (void)state;
    rig.conn_limits.read_stall_ms = 10000;
    rig_open();
    rig_feed("GET / HTT");
    rig_pass_ms(11000);
    assert_true(rig_is_closed());
    assert_int_equal(rig_closed_for(SHOAL_CLOSED_READ_STALL), 1);
}

static void an_idle_connection_is_closed_and_a_busy_one_is_not(void **state)
{
    (void)state;
    rig.conn_limits.idle_ms = 10000;
    rig.conn_limits.read_stall_ms = 10000;
    rig_open();
    rig_feed(GET("/") GET("/pipelined"));
    rig_pass_ms(60000);
    assert_false(rig_is_closed());
    rig_reply_empty(rig.stream, 200);
    rig_run();
    rig_reply_empty(rig.stream, 200);
    rig_run();
    rig_pass_ms(11000);
    assert_true(rig_is_closed());
    assert_int_equal(rig_closed_for(SHOAL_CLOSED_IDLE), 1);
}

/* Back-pressure */

static void unconsumed_body_stops_reading_until_it_is_consumed(void **state)
{
    (void)state;
    rig.hoards = true;
    rig.quiet = true;
    rig.limits.stream_window = 10000;
    rig_open();
    rig_feed(POST("/", "100000"));
    feed_block(6000);
    feed_block(6000);
    assert_int_equal(rig.bytes, 12000);
    feed_block(6000);
    assert_int_equal(rig.bytes, 12000);
    shoal__stream_consume(rig.stream, 6000);
    rig_run();
    assert_int_equal(rig.bytes, 12000); /* half of the window is still full */
    shoal__stream_consume(rig.stream, 1000);
    rig_run();
    assert_int_equal(rig.bytes, 18000);
    assert_string_equal(rig_notes(), "busy <POST / ...>");
}

static void a_window_left_full_does_not_stop_the_next_request(void **state)
{
    (void)state;
    rig.hoards = true;
    rig.limits.stream_window = 3;
    rig_open();
    rig_feed(POST("/", "3") "abc");
    rig_reply_empty(rig.stream, 200);
    rig_run();
    rig_feed(GET("/"));
    assert_string_equal(rig_notes(), "busy <POST / ...> (abc) [] closed:0 idle busy <GET />");
}

static void write_until_high(struct shoal__stream *stream)
{
    static char part[1000];
    int rc = 0;
    for (int i = 0; i < 1000 && rc == 0; i++)
        rc = shoal__stream_write(stream, shoal_view(part, sizeof(part)));
    assert_int_equal(rc, 1);
}

static void a_writer_is_told_of_the_marks(void **state)
{
    (void)state;
    rig.conn_limits.out_high = 20000;
    rig.conn_limits.out_low = 5000;
    rig.bench->wire.capacity = 1000;
    rig_open();
    rig_feed(GET("/"));
    assert_int_equal(rig_send_head(rig.stream, 200, -1, false), 0);
    write_until_high(rig.stream);
    assert_in_range(shoal__stream_pending(rig.stream), 20000, 23000);
    rig_run();
    rig.bench->wire.capacity = MEMWIRE_ROOM;
    memwire_take(&rig.bench->wire, 1000);
    rig_run();
    assert_string_equal(rig_notes(), "busy <GET /> drained");
    assert_int_equal(shoal__stream_pending(rig.stream), 0);
    assert_int_equal(rig_end_stream(rig.stream), 0);
}

static void end_stream(struct shoal__stream *stream)
{
    assert_int_equal(rig_end_stream(stream), 0);
}

static void an_answer_may_end_in_on_drained(void **state)
{
    (void)state;
    rig.conn_limits.out_high = 20000;
    rig.conn_limits.out_low = 5000;
    rig.bench->wire.capacity = 1000;
    rig.on_drained = end_stream;
    rig_open();
    rig_feed(GET("/") GET("/2"));
    assert_int_equal(rig_send_head(rig.stream, 200, -1, false), 0);
    write_until_high(rig.stream);
    rig.bench->wire.capacity = MEMWIRE_ROOM;
    rig_run();
    assert_string_equal(rig_notes(), "busy <GET /> drained closed:0 idle busy <GET /2>");
}

static void reply_much(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    static char body[10000];
    (void)head;
    (void)end;
    assert_int_equal(rig_send_head(stream, 200, sizeof(body), false), 0);
    assert_in_range(shoal__stream_write(stream, shoal_view(body, sizeof(body))), 0, 1);
    assert_int_equal(rig_end_stream(stream), 0);
}

static void pipelined_requests_wait_while_their_answers_are_not_read(void **state)
{
    (void)state;
    rig.silent = true;
    rig.conn_limits.out_high = 50000;
    rig.conn_limits.out_low = 20000;
    rig.conn_limits.out_max = 100000;
    rig.bench->wire.capacity = 1000;
    rig.on_request = reply_much;
    rig_open();
    for (int i = 0; i < 200; i++)
        memwire_feed_text(&rig.bench->wire, GET("/"));
    rig_run();
    assert_in_range(rig.requests, 4, 6);
    rig.bench->wire.capacity = MEMWIRE_ROOM;
    memwire_take(&rig.bench->wire, 1000);
    for (int i = 0; i < 20; i++)
        rig_run();
    assert_int_equal(rig.requests, 200);
    assert_false(rig_is_closed());
}

static void above_the_hard_cap_nothing_is_taken(void **state)
{
    (void)state;
    static char part[30000];
    rig.limits.out_max = 100000;
    rig.conn_limits.out_max = 100000;
    rig.bench->wire.capacity = 1;
    rig_open();
    rig_feed(GET("/"));
    assert_int_equal(rig_send_head(rig.stream, 200, -1, false), 0);
    int rc = 0;
    size_t taken = 0;
    while ((rc = shoal__stream_write(rig.stream, shoal_view(part, sizeof(part)))) >= 0)
        taken += sizeof(part);
    assert_int_equal(rc, -SHOAL_EFULL);
    assert_int_equal(taken, 90000);
    while (shoal__stream_write(rig.stream, shoal_view(part, 1)) >= 0)
        continue;
    assert_int_equal(rig_end_stream(rig.stream), 0);
    rig_run();
    assert_int_equal(rig_closed_for(SHOAL_CLOSED_SLOW_READER), 0);
}

static void a_file_takes_no_memory_and_knows_no_cap(void **state)
{
    (void)state;
    rig.limits.out_max = 100000;
    rig.conn_limits.out_max = 100000;
    rig.bench->wire.capacity = 1;
    rig_open();
    rig_feed(GET("/"));
    FILE *file = tmpfile();
    assert_non_null(file);
    struct shoal_buf *buf = shoal_buf_create();
    assert_int_equal(shoal_buf_append_file(buf, fileno(file), 0, 1000000, false), 0);
    assert_int_equal(rig_send_head(rig.stream, 200, 1000100, false), 0);
    assert_in_range(shoal__stream_write_buf(rig.stream, buf), 0, 1);
    char part[100] = "";
    assert_in_range(shoal__stream_write(rig.stream, shoal_view(part, sizeof(part))), 0, 1);
    shoal_buf_destroy(&buf);
    assert_int_equal(rig_end_stream(rig.stream), 0);
    connrig_turns(&rig.bench->rig, 1);
    shoal_conn_close(rig.bench->conn, SHOAL_CLOSE_NOW);
    rig_run();
    fclose(file);
}

/* Draining */

static void drain(void)
{
    struct shoal_loop *loop = rig.bench->rig.loop;
    loop->draining = true;
    loop->layer->drain(loop->layer);
    rig_run();
}

static void a_drained_idle_connection_may_bring_one_more_request(void **state)
{
    (void)state;
    rig.on_request = rig_hello;
    rig_open();
    rig_feed(GET("/1"));
    rig_output();
    drain();
    assert_false(rig_is_closed());
    rig_feed(GET("/2") GET("/3"));
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Content-Length: 5|Connection: close||hello");
    assert_true(rig_is_closed());
    assert_int_equal(rig.requests, 2);
    assert_int_equal(rig_closed_for(SHOAL_CLOSED_DRAINED), 1);
}

static void a_drained_idle_connection_is_closed_after_a_moment(void **state)
{
    (void)state;
    rig_open();
    drain();
    rig_pass_ms(99);
    assert_false(rig_is_closed());
    rig_pass_ms(1);
    assert_true(rig_is_closed());
    assert_int_equal(rig_closed_for(SHOAL_CLOSED_DRAINED), 1);
}

static void a_drained_busy_connection_is_closed_with_its_answer(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    drain();
    rig_pass_ms(10000);
    assert_false(rig_is_closed());
    rig_reply(rig.stream, 200, "late");
    rig_run();
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Content-Length: 4|Connection: close||late");
    assert_true(rig_is_closed());
    assert_int_equal(rig_closed_for(SHOAL_CLOSED_DRAINED), 1);
}

static void an_answer_that_had_begun_ends_whole_when_the_server_drains(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    assert_int_equal(rig_send_head(rig.stream, 200, -1, false), 0);
    drain();
    rig_write(rig.stream, "abc");
    rig_end_stream(rig.stream);
    rig_run();
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Transfer-Encoding: chunked||3|abc|0||");
    assert_true(rig_is_closed());
}

/* Memory */

static void steady_requests_allocate_nothing(void **state)
{
    (void)state;
    rig.on_request = rig_say_path;
    rig.silent = true;
    rig_open();
    for (int i = 0; i < 3; i++)
        rig_feed(GET("/a") POST("/b", "3") "abc");
    failmalloc_at(0);
    for (int i = 0; i < 100; i++) {
        rig_feed(GET("/a"));
        rig_feed(GET("/a") GET("/b"));
        rig_feed(POST("/b", "3") "abc");
        rig_feed(POST_CHUNKED("/b") "3\r\nabc\r\n0\r\n\r\n");
    }
    assert_int_equal(failmalloc_count(), 0);
    assert_int_equal(rig.requests, 506);
}

/* Everything once: late and early answers, bodies and trailers, chunks and buffers. */
static void scenario(void)
{
    rig_open();
    rig_feed("GET /1 HTTP/1.1\r\nHo");
    rig_feed("st: h\r\n\r\n" POST_CHUNKED("/2") "3\r\nabc\r\n0\r\nT: u\r\n\r\n" GET("/3"));
    struct shoal__head head = {.status = 200, .content_length = -1};
    for (int i = 0; i < 3 && rig.stream; i++) {
        struct shoal_buf *buf = shoal_buf_create();
        if (buf && shoal_buf_append(buf, "moved", 5) == 0 &&
            shoal__stream_send_head(rig.stream, &head, false) == 0 &&
            shoal__stream_write(rig.stream, shoal_view("abc", 3)) >= 0 &&
            shoal__stream_write_buf(rig.stream, buf) >= 0)
            (void)rig_end_stream(rig.stream);
        shoal_buf_destroy(&buf);
        rig_run();
    }
    if (rig.session)
        shoal__session_shutdown(rig.session);
    rig_run();
    if (rig.stream)
        shoal__stream_reset(rig.stream, SHOAL__H2_CANCEL);
    rig_pass_ms(200);
}

static void memory_may_run_out_anywhere(void **state)
{
    long failures = 1;
    for (long k = 1; failures > 0; k++) {
        rig.hopeful = true;
        rig.silent = true;
        failmalloc_at(k);
        scenario();
        failures = failmalloc_failures();
        rig_teardown(state);
        rig_setup_server(state);
        assert_in_range(k, 1, 500);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup_server, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bad_head_is_refused_and_nothing_behind_it_executed),
        TEST(a_refusal_lingers_so_that_it_arrives),
        TEST(a_bad_body_is_refused_where_no_answer_has_begun),
        TEST(a_bad_body_cuts_an_answer_that_has_begun),
        TEST(a_bad_body_that_nobody_wants_does_not_cost_the_answer),
        TEST(half_a_body_at_the_end_is_refused),
        TEST(a_head_over_its_limits_is_refused_with_the_right_status),
        TEST(too_large_fields_are_refused_with_the_right_status),
        TEST(the_rest_of_an_answered_body_is_dropped_and_the_next_request_served),
        TEST(too_long_a_rest_ends_the_connection_gently),
        TEST(a_body_given_up_while_it_was_held_back_is_dropped),
        TEST(what_is_not_wanted_after_the_answer_may_be_said_so),
        TEST(a_body_that_does_not_come_is_told_408),
        TEST(a_body_that_trickles_is_told_408),
        TEST(a_body_that_is_merely_slow_is_waited_for),
        TEST(a_client_that_waits_for_100_is_not_slow),
        TEST(who_is_held_back_is_not_slow),
        TEST(a_dropped_body_that_does_not_come_ends_the_connection),
        TEST(a_slow_head_is_cut_by_the_connection),
        TEST(an_idle_connection_is_closed_and_a_busy_one_is_not),
        TEST(unconsumed_body_stops_reading_until_it_is_consumed),
        TEST(a_window_left_full_does_not_stop_the_next_request),
        TEST(a_writer_is_told_of_the_marks),
        TEST(an_answer_may_end_in_on_drained),
        TEST(pipelined_requests_wait_while_their_answers_are_not_read),
        TEST(above_the_hard_cap_nothing_is_taken),
        TEST(a_file_takes_no_memory_and_knows_no_cap),
        TEST(a_drained_idle_connection_may_bring_one_more_request),
        TEST(a_drained_idle_connection_is_closed_after_a_moment),
        TEST(a_drained_busy_connection_is_closed_with_its_answer),
        TEST(an_answer_that_had_begun_ends_whole_when_the_server_drains),
        TEST(steady_requests_allocate_nothing),
        TEST(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests_name("http1 driver, defence", tests, NULL, NULL);
}
