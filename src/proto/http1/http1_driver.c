/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session of an HTTP/1 connection: its creation, what the connection tells besides input, and
 * the seam's calls. Its exchanges live in http1_exchange_driver.c, input is in
 * http1_input_driver.c, output in http1_output_driver.c.
 */
#include "proto/http1/http1_driver.h"

#include <stdlib.h>

#include <shoal/error.h>

#include "net/conn.h"
#include "proto/http1/http1_session_driver.h"

enum {
    CHUNK_BYTES = 2048,
    KEPT_BLOCKS = 256,
    FAREWELL_MS = 100, /* a drained idle connection may still bring one request */
};

static const struct shoal_service http1_service;
static const struct shoal__session_ops http1_session_ops;

/* What a loop's sessions share */

static void destroy_local(struct shoal__loop_local *base)
{
    struct http1_local *local = (struct http1_local *)base;
    shoal__blocks_fini(&local->exchanges);
    shoal__blocks_fini(&local->chunks);
    free(local->fields);
    free(local);
}

static struct shoal__loop_local *create_local(void)
{
    struct http1_local *local = calloc(1, sizeof(*local));
    if (!local)
        return NULL;
    local->local.destroy = destroy_local;
    local->date_s = -1;
    shoal__blocks_init(&local->exchanges, sizeof(struct http1_exchange), KEPT_BLOCKS);
    shoal__blocks_init(&local->chunks, CHUNK_BYTES, KEPT_BLOCKS);
    return &local->local;
}

/* The loop's local with room for that many fields, or NULL. */
static struct http1_local *local_of(struct shoal_loop *loop, uint32_t max_fields)
{
    static const char key;
    struct http1_local *local = (struct http1_local *)shoal__loop_local(loop, &key, create_local);
    if (!local || local->field_room >= max_fields)
        return local;
    struct shoal__http_field *fields = realloc(local->fields, max_fields * sizeof(*fields));
    if (!fields)
        return NULL;
    local->fields = fields;
    local->field_room = max_fields;
    return local;
}

/* The connection's other callbacks */

static void on_end(struct shoal_conn *conn, struct shoal_view rest)
{
    struct http1_session *session = http1_session_on(conn);
    session->peer_ended = true;
    session->more = rest.size > 0;
    shoal__http1_input_ended(session, rest);
    shoal__http1_settle(session);
}

static void on_drained(struct shoal_conn *conn)
{
    struct http1_session *session = http1_session_on(conn);
    struct http1_exchange *exchange = session->exchange;
    if (exchange && http1_is_live(exchange) && exchange->stream.events->on_drained) {
        session->calls++;
        exchange->stream.events->on_drained(&exchange->stream);
        session->calls--;
    }
    if (shoal__http1_settle(session) && !session->exchange)
        shoal_conn_again(conn); /* the next request may be here already */
}

static void on_server_drain(struct shoal_conn *conn)
{
    shoal__session_shutdown(&http1_session_on(conn)->base);
}

/* Between an upgrade and its hand-over: the next service was promised the connection, and may have
 * hung something on it. */
static void die_upgraded(struct shoal_conn *conn, const struct shoal_service *next,
                         enum shoal_close_reason reason)
{
    shoal__conn_set_service(conn, next);
    if (next->on_open)
        next->on_open(conn);
    if (next->on_close)
        next->on_close(conn, reason);
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    struct http1_session *session = http1_session_on(conn);
    bool in_order = reason == SHOAL_CLOSED_LOCAL || reason == SHOAL_CLOSED_PEER ||
                    reason == SHOAL_CLOSED_DRAINED || reason == SHOAL_CLOSED_IDLE;
    if (session->exchange) {
        shoal__http1_tell_close(session, session->exchange->reset ? session->exchange->error
                                                                  : SHOAL__H2_CANCEL);
        shoal__http1_release(session);
    }
    const struct shoal_service *next = session->next_service;
    shoal__http1_end_session(session, in_order ? SHOAL__H2_NO_ERROR : SHOAL__H2_CANCEL);
    if (next)
        die_upgraded(conn, next, reason);
}

static const struct shoal_service http1_service = {
    .name = "http1",
    .on_data = shoal__http1_on_data,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_server_drain = on_server_drain,
    .on_close = on_close,
};

/* The session's calls */

static size_t room(const struct shoal__session *base)
{
    const struct http1_session *session = (const struct http1_session *)base;
    bool open = !session->shutting && !session->peer_ended && !shoal__conn_closing(base->conn);
    return !session->exchange && open;
}

