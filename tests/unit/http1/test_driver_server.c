/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an HTTP/1 server's connection does with requests and answers: order, framing both ways,
 * which connections stay, upgrades. What it does against slow, greedy and broken peers is in
 * test_driver_defence.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "driver_rig.h"
#include "net/conn.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(path, length) "POST " path " HTTP/1.1\r\nHost: h\r\nContent-Length: " length "\r\n\r\n"
#define POST_CHUNKED(path) "POST " path " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define HELLO "HTTP/1.1 200 OK|Content-Length: 5||hello"

static void a_request_is_told_answered_and_over(void **state)
{
    (void)state;
    rig.on_request = rig_hello;
    rig_open();
    rig_feed(GET("/a"));
    assert_string_equal(rig_notes(), "busy <GET /a> closed:0 idle");
    assert_string_equal(rig_output(), HELLO);
    assert_false(rig_is_closed());
}

static void expect_head(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    assert_true(end);
    assert_true(shoal_view_equal(head->method, shoal_view_of("GET")));
    assert_true(shoal_view_equal(head->scheme, shoal_view_of("http")));
    assert_true(shoal_view_equal(head->authority, shoal_view_of("example.org:81")));
    assert_true(shoal_view_equal(head->path, shoal_view_of("/a/b?c=d&e")));
    assert_int_equal(head->field_count, 2);
    assert_true(shoal_view_equal(head->fields[1].name, shoal_view_of("X-Y")));
    assert_true(shoal_view_equal(head->fields[1].value, shoal_view_of("z z")));
    assert_int_equal(stream->session->version, SHOAL__HTTP_1_1);
    rig_reply_empty(stream, 204);
}

static void the_head_is_told_as_it_came(void **state)
{
    (void)state;
    rig.on_request = expect_head;
    rig_open();
    rig_feed("GET /a/b?c=d&e HTTP/1.1\r\nHost: example.org:81\r\nX-Y:  z z \r\n\r\n");
    rig_feed("GET http://example.org:81/a/b?c=d&e HTTP/1.1\r\nHost: example.org:81\r\n"
             "X-Y: z z\r\n\r\n");
    assert_int_equal(rig.requests, 2);
}

static void note_path(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    rig_say_path(stream, head, end);
}

static void absolute_and_asterisk_forms_have_their_paths(void **state)
{
    (void)state;
    rig.on_request = note_path;
    rig_open();
    rig_feed("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_feed("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_feed("GET http://h/x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_string_equal(rig_notes(), "busy <GET /> closed:0 idle busy <OPTIONS *> closed:0 idle "
                                     "busy <GET /x> closed:0 idle");
}

static void a_request_may_come_byte_by_byte(void **state)
{
    (void)state;
    rig.on_request = rig_echo;
    rig.bench->wire.read_most = 1;
    rig_open();
    const char *text = POST_CHUNKED("/a") "2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: u\r\n\r\n" GET("/b");
    for (size_t i = 0; i < strlen(text); i++)
        rig_feed_bytes(text + i, 1);
    assert_string_equal(rig_notes(), "busy <POST /a ...> (a) (b) (c) [T: u] closed:0 idle "
                                     "busy <GET /b> closed:0 idle");
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Transfer-Encoding: chunked||1|a|1|b|1|c|0||"
                                      "HTTP/1.1 200 OK|Content-Length: 0||");
}

/* Pipelining */

static void pipelined_requests_are_answered_in_order_by_one_write(void **state)
{
    (void)state;
    rig.on_request = rig_say_path;
    rig_open();
    rig_feed(GET("/1") GET("/2") GET("/3"));
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Content-Length: 2||/1"
                                      "HTTP/1.1 200 OK|Content-Length: 2||/2"
                                      "HTTP/1.1 200 OK|Content-Length: 2||/3");
    assert_int_equal(rig.bench->wire.writes, 1);
    assert_int_equal(rig.bench->wire.reads, 1);
}

