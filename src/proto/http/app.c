/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request's way through the application: middleware in order, then the route's handler or, where
 * there is none, the answer that says so. Each step is taken by whoever had the request before.
 */
#include "proto/http/app.h"

#include <stdlib.h>

#include <shoal/error.h>

#include "proto/http/request_priv.h"

void shoal__http_app_fini(struct shoal_http_app *app)
{
    shoal__http_router_fini(&app->router);
    free(app->middleware);
    app->middleware = NULL;
    app->middleware_count = 0;
}

int shoal__http_app_use(struct shoal_http_app *app, shoal_http_handler_fn *middleware, void *arg)
{
    size_t count = app->middleware_count;
    struct shoal__http_middleware *grown =
        realloc(app->middleware, (count + 1) * sizeof(*app->middleware));
    if (!grown)
        return -SHOAL_ENOMEM;
    grown[count] = (struct shoal__http_middleware){middleware, arg};
    app->middleware = grown;
    app->middleware_count = count + 1;
    return 0;
}

static bool keep_params(struct shoal_http_request *req, const struct shoal__http_match *match)
{
    size_t count = match->route->name_count;
    if (count == 0)
        return true;
    req->params = shoal__arena_alloc(req->stream->arena, count * sizeof(*req->params));
    for (size_t i = 0; req->params && i < count; i++) {
        req->params[i] = shoal__arena_strdup(req->stream->arena, match->values[i]);
        if (!req->params[i])
            return false;
    }
    return req->params != NULL;
}

static bool is_options(const struct shoal_http_request *req)
{
    return strcmp(req->method, "OPTIONS") == 0;
}

/* Fills in the route, or what is allowed instead. False where memory is out. */
static bool find_route(struct shoal_http_request *req)
{
    const struct shoal__http_router *router = &req->endpoint->app->router;
    struct shoal__http_match match;
    shoal__http_router_find(router, req->method, req->path, &match);
    req->route = match.route;
    if (match.route)
        return keep_params(req, &match);
    bool whole_server = req->path[0] == '*';
    if (!match.path_known && !whole_server)
        return true;
    req->allow = shoal__http_router_allow(router, match.methods, whole_server, req->stream->arena);
    return req->allow != NULL;
}

static int answer_without_route(struct shoal_http_request *req)
{
    if (!req->allow)
        return shoal_http_reply_status(req, 404);
    int rc = shoal_http_set(req, "Allow", req->allow);
    return rc < 0 ? rc : shoal_http_reply_status(req, is_options(req) ? 204 : 405);
}

static void call_handler(struct shoal_http_request *req)
{
    if (req->route)
        req->route->handler(req, req->route->arg);
    else if (answer_without_route(req) < 0)
        shoal_http_abort(req);
}

void shoal_http_next(struct shoal_http_request *req)
{
    const struct shoal_http_app *app = req->endpoint->app;
    size_t step = req->step;
    if (req->closed || req->output != HTTP_OUTPUT_HEAD || step > app->middleware_count)
        return;
    req->step++;
    if (step < app->middleware_count)
        app->middleware[step].fn(req, app->middleware[step].arg);
    else
        call_handler(req);
}

void shoal__http_app_dispatch(struct shoal_http_request *req)
{
    if (find_route(req))
        shoal_http_next(req);
    else
        shoal_http_abort(req);
}