static enum http1_method method_of(struct shoal_view name)
{
#define METHOD_IS(method)                               \
    if (shoal_view_equal(name, shoal_view_of(#method))) \
        return HTTP1_##method;
    SHOAL_HTTP1_METHODS(METHOD_IS)
#undef METHOD_IS
    return HTTP1_OTHER;
}

static int open_stream(struct shoal__session *base, const struct shoal__head *head, bool end,
                       const struct shoal__stream_events *events, void *user,
                       struct shoal__stream **out_stream)
{
    struct http1_session *session = shoal__http1_session_of(base);
    if (session->shutting || session->peer_ended || shoal__conn_closing(base->conn))
        return -SHOAL_ESTOPPED;
    if (session->exchange)
        return -SHOAL_EFULL;
    struct http1_exchange *exchange = shoal__http1_begin(session);
    if (!exchange)
        return -SHOAL_ENOMEM;
    exchange->minor = 1;
    exchange->asked = (uint8_t)method_of(head->method);
    int rc = shoal__http1_send_request(exchange, head, end);
    if (rc < 0) {
        shoal__http1_release(session);
        return rc;
    }
    exchange->stream.events = events;
    exchange->stream.user = user;
    base->open_streams = 1;
    shoal_conn_hold(base->conn);
    exchange->holds = true;
    *out_stream = &exchange->stream;
    shoal__http1_tell_idle(session, false);
    return 0;
}

static struct shoal__stream *find(const struct shoal__session *base, uint64_t serial)
{
    struct http1_exchange *exchange = ((const struct http1_session *)base)->exchange;
    return exchange && http1_is_live(exchange) && exchange->stream.serial == serial
               ? &exchange->stream
               : NULL;
}

static int ping(struct shoal__session *base)
{
    (void)base;
    return -SHOAL_EINVAL;
}

static void on_farewell(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct http1_session *session = arg;
    if (!session->exchange)
        shoal_conn_close_for(session->base.conn, SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_DRAINED);
}

/* An idle connection waits a moment before it is closed: a request that is on its way is then
 * answered, with "Connection: close", instead of lost. */
static void shut(struct shoal__session *base)
{
    struct http1_session *session = shoal__http1_session_of(base);
    if (session->shutting)
        return;
    session->shutting = true;
    if (session->exchange)
        return;
    session->farewell = http1_is_server(session) ? calloc(1, sizeof(*session->farewell)) : NULL;
    if (session->farewell) {
        shoal_timer_init(session->farewell, on_farewell, session);
        if (shoal_timer_start(shoal_conn_loop(base->conn), session->farewell, FAREWELL_MS) == 0)
            return;
    }
    shoal_conn_close_for(base->conn, SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_DRAINED);
}

static void close_session(struct shoal__session *base, uint32_t error, struct shoal_view debug)
{
    (void)debug;
    struct http1_session *session = shoal__http1_session_of(base);
    bool begun = session->exchange && session->exchange->output == HTTP1_OUTPUT_BODY;
    if (session->exchange && http1_is_live(session->exchange)) {
        session->exchange->reset = true;
        session->exchange->error = error;
    }
    shoal_conn_close(base->conn, begun ? SHOAL_CLOSE_ABORT : SHOAL_CLOSE_FLUSH);
}

static const struct shoal__session_ops http1_session_ops = {
    .open = open_stream,
    .room = room,
    .find = find,
    .ping = ping,
    .shutdown = shut,
    .close = close_session,
};

int shoal__http1_start(struct shoal_conn *conn, enum shoal__http_role role,
                       const struct shoal__session_events *events, void *user,
                       const struct shoal__session_limits *limits,
                       struct shoal__session **out_session)
{
    struct http1_local *local = local_of(shoal_conn_loop(conn), limits->max_fields);
    struct http1_session *session = local ? calloc(1, sizeof(*session)) : NULL;
    if (!session)
        return -SHOAL_ENOMEM;
    session->base = (struct shoal__session){.ops = &http1_session_ops,
                                            .events = events,
                                            .conn = conn,
                                            .user = user,
                                            .role = role,
                                            .version = SHOAL__HTTP_1_1};
    session->limits = limits;
    session->local = local;
    shoal__conn_set_driver(conn, session);
    shoal__conn_set_service(conn, &http1_service);
    if (role == SHOAL__HTTP_CLIENT)
        shoal__conn_read_on(conn);
    if (out_session)
        *out_session = &session->base;
    return 0;
}