static void the_next_request_waits_for_a_late_answer(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/1") POST("/2", "3") "abc" GET("/3"));
    assert_string_equal(rig_notes(), "busy <GET /1>");
    rig_reply(rig.stream, 200, "one");
    rig_run();
    assert_string_equal(rig_notes(), "closed:0 idle busy <POST /2 ...> (abc) []");
    rig_reply(rig.stream, 200, "two");
    rig_run();
    rig_reply(rig.stream, 200, "three");
    rig_run();
    assert_string_equal(rig_notes(), "closed:0 idle busy <GET /3> closed:0 idle");
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Content-Length: 3||one"
                                      "HTTP/1.1 200 OK|Content-Length: 3||two"
                                      "HTTP/1.1 200 OK|Content-Length: 5||three");
}

static void a_request_that_comes_as_the_answer_ends_is_served(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/1"));
    memwire_feed_text(&rig.bench->wire, GET("/2"));
    rig_reply(rig.stream, 200, "one"); /* and only then is the input seen */
    rig_run();
    assert_string_equal(rig_notes(), "busy <GET /1> closed:0 idle busy <GET /2>");
}

static void a_full_pipeline_pauses_reading_and_loses_nothing(void **state)
{
    (void)state;
    rig_open();
    enum { REQUESTS = 20000 };
    for (int i = 0; i < REQUESTS; i++)
        memwire_feed_text(&rig.bench->wire, GET("/"));
    rig_run();
    assert_int_equal(rig.requests, 1);
    struct memwire *wire = &rig.bench->wire;
    assert_in_range(wire->in_start, 64 * 1024, 256 * 1024); /* and not all of it */

    rig.silent = true;
    rig.on_request = rig_hello;
    rig_reply(rig.stream, 200, "hello");
    for (int i = 0; i < 200 && wire->in_start < wire->in_end; i++)
        rig_run();
    rig_run();
    assert_int_equal(rig.requests, REQUESTS);
    assert_int_equal(rig.closes, REQUESTS);
}

/* Bodies of requests */

static void a_counted_body_is_told_and_then_its_end(void **state)
{
    (void)state;
    rig_open();
    rig_feed(POST("/a", "6") "abc");
    rig_feed("def");
    assert_string_equal(rig_notes(), "busy <POST /a ...> (abc) (def) []");
    rig_reply_empty(rig.stream, 204);
    rig_run();
    assert_string_equal(rig_notes(), "closed:0 idle");
    assert_string_equal(rig_output(), "HTTP/1.1 204 No Content||");
}

static void a_body_of_no_bytes_is_no_body(void **state)
{
    (void)state;
    rig.on_request = rig_hello;
    rig_open();
    rig_feed(POST("/a", "0"));
    assert_string_equal(rig_notes(), "busy <POST /a> closed:0 idle");
}

static void an_empty_chunked_body_is_only_an_end(void **state)
{
    (void)state;
    rig_open();
    rig_feed(POST_CHUNKED("/a"));
    rig_feed("0\r\n\r\n");
    assert_string_equal(rig_notes(), "busy <POST /a ...> []");
}

static struct shoal_view kept_trailer;

static void keep_trailer(struct shoal__stream *stream, const struct shoal__http_field *trailers,
                         size_t count)
{
    (void)stream;
    assert_int_equal(count, 1);
    kept_trailer = trailers[0].value;
}

static void check_trailer(struct shoal__stream *stream, uint32_t error)
{
    (void)stream;
    (void)error;
    assert_true(shoal_view_equal(kept_trailer, shoal_view_of("kept")));
    rig.stream = NULL;
}

static void watch_trailer(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    static const struct shoal__stream_events events = {.on_end = keep_trailer,
                                                       .on_close = check_trailer};
    (void)head;
    (void)end;
    stream->events = &events;
}

static void trailers_live_as_long_as_the_stream(void **state)
{
    (void)state;
    rig.on_request = watch_trailer;
    rig_open();
    rig_feed(POST_CHUNKED("/a") "0\r\nT: kept\r\n\r\n");
    rig_feed(GET("/b"));
    rig.on_request = NULL;
    rig_reply_empty(rig.stream, 200);
    rig_run();
    assert_string_equal(rig_notes(), "busy <POST /a ...> idle busy <GET /b>");
}

