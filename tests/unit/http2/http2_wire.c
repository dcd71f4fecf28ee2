/* SPDX-License-Identifier: BSD-3-Clause */
/* The in-memory ends of an HTTP/2 connection for the engine's tests; see http2_wire.h. */
#include "http2_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

enum { FRAME_HEAD = 9 };

static struct peer *peer_of(struct shoal__stream *stream)
{
    return stream->session->user;
}

void peer_note(struct peer *peer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = LOG_BYTES - peer->log_size;
    int size = vsnprintf(peer->log + peer->log_size, room, format, args);
    va_end(args);
    assert_true(size >= 0 && (size_t)size < room);
    peer->log_size += (size_t)size;
}

const char *peer_log(struct peer *peer)
{
    peer->log[peer->log_size] = '\0';
    peer->log_size = 0;
    return peer->log;
}

static int print(struct shoal_view view)
{
    return (int)view.size;
}

static void note_fields(struct peer *peer, const struct shoal__http_field *fields, size_t count)
{
    for (size_t i = 0; peer->notes_fields && i < count; i++)
        peer_note(peer, "{%.*s: %.*s}", print(fields[i].name), fields[i].name.data,
                  print(fields[i].value), fields[i].value.data);
}

/* Stream events */

static void on_head(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    struct peer *peer = peer_of(stream);
    peer_note(peer, "<%u%s>", head->status, end ? "." : "");
    note_fields(peer, head->fields, head->field_count);
}

static void on_data(struct shoal__stream *stream, struct shoal_view data)
{
    struct peer *peer = peer_of(stream);
    peer->received += data.size;
    if (!peer->quiet)
        peer_note(peer, "(%.*s)", print(data), data.data);
    if (peer->on_data)
        peer->on_data(peer, stream, data);
    if (!peer->hoards)
        shoal__stream_consume(stream, data.size);
}

static void on_end(struct shoal__stream *stream, const struct shoal__http_field *trailers,
                   size_t trailer_count)
{
    struct peer *peer = peer_of(stream);
    peer_note(peer, "[end]");
    note_fields(peer, trailers, trailer_count);
    if (peer->on_end)
        peer->on_end(peer, stream);
}

static void on_drained(struct shoal__stream *stream)
{
    struct peer *peer = peer_of(stream);
    peer_note(peer, "[drained]");
    if (peer->on_drained)
        peer->on_drained(peer, stream);
}

static void on_close(struct shoal__stream *stream, uint32_t error)
{
    struct peer *peer = peer_of(stream);
    peer->closes++;
    peer->last_error = error;
    if (peer->last == stream)
        peer->last = NULL;
    peer_note(peer, "[closed: %s]", shoal__stream_error_text(error));
}

static const struct shoal__stream_events stream_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_close = on_close,
};

/* Session events */

static void on_request(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    struct peer *peer = peer_of(stream);
    stream->events = &stream_events;
    peer->requests++;
    peer->last = stream;
    assert_true(head->kept);
    if (!peer->quiet) {
        peer_note(peer, "<%.*s %.*s%s>", print(head->method), head->method.data, print(head->path),
                  head->path.data, end ? "." : "");
        note_fields(peer, head->fields, head->field_count);
    }
    if (peer->on_request)
        peer->on_request(peer, stream, head, end);
}

static bool on_ping(struct shoal__session *session)
{
    struct peer *peer = session->user;
    return !peer->refuses_pings;
}

static void on_pong(struct shoal__session *session)
{
    peer_note(session->user, "[pong]");
}

static void on_goaway(struct shoal__session *session, uint64_t last, uint32_t error,
                      struct shoal_view debug)
{
    peer_note(session->user, "[goaway %s%s: %s%s%.*s]", last == INT32_MAX ? "notice" : "last",
              last == INT32_MAX ? "" : (last == 0 ? " none" : ""), shoal__stream_error_text(error),
              debug.size ? ": " : "", print(debug), debug.data);
}

static void on_settings(struct shoal__session *session)
{
    struct peer *peer = session->user;
    peer->settings++;
}

static void on_room(struct shoal__session *session)
{
    peer_note(session->user, "[room]");
}

static void on_session_close(struct shoal__session *session, uint32_t error)
{
    peer_note(session->user, "[session: %s]", shoal__stream_error_text(error));
}

const struct shoal__session_events peer_session_events = {
    .on_request = on_request,
    .on_ping = on_ping,
    .on_pong = on_pong,
    .on_settings = on_settings,
    .on_goaway = on_goaway,
    .on_room = on_room,
    .on_close = on_session_close,
};

/* Output */

static int out_write(void *arg, struct shoal_view bytes)
{
    struct peer *peer = arg;
    if (peer->write_error < 0)
        return peer->write_error;
    if (peer->drops)
        return 0;
    return shoal_buf_append(&peer->out, bytes.data, bytes.size);
}

