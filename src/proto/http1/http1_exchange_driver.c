/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An exchange's life: it begins with the first byte of a request (or when a client opens it), is
 * refused or given up where the peer is at fault, and is over when both halves are. What follows
 * from a callback of the layer above, which may end, reset or close anything, is done by
 * shoal__http1_settle() when the last of them has returned.
 */
#include <stdlib.h>

#include <shoal/error.h>

#include "net/conn.h"
#include "proto/http1/http1_session_driver.h"

enum { SLOWEST_BODY = 100 /* bytes a second */ };

static void on_body_timer(struct shoal_timer *timer, void *arg);
static void on_settle_task(struct shoal_loop *loop, void *arg);

struct http1_exchange *shoal__http1_begin(struct http1_session *session)
{
    struct http1_exchange *exchange = shoal__blocks_take(&session->local->exchanges);
    if (!exchange)
        return NULL;
    *exchange = (struct http1_exchange){.pool = session->local, .out_left = -1};
    shoal__arena_init(&exchange->arena, &session->local->chunks);
    exchange->stream = (struct shoal__stream){.ops = &shoal__http1_stream_ops,
                                              .session = &session->base,
                                              .arena = &exchange->arena,
                                              .serial = ++session->serials};
    shoal_timer_init(&exchange->body_timer, on_body_timer, exchange);
    exchange->settle_task = (struct shoal_task)SHOAL_TASK(on_settle_task, exchange);
    session->exchange = exchange;
    return exchange;
}

static void free_exchange(struct http1_exchange *exchange)
{
    shoal__arena_fini(&exchange->arena);
    shoal__blocks_give(&exchange->pool->exchanges, exchange);
}

void shoal__http1_release(struct http1_session *session)
{
    struct http1_exchange *exchange = session->exchange;
    session->exchange = NULL;
    shoal_timer_stop(&exchange->body_timer);
    if (exchange->held_back && !session->full)
        shoal_conn_resume(session->base.conn);
    if (exchange->holds)
        shoal_conn_release(session->base.conn);
    if (exchange->settling)
        exchange->orphan = true;
    else
        free_exchange(exchange);
}

void shoal__http1_tell_close(struct http1_session *session, uint32_t error)
{
    struct http1_exchange *exchange = session->exchange;
    if (!http1_is_live(exchange))
        return;
    exchange->over = true;
    session->base.open_streams = 0;
    session->calls++;
    exchange->stream.events->on_close(&exchange->stream, error);
    session->calls--;
}

void shoal__http1_tell_idle(struct http1_session *session, bool idle)
{
    if (session->base.events->on_idle)
        session->base.events->on_idle(&session->base, idle);
}

void shoal__http1_watch_body(struct http1_session *session)
{
    struct http1_exchange *exchange = session->exchange;
    int64_t stall_ms = session->limits->read_stall_ms;
    exchange->since_check = 0;
    if (stall_ms > 0)
        (void)shoal_timer_start(shoal_conn_loop(session->base.conn), &exchange->body_timer,
                                stall_ms);
}

/* Refusing */

/* Answers for ourselves, before or instead of the layer above, and closes. */
static void answer(struct http1_session *session, unsigned status, const char *text)
{
    char head[256];
    size_t size = 0;
    const struct shoal__usual_fields usual = {.type = SHOAL_VIEW("text/plain")};
    struct shoal_loop *loop = shoal_conn_loop(session->base.conn);
    struct http1_response_head response = {
        .head = {.framing = HTTP1_COUNTED,
                 .content_length = strlen(text) + 1,
                 .persistence = HTTP1_SAY_CLOSE},
        .status = status,
        .usual = &usual,
        .date = shoal__http1_date(session->local, shoal_loop_now_ms(loop)),
    };
    if (shoal__http1_response_write(&response, head, sizeof(head), &size) == 0) {
        shoal_conn_write(session->base.conn, head, size);
        shoal_conn_printf(session->base.conn, "%s\n", text);
    }
}

/* Too large a head breaks no rule but ours. */
static uint32_t error_of(enum http1_refusal refusal)
{
    bool large =
        refusal == HTTP1_LARGE_FIELD || refusal == HTTP1_MANY_FIELDS || refusal == HTTP1_LARGE_HEAD;
    return large ? SHOAL__H2_ENHANCE_YOUR_CALM : SHOAL__H2_PROTOCOL_ERROR;
}

void shoal__http1_give_up(struct http1_session *session, unsigned status, const char *text)
{
    struct http1_exchange *exchange = session->exchange;
    bool cut_short = !http1_is_server(session) || exchange->output == HTTP1_OUTPUT_BODY;
    if (http1_is_server(session) && exchange->output == HTTP1_OUTPUT_AWAITING)
        answer(session, status, text);
    shoal__http1_tell_close(session, error_of(exchange->parser.refusal));
    shoal_conn_close_for(session->base.conn, cut_short ? SHOAL_CLOSE_ABORT : SHOAL_CLOSE_LINGER,
                         SHOAL_CLOSED_PROTOCOL);
}

