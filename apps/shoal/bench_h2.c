/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The speakers of HTTP/2, on libnghttp2: plain by prior knowledge (h2c) or over TLS, and of gRPC,
 * which is HTTP/2 with another notion of what a right answer is. A request is a stream, and its
 * slot is the stream's own, so answers may come in any order; where the server takes fewer streams
 * than are asked for, libnghttp2 keeps the rest in line.
 *
 * A session outlives its link's interest in it: an answer that ends the connection is reported from
 * inside nghttp2_session_mem_recv(), so whoever is reading frees it.
 */
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include <shoal/error.h>

#include "bench_grpc.h"
#include "bench_link.h"
#include "bench_loop.h"
#include "bench_target.h"
#include "parse.h"

enum { WINDOW_BYTES = 1 << 30 };

/* A request in flight. */
struct exchange {
    bool open;  /* its stream is */
    bool is_ok; /* grpc-status is 0 */
    unsigned status;
    uint64_t size;          /* of the answer's body so far */
    struct shoal_view body; /* what is left of the request's */
    struct bench_grpc_reply reply;
};

/* A connection's session; the loop's thread only. */
struct session {
    nghttp2_session *h2;
    struct bench_link *link; /* NULL: nobody is interested any more */
    bool reading;
    bool is_grpc;
    struct bench_web_check check;
    uint64_t reply_hash;         /* gRPC: of the first answer, whose size is in `check` */
    struct exchange exchanges[]; /* by slot */
};

/* What is kept for a connection. */
struct talk {
    struct session *session; /* NULL before it is open */
};
_Static_assert(sizeof(struct talk) <= BENCH_WEB_TALK_MAX, "speakers of HTTP share the room");

static struct session *session_of(const struct bench_link *link)
{
    return ((struct talk *)link->talk)->session;
}

static void destroy(struct session *session)
{
    nghttp2_session_del(session->h2);
    free(session);
}

/* Streams. Their user data is the slot's exchange. */

static struct exchange *exchange_of(const struct session *session, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(session->h2, stream);
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *arg)
{
    (void)h2, (void)flags;
    struct exchange *exchange = exchange_of(arg, frame->hd.stream_id);
    struct shoal_view field = shoal_view(name, name_size);
    struct shoal_view text = shoal_view(value, value_size);
    uint64_t status = 0;
    if (exchange && shoal_view_equal(field, shoal_view_of(":status")) &&
        parse_number(text, 999, &status))
        exchange->status = (unsigned)status;
    if (exchange && shoal_view_equal(field, shoal_view_of("grpc-status")))
        exchange->is_ok = shoal_view_equal(text, shoal_view_of("0"));
    return 0;
}

static int on_chunk(nghttp2_session *h2, uint8_t flags, int32_t stream, const uint8_t *bytes,
                    size_t size, void *arg)
{
    (void)h2, (void)flags;
    const struct session *session = arg;
    struct exchange *exchange = exchange_of(session, stream);
    if (!exchange)
        return 0;
    exchange->size += size;
    if (session->is_grpc)
        bench_grpc_take(&exchange->reply, shoal_view(bytes, size));
    return 0;
}

/* What the first answer was is right for the others of its session. */
static bool is_right_grpc(struct session *session, const struct exchange *exchange)
{
    if (!exchange->is_ok || !bench_grpc_is_whole(&exchange->reply))
        return false;
    if (!session->check.has_size)
        session->reply_hash = exchange->reply.hash;
    return session->reply_hash == exchange->reply.hash;
}

static bool is_right(struct session *session, const struct exchange *exchange)
{
    if (session->is_grpc && !is_right_grpc(session, exchange))
        return false;
    return bench_web_is_right(&session->check, exchange->status, exchange->size);
}

static int on_stream_close(nghttp2_session *h2, int32_t stream, uint32_t error, void *arg)
{
    (void)h2;
    struct session *session = arg;
    struct exchange *exchange = exchange_of(session, stream);
    if (!session->link || !exchange)
        return 0;
    exchange->open = false;
    if (error == NGHTTP2_NO_ERROR && is_right(session, exchange))
        bench_link_answered(session->link, (unsigned)(exchange - session->exchanges));
    else
        bench_link_wrong(session->link, BENCH_ERROR_WRONG);
    return 0;
}

static ssize_t read_body(nghttp2_session *h2, int32_t stream, uint8_t *out, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    (void)h2, (void)stream, (void)arg;
    struct exchange *exchange = source->ptr;
    size_t size = exchange->body.size < room ? exchange->body.size : room;
    memcpy(out, exchange->body.data, size);
    exchange->body = shoal_view_from(exchange->body, size);
    if (exchange->body.size == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)size;
}

/* Sessions */

static int make_h2(struct session *session)
{
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return -SHOAL_ENOMEM;
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    int rc = nghttp2_session_client_new(&session->h2, callbacks, session);
    nghttp2_session_callbacks_del(callbacks);
    return rc == 0 ? 0 : -SHOAL_ENOMEM;
}

/* Windows so large that no answer ever waits for us. */
static int open_windows(nghttp2_session *h2)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
    };
    int rc = nghttp2_submit_settings(h2, NGHTTP2_FLAG_NONE, settings,
                                     sizeof(settings) / sizeof(settings[0]));
    if (rc == 0)
        rc = nghttp2_session_set_local_window_size(h2, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES);
    return rc == 0 ? 0 : -SHOAL_ENOMEM;
}

