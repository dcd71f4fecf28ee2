/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The application: its routes and its middleware, and the way of a request through them. And the
 * endpoint, which is an application as one listener offers it.
 */
#ifndef SHOAL_PROTO_HTTP_APP_H
#define SHOAL_PROTO_HTTP_APP_H

#include "proto/http/router.h"
#include "proto/http/stream.h"

struct shoal__http_middleware {
    shoal_http_handler_fn *fn;
    void *arg;
};

/* Owned by its server; built before it runs and only read afterwards, by all loops. */
struct shoal_http_app {
    struct shoal_server *server;
    struct shoal__http_router router;
    struct shoal__http_middleware *middleware;
    size_t middleware_count;
};

/*
 * What the sessions of a listener have in common: the `user` of their shoal__session. Owned by the
 * listener; constant while the server runs; outlives its connections.
 */
struct shoal__http_endpoint {
    const struct shoal_http_app *app;
    const char *server_field; /* NULL: none */
    int64_t request_ms;
    uint64_t max_body; /* bytes; 0: no limit */
    void (*log_access)(void *arg, struct shoal_view line);
    void *log_arg;
    struct shoal__session_limits limits;
};

/* What a server's sessions tell: requests, which go to the app of the session's endpoint. */
extern const struct shoal__session_events shoal__http_server_events;

/* Frees what the app holds. Thread: control. */
void shoal__http_app_fini(struct shoal_http_app *app);

/* shoal_http_use() without remembering failures. Thread: control. */
int shoal__http_app_use(struct shoal_http_app *app, shoal_http_handler_fn *middleware, void *arg);

/*
 * Finds the request's route and sends it on its way through middleware and handler; what cannot be
 * routed is answered. Thread: owner.
 */
void shoal__http_app_dispatch(struct shoal_http_request *req);

#endif
