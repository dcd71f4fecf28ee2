/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels: servers tried in turn, a pause where all have failed, and which calls go to which link.
 * One link at a time takes calls; those before it only finish theirs.
 *
 *              a call                the link has settled
 *     IDLE ──────────────► CONNECTING ──────────────────► READY
 *      ▲ ▲                  │  ▲  │ the next server          │
 *      │ │   no call waits  │  │  └─┘                        │
 *      │ └──────────────────│──│─────── the link leaves ─────┤
 *      │                    ▼  │                             │
 *      └──── it is over ─ BACKOFF         (calls wait: CONNECTING at once)
 */
#include <stdio.h>
#include <stdlib.h>

#include <shoal/error.h>
#include <shoal/version.h>

#include "base/cfg.h"
#include "base/hash.h"
#include "net/address.h"
#include "proto/grpc/rpc_priv.h"
#include "runtime/loop.h"

enum {
    MOST_DEPTH = 1000,  /* protobuf-c follows nesting by recursion */
    METADATA_SLACK = 8, /* what HTTP/2 lets through for gRPC to judge */
    FIELDS_SLACK = 1024,
};

static void connect_next(struct shoal_grpc_channel *channel);

/* Calls that wait */

static struct shoal_rpc *first_waiting(const struct shoal_grpc_channel *channel)
{
    struct shoal__list *node = shoal__list_first(&channel->waiting);
    return node ? SHOAL_CONTAINER_OF(node, struct shoal_rpc, waiting) : NULL;
}

/* Fails the calls that do not wait for better times, or all. */
static void fail_waiting(struct shoal_grpc_channel *channel, bool all)
{
    SHOAL_LIST_FOREACH_SAFE(node, &channel->waiting)
    {
        struct shoal_rpc *rpc = SHOAL_CONTAINER_OF(node, struct shoal_rpc, waiting);
        if (all || !rpc->wait_for_ready)
            shoal__rpc_finish(rpc, SHOAL_GRPC_UNAVAILABLE, channel->failure);
    }
}

static void send_waiting(struct shoal_grpc_channel *channel)
{
    struct shoal_rpc *rpc;
    int rc = 0;
    while (rc == 0 && channel->st == SHOAL_GRPC_CHANNEL_READY && (rpc = first_waiting(channel)))
        rc = shoal__rpc_open(rpc, channel->link);
    if (rc == -SHOAL_ESTOPPED)
        shoal__grpc_channel_leave(channel->link);
}

bool shoal__grpc_channel_is_closing(const struct shoal_grpc_channel *channel)
{
    return channel->closing || channel->loop->draining || channel->loop->stopping;
}

void shoal__grpc_channel_dispatch(struct shoal_grpc_channel *channel)
{
    bool wanted = channel->wanted || first_waiting(channel);
    if (channel->st == SHOAL_GRPC_CHANNEL_READY)
        send_waiting(channel);
    else if (channel->st == SHOAL_GRPC_CHANNEL_IDLE && wanted)
        connect_next(channel);
    else if (channel->st == SHOAL_GRPC_CHANNEL_BACKOFF)
        fail_waiting(channel, false);
}

void shoal__grpc_channel_enqueue(struct shoal_rpc *rpc, bool again)
{
    struct shoal_grpc_channel *channel = rpc->channel;
    rpc->st = RPC_WAITING;
    if (again)
        shoal__list_push_front(&channel->waiting, &rpc->waiting);
    else
        shoal__list_push_back(&channel->waiting, &rpc->waiting);
    shoal__grpc_channel_dispatch(channel);
}

/* Connecting */

static uint64_t next_chance(struct shoal_grpc_channel *channel)
{
    channel->chance = channel->chance * UINT64_C(6364136223846793005) + 1442695040888963407;
    return channel->chance >> 33;
}

static void note_failure(struct shoal_grpc_channel *channel,
                         const struct shoal__grpc_target *target, const char *why)
{
    (void)snprintf(channel->failure, sizeof(channel->failure), "cannot connect to %s: %s",
                   target->url, why);
}

static void pause_connecting(struct shoal_grpc_channel *channel)
{
    int64_t ms = shoal__grpc_backoff_next(&channel->backoff, next_chance(channel));
    bool closing = shoal__grpc_channel_is_closing(channel);
    channel->st = SHOAL_GRPC_CHANNEL_BACKOFF;
    channel->link = NULL;
    channel->next_target = 0;
    channel->wanted = false;
    if (closing || shoal_timer_start(channel->loop, &channel->timer, ms) < 0)
        channel->st = SHOAL_GRPC_CHANNEL_IDLE; /* the next call tries again */
    fail_waiting(channel, closing || channel->st == SHOAL_GRPC_CHANNEL_IDLE);
}

