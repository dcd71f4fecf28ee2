/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The gRPC listener: every connection is an HTTP/2 session from its first byte, by prior knowledge
 * or by ALPN, whose streams are gRPC's. Here because gRPC does not know HTTP/2.
 */
#include <stdlib.h>
#include <string.h>

#include <shoal/error.h>
#include <shoal/grpc.h>

#include "base/cfg.h"
#include "base/list.h"
#include "net/conn.h"
#include "proto/grpc/endpoint.h"
#include "proto/http2/http2_driver.h"
#include "proto/web/listener_driver.h"
#include "runtime/server.h"

enum {
    /* Metadata over the endpoint's limits is answered by gRPC; what is absurd, by HTTP/2. */
    METADATA_SLACK = 8,
    FIELDS_SLACK = 1024,
    MOST_TARGET = 1024,
    MOST_DEPTH = 1000, /* protobuf-c follows nesting by recursion */
};

struct grpc_listener {
    struct shoal__web_listener base;
    struct shoal__grpc_endpoint endpoint;
};

static void on_open(struct shoal_conn *conn)
{
    struct grpc_listener *listener = shoal_conn_arg(conn);
    struct shoal__grpc_endpoint *endpoint = &listener->endpoint;
    struct shoal__grpc_session *self = shoal__grpc_session_create(shoal_conn_loop(conn), endpoint);
    struct shoal__session *session;
    int rc = self ? shoal__http2_start(conn, SHOAL__HTTP_SERVER, &shoal__grpc_server_events, self,
                                       &endpoint->limits, &session)
                  : -SHOAL_ENOMEM;
    if (rc == 0) {
        shoal__grpc_session_begin(self, session);
        return;
    }
    if (self)
        shoal__grpc_session_abandon(self);
    shoal_conn_close_for(conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
}

static const struct shoal_service raw_service = {.name = "grpc", .on_open = on_open};

/* Listening */

static struct shoal_grpc_cfg complete(const struct shoal_grpc_cfg *cfg)
{
    struct shoal_grpc_cfg all = SHOAL_GRPC_CFG_INIT;
    SHOAL__CFG_READ(&all, cfg);
    if (all.max_depth == 0 || all.max_depth > MOST_DEPTH)
        all.max_depth = MOST_DEPTH;
    return all;
}

/* A quiet connection is no idle one: channels stay open between calls, and streams between
 * messages. Ending those is max_idle_ms's business, which knows calls. */
static struct shoal_limits limits_for(const struct shoal_grpc_cfg *cfg)
{
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    limits.idle_ms = 0;
    SHOAL__CFG_READ(&limits, cfg->listen ? cfg->listen->limits : NULL);
    return limits;
}

/* A limit of HTTP/2's that is so far above gRPC's own that only the absurd meets it. */
static uint32_t above(uint32_t own, uint32_t least)
{
    uint64_t wide = own == 0 ? UINT32_MAX : (uint64_t)own * METADATA_SLACK + least;
    return wide > UINT32_MAX ? UINT32_MAX : (uint32_t)wide;
}

static struct shoal__session_limits session_limits(const struct shoal_grpc_cfg *cfg,
                                                   const struct shoal_limits *limits)
{
    struct shoal__session_limits all = SHOAL__SESSION_LIMITS_INIT;
    all.max_target = MOST_TARGET;
    all.max_fields = above(cfg->max_metadata, FIELDS_SLACK);
    all.max_fields_bytes = above(cfg->max_metadata_bytes, FIELDS_SLACK);
    if (cfg->max_calls_per_connection > 0)
        all.max_streams = cfg->max_calls_per_connection;
    all.stream_window = cfg->stream_window;
    all.session_window = cfg->session_window;
    all.out_high = (uint32_t)limits->out_high;
    all.out_low = (uint32_t)limits->out_low;
    all.out_max = limits->out_max;
    all.read_stall_ms = 0; /* a stream of requests may be silent for long */
    all.write_stall_ms = limits->write_stall_ms;
    return all;
}

static void destroy_listener(struct shoal__web_listener *base)
{
    free(SHOAL_CONTAINER_OF(base, struct grpc_listener, base));
}

static int listen_with(struct shoal_server *server, const char *url, struct shoal_grpc *grpc,
                       const struct shoal_grpc_cfg *cfg, struct shoal_listener **out_listener)
{
    static const char *const protocols[] = {"h2", NULL};
    struct shoal_limits limits = limits_for(cfg);
    struct grpc_listener *self = calloc(1, sizeof(*self));
    if (!self)
        return -SHOAL_ENOMEM;
    self->base.server = server;
    self->base.raw = raw_service;
    self->base.raw.arg = self;
    self->base.destroy = destroy_listener;
    self->endpoint.grpc = grpc;
    self->endpoint.cfg = *cfg;
    self->endpoint.cfg.listen = NULL; /* borrowed until now */
    self->endpoint.limits = session_limits(cfg, &limits);
    return shoal__web_listen(&self->base, url, cfg->listen, &limits, protocols, out_listener);
}

int shoal_listen_grpc(struct shoal_server *server, const char *url, struct shoal_grpc *grpc,
                      const struct shoal_grpc_cfg *cfg, struct shoal_listener **out_listener)
{
    struct shoal_grpc_cfg all = complete(cfg);
    if (shoal__grpc_is_of(grpc, server))
        return listen_with(server, url, grpc, &all, out_listener);
    shoal__server_spoil(server, -SHOAL_EINVAL);
    return shoal__server_fail(server, -SHOAL_EINVAL,
                              "cannot serve gRPC on %s: no services of this server (EINVAL)", url);
}
