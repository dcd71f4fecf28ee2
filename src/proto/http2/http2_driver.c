/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine's input is what the connection reads, its output is what the connection writes, and
 * its back-pressure the connection's write marks: above the high one nothing more is taken out of
 * the engine, where stream windows then fill. While streams are open the connection is held, so
 * that neither idleness nor a drain ends it; a slow timer looks for streams that have stalled.
 */
#include "proto/http2/http2_driver.h"

#include <stdlib.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "net/backlog.h"
#include "net/conn.h"
#include "proto/http2/http2_engine.h"
#include "proto/http2/http2_shared.h"
#include "runtime/loop.h"

enum {
    SEND_MOST = 64 * 1024, /* written between two looks at the connection's marks */
    COPY_MOST = 4096,      /* body pieces up to here are copied next to their frame's head */
    EXPIRE_MS = 1000,
};

/* What the loop's sessions share. Owned by the loop. */
struct http2_local {
    struct shoal__loop_local local;
    struct shoal__http2_shared shared;
};

/* HTTP/2 on one connection. Owned by the connection (its driver), dies in its on_close, or in the
 * send task that was on its way then. */
struct http2_session {
    struct shoal__http2_engine *engine;
    struct shoal_conn *conn; /* NULL once it has closed */
    struct shoal_task send_task;
    struct shoal_timer expire_timer;
    struct shoal__backlog backlog;  /* what waits in the engine */
    bool sending;                   /* send_task is on its way */
    bool held;                      /* the connection is, because streams are open */
    bool noticed;                   /* the engine gives notice, and expire_timer bounds that */
    bool full;                      /* the connection's output is above its high mark */
    enum shoal_close_reason reason; /* why it will close when all is said */
};

static const struct shoal_service http2_service;

static void destroy_local(struct shoal__loop_local *base)
{
    struct http2_local *local = (struct http2_local *)base;
    shoal__http2_shared_fini(&local->shared);
    free(local);
}

static struct shoal__loop_local *create_local(void)
{
    struct http2_local *local = calloc(1, sizeof(*local));
    if (!local)
        return NULL;
    local->local.destroy = destroy_local;
    shoal__http2_shared_init(&local->shared);
    return &local->local;
}

static struct http2_session *session_on(const struct shoal_conn *conn)
{
    return shoal__conn_driver(conn);
}

static int64_t now_ms(const struct http2_session *session)
{
    return shoal_loop_now_ms(shoal_conn_loop(session->conn));
}

/* The engine's output */

static int note_mark(struct http2_session *session, int rc)
{
    session->full = session->full || rc == 1;
    return rc;
}

static int write_bytes(void *arg, struct shoal_view bytes)
{
    struct http2_session *session = arg;
    return note_mark(session, shoal_conn_write_view(session->conn, bytes));
}

static int write_body(void *arg, struct shoal_buf *body, size_t size)
{
    struct http2_session *session = arg;
    char small[COPY_MOST];
    if (size <= sizeof(small) && shoal_buf_copy_out(body, small, size) == size) {
        int rc = shoal_conn_write(session->conn, small, size);
        if (rc >= 0)
            shoal_buf_consume(body, size);
        return note_mark(session, rc);
    }
    struct shoal_buf *part = shoal_buf_create();
    int rc = part ? shoal_buf_share(part, body, size) : -SHOAL_ENOMEM;
    if (rc == 0)
        rc = shoal_conn_write_buf(session->conn, part);
    if (rc >= 0)
        shoal_buf_consume(body, size);
    shoal_buf_destroy(&part);
    return note_mark(session, rc);
}

static void wanted(void *arg)
{
    struct http2_session *session = arg;
    if (session->sending || !session->conn)
        return;
    session->sending = true;
    shoal_defer(shoal_conn_loop(session->conn), &session->send_task);
}

static const struct shoal__http2_output output = {
    .write = write_bytes,
    .write_body = write_body,
    .wanted = wanted,
};

/* Keeping up */

static void on_expire(struct shoal_timer *timer, void *arg);

/* Holds the connection while streams are open, and watches them. A notice is watched, too: a client
 * that has no calls may not look at its connection for long. */
static void follow_streams(struct http2_session *session)
{
    bool open = shoal__http2_session(session->engine)->open_streams > 0;
    bool begins = !session->noticed && shoal__http2_gives_notice(session->engine);
    session->noticed = session->noticed || begins;
    if (begins || (open && !shoal_timer_running(&session->expire_timer)))
        (void)shoal_timer_start(shoal_conn_loop(session->conn), &session->expire_timer, EXPIRE_MS);
    if (open == session->held)
        return;
    session->held = open;
    if (open)
        shoal_conn_hold(session->conn);
    else
        shoal_conn_release(session->conn);
}