static void forget(struct shoal__stream *stream, uint32_t error)
{
    (void)stream;
    (void)error;
    rig.stream = NULL;
}

static void ignore_body(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    static const struct shoal__stream_events events = {.on_close = forget};
    (void)head;
    (void)end;
    stream->events = &events;
}

static void a_body_nobody_listens_to_is_read_all_the_same(void **state)
{
    (void)state;
    rig.on_request = ignore_body;
    rig_open();
    char body[1000];
    memset(body, 'x', sizeof(body));
    rig_feed(POST("/a", "500000"));
    for (int i = 0; i < 500; i++)
        rig_feed_bytes(body, sizeof(body));
    assert_int_equal(rig.bench->wire.in_end, rig.bench->wire.in_start);
    rig_reply_empty(rig.stream, 200);
    rig_run();
    assert_null(rig.stream);
    assert_false(rig_is_closed());
}

/* Framing of answers */

static void an_answer_of_unknown_length_is_chunked(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    assert_int_equal(rig_send_head(rig.stream, 200, -1, false), 0);
    assert_int_equal(rig_write(rig.stream, "0123456789abcdef"), 0);
    assert_int_equal(rig_write(rig.stream, ""), 0);
    assert_int_equal(rig_write(rig.stream, "x"), 0);
    static const struct shoal__http_field trailer = {SHOAL_VIEW("X-Sum"), SHOAL_VIEW("17")};
    assert_int_equal(shoal__stream_end(rig.stream, &trailer, 1), 0);
    rig_run();
    assert_string_equal(rig_output(),
                        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||10|0123456789abcdef|1|x|0|"
                        "X-Sum: 17||");
    assert_string_equal(rig_notes(), "busy <GET /> closed:0 idle");
}

static void buffers_are_moved_into_chunks(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    struct shoal_buf *buf = shoal_buf_create();
    shoal_buf_printf(buf, "%s", "moved");
    assert_int_equal(rig_send_head(rig.stream, 200, -1, false), 0);
    assert_int_equal(shoal__stream_write_buf(rig.stream, buf), 0);
    assert_int_equal(shoal_buf_size(buf), 0);
    assert_int_equal(shoal__stream_write_buf(rig.stream, buf), 0);
    shoal_buf_destroy(&buf);
    assert_int_equal(rig_end_stream(rig.stream), 0);
    rig_run();
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|moved|0||");
}

static void a_client_of_1_0_gets_no_chunks_but_the_end_of_the_connection(void **state)
{
    (void)state;
    rig_open();
    rig_feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_int_equal(rig_send_head(rig.stream, 200, -1, false), 0);
    rig_write(rig.stream, "abc");
    rig_end_stream(rig.stream);
    rig_run();
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Connection: close||abc");
    assert_true(rig_is_closed());
    assert_string_equal(rig_notes(), "busy <GET /> closed:0 over:0");
}

static void an_answer_to_head_says_its_length_and_has_no_body(void **state)
{
    (void)state;
    rig.on_request = rig_hello;
    rig_open();
    rig_feed("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" GET("/"));
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Content-Length: 5||" HELLO);
}

