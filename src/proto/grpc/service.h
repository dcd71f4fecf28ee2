/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The set of services: which method answers "/package.Service/Method", and the interceptors before
 * all of them. Built before the server runs and only read afterwards, by all loops.
 */
#ifndef SHOAL_PROTO_GRPC_SERVICE_H
#define SHOAL_PROTO_GRPC_SERVICE_H

#include <protobuf-c/protobuf-c.h>

#include <shoal/grpc.h>

#include "base/hash.h"
#include "base/list.h"

struct shoal__grpc_health;
struct shoal__grpc_reflection;

/* A registered method. Owned by the set. */
struct shoal__grpc_method {
    struct shoal__hashmap_node node; /* by path */
    struct shoal__grpc_method *next;
    char *path;
    size_t service_size; /* of the service's name, behind the path's first slash */
    const ProtobufCMessageDescriptor *input, *output;
    enum shoal_grpc_kind kind;
    bool in_pool;
    shoal_grpc_unary_fn *unary;
    const struct shoal_grpc_stream *stream; /* in the set: &own_stream, or NULL */
    struct shoal_grpc_stream own_stream;
    void *arg;
    const void *handlers;
};

struct shoal__grpc_interceptor {
    shoal_grpc_before_fn *before;
    shoal_grpc_close_fn *after;
    void *arg;
};

/* Owned by its server. */
struct shoal_grpc {
    struct shoal_server *server;
    struct shoal__hashmap methods;
    struct shoal__grpc_method *first; /* newest first */
    struct shoal__grpc_interceptor *interceptors;
    size_t interceptor_count;
    struct shoal__grpc_health *health;         /* NULL: not offered */
    struct shoal__grpc_reflection *reflection; /* NULL: not offered */
};

/* Makes an empty set, and frees what one holds. Returns 0 or -errno of the random source.
 * Thread: control. */
int shoal__grpc_set_init(struct shoal_grpc *grpc, struct shoal_server *server);
void shoal__grpc_set_fini(struct shoal_grpc *grpc);

/*
 * Adds a copy of `method` and its stream (path, node and next are set here) as /service/name.
 * Returns 0, -SHOAL_EBUSY or -SHOAL_ENOMEM. Thread: control.
 */
int shoal__grpc_set_add(struct shoal_grpc *grpc, const char *service, const char *name,
                        const struct shoal__grpc_method *method);

/* shoal_grpc_intercept() without remembering failures. Thread: control. */
int shoal__grpc_set_intercept(struct shoal_grpc *grpc,
                              const struct shoal__grpc_interceptor *interceptor);

/* The method of that path, or NULL. Thread: any. */
const struct shoal__grpc_method *shoal__grpc_set_find(const struct shoal_grpc *grpc,
                                                      struct shoal_view path);

/* Whether a method of that service is registered. Thread: any. */
bool shoal__grpc_set_has(const struct shoal_grpc *grpc, struct shoal_view service);

/* The name of the method's service. Thread: any. */
static inline struct shoal_view shoal__grpc_service_of(const struct shoal__grpc_method *method)
{
    return shoal_view(method->path + 1, method->service_size);
}

/* Whether one request, and one reply, is all that there is of them. Thread: any. */
static inline bool shoal__grpc_one_request(const struct shoal__grpc_method *method)
{
    return method->kind == SHOAL_GRPC_UNARY || method->kind == SHOAL_GRPC_SERVER_STREAM;
}
static inline bool shoal__grpc_one_reply(const struct shoal__grpc_method *method)
{
    return method->kind == SHOAL_GRPC_UNARY || method->kind == SHOAL_GRPC_CLIENT_STREAM;
}

#endif
