/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The router: which route a method and a path belong to. Patterns are kept as a trie of segments,
 *
 *     GET /hello, GET /hello/{name}, POST /hello/{name}, GET /files/{rest...}
 *
 *     root ─┬─ "hello" ─── {} ── GET, POST
 *           │     └─ GET
 *           └─ "files" ─── GET for the rest
 *
 * so that a look-up costs a binary search per segment, however many routes there are. It is built
 * while the server does not run and only read afterwards, by all loops.
 */
#ifndef SHOAL_PROTO_HTTP_ROUTER_H
#define SHOAL_PROTO_HTTP_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/http.h>

struct shoal__arena;
struct shoal__http_node;

enum { SHOAL__HTTP_PARAMS_MAX = 16, SHOAL__HTTP_METHODS_MAX = 63 };

/* Owned by its router, constant once added. */
struct shoal__http_route {
    struct shoal__http_route *next; /* at the same place of the trie */
    char *pattern;                  /* as given */
    char *names;                    /* of its parameters, each ended by NUL */
    size_t name_count;
    size_t method; /* index into the router's methods, or SHOAL__HTTP_METHODS_MAX for any */
    shoal_http_handler_fn *handler;
    void *arg;
};

/* Owned by the app that embeds it, read by any thread while the server runs. */
struct shoal__http_router {
    struct shoal__http_node *root;
    char *methods[SHOAL__HTTP_METHODS_MAX]; /* all that routes name */
    size_t method_count;
};

/* What a look-up found. */
struct shoal__http_match {
    const struct shoal__http_route *route; /* NULL: none has the path, or none has the method */
    bool path_known;
    uint64_t methods; /* without a route: those of the path, by index */
    struct shoal_view values[SHOAL__HTTP_PARAMS_MAX]; /* the route's parameters, in the path */
};

/* Frees everything. An all-zero router is empty and may be ended as well. Thread: control. */
void shoal__http_router_fini(struct shoal__http_router *router);

/*
 * Adds a route. Strings are copied. Returns 0, -SHOAL_EINVAL (malformed method or pattern, too
 * many parameters or methods), -SHOAL_EBUSY (there already), or -SHOAL_ENOMEM. Thread: control.
 */
int shoal__http_router_add(struct shoal__http_router *router, const char *method,
                           const char *pattern, shoal_http_handler_fn *handler, void *arg);

/*
 * Looks a decoded path up: of the patterns that match and have the method (GET's serves HEAD, too)
 * the most specific one, segment by segment from the left. Thread: any.
 */
void shoal__http_router_find(const struct shoal__http_router *router, const char *method,
                             const char *path, struct shoal__http_match *out_match);

/* The value of Allow for these methods, or for all of the router's with `every`: HEAD comes with
 * GET, and OPTIONS always. In the arena; NULL where memory is out. Thread: owner of `arena`. */
char *shoal__http_router_allow(const struct shoal__http_router *router, uint64_t methods,
                               bool every, struct shoal__arena *arena);

#endif