static int connect_to(struct shoal_grpc_channel *channel, const struct shoal__grpc_target *target)
{
    struct shoal__grpc_link *link = shoal__grpc_link_create(channel, target);
    if (!link)
        return -SHOAL_ENOMEM;
    int rc = shoal__grpc_channel_is_closing(channel)
                 ? -SHOAL_ESTOPPED
                 : channel->connector->ops->connect(channel->connector, link);
    if (rc < 0) {
        shoal__grpc_link_free(link);
        return rc;
    }
    channel->link = link;
    if (channel->cfg.connect_ms > 0)
        (void)shoal_timer_start(channel->loop, &channel->timer, channel->cfg.connect_ms);
    return 0;
}

/* Begins with the next server for which that is possible; pauses after the last one. */
static void connect_next(struct shoal_grpc_channel *channel)
{
    channel->st = SHOAL_GRPC_CHANNEL_CONNECTING;
    while (channel->next_target < channel->target_count) {
        const struct shoal__grpc_target *target = &channel->targets[channel->next_target++];
        int rc = connect_to(channel, target);
        if (rc == 0)
            return;
        note_failure(channel, target, shoal_strerror(rc));
    }
    pause_connecting(channel);
}

static void on_timer(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct shoal_grpc_channel *channel = arg;
    if (channel->st == SHOAL_GRPC_CHANNEL_CONNECTING) {
        channel->connector->ops->abort(channel->connector, channel->link);
        return;
    }
    channel->st = SHOAL_GRPC_CHANNEL_IDLE;
    shoal__grpc_channel_dispatch(channel);
}

/* What becomes of links */

void shoal__grpc_channel_ready(struct shoal__grpc_link *link)
{
    struct shoal_grpc_channel *channel = link->channel;
    if (channel->link != link)
        return;
    shoal_timer_stop(&channel->timer);
    shoal__grpc_backoff_reset(&channel->backoff);
    channel->st = SHOAL_GRPC_CHANNEL_READY;
    channel->next_target = 0;
    channel->wanted = false;
    send_waiting(channel);
}

void shoal__grpc_channel_leave(struct shoal__grpc_link *link)
{
    struct shoal_grpc_channel *channel = link->channel;
    if (channel->link != link || channel->st != SHOAL_GRPC_CHANNEL_READY)
        return;
    channel->link = NULL;
    channel->st = SHOAL_GRPC_CHANNEL_IDLE;
    shoal__grpc_channel_dispatch(channel);
}

void shoal__grpc_channel_lost(struct shoal__grpc_link *link, const char *why)
{
    struct shoal_grpc_channel *channel = link->channel;
    bool connecting = channel->link == link && channel->st == SHOAL_GRPC_CHANNEL_CONNECTING;
    shoal__grpc_channel_leave(link);
    if (connecting) {
        note_failure(channel, link->target,
                     shoal_timer_running(&channel->timer) || channel->cfg.connect_ms == 0
                         ? why
                         : "no answer in time");
        shoal_timer_stop(&channel->timer);
        channel->link = NULL;
    }
    shoal__grpc_link_free(link);
    if (connecting)
        connect_next(channel);
    shoal__grpc_channel_let_go(channel);
}

/* Options */

bool shoal__grpc_channel_cfg_complete(const struct shoal_grpc_channel_cfg *cfg,
                                      struct shoal_grpc_channel_cfg *out_cfg)
{
    struct shoal_grpc_channel_cfg all = SHOAL_GRPC_CHANNEL_CFG_INIT;
    SHOAL__CFG_READ(&all, cfg);
    if (all.max_depth == 0 || all.max_depth > MOST_DEPTH)
        all.max_depth = MOST_DEPTH;
    *out_cfg = all;
    const int64_t times[] = {all.connect_ms, all.idle_ms, all.keepalive_ms,
                             all.keepalive_timeout_ms};
    bool good = (all.keepalive_ms == 0 || all.keepalive_timeout_ms > 0) && all.backoff_ms > 0 &&
                all.backoff_ms <= SHOAL__GRPC_CHANNEL_MOST_MS && all.backoff_max_ms > 0 &&
                all.backoff_max_ms <= SHOAL__GRPC_CHANNEL_MOST_MS && all.stream_window > 0 &&
                all.session_window > 0;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        good = good && times[i] >= 0 && times[i] <= SHOAL__GRPC_CHANNEL_MOST_MS;
    return good && shoal__http_is_value(shoal_view_of(all.authority ? all.authority : "")) &&
           shoal__http_is_value(shoal_view_of(all.user_agent ? all.user_agent : ""));
}