static int out_write_body(void *arg, struct shoal_buf *body, size_t size)
{
    struct peer *peer = arg;
    int rc = shoal_buf_share(&peer->out, body, size);
    if (rc == 0)
        shoal_buf_consume(body, size);
    return rc;
}

static void out_wanted(void *arg)
{
    struct peer *peer = arg;
    peer->wanted++;
}

static const struct shoal__http2_output output = {
    .write = out_write,
    .write_body = out_write_body,
    .wanted = out_wanted,
};

/* Peers */

void peer_init(struct peer *peer)
{
    static const struct shoal__session_limits limits = SHOAL__SESSION_LIMITS_INIT;
    memset(peer, 0, sizeof(*peer));
    peer->limits = limits;
    shoal__http2_shared_init(&peer->shared);
}

int peer_try_open(struct peer *peer, enum shoal__http_role role)
{
    struct shoal__http2_cfg cfg = {
        .role = role,
        .shared = &peer->shared,
        .limits = &peer->limits,
        .events = &peer_session_events,
        .output = &output,
        .output_arg = peer,
        .user = peer,
        .now_ms = peer->now_ms,
    };
    int rc = shoal__http2_create(&cfg, &peer->engine);
    if (rc == 0)
        peer->session = shoal__http2_session(peer->engine);
    return rc;
}

void peer_open(struct peer *peer, enum shoal__http_role role)
{
    assert_int_equal(peer_try_open(peer, role), 0);
}

void peer_close(struct peer *peer)
{
    shoal__http2_destroy(&peer->engine);
    assert_null(peer->engine);
    shoal__buf_fini(&peer->out);
    shoal__http2_shared_fini(&peer->shared);
}

int peer_flush(struct peer *peer)
{
    return shoal__http2_send(peer->engine, SIZE_MAX);
}

int peer_take(struct peer *peer, const void *bytes, size_t size, size_t cut)
{
    int rc = 0;
    for (size_t at = 0; at < size && rc == 0; at += cut) {
        size_t piece = size - at < cut ? size - at : cut;
        /* A copy of its own, so that AddressSanitizer sees a read past the piece. */
        char *copy = malloc(piece);
        assert_non_null(copy);
        memcpy(copy, (const char *)bytes + at, piece);
        rc = shoal__http2_recv(peer->engine, shoal_view(copy, piece), peer->now_ms);
        free(copy);
    }
    return rc;
}

static bool carry(struct peer *from, struct peer *to, size_t cut)
{
    (void)peer_flush(from);
    bool moved = shoal_buf_size(&from->out) > 0;
    char piece[4096];
    size_t size;
    while ((size = shoal_buf_copy_out(&from->out, piece, sizeof(piece))) > 0) {
        shoal_buf_consume(&from->out, size);
        (void)peer_take(to, piece, size, cut);
    }
    return moved;
}

void wire_run(struct peer *a, struct peer *b, size_t cut)
{
    bool moved = true;
    while (moved) {
        moved = carry(a, b, cut);
        moved = carry(b, a, cut) || moved;
    }
}

int ask_rc(struct peer *client, const char *method, const char *path, bool end,
           struct shoal__stream **out)
{
    struct shoal__head head = {
        .method = shoal_view_of(method),
        .scheme = SHOAL_VIEW("http"),
        .authority = SHOAL_VIEW("example.org"),
        .path = shoal_view_of(path),
        .content_length = -1,
    };
    return shoal__session_open(client->session, &head, end, &stream_events, client, out);
}

struct shoal__stream *ask(struct peer *client, const char *method, const char *path, bool end)
{
    struct shoal__stream *stream = NULL;
    return ask_rc(client, method, path, end, &stream) == 0 ? stream : NULL;
}

int send_status(struct shoal__stream *stream, unsigned status, bool end)
{
    struct shoal__head head = {.status = status, .content_length = -1};
    return shoal__stream_send_head(stream, &head, end);
}

void answer_hello(struct peer *peer, struct shoal__stream *stream, const struct shoal__head *head,
                  bool end)
{
    (void)peer;
    (void)head;
    (void)end;
    if (send_status(stream, 200, false) == 0 &&
        shoal__stream_write(stream, shoal_view("hello", 5)) >= 0)
        (void)shoal__stream_end(stream, NULL, 0);
}

void answer_echo(struct peer *peer, struct shoal__stream *stream, const struct shoal__head *head,
                 bool end)
{
    (void)peer;
    (void)head;
    (void)send_status(stream, 200, end);
}

void echo_data(struct peer *peer, struct shoal__stream *stream, struct shoal_view data)
{
    (void)peer;
    (void)shoal__stream_write(stream, data);
}

