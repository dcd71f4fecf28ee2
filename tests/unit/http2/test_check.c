/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The check of requests beside nghttp2's own, which is not asked otherwise: what we take for a
 * whole request, it would. Thousands of requests are put together at random from parts that are
 * good, bad and in between; they are the same in every run.
 */
#include "http2_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "proto/http2/http2_fields.h"

enum { ROUNDS = 6000, PAIRS_MAX = 10 };

static const char *const names[] = {
    ":method",
    ":scheme",
    ":path",
    ":authority",
    ":status",
    ":protocol",
    ":",
    "host",
    "te",
    "content-length",
    "connection",
    "keep-alive",
    "upgrade",
    "user-agent",
    "a",
    "proxy-connection",
    "transfer-encoding",
    "cookie",
    "A",
    "x-Y",
    "",
    "a b",
    "a:b",
    "priority",
    "a\001",
    "\xc3\xa4",
    "trailer",
    "x_y",
    "~",
    "a\x7f",
};

static const char *const values[] = {
    "GET",      "HEAD",     "CONNECT",    "http",
    "https",    "/",        "*",          "h",
    "trailers", "0",        "5",          "05",
    "",         " ",        "a ",         " a",
    "Trailers", "gzip",     "a\tb",       "b\rc",
    "b\nc",     "\x7f",     "\xc3\xa4",   "u=1, i",
    "+1",       "-1",       "1x",         "h:1234",
    "u@h",      "/a?b=c#d", "/\xc3\xa4/", "18446744073709551616",
};

/* A generator of our own, so that every run has the same requests (Knuth's MMIX). */
static uint64_t dice = 1;

static unsigned roll(unsigned sides)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(dice >> 33) % sides;
}

#define ANY_OF(strings) strings[roll(sizeof(strings) / sizeof(*(strings)))]

/* A good request, of which some parts are changed, left out, added or moved. */
static void make_head(struct pair pairs[PAIRS_MAX + 1])
{
    static const struct pair good[] = {{":method", "GET"},
                                       {":scheme", "http"},
                                       {":path", "/"},
                                       {":authority", "h"},
                                       {"user-agent", "x"}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        if (roll(12) > 0)
            pairs[count++] = good[i];
        if (roll(12) == 0)
            pairs[count - (count > 0)].value = ANY_OF(values);
    }
    for (unsigned more = roll(4); more > 0; more--)
        pairs[count++] = (struct pair){ANY_OF(names), ANY_OF(values)};
    if (roll(8) == 0 && count > 1) {
        struct pair last = pairs[count - 1];
        size_t at = roll((unsigned)count);
        pairs[count - 1] = pairs[at];
        pairs[at] = last;
    }
    pairs[count] = (struct pair){NULL, NULL};
}

static void make_trailers(struct pair pairs[PAIRS_MAX + 1])
{
    size_t count = 0;
    for (unsigned more = 1 + roll(2); more > 0; more--)
        pairs[count++] = (struct pair){roll(2) ? "sum" : ANY_OF(names), ANY_OF(values)};
    pairs[count] = (struct pair){NULL, NULL};
}

/* A request that ends with its head, with a body or with trailers. */
static void make_request(struct frames *frames)
{
    struct pair pairs[PAIRS_MAX + 1];
    frames->size = 0;
    frame_preface(frames);
    make_head(pairs);
    unsigned kind = roll(4);
    frame_request(frames, 1, kind < 2 ? NGHTTP2_FLAG_END_STREAM : 0, pairs);
    if (kind >= 2)
        frame(frames, NGHTTP2_DATA, kind == 2 ? NGHTTP2_FLAG_END_STREAM : 0, 1, "body..", roll(7));
    if (kind == 3) {
        make_trailers(pairs);
        frame_request(frames, 1, roll(8) ? NGHTTP2_FLAG_END_STREAM : 0, pairs);
    }
}

/* Whether a handler would have seen a whole request. */
static bool we_take(const struct frames *frames)
{
    static struct peer server;
    peer_init(&server);
    peer_open(&server, SHOAL__HTTP_SERVER);
    (void)peer_take(&server, frames->bytes, frames->size, frames->size);
    (void)peer_flush(&server);
    struct seen seen = see(&server);
    const char *log = peer_log(&server);
    bool ended = strstr(log, ".>") || strstr(log, "[end]");
    bool whole = ended && server.closes == 0 && seen.count[NGHTTP2_RST_STREAM] == 0;
    peer_close(&server);
    return whole;
}

/* What nghttp2 says of it. */
struct verdict {
    bool ended, invalid;
};

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    struct verdict *verdict = user;
    bool carries_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (carries_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        verdict->ended = true;
    return 0;
}

static int on_invalid(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                      size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                      void *user)
{
    (void)session;
    (void)frame;
    (void)name;
    (void)name_size;
    (void)value;
    (void)value_size;
    (void)flags;
    ((struct verdict *)user)->invalid = true;
    return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        ((struct verdict *)user)->invalid = true;
    return 0;
}

static bool nghttp2_takes(const struct frames *frames)
{
    struct verdict verdict = {0};
    nghttp2_session *session;
    nghttp2_session_callbacks *callbacks;
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    assert_int_equal(nghttp2_session_server_new(&session, callbacks, &verdict), 0);
    assert_int_equal(nghttp2_session_mem_recv(session, frames->bytes, frames->size), frames->size);
    const uint8_t *bytes;
    while (nghttp2_session_mem_send(session, &bytes) > 0)
        continue;
    nghttp2_session_del(session);
    nghttp2_session_callbacks_del(callbacks);
    return verdict.ended && !verdict.invalid;
}

static void what_we_take_nghttp2_would(void **state)
{
    (void)state;
    static struct frames frames;
    unsigned taken = 0, refused = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        make_request(&frames);
        bool ours = we_take(&frames);
        bool theirs = nghttp2_takes(&frames);
        if (ours && !theirs)
            fail_msg("round %u: nghttp2 refuses what we take", round);
        taken += ours;
        refused += !theirs;
    }
    assert_in_range(taken, ROUNDS / 10, ROUNDS);
    assert_in_range(refused, ROUNDS / 4, ROUNDS);
}

static void assert_priority(const char *value, uint32_t urgency, int incremental)
{
    nghttp2_extpri priority = shoal__http2_priority_of(shoal_view_of(value));
    assert_int_equal(priority.urgency, urgency);
    assert_int_equal(priority.inc, incremental);
}

static void a_priority_is_what_the_field_says_or_the_default(void **state)
{
    (void)state;
    assert_priority("", 3, 0);
    assert_priority("u=0", 0, 0);
    assert_priority("u=7, i", 7, 1);
    assert_priority("i,u=1", 1, 1);
    assert_priority("i=?1", 3, 1);
    assert_priority("i, i=?0", 3, 0);
    assert_priority("u=8, x=y, , u", 3, 0);
    assert_priority(" \t,", 3, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_take_nghttp2_would),
        cmocka_unit_test(a_priority_is_what_the_field_says_or_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
