/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The check of requests: every rule by itself, in tables, and then beside nghttp2's own, which is
 * not asked otherwise. What we take for a whole request, it would; and where we are not stricter on
 * purpose, we take what it takes. Thousands of requests are put together at random from parts that
 * are good, bad and in between; they are the same in every run.
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

/* Fields, one after the other */

enum { ALL = -1 };

#define HEAD HTTP2_REQUEST_BLOCK
#define TRAILERS HTTP2_TRAILER_BLOCK

static const struct {
    enum http2_block_kind kind;
    int refused; /* which of them; ALL are fine */
    struct pair pairs[6];
} fields[] = {
    {HEAD, ALL, {{":path", "/"}, {":method", "A"}, {":authority", "h"}, {":scheme", "s"}}},
    {HEAD, 1, {{":method", "GET"}, {":method", "GET"}}},
    {HEAD, 1, {{":scheme", "http"}, {":scheme", "http"}}},
    {HEAD, 1, {{":authority", "h"}, {":authority", "h"}}},
    {HEAD, 2, {{":path", "/"}, {":method", "GET"}, {":path", "/"}}},
    {HEAD, 0, {{":method", ""}}},
    {HEAD, 0, {{":scheme", ""}}},
    {HEAD, 0, {{":authority", ""}}},
    {HEAD, 0, {{":path", ""}}},
    {HEAD, 0, {{":status", "200"}}},
    {HEAD, 0, {{":protocol", "websocket"}}},
    {HEAD, 0, {{":Path", "/"}}},
    {HEAD, 0, {{":pat", "/"}}},
    {HEAD, 0, {{":paths", "/"}}},
    {HEAD, 0, {{":", "/"}}},
    {HEAD, 1, {{"a", "b"}, {":path", "/"}}},
    {HEAD, 1, {{"cookie", "a=b"}, {":method", "GET"}}},
    {TRAILERS, 0, {{":method", "GET"}}},
    {TRAILERS, 1, {{"a", "b"}, {":path", "/"}}},

    {HEAD, ALL, {{"!#$%&'*+-.^_`|~09az", "b"}, {"a", ""}, {"a", "b"}}},
    {HEAD, 0, {{"", "b"}}},
    {HEAD, 0, {{"A", "b"}}},
    {HEAD, 0, {{"content-Type", "b"}}},
    {HEAD, 0, {{"a b", "c"}}},
    {HEAD, 0, {{"a:", "c"}}},
    {HEAD, 0, {{"a\001", "c"}}},
    {HEAD, 0, {{"a\r", "c"}}},
    {HEAD, 0, {{"a\n", "c"}}},
    {HEAD, 0, {{"a\x7f", "c"}}},
    {HEAD, 0, {{"\xc3\xa4", "c"}}},
    {TRAILERS, 0, {{"A", "b"}}},

    {HEAD, ALL, {{"a", "b c\td"}, {"a", "\xc3\xa4"}, {"a", "\"(),/:;<=>?@[\\]{}"}}},
    {HEAD, 0, {{"a", " b"}}},
    {HEAD, 0, {{"a", "\tb"}}},
    {HEAD, 0, {{"a", "b "}}},
    {HEAD, 0, {{"a", "b\t"}}},
    {HEAD, 0, {{"a", " "}}},
    {HEAD, 0, {{"a", "b\rc"}}},
    {HEAD, 0, {{"a", "b\nc"}}},
    {HEAD, 0, {{"a", "b\r\n"}}},
    {HEAD, 0, {{"a", "\001"}}},
    {HEAD, 0, {{"a", "0123456789\x7f"}}},
    {HEAD, 0, {{"a", "\t0123456789"}}},
    {HEAD, 0, {{"a", "01234567890123456789\n"}}},
    {TRAILERS, 0, {{"a", "b\nc"}}},

    {HEAD, 0, {{"connection", "close"}}},
    {HEAD, 0, {{"keep-alive", "1"}}},
    {HEAD, 0, {{"proxy-connection", "close"}}},
    {HEAD, 0, {{"transfer-encoding", "chunked"}}},
    {HEAD, 0, {{"upgrade", "h2c"}}},
    {TRAILERS, 0, {{"connection", "close"}}},
    {TRAILERS, 0, {{"transfer-encoding", "chunked"}}},
    {HEAD, ALL, {{"te", "trailers"}, {"te", "Trailers"}}},
    {HEAD, 0, {{"te", "gzip"}}},
    {HEAD, 0, {{"te", "trailers, gzip"}}},
    {HEAD, 0, {{"te", ""}}},

    {HEAD, ALL, {{"host", "h"}, {"content-length", "0"}}},
    {HEAD, 1, {{"host", "h"}, {"host", "h"}}},
    {HEAD, 0, {{"host", ""}}},
    {TRAILERS, 0, {{"host", "h"}}},
    {HEAD, 1, {{"content-length", "0"}, {"content-length", "0"}}},
    {HEAD, ALL, {{"content-length", "999999999999999999"}}},
    {HEAD, 0, {{"content-length", "1000000000000000000"}}},
    {HEAD, 0, {{"content-length", ""}}},
    {HEAD, 0, {{"content-length", "-1"}}},
    {HEAD, 0, {{"content-length", "+1"}}},
    {HEAD, 0, {{"content-length", "1:"}}},
    {HEAD, 0, {{"content-length", "1, 1"}}},
    {TRAILERS, 0, {{"content-length", "0"}}},
};

