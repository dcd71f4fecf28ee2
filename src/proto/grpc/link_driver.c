/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A channel's connection while it is an HTTP session: signs of life asked for where the server is
 * silent, goodbye where there are no calls for long, and what the session tells.
 *
 *     silent for keepalive_ms ──► ping ── silent for keepalive_timeout_ms ──► aborted
 */
#include <stdlib.h>

#include <shoal/error.h>

#include "net/conn.h"
#include "proto/grpc/rpc_priv.h"
#include "runtime/loop.h"

static int64_t now_ms(const struct shoal__grpc_link *link)
{
    return shoal_loop_now_ms(link->channel->loop);
}

/* Keepalive */

static bool is_watched(const struct shoal__grpc_link *link)
{
    const struct shoal_grpc_channel *channel = link->channel;
    return channel->keepalive_ms > 0 && link->settled &&
           (link->http->open_streams > 0 || channel->cfg.keepalive_idle);
}

static void wait_for_ping(struct shoal__grpc_link *link, int64_t ms)
{
    (void)shoal_timer_start(link->channel->loop, &link->ping_timer, ms);
}

/* Asks, and waits for as long as the server may take. */
static void ping(struct shoal__grpc_link *link)
{
    link->awaits_pong = shoal__session_ping(link->http) == 0;
    wait_for_ping(link, link->awaits_pong ? link->channel->cfg.keepalive_timeout_ms
                                          : link->channel->keepalive_ms);
}

static void give_up(struct shoal__grpc_link *link)
{
    struct shoal__grpc_connector *connector = link->channel->connector;
    shoal__grpc_channel_leave(link);
    connector->ops->abort(connector, link);
}

/* Looks again at what has been heard in the meantime before it acts. */
static void on_ping_timer(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct shoal__grpc_link *link = arg;
    int64_t silent_ms = now_ms(link) - link->heard_ms;
    int64_t most_ms =
        link->awaits_pong ? link->channel->cfg.keepalive_timeout_ms : link->channel->keepalive_ms;
    if (silent_ms < most_ms) {
        int64_t left_ms = link->channel->keepalive_ms - silent_ms;
        link->awaits_pong = false;
        wait_for_ping(link, left_ms > 0 ? left_ms : 0);
    } else if (link->awaits_pong) {
        give_up(link);
    } else {
        ping(link);
    }
}

static void watch(struct shoal__grpc_link *link)
{
    if (!is_watched(link)) {
        shoal_timer_stop(&link->ping_timer);
        link->awaits_pong = false;
    } else if (!shoal_timer_running(&link->ping_timer)) {
        link->heard_ms = now_ms(link);
        wait_for_ping(link, link->channel->keepalive_ms);
    }
}

void shoal__grpc_link_heard(struct shoal__grpc_link *link)
{
    link->heard_ms = now_ms(link);
}

/* Idleness */

static void on_idle_timer(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct shoal__grpc_link *link = arg;
    shoal__grpc_channel_leave(link);
    shoal__session_shutdown(link->http);
}

static void follow_idleness(struct shoal__grpc_link *link)
{
    int64_t most_ms = link->channel->cfg.idle_ms;
    if (link->http->open_streams == 0 && most_ms > 0)
        (void)shoal_timer_start(link->channel->loop, &link->idle_timer, most_ms);
    else
        shoal_timer_stop(&link->idle_timer);
    watch(link);
}

/* What the session tells */

static void on_settings(struct shoal__session *session)
{
    struct shoal__grpc_link *link = session->user;
    link->settled = true;
    follow_idleness(link);
    shoal__grpc_channel_ready(link);
}

static void on_pong(struct shoal__session *session)
{
    struct shoal__grpc_link *link = session->user;
    link->awaits_pong = false;
    shoal__grpc_link_heard(link);
    if (shoal_timer_running(&link->ping_timer))
        wait_for_ping(link, link->channel->keepalive_ms);
}

/* Half as many pings from now on, if any. */
static void calm_down(struct shoal_grpc_channel *channel)
{
    int64_t ms = channel->keepalive_ms * 2;
    channel->keepalive_ms = ms < SHOAL__GRPC_CHANNEL_MOST_MS ? ms : SHOAL__GRPC_CHANNEL_MOST_MS;
}

static void on_goaway(struct shoal__session *session, uint64_t last, uint32_t error,
                      struct shoal_view debug)
{
    static const struct shoal_view complaint = SHOAL_VIEW("too_many_pings");
    struct shoal__grpc_link *link = session->user;
    (void)last;
    if (error == SHOAL__H2_ENHANCE_YOUR_CALM && shoal_view_equal(debug, complaint))
        calm_down(link->channel);
    shoal__grpc_channel_leave(link);
}

static void on_room(struct shoal__session *session)
{
    struct shoal__grpc_link *link = session->user;
    shoal__grpc_channel_dispatch(link->channel);
}

static void on_idle(struct shoal__session *session, bool idle)
{
    (void)idle;
    follow_idleness(session->user);
}

static void on_close(struct shoal__session *session, uint32_t error)
{
    struct shoal__grpc_link *link = session->user;
    bool said = error != SHOAL__H2_NO_ERROR;
    shoal__grpc_channel_lost(link,
                             said ? shoal__stream_error_text(error) : "the connection was closed");
}

const struct shoal__session_events shoal__grpc_client_events = {
    .on_settings = on_settings,
    .on_pong = on_pong,
    .on_goaway = on_goaway,
    .on_room = on_room,
    .on_idle = on_idle,
    .on_close = on_close,
};

/* Life */

struct shoal__grpc_link *shoal__grpc_link_create(struct shoal_grpc_channel *channel,
                                                 const struct shoal__grpc_target *target)
{
    struct shoal__grpc_link *link = calloc(1, sizeof(*link));
    if (!link)
        return NULL;
    link->channel = channel;
    link->target = target;
    shoal_timer_init(&link->idle_timer, on_idle_timer, link);
    shoal_timer_init(&link->ping_timer, on_ping_timer, link);
    shoal__list_push_back(&channel->links, &link->node);
    return link;
}

/* Calls may be asked where they were until their `done` has returned. */
static void leave_address(struct shoal__grpc_link *link)
{
    SHOAL_LIST_FOREACH(node, &link->channel->rpcs)
    {
        struct shoal_rpc *rpc = SHOAL_CONTAINER_OF(node, struct shoal_rpc, node);
        if (rpc->link != link)
            continue;
        rpc->link = NULL;
        rpc->peer = shoal__arena_strdup(&rpc->arena, shoal_view_of(link->peer));
    }
}

void shoal__grpc_link_free(struct shoal__grpc_link *link)
{
    leave_address(link);
    shoal_timer_stop(&link->idle_timer);
    shoal_timer_stop(&link->ping_timer);
    shoal__list_remove(&link->node);
    free(link);
}

void shoal__grpc_link_opened(struct shoal__grpc_link *link, struct shoal__session *http)
{
    link->http = http;
    if (http->conn)
        (void)shoal_conn_peer(http->conn, link->peer, sizeof(link->peer));
}

void shoal__grpc_link_failed(struct shoal__grpc_link *link, int error, const char *why)
{
    shoal__grpc_channel_lost(link, why ? why : shoal_strerror(error));
}