/* A limit of HTTP/2's that is so far above gRPC's own that only the absurd meets it. */
static uint32_t above(uint32_t own)
{
    uint64_t wide = own == 0 ? UINT32_MAX : (uint64_t)own * METADATA_SLACK + FIELDS_SLACK;
    return wide > UINT32_MAX ? UINT32_MAX : (uint32_t)wide;
}

static uint32_t window(uint32_t size)
{
    return size < INT32_MAX ? size : INT32_MAX;
}

static struct shoal__session_limits session_limits(const struct shoal_grpc_channel_cfg *cfg)
{
    struct shoal__session_limits limits = SHOAL__SESSION_LIMITS_INIT;
    limits.max_fields = above(cfg->max_metadata);
    limits.max_fields_bytes = above(cfg->max_metadata_bytes);
    limits.stream_window = window(cfg->stream_window);
    limits.session_window = window(cfg->session_window);
    limits.read_stall_ms = limits.write_stall_ms = 0; /* a call has its deadline, or none */
    return limits;
}

/* Targets */

static struct shoal_view authority_of(struct shoal_grpc_channel *channel,
                                      const struct shoal__url *url)
{
    const char *given = channel->cfg.authority;
    if (given)
        return shoal_view_of(given);
    if (url->scheme == SHOAL__URL_UNIX)
        return shoal_view_of("localhost");
    char *text = shoal__arena_printf(&channel->arena, url->ipv6_literal ? "[%.*s]:%u" : "%.*s:%u",
                                     (int)url->host.size, url->host.data, url->port);
    return text ? shoal_view_of(text) : shoal_view(NULL, 0);
}

static int add_target(struct shoal_grpc_channel *channel, struct shoal_view text)
{
    struct shoal__url url;
    char *copy = shoal__arena_strdup(&channel->arena, text);
    if (!copy)
        return -SHOAL_ENOMEM;
    int rc = shoal__url_parse(copy, &url);
    bool reachable = rc == 0 && url.query.size == 0 &&
                     (url.scheme == SHOAL__URL_UNIX || (url.host.size > 0 && url.port != 0));
    if (!reachable || url.scheme == SHOAL__URL_FD)
        return -SHOAL_EURL;
    struct shoal__grpc_target *target = &channel->targets[channel->target_count++];
    *target = (struct shoal__grpc_target){copy, authority_of(channel, &url),
                                          url.scheme == SHOAL__URL_TLS};
    return target->authority.data ? 0 : -SHOAL_ENOMEM;
}

static int add_targets(struct shoal_grpc_channel *channel, const char *urls)
{
    size_t count = 1;
    for (const char *at = urls; *at; at++)
        count += *at == ',';
    channel->targets = shoal__arena_alloc(&channel->arena, count * sizeof(*channel->targets));
    int rc = channel->targets ? 0 : -SHOAL_ENOMEM;
    for (; rc == 0 && count > 0; count--) {
        size_t size = strcspn(urls, ",");
        rc = add_target(channel, shoal_view(urls, size));
        urls += size + 1;
    }
    return rc;
}

/* Life */

static bool keep_strings(struct shoal_grpc_channel *channel)
{
    const char *own = channel->cfg.user_agent;
    char *agent = shoal__arena_printf(&channel->arena, "%s%sshoal/%s", own ? own : "",
                                      own ? " " : "", SHOAL_VERSION);
    channel->user_agent = shoal_view_of(agent ? agent : "");
    if (channel->cfg.authority)
        channel->cfg.authority =
            shoal__arena_strdup(&channel->arena, shoal_view_of(channel->cfg.authority));
    return agent;
}

static int prepare(struct shoal_grpc_channel *channel, const char *urls)
{
    struct shoal__hash_key seed;
    bool named = channel->cfg.authority;
    int rc = shoal__hash_seed(&seed);
    if (rc < 0)
        return rc;
    channel->chance = seed.k0;
    if (!keep_strings(channel) || (named && !channel->cfg.authority))
        return -SHOAL_ENOMEM;
    return add_targets(channel, urls);
}

