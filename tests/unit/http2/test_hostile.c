/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Malformed and oversized messages by hand-made frames: each is reset or refused before a handler
 * sees it, or ends the session, and what follows on other streams is served unless it ended.
 */
#include "http2_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "proto/http2/http2_fields.h"

static struct peer server;
static struct frames frames;

static int set_up(void **state)
{
    (void)state;
    frames.size = 0;
    server_for_frames(&server);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    peer_close(&server);
    return 0;
}

/* What becomes of a message. */
enum fate {
    SERVED,  /* a handler saw it */
    REFUSED, /* answered with an error; no handler saw it */
    RESET,   /* reset; no handler saw it */
    SESSION, /* the session ended */
};

static enum fate fate_of(uint32_t id)
{
    unsigned before = server.requests;
    bool goes_on = feed(&server, &frames);
    struct seen seen = see(&server);
    if (!goes_on)
        return SESSION;
    if (server.requests > before)
        return SERVED;
    (void)id;
    return seen.count[NGHTTP2_HEADERS] == 1 ? REFUSED : RESET;
}

#define GET_BUT(...)                                                                              \
    {                                                                                             \
        {":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}, __VA_ARGS__ \
    }

static const struct {
    const char *what;
    enum fate fate;
    struct pair pairs[8];
} requests[] = {
    {"plain", SERVED, GET_BUT({"a", "b"})},
    {"tab in value", SERVED, GET_BUT({"a", "b\tc"})},
    {"te: trailers", SERVED, GET_BUT({"te", "trailers"})},
    {"same host", SERVED, GET_BUT({"host", "h"})},
    {"same host, capitals", SERVED, GET_BUT({"host", "H"})},
    {"upper case name", RESET, GET_BUT({"A", "b"})},
    {"empty name", RESET, GET_BUT({"", "b"})},
    {"colon in name", RESET, GET_BUT({"a:b", "c"})},
    {"space in name", RESET, GET_BUT({"a b", "c"})},
    {"control byte in name", RESET, GET_BUT({"a\001", "c"})},
    {"CR in value", RESET, GET_BUT({"a", "b\rc"})},
    {"LF in value", RESET, GET_BUT({"a", "b\nc: d"})},
    {"leading space", RESET, GET_BUT({"a", " b"})},
    {"trailing space", RESET, GET_BUT({"a", "b "})},
    {"connection", RESET, GET_BUT({"connection", "close"})},
    {"keep-alive", RESET, GET_BUT({"keep-alive", "1"})},
    {"transfer-encoding", RESET, GET_BUT({"transfer-encoding", "chunked"})},
    {"upgrade", RESET, GET_BUT({"upgrade", "h2c"})},
    {"te: gzip", RESET, GET_BUT({"te", "gzip"})},
    {"pseudo after regular", RESET, GET_BUT({"a", "b"}, {":path", "/"})},
    {"repeated pseudo", RESET, GET_BUT({":path", "/"})},
    {"unknown pseudo", RESET, GET_BUT({":what", "/"})},
    {"response pseudo", RESET, GET_BUT({":status", "200"})},
    {":protocol not asked for", RESET, GET_BUT({":protocol", "websocket"})},
    {"content-length not a number", RESET, GET_BUT({"content-length", "1x"})},
    {"two content-lengths", RESET, GET_BUT({"content-length", "0"}, {"content-length", "0"})},
    {"content-length without body", RESET, GET_BUT({"content-length", "5"})},
    {"other host", REFUSED, GET_BUT({"host", "other"})},
    {"empty host", RESET, GET_BUT({"host", ""})},
    {"no path", RESET, {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}}},
    {"no scheme", RESET, {{":method", "GET"}, {":path", "/"}, {":authority", "h"}}},
    {"no method", RESET, {{":scheme", "http"}, {":path", "/"}, {":authority", "h"}}},
    {"no authority", RESET, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}},
    {"empty path",
     RESET,
     {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", ""}}},
    {"relative path",
     REFUSED,
     {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "a"}}},
    {"star for GET",
     REFUSED,
     {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "*"}}},
    {"star for OPTIONS",
     SERVED,
     {{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "h"}, {":path", "*"}}},
    {"space in path",
     REFUSED,
     {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/a b"}}},
    {"CRLF in path",
     REFUSED,
     {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/\r\na: b"}}},
    {"CRLF in method",
     REFUSED,
     {{":method", "GET\r\n"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}}},
    {"fragment",
     REFUSED,
     {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/a#b"}}},
    {"high bytes in path",
     REFUSED,
     {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/\xc3\xa4"}}},
    {"small letters in method",
     REFUSED,
     {{":method", "get"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}}},
    {"user information",
     REFUSED,
     {{":method", "GET"}, {":scheme", "http"}, {":authority", "u@h"}, {":path", "/"}}},
    {"other scheme",
     REFUSED,
     {{":method", "GET"}, {":scheme", "ftp"}, {":authority", "h"}, {":path", "/"}}},
    {"host instead of authority",
     SERVED,
     {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "h"}}},
};

static void every_malformed_request_meets_its_fate(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        uint32_t id = (uint32_t)(2 * i + 1);
        frame_request(&frames, id, NGHTTP2_FLAG_END_STREAM, requests[i].pairs);
        enum fate fate = fate_of(id);
        if (fate != requests[i].fate)
            fail_msg("%s: fate %d, expected %d", requests[i].what, (int)fate,
                     (int)requests[i].fate);
    }
}

static void a_nul_in_a_value_is_refused(void **state)
{
    (void)state;
    uint8_t block[256];
    size_t size = block_make(block, get_request);
    memcpy(block + size, "\0\1a\3b\0c", 7);
    frame(&frames, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, block,
          size + 7);
    assert_int_equal(fate_of(1), RESET);
}

/* The status that a request is refused with, from a block of its own. */
static unsigned status_for(struct shoal__head head, bool too_large)
{
    static const struct shoal__session_limits limits = SHOAL__SESSION_LIMITS_INIT;
    struct http2_block block = {.head = head, .too_large = too_large};
    return shoal__http2_request_check(&block, &limits);
}

static void the_status_tells_what_is_wrong(void **state)
{
    (void)state;
    static char path[9000] = "/";
    memset(path + 1, 'a', sizeof(path) - 2);
    struct shoal__head head = {.method = SHOAL_VIEW("GET"),
                               .scheme = SHOAL_VIEW("https"),
                               .authority = SHOAL_VIEW("[::1]:443"),
                               .path = SHOAL_VIEW("/?a=%20")};
    assert_int_equal(status_for(head, false), 0);
    assert_int_equal(status_for(head, true), 431);
    head.method = shoal_view_of("get");
    assert_int_equal(status_for(head, false), 501);
    head.method = shoal_view_of("GET");
    head.path = shoal_view_of(path);
    assert_int_equal(status_for(head, false), 414);
    head.path = shoal_view_of("/#");
    assert_int_equal(status_for(head, false), 400);
}

static void too_many_fields_are_refused_and_their_memory_is_bounded(void **state)
{
    (void)state;
    static struct pair pairs[2000];
    memcpy(pairs, get_request, 4 * sizeof(*pairs));
    for (size_t i = 4; i < 1999; i++)
        pairs[i] = (struct pair){"a", "b"};
    frame_request(&frames, 1, NGHTTP2_FLAG_END_STREAM, pairs);
    assert_int_equal(fate_of(1), REFUSED);
    frame_request(&frames, 3, NGHTTP2_FLAG_END_STREAM, get_request);
    assert_int_equal(fate_of(3), SERVED);
}

static void the_authority_counts_against_the_limit_of_fields(void **state)
{
    (void)state;
    enum { SIZE = 8000, EXACT = SIZE + 10 };
    static char authority[SIZE + 1];
    memset(authority, 'h', SIZE);
    const struct pair request[] = {{":method", "GET"},
                                   {":scheme", "http"},
                                   {":path", "/"},
                                   {":authority", authority},
                                   {NULL, NULL}};
    for (unsigned most = EXACT - 1; most <= EXACT; most++) {
        tear_down(NULL);
        set_up(NULL);
        server.limits.max_fields_bytes = most;
        frame_request(&frames, 1, NGHTTP2_FLAG_END_STREAM, request);
        assert_int_equal(fate_of(1), most < EXACT ? REFUSED : SERVED);
    }
}

/* One entry of 3.9 KB in the table, referred to 10,000 times by one byte each. */
static void a_compression_bomb_is_refused(void **state)
{
    (void)state;
    static uint8_t block[16384];
    size_t size = block_make(block, get_request);
    block[size++] = 0x40; /* literal with incremental indexing, new name */
    block[size++] = 1;
    block[size++] = 'x';
    const size_t length = 3900;
    block[size++] = 127;
    block[size++] = (uint8_t)((length - 127) % 128 + 128);
    block[size++] = (uint8_t)((length - 127) / 128);
    memset(block + size, 'y', length);
    size += length;
    memset(block + size, 0x80 | 62, 10000);
    frame(&frames, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, block,
          size + 10000);
    assert_int_equal(fate_of(1), REFUSED);
}

static void note_cookies(struct peer *peer, struct shoal__stream *stream,
                         const struct shoal__head *head, bool end)
{
    for (size_t i = 0; i < head->field_count; i++)
        assert_int_equal(shoal__http_name_is(head->fields[i].name, "cookie"), i == 1);
    assert_int_equal(head->field_count, 3);
    assert_true(shoal_view_equal(head->fields[1].value, shoal_view_of("a=1; b=2; c=3")));
    answer_hello(peer, stream, head, end);
}

static void cookies_that_came_apart_are_joined(void **state)
{
    (void)state;
    server.on_request = note_cookies;
    static const struct pair request[] = {
        {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h"}, {"x", "1"},
        {"cookie", "a=1"},  {"cookie", "b=2"},   {"y", "2"},     {"cookie", "c=3"},   {NULL, NULL}};
    frame_request(&frames, 1, NGHTTP2_FLAG_END_STREAM, request);
    assert_int_equal(fate_of(1), SERVED);
}

static void note_authority(struct peer *peer, struct shoal__stream *stream,
                           const struct shoal__head *head, bool end)
{
    assert_true(shoal_view_equal(head->authority, shoal_view_of("example.org:81")));
    answer_hello(peer, stream, head, end);
}

static void host_stands_for_a_missing_authority(void **state)
{
    (void)state;
    server.on_request = note_authority;
    static const struct pair request[] = {{":method", "GET"},
                                          {":scheme", "http"},
                                          {":path", "/"},
                                          {"host", "example.org:81"},
                                          {NULL, NULL}};
    frame_request(&frames, 1, NGHTTP2_FLAG_END_STREAM, request);
    assert_int_equal(fate_of(1), SERVED);
}

static void note_length(struct peer *peer, struct shoal__stream *stream,
                        const struct shoal__head *head, bool end)
{
    peer->received = (size_t)head->content_length;
    (void)stream;
    (void)end;
}

static void a_short_body_is_never_taken_for_a_whole_one(void **state)
{
    (void)state;
    static const struct pair request[] = {{":method", "POST"},     {":scheme", "http"},
                                          {":path", "/"},          {":authority", "h"},
                                          {"content-length", "3"}, {NULL, NULL}};
    server.on_request = note_length;
    frame_request(&frames, 1, 0, request);
    frame(&frames, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, "ab", 2);
    peer_take(&server, frames.bytes, frames.size, 1);
    assert_int_equal(server.received, 3 + 2);
    peer_flush(&server);
    assert_null(strstr(peer_log(&server), "[end]"));
    assert_int_equal(server.closes, 1);
    assert_int_equal(server.last_error, SHOAL__H2_PROTOCOL_ERROR);
}

/* Responses, which nghttp2 checks: three bytes of body come behind a head that does not end. */

static const struct {
    const char *what, *log;
    struct pair head[4], trailers[2];
} responses[] = {
    {"plain", "<200>(abc)[end][closed: ended in order]", {{":status", "200"}}, {{"a", "b"}}},
    {"its length",
     "<200>(abc)[end][closed: ended in order]",
     {{":status", "200"}, {"content-length", "3"}},
     {{"a", "b"}}},
    {"no status", NULL, {{"a", "b"}}, {{"a", "b"}}},
    {"status of two digits", NULL, {{":status", "20"}}, {{"a", "b"}}},
    {"status of letters", NULL, {{":status", "2xx"}}, {{"a", "b"}}},
    {"switching protocols", NULL, {{":status", "101"}}, {{"a", "b"}}},
    {"two statuses", NULL, {{":status", "200"}, {":status", "200"}}, {{"a", "b"}}},
    {"late status", NULL, {{"a", "b"}, {":status", "200"}}, {{"a", "b"}}},
    {"pseudo of requests", NULL, {{":status", "200"}, {":path", "/"}}, {{"a", "b"}}},
    {"unknown pseudo", NULL, {{":status", "200"}, {":what", "/"}}, {{"a", "b"}}},
    {"upper case name", NULL, {{":status", "200"}, {"A", "b"}}, {{"a", "b"}}},
    {"empty name", NULL, {{":status", "200"}, {"", "b"}}, {{"a", "b"}}},
    {"CRLF in value", NULL, {{":status", "200"}, {"a", "b\r\nc: d"}}, {{"a", "b"}}},
    {"leading space", NULL, {{":status", "200"}, {"a", " b"}}, {{"a", "b"}}},
    {"trailing space", NULL, {{":status", "200"}, {"a", "b "}}, {{"a", "b"}}},
    {"connection", NULL, {{":status", "200"}, {"connection", "close"}}, {{"a", "b"}}},
    {"keep-alive", NULL, {{":status", "200"}, {"keep-alive", "1"}}, {{"a", "b"}}},
    {"proxy-connection", NULL, {{":status", "200"}, {"proxy-connection", "1"}}, {{"a", "b"}}},
    {"upgrade", NULL, {{":status", "200"}, {"upgrade", "h2c"}}, {{"a", "b"}}},
    {"transfer-encoding", NULL, {{":status", "200"}, {"transfer-encoding", "a"}}, {{"a", "b"}}},
    {"two lengths",
     NULL,
     {{":status", "200"}, {"content-length", "3"}, {"content-length", "3"}},
     {{"a", "b"}}},
    {"length of letters", NULL, {{":status", "200"}, {"content-length", "3x"}}, {{"a", "b"}}},
    {"length too great", NULL, {{":status", "200"}, {"content-length", "4"}}, {{"a", "b"}}},
    {"length too small", NULL, {{":status", "200"}, {"content-length", "2"}}, {{"a", "b"}}},
    {"pseudo in trailers", NULL, {{":status", "200"}}, {{":status", "200"}}},
    {"upper case in trailers", NULL, {{":status", "200"}}, {{"A", "b"}}},
    {"CR in trailers", NULL, {{":status", "200"}}, {{"a", "b\r"}}},
};

/* What a client that has asked for something makes of a head, a body and trailers. */
static const char *log_of_response(const struct pair *head, const struct pair *trailers,
                                   unsigned flags)
{
    static struct peer client;
    static char log[LOG_BYTES];
    peer_init(&client);
    peer_open(&client, SHOAL__HTTP_CLIENT);
    assert_non_null(ask(&client, "GET", "/", true));
    assert_int_equal(peer_flush(&client), 0);
    frame(&frames, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    frame_request(&frames, 1, 0, head);
    frame(&frames, NGHTTP2_DATA, 0, 1, "abc", 3);
    frame_request(&frames, 1, flags, trailers);
    (void)peer_take(&client, frames.bytes, frames.size, frames.size);
    (void)peer_flush(&client);
    frames.size = 0;
    strcpy(log, peer_log(&client));
    peer_close(&client);
    return log;
}

static void every_malformed_response_is_given_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(responses) / sizeof(*responses); i++) {
        const char *log =
            log_of_response(responses[i].head, responses[i].trailers, NGHTTP2_FLAG_END_STREAM);
        bool good = responses[i].log
                        ? strcmp(log, responses[i].log) == 0
                        : strstr(log, "[closed: protocol error]") && !strstr(log, "[end]");
        if (!good)
            fail_msg("%s: %s", responses[i].what, log);
    }
}

static void trailers_of_a_response_that_do_not_end_it_are_given_up(void **state)
{
    (void)state;
    const char *log = log_of_response(responses[0].head, responses[0].trailers, 0);
    assert_string_equal(log, "<200>(abc)[closed: protocol error]");
}

static enum fate fate_of_frame(unsigned type, unsigned flags, uint32_t id, const void *payload,
                               size_t size)
{
    frame(&frames, type, flags, id, payload, size);
    return fate_of(id);
}

/* Each on a session of its own; true where it ended. */
static bool ends_session(unsigned type, unsigned flags, uint32_t id, const void *payload,
                         size_t size)
{
    tear_down(NULL);
    set_up(NULL);
    return fate_of_frame(type, flags, id, payload, size) == SESSION;
}

static void frames_that_break_the_protocol_end_the_session(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    assert_true(ends_session(NGHTTP2_PING, 0, 0, zeros, 7));
    assert_true(ends_session(NGHTTP2_PING, 0, 1, zeros, 8));
    assert_true(ends_session(NGHTTP2_SETTINGS, 0, 0, zeros, 5));
    assert_true(ends_session(NGHTTP2_SETTINGS, 0, 1, NULL, 0));
    assert_true(ends_session(NGHTTP2_SETTINGS, 0, 0, "\0\4\x80\0\0\0", 6)); /* window of 2^31 */
    assert_true(ends_session(NGHTTP2_SETTINGS, 0, 0, "\0\5\0\0\0\1", 6));   /* frames of 1 byte */
    assert_true(ends_session(NGHTTP2_SETTINGS, 0, 0, "\0\2\0\0\0\2", 6));   /* push: 2 */
    assert_true(ends_session(NGHTTP2_WINDOW_UPDATE, 0, 0, zeros, 4));
    assert_true(ends_session(NGHTTP2_WINDOW_UPDATE, 0, 0, "\x7f\xff\xff\xff", 4));
    assert_true(ends_session(NGHTTP2_WINDOW_UPDATE, 0, 0, zeros, 3));
    assert_true(ends_session(NGHTTP2_RST_STREAM, 0, 1, zeros, 4)); /* idle */
    assert_true(ends_session(NGHTTP2_RST_STREAM, 0, 0, zeros, 4));
    assert_true(ends_session(NGHTTP2_DATA, 0, 1, zeros, 1)); /* idle */
    assert_true(ends_session(NGHTTP2_DATA, 0, 0, zeros, 1));
    assert_true(ends_session(NGHTTP2_CONTINUATION, 0, 1, zeros, 1));
    assert_true(ends_session(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1, zeros, 4));
    assert_true(ends_session(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 2, "\x82", 1)); /* even */
    assert_true(ends_session(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\xff\xff\xff\xff", 4));
    assert_true(ends_session(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\xc6", 1)); /* index */
}

static void another_frame_inside_a_field_block_ends_the_session(void **state)
{
    (void)state;
    frame(&frames, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, "\x82", 1);
    frame(&frames, NGHTTP2_PING, 0, 0, "12345678", 8);
    assert_int_equal(fate_of(1), SESSION);
}

/* A stream below the last one may be one that was just reset; its frames are ignored, and cost. */
static void a_stream_that_was_passed_over_is_not_served(void **state)
{
    (void)state;
    frame_request(&frames, 5, NGHTTP2_FLAG_END_STREAM, get_request);
    assert_int_equal(fate_of(5), SERVED);
    frame_request(&frames, 3, NGHTTP2_FLAG_END_STREAM, get_request);
    assert_int_not_equal(fate_of(3), SERVED);
    assert_int_equal(shoal__http2_useless(server.engine)->counts[USELESS_IGNORED], 1);
}

static bool preface_is_taken(const char *preface, size_t size)
{
    struct peer fresh;
    peer_init(&fresh);
    peer_open(&fresh, SHOAL__HTTP_SERVER);
    bool taken = peer_take(&fresh, preface, size, 1) == 0;
    peer_close(&fresh);
    return taken;
}

static void anything_but_the_preface_is_refused(void **state)
{
    (void)state;
    assert_true(preface_is_taken(SHOAL__HTTP2_PREFACE, sizeof(SHOAL__HTTP2_PREFACE) - 1));
    assert_false(preface_is_taken("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27));
    assert_false(preface_is_taken("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", 24));
}

static void priorities_of_the_old_kind_cost_no_memory(void **state)
{
    (void)state;
    long before = 0;
    for (uint32_t i = 0; i < 500; i++) {
        uint8_t priority[5] = {0, 0, (uint8_t)(i >> 8), (uint8_t)i, 16};
        frame(&frames, NGHTTP2_PRIORITY, 0, 2 * i + 1, priority, 5);
        assert_true(feed(&server, &frames));
        if (i == 0)
            before = (long)server.shared.classes[1].kept;
    }
    assert_int_equal((long)server.shared.classes[1].kept, before);
}

static void what_follows_a_reset_is_served(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        frame_request(&frames, 4 * i + 1, NGHTTP2_FLAG_END_STREAM, requests[5].pairs);
        frame_request(&frames, 4 * i + 3, NGHTTP2_FLAG_END_STREAM, get_request);
        assert_int_equal(fate_of(4 * i + 3), SERVED);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_malformed_request_meets_its_fate),
        TEST(a_nul_in_a_value_is_refused),
        TEST(the_status_tells_what_is_wrong),
        TEST(too_many_fields_are_refused_and_their_memory_is_bounded),
        TEST(the_authority_counts_against_the_limit_of_fields),
        TEST(a_compression_bomb_is_refused),
        TEST(cookies_that_came_apart_are_joined),
        TEST(host_stands_for_a_missing_authority),
        TEST(a_short_body_is_never_taken_for_a_whole_one),
        TEST(every_malformed_response_is_given_up),
        TEST(trailers_of_a_response_that_do_not_end_it_are_given_up),
        TEST(frames_that_break_the_protocol_end_the_session),
        TEST(another_frame_inside_a_field_block_ends_the_session),
        TEST(a_stream_that_was_passed_over_is_not_served),
        TEST(anything_but_the_preface_is_refused),
        TEST(priorities_of_the_old_kind_cost_no_memory),
        TEST(what_follows_a_reset_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
