/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gRPC on one connection: how long it may live, how long it may idle, how often its client may
 * ping. Streams go to request.c.
 *
 *     begins ──► serves ──► max_age_ms, or idle for max_idle_ms: shut down gracefully
 *                              └──► age_grace_ms later: closed
 */
#include <stdlib.h>

#include "proto/grpc/call_priv.h"
#include "runtime/loop.h"

/* The whole of a jitter is a fifth: a tenth more, or a tenth less. */
enum { JITTER_PARTS = 5 };

static struct shoal__grpc_session *session_of(struct shoal__session *http)
{
    return http->user;
}

/* Life */

static void release(struct shoal__grpc_session *self)
{
    if (!self->http_refs && self->calls == 0)
        free(self);
}

void shoal__grpc_session_enter(struct shoal__grpc_session *self)
{
    self->calls++;
    atomic_fetch_add_explicit(&self->endpoint->calls, 1, memory_order_relaxed);
}

void shoal__grpc_session_leave(struct shoal__grpc_session *self)
{
    self->calls--;
    atomic_fetch_sub_explicit(&self->endpoint->calls, 1, memory_order_relaxed);
    release(self);
}

static void on_close(struct shoal__session *http, uint32_t error)
{
    (void)error;
    struct shoal__grpc_session *self = session_of(http);
    shoal_timer_stop(&self->idle_timer);
    shoal_timer_stop(&self->age_timer);
    self->http = NULL;
    self->http_refs = false;
    release(self);
}

/* Age and idleness */

/* So that clients who came together do not all come back together. */
static int64_t jittered(const struct shoal__grpc_session *self, int64_t ms)
{
    uint64_t odds = (uint64_t)(uintptr_t)self * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    int64_t span = ms / JITTER_PARTS;
    return ms - span / 2 + (int64_t)(odds % (uint64_t)(span + 1));
}

static void on_idle_timer(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct shoal__grpc_session *self = arg;
    shoal__session_shutdown(self->http);
}

static void on_age_timer(struct shoal_timer *timer, void *arg)
{
    static const struct shoal_view debug = SHOAL_VIEW("max_age");
    struct shoal__grpc_session *self = arg;
    if (self->aged) {
        shoal__session_close(self->http, SHOAL__H2_NO_ERROR, debug);
        return;
    }
    self->aged = true;
    shoal__session_shutdown(self->http);
    int64_t grace_ms = self->endpoint->cfg.age_grace_ms;
    if (grace_ms > 0)
        (void)shoal_timer_start(self->loop, timer, grace_ms);
}

static void watch_idleness(struct shoal__grpc_session *self, bool idle)
{
    int64_t most_ms = self->endpoint->cfg.max_idle_ms;
    if (idle && most_ms > 0)
        (void)shoal_timer_start(self->loop, &self->idle_timer, most_ms);
    else
        shoal_timer_stop(&self->idle_timer);
}

static void on_idle(struct shoal__session *http, bool idle)
{
    watch_idleness(session_of(http), idle);
}

/* Pings */

static bool on_ping(struct shoal__session *http)
{
    struct shoal__grpc_session *self = session_of(http);
    const struct shoal_grpc_cfg *cfg = &self->endpoint->cfg;
    struct shoal__grpc_keepalive_cfg limits = {cfg->min_ping_ms, cfg->min_ping_idle_ms,
                                               cfg->max_ping_strikes};
    int64_t now_ms = shoal__clock_now_ns(&self->loop->clock) / SHOAL__NS_PER_MS;
    if (self->sent != http->sent) /* clients measure the way by pings while they receive */
        shoal__grpc_keepalive_sent(&self->keepalive);
    self->sent = http->sent;
    return shoal__grpc_keepalive_ping(&self->keepalive, &limits, http->open_streams > 0, now_ms);
}

const struct shoal__session_events shoal__grpc_server_events = {
    .on_request = shoal__grpc_on_request,
    .on_ping = on_ping,
    .on_idle = on_idle,
    .on_close = on_close,
};

/* The beginning */

struct shoal__grpc_session *shoal__grpc_session_create(struct shoal_loop *loop,
                                                       struct shoal__grpc_endpoint *endpoint)
{
    struct grpc_local *local = shoal__grpc_local_of(loop);
    struct shoal__grpc_session *self = local ? calloc(1, sizeof(*self)) : NULL;
    if (!self)
        return NULL;
    self->loop = loop;
    self->local = local;
    self->endpoint = endpoint;
    self->http_refs = true;
    shoal_timer_init(&self->idle_timer, on_idle_timer, self);
    shoal_timer_init(&self->age_timer, on_age_timer, self);
    return self;
}

void shoal__grpc_session_begin(struct shoal__grpc_session *self, struct shoal__session *session)
{
    int64_t age_ms = self->endpoint->cfg.max_age_ms;
    self->http = session;
    if (age_ms > 0)
        (void)shoal_timer_start(self->loop, &self->age_timer, jittered(self, age_ms));
    watch_idleness(self, true);
}

void shoal__grpc_session_abandon(struct shoal__grpc_session *self)
{
    free(self);
}

const char *shoal__grpc_session_peer(struct shoal__grpc_session *self)
{
    struct shoal_conn *conn = self->http ? self->http->conn : NULL;
    if (self->peer[0] == '\0' && conn)
        (void)shoal_conn_peer(conn, self->peer, sizeof(self->peer));
    return self->peer;
}