static void free_channel(struct shoal_grpc_channel *channel)
{
    shoal_timer_stop(&channel->timer);
    shoal__list_remove(&channel->node);
    if (channel->connector)
        channel->connector->ops->destroy(channel->connector);
    shoal__arena_fini(&channel->arena);
    free(channel);
}

static struct shoal_grpc_channel *create(struct shoal_loop *loop,
                                         const struct shoal_grpc_channel_cfg *cfg)
{
    struct rpc_local *local = shoal__rpc_local_of(loop);
    struct shoal_grpc_channel *channel = local ? calloc(1, sizeof(*channel)) : NULL;
    if (!channel)
        return NULL;
    channel->loop = loop;
    channel->local = local;
    channel->cfg = *cfg;
    channel->limits = session_limits(cfg);
    channel->keepalive_ms = cfg->keepalive_ms;
    channel->backoff = (struct shoal__grpc_backoff){cfg->backoff_ms, cfg->backoff_max_ms, 0};
    shoal__arena_init(&channel->arena, NULL);
    shoal__list_init(&channel->links);
    shoal__list_init(&channel->rpcs);
    shoal__list_init(&channel->waiting);
    shoal_timer_init(&channel->timer, on_timer, channel);
    shoal__list_push_back(shoal__rpc_local_channels(local), &channel->node);
    return channel;
}

int shoal__grpc_channel_create(struct shoal_loop *loop, const char *urls,
                               const struct shoal_grpc_channel_cfg *cfg,
                               struct shoal__grpc_connector *connector,
                               struct shoal_grpc_channel **out_channel)
{
    SHOAL__ASSERT_OWNER(loop);
    struct shoal_grpc_channel *channel = create(loop, cfg);
    int rc = channel ? prepare(channel, urls) : -SHOAL_ENOMEM;
    if (rc < 0) {
        if (channel)
            free_channel(channel);
        return rc;
    }
    channel->connector = connector;
    *out_channel = channel;
    return 0;
}

const struct shoal__session_limits *
shoal__grpc_channel_limits(const struct shoal_grpc_channel *channel)
{
    return &channel->limits;
}

void shoal__grpc_channel_let_go(struct shoal_grpc_channel *channel)
{
    if (channel->closing && !channel->cut && shoal__list_is_empty(&channel->links) &&
        shoal__list_is_empty(&channel->rpcs))
        free_channel(channel);
}

static void cancel_all(struct shoal_grpc_channel *channel)
{
    SHOAL_LIST_FOREACH(node, &channel->rpcs)
    shoal_rpc_cancel(SHOAL_CONTAINER_OF(node, struct shoal_rpc, node));
}

static void close_links(struct shoal_grpc_channel *channel)
{
    SHOAL_LIST_FOREACH_SAFE(node, &channel->links)
    {
        struct shoal__grpc_link *link = SHOAL_CONTAINER_OF(node, struct shoal__grpc_link, node);
        if (link->http)
            shoal__session_shutdown(link->http); /* the server is told of the calls first */
        else
            channel->connector->ops->abort(channel->connector, link);
    }
}

void shoal_grpc_channel_destroy(struct shoal_grpc_channel **channel)
{
    struct shoal_grpc_channel *self = *channel;
    *channel = NULL;
    if (!self)
        return;
    SHOAL__ASSERT_OWNER(self->loop);
    self->closing = true;
    shoal_timer_stop(&self->timer);
    cancel_all(self);
    close_links(self);
    shoal__grpc_channel_let_go(self);
}

void shoal__grpc_channel_cut(struct shoal_grpc_channel *channel)
{
    struct shoal__list *node;
    channel->closing = channel->cut = true;
    while ((node = shoal__list_first(&channel->rpcs))) {
        struct shoal_rpc *rpc = SHOAL_CONTAINER_OF(node, struct shoal_rpc, node);
        shoal_rpc_cancel(rpc);
        shoal__rpc_catch_up(rpc);
    }
    free_channel(channel);
}

enum shoal_grpc_channel_st shoal_grpc_channel_state(const struct shoal_grpc_channel *channel)
{
    return channel->st;
}

void shoal_grpc_channel_connect(struct shoal_grpc_channel *channel)
{
    SHOAL__ASSERT_OWNER(channel->loop);
    channel->wanted = channel->st != SHOAL_GRPC_CHANNEL_READY;
    shoal__grpc_channel_dispatch(channel);
}
