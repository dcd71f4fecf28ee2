/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The HTTP listener: the one place that knows all versions. A connection begins without one and
 * gets it by ALPN under TLS, else by its first bytes; so an open connection that has sent nothing
 * costs no more than any other.
 *
 *     connection ── raw service ──► web_listener { endpoint } ── sniff ──► HTTP/1 or HTTP/2 session
 */
#include <stdlib.h>

#include <shoal/error.h>
#include <shoal/http.h>
#include <shoal/tls.h>

#include "base/cfg.h"
#include "base/list.h"
#include "net/conn.h"
#include "proto/http/app.h"
#include "proto/http1/http1_driver.h"
#include "proto/http2/http2_driver.h"
#include "proto/web/listener_driver.h"
#include "proto/web/web.h"
#include "runtime/server.h"

/* Input kept besides a head: pipelined requests while an answer is awaited. */
enum { KEPT_INPUT = 128 * 1024 };

/* The endpoint is what the listener's sessions refer to. */
struct web_listener {
    struct shoal__web_listener base;
    struct shoal__http_endpoint endpoint;
    char *server_field;
};

static struct web_listener *listener_of(const struct shoal_conn *conn)
{
    return shoal_conn_arg(conn);
}

/* Beginning a session */

typedef int start_fn(struct shoal_conn *conn, enum shoal__http_role role,
                     const struct shoal__session_events *events, void *user,
                     const struct shoal__session_limits *limits,
                     struct shoal__session **out_session);
typedef size_t on_data_fn(struct shoal_conn *conn, struct shoal_view in);

/* Makes the connection a session, and has it look at what has come. */
static size_t begin(struct shoal_conn *conn, struct shoal_view in, start_fn *start,
                    on_data_fn *session_on_data)
{
    struct shoal__http_endpoint *endpoint = &listener_of(conn)->endpoint;
    struct shoal__session *session;
    int rc = start(conn, SHOAL__HTTP_SERVER, &shoal__http_server_events, endpoint,
                   &endpoint->limits, &session);
    if (rc == 0)
        return session_on_data(conn, in);
    shoal_conn_close_for(conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
    return in.size;
}

/* Under TLS it is the handshake that says which version; the preface alone does not. */
static enum shoal__web_version version_of(const struct shoal_conn *conn, struct shoal_view in)
{
    struct shoal_tls_info info;
    if (!shoal_conn_tls_info(conn, &info))
        return shoal__web_sniff(in);
    return shoal_view_equal(info.alpn, shoal_view("h2", 2)) ? SHOAL__WEB_HTTP2 : SHOAL__WEB_HTTP1;
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    switch (version_of(conn, in)) {
    case SHOAL__WEB_HTTP1:
        return begin(conn, in, shoal__http1_start, shoal__http1_on_data);
    case SHOAL__WEB_HTTP2:
        return begin(conn, in, shoal__http2_start, shoal__http2_on_data);
    case SHOAL__WEB_UNDECIDED:
        break;
    }
    return 0;
}

static const struct shoal_service raw_service = {.name = "http", .on_data = on_data};

/* Listening */

static struct shoal__session_limits session_limits(const struct shoal_http_cfg *cfg,
                                                   const struct shoal_limits *limits)
{
    return (struct shoal__session_limits){
        .max_target = cfg->max_target,
        .max_fields = cfg->max_fields,
        .max_fields_bytes = cfg->max_fields_bytes,
        .max_streams = cfg->max_streams,
        .stream_window = cfg->stream_window,
        .session_window = cfg->session_window,
        .out_high = (uint32_t)limits->out_high,
        .out_low = (uint32_t)limits->out_low,
        .out_max = limits->out_max,
        .read_stall_ms = cfg->body_stall_ms,
        .write_stall_ms = limits->write_stall_ms,
    };
}

/* The connection's limits as given, with room for the longest head. */
static struct shoal_limits limits_for(const struct shoal_http_cfg *cfg)
{
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    SHOAL__CFG_READ(&limits, cfg->listen ? cfg->listen->limits : NULL);
    size_t needed = (size_t)cfg->max_target + cfg->max_fields_bytes + KEPT_INPUT;
    if (limits.max_input != 0 && limits.max_input < needed)
        limits.max_input = needed;
    return limits;
}

static void destroy_listener(struct shoal__web_listener *base)
{
    struct web_listener *self = SHOAL_CONTAINER_OF(base, struct web_listener, base);
    free(self->server_field);
    free(self);
}

static struct web_listener *listener_create(struct shoal_server *server,
                                            const struct shoal_http_app *app,
                                            const struct shoal_http_cfg *cfg,
                                            const struct shoal_limits *limits)
{
    struct web_listener *self = calloc(1, sizeof(*self));
    if (!self)
        return NULL;
    self->base.server = server;
    self->base.raw = raw_service;
    self->base.raw.arg = self;
    self->base.destroy = destroy_listener;
    self->endpoint = (struct shoal__http_endpoint){
        .app = app,
        .request_ms = cfg->request_ms,
        .max_body = cfg->max_body,
        .log_access = cfg->log_access,
        .log_arg = cfg->log_arg,
        .limits = session_limits(cfg, limits),
    };
    if (!cfg->server_field)
        return self;
    self->server_field = strdup(cfg->server_field);
    self->endpoint.server_field = self->server_field;
    if (self->server_field)
        return self;
    destroy_listener(&self->base);
    return NULL;
}

static bool is_good(const struct shoal_server *server, const struct shoal_http_app *app,
                    const struct shoal_http_cfg *cfg)
{
    return app && app->server == server &&
           (!cfg->server_field || shoal__http_is_value(shoal_view_of(cfg->server_field)));
}

static int listen_with(struct shoal_server *server, const char *url,
                       const struct shoal_http_app *app, const struct shoal_http_cfg *cfg,
                       struct shoal_listener **out_listener)
{
    static const char *const protocols[] = {"h2", "http/1.1", NULL};
    struct shoal_limits limits = limits_for(cfg);
    struct web_listener *self = listener_create(server, app, cfg, &limits);
    if (!self)
        return -SHOAL_ENOMEM;
    return shoal__web_listen(&self->base, url, cfg->listen, &limits, protocols, out_listener);
}

int shoal_listen_http(struct shoal_server *server, const char *url, struct shoal_http_app *app,
                      const struct shoal_http_cfg *cfg, struct shoal_listener **out_listener)
{
    struct shoal_http_cfg all = SHOAL_HTTP_CFG_INIT;
    SHOAL__CFG_READ(&all, cfg);
    if (is_good(server, app, &all))
        return listen_with(server, url, app, &all, out_listener);
    shoal__server_spoil(server, -SHOAL_EINVAL);
    return shoal__server_fail(server, -SHOAL_EINVAL,
                              "cannot serve HTTP on %s: no application of this server, or a Server "
                              "field that cannot be sent (EINVAL)",
                              url);
}