/* Gives the block the fields until one is refused, and returns which, or ALL. */
static int give(struct http2_block *block, const struct pair *pairs)
{
    for (int i = 0; pairs[i].name; i++) {
        struct shoal__http_field field = {shoal_view_of(pairs[i].name),
                                          shoal_view_of(pairs[i].value)};
        if (!shoal__http2_field_check(block, field))
            return i;
        if (shoal__http_name_is(field.name, ":method"))
            block->head.method = field.value;
    }
    return ALL;
}

static void a_field_that_may_not_come_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        struct http2_block block = {.kind = (uint8_t)fields[i].kind};
        int refused = give(&block, fields[i].pairs);
        if (refused != fields[i].refused)
            fail_msg("row %zu (%s: %s): field %d is refused", i, fields[i].pairs[0].name,
                     fields[i].pairs[0].value, refused);
    }
}

static bool may_come(const char *name, size_t name_size, const char *value, size_t value_size)
{
    struct http2_block block = {.kind = HEAD};
    struct shoal__http_field field = {shoal_view(name, name_size), shoal_view(value, value_size)};
    return shoal__http2_field_check(&block, field);
}

static void every_byte_has_its_place(void **state)
{
    (void)state;
    static const char in_names[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
    for (int byte = 0; byte < 256; byte++) {
        bool in_name = byte != 0 && strchr(in_names, byte);
        bool in_value = (byte >= ' ' && byte != 0x7f) || byte == '\t';
        for (size_t at = 0; at < 20; at++) {
            char text[] = "abcdefghijklmnopqrst";
            text[at] = (char)byte;
            bool at_edge = at == 0 || at == 19;
            bool is_blank = byte == ' ' || byte == '\t';
            assert_int_equal(may_come(text, 20, "v", 1), in_name);
            assert_int_equal(may_come("n", 1, text, 20), in_value && !(at_edge && is_blank));
        }
    }
}

/* Heads */

static const struct {
    bool whole;
    struct pair pairs[5];
} heads[] = {
    {true, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h"}}},
    {true, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "h"}}},
    {false, {{":scheme", "http"}, {":path", "/"}, {":authority", "h"}}},
    {false, {{":method", "GET"}, {":path", "/"}, {":authority", "h"}}},
    {false, {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}}},
    {false, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"a", "b"}}},
    {true, {{":method", "CONNECT"}, {":authority", "h:1"}}},
    {false, {{":method", "CONNECT"}, {":authority", "h:1"}, {":scheme", "http"}}},
    {false, {{":method", "CONNECT"}, {":authority", "h:1"}, {":path", "/"}}},
    {false, {{":method", "CONNECT"}, {"host", "h:1"}}},
    {false, {{":method", "GET"}, {":authority", "h:1"}}},
    {false, {{NULL, NULL}}},
};