static void an_answer_to_head_of_unknown_length_stays_open(void **state)
{
    (void)state;
    rig_open();
    rig_feed("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(rig_send_head(rig.stream, 200, -1, false), 0);
    assert_int_equal(rig_write(rig.stream, "dropped"), 0);
    assert_int_equal(rig_end_stream(rig.stream), 0);
    rig_run();
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK||");
    assert_string_equal(rig_notes(), "busy <HEAD /> closed:0 idle");
}

static void an_answer_304_may_say_a_length_it_does_not_send(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    assert_int_equal(rig_send_head(rig.stream, 304, 100, false), 0);
    assert_int_equal(rig_end_stream(rig.stream), 0);
    rig_run();
    assert_string_equal(rig_output(), "HTTP/1.1 304 Not Modified||");
    assert_false(rig_is_closed());
}

static void more_than_was_promised_is_refused(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    assert_int_equal(rig_send_head(rig.stream, 200, 3, false), 0);
    assert_int_equal(rig_write(rig.stream, "abcd"), -SHOAL_EOVERFLOW);
    assert_int_equal(rig_write(rig.stream, "abc"), 0);
    assert_int_equal(rig_write(rig.stream, "d"), -SHOAL_EOVERFLOW);
    assert_int_equal(rig_end_stream(rig.stream), 0);
    rig_run();
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Content-Length: 3||abc");
}

static void less_than_was_promised_never_looks_whole(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    assert_int_equal(rig_send_head(rig.stream, 200, 3, false), 0);
    rig_write(rig.stream, "ab");
    assert_int_equal(rig_end_stream(rig.stream), -SHOAL_EINVAL);
    assert_int_equal(rig_write(rig.stream, "c"), -SHOAL_EPIPE);
    rig_run();
    assert_string_equal(rig_notes(), "busy <GET /> closed:2 over:0");
    assert_true(rig.bench->wire.aborted);
}

static void calls_out_of_order_are_refused(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    assert_int_equal(rig_write(rig.stream, "early"), -SHOAL_ESTATE);
    assert_int_equal(rig_end_stream(rig.stream), -SHOAL_ESTATE);
    assert_int_equal(rig_send_head(rig.stream, 200, 0, true), 0);
    assert_int_equal(rig_send_head(rig.stream, 200, 0, true), -SHOAL_ESTATE);
    assert_int_equal(rig_write(rig.stream, "late"), -SHOAL_ESTATE);
    assert_int_equal(rig_end_stream(rig.stream), -SHOAL_ESTATE);
    rig_run();
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Content-Length: 0||");
}

static int send_field(const char *name, const char *value)
{
    struct shoal__http_field field = {shoal_view_of(name), shoal_view_of(value)};
    struct shoal__head head = {
        .status = 200, .fields = &field, .field_count = 1, .content_length = -1};
    return shoal__stream_send_head(rig.stream, &head, false);
}

static void a_head_that_may_not_be_sent_leaves_the_answer_to_another_one(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    assert_int_equal(send_field("X-A", "b\r\nX-C: d"), -SHOAL_EINVAL);
    assert_int_equal(send_field("X A", "b"), -SHOAL_EINVAL);
    assert_int_equal(send_field("Content-Length", "7"), -SHOAL_EINVAL);
    assert_int_equal(send_field("Transfer-Encoding", "chunked"), -SHOAL_EINVAL);
    rig_reply(rig.stream, 500, "sorry");
    rig_run();
    assert_string_equal(rig_output(),
                        "HTTP/1.1 500 Internal Server Error|Content-Length: 5||sorry");
    assert_false(rig_is_closed());
}

static void a_head_of_any_size_may_be_sent(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    char value[20000];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    assert_int_equal(send_field("X-A", value), 0);
    rig_end_stream(rig.stream);
    rig_run();
    assert_non_null(strstr(rig_output(), value));
}

/* Interim answers */

static void interim_answers_come_before_the_answer(void **state)
{
    (void)state;
    rig_open();
    rig_feed("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_int_equal(rig_send_head(rig.stream, 100, -1, false), 0);
    rig_run();
    assert_string_equal(rig_output(), "HTTP/1.1 100 Continue||");
    rig_feed("abc");
    assert_int_equal(rig_send_head(rig.stream, 103, -1, false), 0);
    rig_reply(rig.stream, 200, "ok");
    rig_run();
    assert_string_equal(rig_output(),
                        "HTTP/1.1 103 Early Hints||HTTP/1.1 200 OK|Content-Length: 2||ok");
    assert_string_equal(rig_notes(), "busy <POST / ...> (abc) [] closed:0 idle");
}

static void who_was_not_told_to_go_on_is_answered_for_the_last_time(void **state)
{
    (void)state;
    rig_open();
    rig_feed("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    rig_reply(rig.stream, 403, "no");
    rig_run();
    assert_string_equal(rig_output(),
                        "HTTP/1.1 403 Forbidden|Content-Length: 2|Connection: close||no");
    assert_string_equal(rig_notes(), "busy <POST / ...> closed:0");
    rig_feed("abc" GET("/smuggled"));
    rig_end();
    assert_string_equal(rig_notes(), "over:0");
    assert_int_equal(rig.requests, 1);
    assert_true(rig_is_closed());
    assert_false(rig.bench->wire.aborted);
}

static void a_client_of_1_0_gets_no_interim_answers(void **state)
{
    (void)state;
    rig_open();
    rig_feed("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n");
    assert_int_equal(rig_send_head(rig.stream, 100, -1, false), 0);
    rig_run();
    assert_string_equal(rig_output(), "");
}

/* Which connections stay */

static void expect_fate(const char *request, const char *answer, bool stays)
{
    rig.on_request = rig_hello;
    rig_open();
    rig_feed(request);
    rig_feed(GET("/next"));
    const char *output = rig_output();
    if (strncmp(output, answer, strlen(answer)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", output, answer);
    assert_int_equal(rig.requests, stays ? 2 : 1);
    assert_int_equal(rig_is_closed(), !stays);
}

static void a_connection_of_1_1_stays(void **state)
{
    (void)state;
    expect_fate(GET("/"), HELLO, true);
}

static void a_connection_of_1_1_is_closed_where_the_client_asks_for_it(void **state)
{
    (void)state;
    expect_fate("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                "HTTP/1.1 200 OK|Content-Length: 5|Connection: close||hello", false);
}

static void a_connection_of_1_0_is_closed(void **state)
{
    (void)state;
    expect_fate("GET / HTTP/1.0\r\n\r\n",
                "HTTP/1.1 200 OK|Content-Length: 5|Connection: close||hello", false);
}

static void a_connection_of_1_0_stays_where_the_client_asks_for_it(void **state)
{
    (void)state;
    expect_fate("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                "HTTP/1.1 200 OK|Content-Length: 5|Connection: keep-alive||hello", true);
}

static void what_follows_connection_close_is_not_executed(void **state)
{
    (void)state;
    rig.on_request = rig_hello;
    rig_open();
    rig_feed("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" GET("/smuggled"));
    assert_int_equal(rig.requests, 1);
    assert_string_equal(rig_notes(), "busy <GET /> closed:0 over:0");
}

/* Half-close */

static void a_client_that_has_ended_still_gets_its_answer(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    rig_end();
    assert_false(rig_is_closed());
    rig_reply(rig.stream, 200, "late");
    rig_run();
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Content-Length: 4|Connection: close||late");
    assert_string_equal(rig_notes(), "busy <GET /> closed:0 over:0");
    assert_true(rig_is_closed());
}

static void everything_pipelined_before_the_end_is_answered(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/1") GET("/2") GET("/3"));
    rig_end();
    rig_reply(rig.stream, 200, "1");
    rig_run();
    rig_reply(rig.stream, 200, "2");
    rig_run();
    rig_reply(rig.stream, 200, "3");
    rig_run();
    assert_string_equal(rig_output(), "HTTP/1.1 200 OK|Content-Length: 1||1"
                                      "HTTP/1.1 200 OK|Content-Length: 1||2"
                                      "HTTP/1.1 200 OK|Content-Length: 1|Connection: close||3");
    assert_true(rig_is_closed());
}

static void half_a_request_kept_at_the_end_is_refused_when_its_turn_comes(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/1") "GET /2 HT");
    rig_end();
    rig_reply(rig.stream, 200, "1");
    rig_run();
    assert_non_null(strstr(rig_output(), "|Content-Length: 1||1HTTP/1.1 400 Bad Request|"));
    assert_true(rig_is_closed());
    assert_int_equal(rig.requests, 1);
}

static void an_end_between_requests_closes_in_silence(void **state)
{
    (void)state;
    rig.on_request = rig_hello;
    rig_open();
    rig_feed(GET("/") "\r\n");
    rig_output();
    rig_end();
    assert_string_equal(rig_output(), "");
    assert_true(rig_is_closed());
    assert_int_equal(rig_closed_for(SHOAL_CLOSED_PEER), 1);
}

/* Ends */

static void a_reset_is_a_reset(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    shoal__stream_reset(rig.stream, SHOAL__H2_INTERNAL_ERROR);
    assert_int_equal(rig_write(rig.stream, "x"), -SHOAL_EPIPE);
    assert_int_equal(rig_send_head(rig.stream, 200, 0, true), -SHOAL_EPIPE);
    assert_int_equal(rig.closes, 0);
    rig_run();
    assert_string_equal(rig_notes(), "busy <GET /> closed:2 over:0");
    assert_true(rig.bench->wire.aborted);
}

static void reset_in_request(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    (void)head;
    (void)end;
    shoal__stream_reset(stream, SHOAL__H2_CANCEL);
}

static void a_reset_from_a_callback_delivers_nothing_more(void **state)
{
    (void)state;
    rig.on_request = reset_in_request;
    rig_open();
    rig_feed(POST("/", "3") "abc" GET("/"));
    assert_string_equal(rig_notes(), "busy <POST / ...> closed:8 over:0");
}

static void a_session_that_is_closed_closes_its_stream_with_the_code(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    shoal__session_close(rig.session, SHOAL__H2_ENHANCE_YOUR_CALM, shoal_view(NULL, 0));
    rig_run();
    assert_string_equal(rig_notes(), "busy <GET /> closed:11 over:0");
}

static void a_broken_connection_closes_stream_and_session_in_that_order(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    rig_break(-ECONNRESET);
    assert_string_equal(rig_notes(), "busy <GET /> closed:8 over:8");
}

static void the_server_s_end_closes_stream_and_session(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    rig_notes(); /* rig_teardown() sees to it that the rest is told */
}

static void a_stream_is_found_by_its_number_while_it_lives(void **state)
{
    (void)state;
    rig_open();
    rig_feed(GET("/"));
    uint64_t serial = rig.stream->serial;
    assert_ptr_equal(shoal__session_find(rig.session, serial), rig.stream);
    assert_null(shoal__session_find(rig.session, serial + 1));
    rig_reply_empty(rig.stream, 200);
    rig_run();
    assert_null(shoal__session_find(rig.session, serial));
    rig_feed(GET("/"));
    assert_int_not_equal(rig.stream->serial, serial);
}

/* Upgrades */

static struct recorder next;

static int upgrade(const char *protocol)
{
    struct shoal__http_field field = {SHOAL_VIEW("Upgrade"), shoal_view_of(protocol)};
    struct shoal__head head = {.status = 101, .fields = &field, .field_count = 1};
    recorder_init(&next);
    return rig.stream->ops->upgrade(rig.stream, &head, &next.service);
}

static void upgrade_now(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    (void)stream;
    (void)head;
    (void)end;
    assert_int_equal(upgrade("chat"), 0);
}

#define UPGRADE "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n"

static void an_upgrade_hands_the_connection_over_with_what_followed(void **state)
{
    (void)state;
    rig.on_request = upgrade_now;
    rig_open();
    rig_feed(UPGRADE "hi");
    assert_string_equal(rig_notes(), "busy <GET /chat> closed:0 over:0");
    assert_string_equal(rig_output(),
                        "HTTP/1.1 101 Switching Protocols|Connection: upgrade|Upgrade: chat||");
    assert_string_equal(next.notes, "open data(2)");
    rig_end();
    assert_string_equal(next.notes, "open data(2) close(peer)");
}

static void an_upgrade_may_come_later(void **state)
{
    (void)state;
    rig_open();
    rig_feed(UPGRADE);
    assert_int_equal(upgrade("chat"), 0);
    assert_int_equal(rig_send_head(rig.stream, 200, 0, true), -SHOAL_ESTATE);
    rig_run();
    assert_string_equal(rig_notes(), "busy <GET /chat> closed:0 over:0");
    rig_feed("hi");
    assert_string_equal(next.notes, "open data(2)");
}

static void an_upgrade_during_the_drain_leaves_no_timer_behind(void **state)
{
    (void)state;
    rig_open();
    shoal__session_shutdown(rig.session);
    rig_feed(UPGRADE);
    assert_int_equal(upgrade("chat"), 0);
    rig_run();
    rig_pass_ms(1000);
    assert_string_equal(next.notes, "open");
}

static void an_upgrade_needs_a_whole_request_without_an_answer(void **state)
{
    (void)state;
    rig_open();
    rig_feed(POST("/", "3"));
    assert_int_equal(upgrade("chat"), -SHOAL_ESTATE);
    rig_feed("abc");
    assert_int_equal(upgrade("bad\n"), -SHOAL_EINVAL);
    assert_int_equal(rig_send_head(rig.stream, 200, 0, false), 0);
    assert_int_equal(upgrade("chat"), -SHOAL_ESTATE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup_server, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_told_answered_and_over),
        TEST(the_head_is_told_as_it_came),
        TEST(absolute_and_asterisk_forms_have_their_paths),
        TEST(a_request_may_come_byte_by_byte),
        TEST(pipelined_requests_are_answered_in_order_by_one_write),
        TEST(the_next_request_waits_for_a_late_answer),
        TEST(a_request_that_comes_as_the_answer_ends_is_served),
        TEST(a_full_pipeline_pauses_reading_and_loses_nothing),
        TEST(a_counted_body_is_told_and_then_its_end),
        TEST(a_body_of_no_bytes_is_no_body),
        TEST(an_empty_chunked_body_is_only_an_end),
        TEST(trailers_live_as_long_as_the_stream),
        TEST(a_body_nobody_listens_to_is_read_all_the_same),
        TEST(an_answer_of_unknown_length_is_chunked),
        TEST(buffers_are_moved_into_chunks),
        TEST(a_client_of_1_0_gets_no_chunks_but_the_end_of_the_connection),
        TEST(an_answer_to_head_says_its_length_and_has_no_body),
        TEST(an_answer_to_head_of_unknown_length_stays_open),
        TEST(an_answer_304_may_say_a_length_it_does_not_send),
        TEST(more_than_was_promised_is_refused),
        TEST(less_than_was_promised_never_looks_whole),
        TEST(calls_out_of_order_are_refused),
        TEST(a_head_that_may_not_be_sent_leaves_the_answer_to_another_one),
        TEST(a_head_of_any_size_may_be_sent),
        TEST(interim_answers_come_before_the_answer),
        TEST(who_was_not_told_to_go_on_is_answered_for_the_last_time),
        TEST(a_client_of_1_0_gets_no_interim_answers),
        TEST(a_connection_of_1_1_stays),
        TEST(a_connection_of_1_1_is_closed_where_the_client_asks_for_it),
        TEST(a_connection_of_1_0_is_closed),
        TEST(a_connection_of_1_0_stays_where_the_client_asks_for_it),
        TEST(what_follows_connection_close_is_not_executed),
        TEST(a_client_that_has_ended_still_gets_its_answer),
        TEST(everything_pipelined_before_the_end_is_answered),
        TEST(half_a_request_kept_at_the_end_is_refused_when_its_turn_comes),
        TEST(an_end_between_requests_closes_in_silence),
        TEST(a_reset_is_a_reset),
        TEST(a_reset_from_a_callback_delivers_nothing_more),
        TEST(a_session_that_is_closed_closes_its_stream_with_the_code),
        TEST(a_broken_connection_closes_stream_and_session_in_that_order),
        TEST(the_server_s_end_closes_stream_and_session),
        TEST(a_stream_is_found_by_its_number_while_it_lives),
        TEST(an_upgrade_hands_the_connection_over_with_what_followed),
        TEST(an_upgrade_may_come_later),
        TEST(an_upgrade_during_the_drain_leaves_no_timer_behind),
        TEST(an_upgrade_needs_a_whole_request_without_an_answer),
    };
    return cmocka_run_group_tests_name("http1 driver, server", tests, NULL, NULL);
}
