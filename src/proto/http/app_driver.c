/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The application as a part of its server: it lives as long, and what went wrong while it was built
 * is told when the server starts. It has nothing to open or close.
 */
#include <stdlib.h>

#include <shoal/error.h>
#include <shoal/http.h>

#include "base/list.h"
#include "proto/http/app.h"
#include "runtime/server.h"

/* Owned by the server. */
struct app_part {
    struct shoal__part part;
    struct shoal_http_app app;
};

static void destroy_part(struct shoal__part *part)
{
    struct app_part *self = SHOAL_CONTAINER_OF(part, struct app_part, part);
    shoal__http_app_fini(&self->app);
    free(self);
}

static const struct shoal__part_ops part_ops = {.destroy = destroy_part};

/* Remembers a failure, for the server's start to tell, and returns it. */
static int remember(struct shoal_server *server, int rc, const char *what)
{
    if (rc == 0)
        return 0;
    shoal__server_spoil(server, rc);
    return shoal__server_fail(server, rc, "cannot add %s: %s (%s)", what, shoal_strerror(rc),
                              shoal_strerrorname(rc));
}

struct shoal_http_app *shoal_http_app_create(struct shoal_server *server)
{
    struct app_part *self = calloc(1, sizeof(*self));
    if (!self) {
        (void)remember(server, -SHOAL_ENOMEM, "the HTTP application");
        return NULL;
    }
    self->part.ops = &part_ops;
    self->app.server = server;
    shoal__server_add_part(server, &self->part);
    return &self->app;
}

int shoal_http_route(struct shoal_http_app *app, const char *method, const char *pattern,
                     shoal_http_handler_fn *handler, void *arg)
{
    if (!app) /* its creation failed, which is remembered */
        return -SHOAL_EINVAL;
    int rc = -SHOAL_EINVAL;
    if (method && pattern && handler)
        rc = shoal__http_router_add(&app->router, method, pattern, handler, arg);
    return remember(app->server, rc, pattern ? pattern : "a route without a pattern");
}

int shoal_http_use(struct shoal_http_app *app, shoal_http_handler_fn *middleware, void *arg)
{
    if (!app)
        return -SHOAL_EINVAL;
    int rc = middleware ? shoal__http_app_use(app, middleware, arg) : -SHOAL_EINVAL;
    return remember(app->server, rc, "HTTP middleware");
}