static void a_head_is_whole_with_what_its_method_needs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        struct http2_block block = {.kind = HEAD};
        assert_int_equal(give(&block, heads[i].pairs), ALL);
        if (shoal__http2_head_is_whole(&block) != heads[i].whole)
            fail_msg("row %zu: whole is %d", i, !heads[i].whole);
    }
}

static unsigned status_for(const char *method, const char *scheme, const char *authority,
                           const char *path)
{
    static const struct shoal__session_limits limits = SHOAL__SESSION_LIMITS_INIT;
    struct http2_block block = {.head = {.method = shoal_view_of(method),
                                         .scheme = shoal_view_of(scheme),
                                         .authority = shoal_view_of(authority),
                                         .path = shoal_view_of(path)}};
    return shoal__http2_request_check(&block, &limits);
}

static void a_target_is_one_that_its_method_can_have(void **state)
{
    (void)state;
    assert_int_equal(status_for("GET", "http", "h", "/"), 0);
    assert_int_equal(status_for("M-SEARCH", "HTTPS", "[::1]:1", "/a?b=%20"), 0);
    assert_int_equal(status_for("OPTIONS", "http", "h", "*"), 0);
    assert_int_equal(status_for("CONNECT", "", "h:443", ""), 0);
    assert_int_equal(status_for("CONNECT", "", "h", ""), 400);
    assert_int_equal(status_for("CONNECT", "", "h:", ""), 400);
    assert_int_equal(status_for("GET", "http", "h", "*"), 400);
    assert_int_equal(status_for("OPTIONS", "http", "h", "*/"), 400);
    assert_int_equal(status_for("GET", "http", "h", "a"), 400);
    assert_int_equal(status_for("GET", "http", "h", "http://h/"), 400);
    assert_int_equal(status_for("GET", "http", "h", "/a b"), 400);
    assert_int_equal(status_for("GET", "http", "h", "/a#b"), 400);
    assert_int_equal(status_for("GET", "http", "h", "/\n"), 400);
    assert_int_equal(status_for("GET", "http", "h", "/\x7f"), 400);
    assert_int_equal(status_for("GET", "ftp", "h", "/"), 400);
    assert_int_equal(status_for("GET", "http ", "h", "/"), 400);
    assert_int_equal(status_for("GET", "http", ":80", "/"), 400);
    assert_int_equal(status_for("GET", "http", "h:x", "/"), 400);
    assert_int_equal(status_for("GET", "http", "h:65536", "/"), 400);
    assert_int_equal(status_for("GET", "http", "[", "/"), 400);
    assert_int_equal(status_for("GET", "http", "u@h", "/"), 400);
    assert_int_equal(status_for("GET", "http", "h\r\n", "/"), 400);
    assert_int_equal(status_for("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "http", "h", "/"), 0);
    assert_int_equal(status_for("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "http", "h", "/"), 501);
    assert_int_equal(status_for("GE T", "http", "h", "/"), 501);
    assert_int_equal(status_for("get", "http", "h", "/"), 501);
}

/* Thousands of requests */

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

/* What both checks have the same opinion of, by the name; of other names' values they have anyway.
 */
static const struct {
    const char *name, *values[5];
} agreed[] = {
    {":method", {"GET", "HEAD", "OPTIONS", "CONNECT", ""}},
    {":scheme", {"http", "https", "HTTP", "http", ""}},
    {":path", {"/", "/a?b", "*", "a", ""}},
    {":authority", {"h:1", "h:1", "h:1", "h:1", ""}},
    {"host", {"h:1", "h:1", "h:1", "h:1", ""}},
};

static const char *make_value(const char *name, bool agree)
{
    for (size_t i = 0; agree && i < sizeof(agreed) / sizeof(*agreed); i++)
        if (strcmp(agreed[i].name, name) == 0)
            return ANY_OF(agreed[i].values);
    return ANY_OF(values);
}

/* A good request, of which some parts are changed, left out, added or moved. */
static void make_head(struct pair pairs[PAIRS_MAX + 1], bool agree)
{
    static const struct pair good[][6] = {
        {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h:1"}},
        {{":method", "OPTIONS"}, {":scheme", "http"}, {":path", "*"}, {"host", "h:1"}},
        {{":method", "CONNECT"}, {":authority", "h:1"}, {"user-agent", "x"}},
    };
    static const char *const lengths[] = {"0", "5", "05"};
    const struct pair *from = ANY_OF(good);
    size_t count = 0;
    for (; from->name; from++) {
        if (roll(12) > 0)
            pairs[count++] = *from;
        if (count > 0 && roll(12) == 0)
            pairs[count - 1].value = make_value(pairs[count - 1].name, agree);
    }
    if (roll(3) == 0)
        pairs[count++] = (struct pair){"content-length", ANY_OF(lengths)};
    for (unsigned more = roll(4); more > 0; more--) {
        const char *name = ANY_OF(names);
        pairs[count++] = (struct pair){name, make_value(name, agree)};
    }
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

/* Some bytes of a body, often five, with or without padding. */
static void make_data(struct frames *frames, unsigned flags)
{
    static const char padded[] = "\2body..\0\0"; /* two bytes of padding */
    static const unsigned sizes[] = {0, 5, 5, 6, 1};
    unsigned size = ANY_OF(sizes);
    if (roll(2))
        frame(frames, NGHTTP2_DATA, flags, 1, "body..", size);
    else
        frame(frames, NGHTTP2_DATA, flags | NGHTTP2_FLAG_PADDED, 1, padded, 1 + size + 2);
}

static bool has(const struct pair *pairs, const char *name, const char *value)
{
    for (; pairs->name; pairs++)
        if (strcmp(pairs->name, name) == 0 && (!value || strcmp(pairs->value, value) == 0))
            return true;
    return false;
}

/*
 * A request that ends with its head, with a body or with trailers. True where we are stricter than
 * nghttp2 on purpose, for such values as `agree` leaves: it does not count the body of a CONNECT,
 * and lets trailers have a Host and a Content-Length.
 */
static bool make_request(struct frames *frames, bool agree)
{
    struct pair pairs[PAIRS_MAX + 1];
    frames->size = 0;
    frame_preface(frames);
    make_head(pairs, agree);
    bool stricter = has(pairs, ":method", "CONNECT") && has(pairs, "content-length", NULL);
    unsigned kind = roll(5);
    frame_request(frames, 1, kind < 2 ? NGHTTP2_FLAG_END_STREAM : 0, pairs);
    if (kind == 4)
        frame(frames, NGHTTP2_DATA, 0, 1, "..", roll(3));
    if (kind >= 2)
        make_data(frames, kind == 2 ? NGHTTP2_FLAG_END_STREAM : 0);
    if (kind < 3)
        return stricter;
    make_trailers(pairs);
    frame_request(frames, 1, roll(8) ? NGHTTP2_FLAG_END_STREAM : 0, pairs);
    return stricter || has(pairs, "host", NULL) || has(pairs, "content-length", NULL);
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
        (void)make_request(&frames, false);
        bool ours = we_take(&frames);
        bool theirs = nghttp2_takes(&frames);
        if (ours && !theirs)
            fail_msg("round %u: nghttp2 refuses what we take", round);
        taken += ours;
        refused += !theirs;
    }
    assert_in_range(taken, ROUNDS / 16, ROUNDS);
    assert_in_range(refused, ROUNDS / 4, ROUNDS);
}

static void where_we_are_not_stricter_we_take_what_nghttp2_takes(void **state)
{
    (void)state;
    static struct frames frames;
    unsigned taken = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        bool stricter = make_request(&frames, true);
        bool ours = we_take(&frames);
        if (!stricter && ours != nghttp2_takes(&frames))
            fail_msg("round %u: ours is %d", round, ours);
        taken += ours;
    }
    assert_in_range(taken, ROUNDS / 10, ROUNDS);
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
        cmocka_unit_test(a_field_that_may_not_come_is_refused),
        cmocka_unit_test(every_byte_has_its_place),
        cmocka_unit_test(a_head_is_whole_with_what_its_method_needs),
        cmocka_unit_test(a_target_is_one_that_its_method_can_have),
        cmocka_unit_test(what_we_take_nghttp2_would),
        cmocka_unit_test(where_we_are_not_stricter_we_take_what_nghttp2_takes),
        cmocka_unit_test(a_priority_is_what_the_field_says_or_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