void shoal__http1_refuse(struct http1_session *session)
{
    enum http1_refusal refusal = session->exchange->parser.refusal;
    session->local->refused[refusal]++;
    shoal__http1_give_up(session, shoal__http1_refusal_status(refusal),
                         shoal__http1_refusal_text(refusal));
}

static void on_body_timer(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct http1_exchange *exchange = arg;
    struct http1_session *session = shoal__http1_session_of(exchange->stream.session);
    int64_t enough = session->limits->read_stall_ms * SLOWEST_BODY / 1000;
    if (exchange->since_check >= enough || exchange->expects_100) /* then it waits for us */
        shoal__http1_watch_body(session);
    else
        shoal__http1_give_up(session, 408, "the request's body came too slowly");
}

/* Settling */

void shoal__http1_end_session(struct http1_session *session, uint32_t error)
{
    if (session->base.events->on_close)
        session->base.events->on_close(&session->base, error);
    if (session->farewell)
        shoal_timer_stop(session->farewell);
    free(session->farewell);
    free(session);
}

/* The exchange is gone: hand the connection over, close it, or look for the next request. */
static bool after_exchange(struct http1_session *session, bool keep_alive, bool clean)
{
    struct shoal_conn *conn = session->base.conn;
    const struct shoal_service *next = session->next_service;
    if (next) {
        shoal__conn_set_driver(conn, NULL);
        shoal__conn_set_service(conn, next);
        shoal__http1_end_session(session, SHOAL__H2_NO_ERROR);
        if (next->on_open)
            next->on_open(conn);
        return false;
    }
    bool last = session->shutting || (session->peer_ended && !session->more);
    if (!keep_alive || last) {
        shoal_conn_close_for(conn, clean ? SHOAL_CLOSE_FLUSH : SHOAL_CLOSE_LINGER,
                             session->shutting     ? SHOAL_CLOSED_DRAINED
                             : session->peer_ended ? SHOAL_CLOSED_PEER
                                                   : SHOAL_CLOSED_LOCAL);
        return true;
    }
    shoal__http1_tell_idle(session, true);
    if (session->full) {
        session->full = false;
        shoal_conn_resume(conn);
    }
    if (!http1_is_server(session) && session->base.events->on_room)
        session->base.events->on_room(&session->base);
    return true;
}

static void settle_reset(struct http1_session *session)
{
    uint32_t error = session->exchange->error;
    shoal__http1_tell_close(session, error);
    shoal_conn_close(session->base.conn, SHOAL_CLOSE_ABORT);
}

bool shoal__http1_settle(struct http1_session *session)
{
    struct http1_exchange *exchange = session->exchange;
    if (!exchange || session->calls > 0 || shoal__conn_closing(session->base.conn))
        return true;
    if (exchange->reset) {
        settle_reset(session);
        return true;
    }
    if (exchange->output != HTTP1_OUTPUT_SENT || exchange->input == HTTP1_INPUT_HEAD)
        return true;
    if (exchange->input == HTTP1_INPUT_READING && !http1_is_server(session))
        return true;
    if (exchange->input == HTTP1_INPUT_READING)
        exchange->input = HTTP1_INPUT_DROPPING;
    if (exchange->input == HTTP1_INPUT_DROPPING && exchange->held_back)
        shoal__http1_read_on(session);
    shoal__http1_tell_close(session, SHOAL__H2_NO_ERROR);
    bool keep_alive = exchange->keep_alive;
    if (exchange->input == HTTP1_INPUT_DROPPING && keep_alive)
        return true; /* until the rest of the body has gone by */
    bool clean = exchange->input == HTTP1_INPUT_READ;
    shoal__http1_release(session);
    return after_exchange(session, keep_alive, clean);
}

static void on_settle_task(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    struct http1_exchange *exchange = arg;
    exchange->settling = false;
    if (exchange->orphan) {
        free_exchange(exchange);
        return;
    }
    struct http1_session *session = shoal__http1_session_of(exchange->stream.session);
    struct shoal_conn *conn = session->base.conn;
    if (shoal__http1_settle(session) && !session->exchange)
        shoal_conn_again(conn); /* the next request may be here already */
}

void shoal__http1_touch(struct http1_session *session)
{
    struct http1_exchange *exchange = session->exchange;
    if (session->calls > 0 || exchange->settling)
        return;
    exchange->settling = true;
    shoal_defer(shoal_conn_loop(session->base.conn), &exchange->settle_task);
}

void shoal__http1_read_on(struct http1_session *session)
{
    session->exchange->held_back = false;
    if (session->exchange->input != HTTP1_INPUT_READ)
        shoal__http1_watch_body(session);
    if (!session->full)
        shoal_conn_resume(session->base.conn);
}