static int create(struct bench_link *link, struct session **out_session)
{
    struct session *session =
        calloc(1, sizeof(*session) + link->depth * sizeof(session->exchanges[0]));
    if (!session)
        return -SHOAL_ENOMEM;
    session->link = link;
    session->is_grpc = link->target->web.scheme->grpc;
    int rc = make_h2(session);
    if (rc == 0)
        rc = open_windows(session->h2);
    if (rc == 0)
        *out_session = session;
    else
        destroy(session);
    return rc;
}

/* Writes what libnghttp2 has to send. Returns the bytes, or a negative code. */
static ssize_t flush(struct session *session)
{
    ssize_t size, sum = 0;
    const uint8_t *bytes;
    while ((size = nghttp2_session_mem_send(session->h2, &bytes)) > 0) {
        int rc = shoal_conn_write(session->link->conn, bytes, (size_t)size);
        if (rc < 0)
            return rc;
        sum += size;
    }
    return size < 0 ? -SHOAL_EPROTOCOL : sum;
}

/* The connection */

static void on_open(struct shoal_conn *conn)
{
    struct bench_link *link = bench_link_of(conn);
    if (!link)
        return;
    if (create(link, &((struct talk *)link->talk)->session) < 0)
        shoal_conn_close_for(conn, SHOAL_CLOSE_ABORT, SHOAL_CLOSED_MEMORY);
    else
        bench_link_opened(link);
}

/* The server said goodbye, or broke the protocol: what is in flight will not be answered. */
static void end_session(struct bench_link *link)
{
    if (link->asked > link->answered)
        bench_link_wrong(link, BENCH_ERROR_WRONG);
    else
        shoal_conn_close(link->conn, SHOAL_CLOSE_FLUSH);
}

/* Answers what was read: acknowledgements, and requests that answers have made room for. */
static void reply(struct session *session)
{
    struct bench_link *link = session->link;
    ssize_t size = flush(session);
    if (size < 0) {
        shoal_conn_close_for(link->conn, SHOAL_CLOSE_ABORT, SHOAL_CLOSED_MEMORY);
        return;
    }
    if (link->role == BENCH_ASKER)
        bench_loop_count_bytes(link->loop, (uint64_t)size, 0);
    if (!nghttp2_session_want_read(session->h2) && !nghttp2_session_want_write(session->h2))
        end_session(link);
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct bench_link *link = bench_link_of(conn);
    struct session *session = link ? session_of(link) : NULL;
    if (!session)
        return in.size;
    bench_link_received(link, in.size);
    session->reading = true;
    ssize_t read = nghttp2_session_mem_recv(session->h2, (const uint8_t *)in.data, in.size);
    session->reading = false;
    if (!session->link)
        destroy(session);
    else if (read < 0)
        bench_link_wrong(link, BENCH_ERROR_WRONG);
    else
        reply(session);
    return in.size;
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    struct bench_link *link = bench_link_of(conn);
    if (link)
        bench_link_closed(link, reason, false);
}

static const struct shoal_service client = {
    .name = "bench",
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};

/* Requests */

static nghttp2_nv pair(struct shoal_view name, struct shoal_view value)
{
    return (nghttp2_nv){(uint8_t *)name.data, (uint8_t *)value.data, name.size, value.size,
                        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

static size_t fill_fields(const struct bench_web *web, nghttp2_nv *out)
{
    size_t count = 0;
    out[count++] = pair(shoal_view_of(":method"), shoal_view_of(web->posts ? "POST" : "GET"));
    out[count++] = pair(shoal_view_of(":scheme"), shoal_view_of(web->scheme->name));
    out[count++] = pair(shoal_view_of(":authority"), web->authority);
    out[count++] = pair(shoal_view_of(":path"), web->path);
    for (size_t i = 0; i < web->field_count; i++)
        out[count++] = pair(web->fields[i].name, web->fields[i].value);
    return count;
}

static int submit(struct session *session, struct exchange *exchange)
{
    const struct bench_link *link = session->link;
    const struct bench_web *web = &link->target->web;
    nghttp2_nv fields[BENCH_WEB_FIELDS_MAX + 4];
    size_t count = fill_fields(web, fields);
    nghttp2_data_provider body = {.source = {.ptr = exchange}, .read_callback = read_body};
    *exchange = (struct exchange){.open = true};
    if (web->frame)
        exchange->body = shoal_view(web->frame, web->frame_size);
    else if (web->posts)
        exchange->body = bench_payload_message(&link->target->payload, link->serial, link->asked);
    return nghttp2_submit_request(session->h2, NULL, fields, count, web->posts ? &body : NULL,
                                  exchange);
}

static ssize_t ask_h2(struct bench_link *link, unsigned slot)
{
    struct session *session = session_of(link);
    if (session->exchanges[slot].open) /* a slow reader has no slots: one stream after the other */
        return 0;
    if (submit(session, &session->exchanges[slot]) < 0)
        return -SHOAL_ENOMEM;
    return session->reading ? 0 : flush(session); /* what reads flushes, and counts the bytes */
}

static void end_h2(struct bench_link *link)
{
    struct session *session = session_of(link);
    ((struct talk *)link->talk)->session = NULL;
    if (!session)
        return;
    session->link = NULL;
    if (!session->reading)
        destroy(session);
}

const struct bench_speaker bench_h2_speaker = {
    .name = "h2c",
    .talk_size = sizeof(struct talk),
    .service = &client,
    .ask = ask_h2,
    .end = end_h2,
};

const struct bench_speaker bench_grpc_speaker = {
    .name = "grpc",
    .talk_size = sizeof(struct talk),
    .service = &client,
    .ask = ask_h2,
    .end = end_h2,
};
