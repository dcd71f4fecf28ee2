/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connections of gRPC's channels: each is an HTTP/2 session from its first byte, by prior
 * knowledge or by ALPN. Here because gRPC does not know HTTP/2.
 */
#include <stdlib.h>

#include <shoal/error.h>
#include <shoal/tls.h>

#include "base/arena.h"
#include "net/conn.h"
#include "net/tls.h"
#include "proto/grpc/blocking.h"
#include "proto/grpc/channel.h"
#include "proto/http2/http2_driver.h"
#include "proto/web/connect_driver.h"

/* Owned by its channel; its loop's only. */
struct connector {
    struct shoal__grpc_connector base;
    struct shoal_loop *loop;
    struct shoal__arena arena; /* the strings of files */
    struct shoal__connect_files files;
    struct shoal_tls *tls; /* NULL until it is needed */
    struct shoal_limits limits;
};

static struct connector *connector_of(struct shoal__grpc_connector *base)
{
    return (struct connector *)base;
}

/* Links that begin */

static void on_open(struct shoal_conn *conn)
{
    struct shoal__grpc_link *link = shoal_conn_data(conn);
    struct shoal__session *session;
    if (!shoal__connect_chose_http2(conn, true)) {
        shoal_conn_close_for(conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_PROTOCOL);
        return;
    }
    int rc = shoal__http2_start(conn, SHOAL__HTTP_CLIENT, &shoal__grpc_client_events, link,
                                shoal__grpc_channel_limits(link->channel), &session);
    if (rc < 0)
        shoal_conn_close_for(conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
    else
        shoal__grpc_link_opened(link, session);
}

static void on_failed(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    bool other = reason == SHOAL_CLOSED_PROTOCOL;
    shoal__grpc_link_failed(shoal_conn_data(conn), shoal__connect_failure(conn, reason),
                            other ? "the server did not choose h2 (ALPN)" : NULL);
}

static const struct shoal_service link_service = {
    .name = "grpc client", .on_open = on_open, .on_close = on_failed};

static int need_tls(struct connector *self)
{
    static const char *const protocols[] = {"h2", NULL};
    return self->tls ? 0 : shoal__connect_tls(&self->files, protocols, &self->tls);
}

static int connect_link(struct shoal__grpc_connector *base, struct shoal__grpc_link *link)
{
    struct connector *self = connector_of(base);
    struct shoal_connect_cfg cfg = SHOAL_CONNECT_CFG_INIT;
    int rc = link->target->tls ? need_tls(self) : 0;
    cfg.limits = &self->limits;
    cfg.tls = self->tls;
    cfg.data = link;
    return rc < 0 ? rc
                  : shoal_connect(self->loop, link->target->url, &link_service, &cfg, &link->conn);
}

static void abort_link(struct shoal__grpc_connector *base, struct shoal__grpc_link *link)
{
    (void)base;
    shoal_conn_close(link->conn, SHOAL_CLOSE_ABORT);
}

static void destroy(struct shoal__grpc_connector *base)
{
    struct connector *self = connector_of(base);
    shoal_tls_unref(&self->tls);
    shoal__arena_fini(&self->arena);
    free(self);
}

static const struct shoal__grpc_connector_ops connector_ops = {
    .connect = connect_link,
    .abort = abort_link,
    .destroy = destroy,
};

/* Channels */

/* A quiet connection is no idle one; the channel itself sees to that. */
static struct shoal_limits limits_for(const struct shoal_grpc_channel_cfg *cfg)
{
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    limits.handshake_ms = cfg->connect_ms;
    limits.first_byte_ms = limits.idle_ms = limits.read_stall_ms = limits.write_stall_ms = 0;
    limits.max_input = 0; /* the session's limits are enough */
    return limits;
}

/* NULL stays NULL. */
static bool keep(struct connector *self, const char *given, const char **out)
{
    *out = given ? shoal__arena_strdup(&self->arena, shoal_view_of(given)) : NULL;
    return !given || *out;
}

static int prepare(struct connector *self, const struct shoal_grpc_channel_cfg *cfg)
{
    self->files.no_verify = cfg->no_verify;
    if (!keep(self, cfg->ca_file, &self->files.ca_file) ||
        !keep(self, cfg->cert_file, &self->files.cert_file) ||
        !keep(self, cfg->key_file, &self->files.key_file))
        return -SHOAL_ENOMEM;
    if (cfg->tls)
        self->tls = shoal_tls_ref(cfg->tls);
    return cfg->ca_file || cfg->cert_file ? need_tls(self) : 0;
}

int shoal_grpc_channel_create(struct shoal_loop *loop, const char *urls,
                              const struct shoal_grpc_channel_cfg *cfg,
                              struct shoal_grpc_channel **out_channel)
{
    struct shoal_grpc_channel_cfg all;
    bool good = shoal__grpc_channel_cfg_complete(cfg, &all) && !all.cert_file == !all.key_file &&
                (!all.tls || shoal__tls_is_client(all.tls));
    if (!good)
        return -SHOAL_EINVAL;
    struct connector *self = calloc(1, sizeof(*self));
    if (!self)
        return -SHOAL_ENOMEM;
    self->base.ops = &connector_ops;
    self->loop = loop;
    self->limits = limits_for(&all);
    int rc = prepare(self, &all);
    if (rc == 0)
        rc = shoal__grpc_channel_create(loop, urls, &all, &self->base, out_channel);
    if (rc < 0)
        destroy(&self->base);
    return rc;
}

int shoal_grpc_client_open(const char *urls, const struct shoal_grpc_channel_cfg *cfg,
                           struct shoal_grpc_client **out_client)
{
    return shoal__grpc_client_open(urls, cfg, shoal_grpc_channel_create, out_client);
}