void echo_end(struct peer *peer, struct shoal__stream *stream)
{
    (void)peer;
    (void)shoal__stream_end(stream, NULL, 0);
}

/* Frames by hand */

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get_u32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

void frame(struct frames *to, unsigned type, unsigned flags, uint32_t id, const void *payload,
           size_t size)
{
    assert_true(to->size + FRAME_HEAD + size <= sizeof(to->bytes));
    uint8_t *head = to->bytes + to->size;
    put_u32(head, (uint32_t)size << 8 | type);
    head[4] = (uint8_t)flags;
    put_u32(head + 5, id);
    if (size > 0)
        memcpy(head + FRAME_HEAD, payload, size);
    to->size += FRAME_HEAD + size;
}

void frame_u32(struct frames *to, unsigned type, uint32_t id, uint32_t value)
{
    uint8_t payload[4];
    put_u32(payload, value);
    frame(to, type, 0, id, payload, sizeof(payload));
}

void frame_preface(struct frames *to)
{
    const size_t size = strlen(SHOAL__HTTP2_PREFACE);
    memcpy(to->bytes, SHOAL__HTTP2_PREFACE, size);
    to->size = size;
    frame(to, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

static uint8_t *put_string(uint8_t *to, const char *string)
{
    const size_t size = strlen(string);
    const size_t prefix = 0x7f; /* RFC 7541 §5.1, prefix of 7 bits */
    size_t rest = size;
    if (size < prefix) {
        *to++ = (uint8_t)size;
    } else {
        *to++ = (uint8_t)prefix;
        for (rest -= prefix; rest >= 128; rest /= 128)
            *to++ = (uint8_t)(rest % 128 + 128);
        *to++ = (uint8_t)rest;
    }
    memcpy(to, string, size);
    return to + size;
}

size_t block_make(uint8_t *to, const struct pair *pairs)
{
    uint8_t *end = to;
    for (; pairs->name; pairs++) {
        *end++ = 0; /* literal without indexing, new name */
        end = put_string(put_string(end, pairs->name), pairs->value);
    }
    return (size_t)(end - to);
}

void frame_request(struct frames *to, uint32_t id, unsigned flags, const struct pair *pairs)
{
    static uint8_t block[1 << 15];
    size_t size = block_make(block, pairs);
    assert_true(size <= sizeof(block));
    frame(to, NGHTTP2_HEADERS, flags | NGHTTP2_FLAG_END_HEADERS, id, block, size);
}

const struct pair get_request[] = {{":method", "GET"},
                                   {":scheme", "http"},
                                   {":authority", "example.org"},
                                   {":path", "/"},
                                   {NULL, NULL}};
const struct pair post_request[] = {{":method", "POST"},
                                    {":scheme", "http"},
                                    {":authority", "example.org"},
                                    {":path", "/"},
                                    {NULL, NULL}};

void server_before_settings(struct peer *server)
{
    peer_init(server);
    server->quiet = true;
    server->on_request = answer_hello;
    peer_open(server, SHOAL__HTTP_SERVER);
    struct frames frames = {0};
    frame_preface(&frames);
    assert_int_equal(peer_flush(server), 0);
    assert_true(feed(server, &frames));
    (void)see(server);
}

void server_for_frames(struct peer *server)
{
    server_before_settings(server);
    struct frames frames = {0};
    frame(&frames, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
    assert_true(feed(server, &frames));
}

bool feed(struct peer *server, struct frames *frames)
{
    (void)peer_take(server, frames->bytes, frames->size, SIZE_MAX / 2);
    frames->size = 0;
    (void)peer_flush(server);
    server->log_size = 0;
    return !shoal__http2_is_over(server->engine);
}

struct seen see(struct peer *peer)
{
    struct seen seen = {0};
    uint8_t head[FRAME_HEAD + 8];
    while (shoal_buf_copy_out(&peer->out, head, sizeof(head)) >= FRAME_HEAD) {
        size_t size = get_u32(head) >> 8;
        assert_in_range(head[3], 0, 15);
        seen.count[head[3]]++;
        if (head[3] == NGHTTP2_DATA)
            seen.data_bytes += size;
        if (head[3] == NGHTTP2_RST_STREAM)
            seen.reset_error = get_u32(head + FRAME_HEAD);
        if (head[3] == NGHTTP2_GOAWAY) {
            seen.goaway_last = get_u32(head + FRAME_HEAD);
            seen.goaway_error = get_u32(head + FRAME_HEAD + 4);
        }
        shoal_buf_consume(&peer->out, FRAME_HEAD + size);
    }
    assert_int_equal(shoal_buf_size(&peer->out), 0);
    return seen;
}