/* All is said. A peer that we have not heard of is not waited for either. */
static void close_conn(struct http2_session *session, enum shoal_close_reason reason)
{
    bool unheard = shoal__http2_is_unheard(session->engine);
    shoal_conn_close_for(session->conn, unheard ? SHOAL_CLOSE_FLUSH : SHOAL_CLOSE_LINGER, reason);
}

/* Sends what waits, as far as the connection's marks allow, and closes where all is said. */
static void send_on(struct http2_session *session)
{
    int rc = 1;
    while (rc == 1 && !session->full && !shoal__conn_closing(session->conn))
        rc = shoal__http2_send(session->engine, SEND_MOST);
    shoal__backlog_set(session->conn, &session->backlog, shoal__http2_waiting(session->engine));
    if (shoal__conn_closing(session->conn))
        return;
    follow_streams(session);
    if (rc < 0)
        close_conn(session, SHOAL_CLOSED_PROTOCOL);
    else if (shoal__http2_is_over(session->engine))
        close_conn(session, session->reason);
}

static void on_send_task(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    struct http2_session *session = arg;
    session->sending = false;
    if (session->conn)
        send_on(session);
    else
        free(session);
}

static void on_expire(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct http2_session *session = arg;
    shoal__http2_expire(session->engine, now_ms(session));
    send_on(session);
}

/* The connection's callbacks */

size_t shoal__http2_on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct http2_session *session = session_on(conn);
    int rc = shoal__http2_recv(session->engine, in, now_ms(session));
    if (rc < 0)
        session->reason = SHOAL_CLOSED_PROTOCOL;
    send_on(session);
    if (rc < 0 && !shoal__conn_closing(conn))
        shoal_conn_close_for(conn, SHOAL_CLOSE_LINGER, SHOAL_CLOSED_PROTOCOL);
    return in.size;
}

static void on_end(struct shoal_conn *conn, struct shoal_view rest)
{
    (void)rest;
    shoal_conn_close_for(conn, SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_PEER);
}

static void on_drained(struct shoal_conn *conn)
{
    struct http2_session *session = session_on(conn);
    session->full = false;
    send_on(session);
}

static void on_server_drain(struct shoal_conn *conn)
{
    struct http2_session *session = session_on(conn);
    session->reason = SHOAL_CLOSED_DRAINED;
    shoal__session_shutdown(shoal__http2_session(session->engine));
    send_on(session);
}

/* The peer learns that its next request has to go elsewhere, and that none was lost. */
static void on_deadline(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    struct http2_session *session = session_on(conn);
    session->reason = reason;
    shoal__session_close(shoal__http2_session(session->engine), SHOAL__H2_NO_ERROR,
                         shoal_view(NULL, 0));
    (void)shoal__http2_send(session->engine, SEND_MOST);
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)reason;
    struct http2_session *session = session_on(conn);
    shoal__backlog_set(conn, &session->backlog, 0);
    session->conn = NULL; /* whatever the layer above still says: it cannot be sent */
    shoal__http2_destroy(&session->engine);
    shoal_timer_stop(&session->expire_timer);
    if (!session->sending)
        free(session);
}

static const struct shoal_service http2_service = {
    .name = "http2",
    .on_data = shoal__http2_on_data,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_server_drain = on_server_drain,
    .on_deadline = on_deadline,
    .on_close = on_close,
};

int shoal__http2_start(struct shoal_conn *conn, enum shoal__http_role role,
                       const struct shoal__session_events *events, void *user,
                       const struct shoal__session_limits *limits,
                       struct shoal__session **out_session)
{
    static const char key;
    struct shoal_loop *loop = shoal_conn_loop(conn);
    struct http2_local *local = (struct http2_local *)shoal__loop_local(loop, &key, create_local);
    struct http2_session *session = local ? calloc(1, sizeof(*session)) : NULL;
    if (!session)
        return -SHOAL_ENOMEM;
    session->conn = conn;
    session->reason = SHOAL_CLOSED_LOCAL;
    session->send_task = (struct shoal_task)SHOAL_TASK(on_send_task, session);
    shoal_timer_init(&session->expire_timer, on_expire, session);
    struct shoal__http2_cfg cfg = {
        .role = role,
        .shared = &local->shared,
        .limits = limits,
        .events = events,
        .output = &output,
        .output_arg = session,
        .conn = conn,
        .user = user,
        .now_ms = shoal_loop_now_ms(loop),
    };
    int rc = shoal__http2_create(&cfg, &session->engine);
    if (rc < 0) {
        free(session);
        return rc;
    }
    shoal__conn_set_driver(conn, session);
    shoal__conn_set_service(conn, &http2_service);
    if (role == SHOAL__HTTP_CLIENT)
        shoal__conn_read_on(conn);
    if (out_session)
        *out_session = shoal__http2_session(session->engine);
    wanted(session);
    return 0;
}
