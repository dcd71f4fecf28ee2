/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The set of services as a part of its server: it lives as long, what went wrong while it was built
 * is told when the server starts, and when the server drains its health is told.
 */
#include <stdlib.h>

#include <shoal/error.h>

#include "base/cfg.h"
#include "base/list.h"
#include "proto/grpc/endpoint.h"
#include "proto/grpc/health.h"
#include "proto/grpc/reflection.h"
#include "proto/grpc/service.h"
#include "runtime/server.h"

/* Owned by the server. */
struct grpc_part {
    struct shoal__part part;
    struct shoal_grpc grpc;
};

static void end_part(struct shoal__part *part)
{
    struct shoal_grpc *grpc = &SHOAL_CONTAINER_OF(part, struct grpc_part, part)->grpc;
    shoal__grpc_health_changed(grpc);
    shoal__server_part_ended(grpc->server);
}

static void destroy_part(struct shoal__part *part)
{
    struct grpc_part *self = SHOAL_CONTAINER_OF(part, struct grpc_part, part);
    shoal__grpc_health_destroy(&self->grpc.health);
    shoal__grpc_reflection_destroy(&self->grpc.reflection);
    shoal__grpc_set_fini(&self->grpc);
    free(self);
}

static const struct shoal__part_ops part_ops = {
    .end = end_part,
    .destroy = destroy_part,
};

struct shoal_grpc *shoal_grpc_create(struct shoal_server *server)
{
    struct grpc_part *self = calloc(1, sizeof(*self));
    int rc = self ? shoal__grpc_set_init(&self->grpc, server) : -SHOAL_ENOMEM;
    if (rc < 0) {
        shoal__server_spoil(server, rc);
        free(self);
        return NULL;
    }
    self->part.ops = &part_ops;
    shoal__server_add_part(server, &self->part);
    return &self->grpc;
}

bool shoal__grpc_is_of(const struct shoal_grpc *grpc, const struct shoal_server *server)
{
    return grpc && grpc->server == server;
}

/* Remembers a failure and returns it. */
static int remember(struct shoal_grpc *grpc, int rc)
{
    if (rc < 0)
        shoal__server_spoil(grpc->server, rc);
    return rc;
}

/* Adds a described method; `as` says what answers it. */
static int add(struct shoal_grpc *grpc, const ProtobufCServiceDescriptor *service, const char *name,
               const struct shoal_grpc_method_cfg *cfg, struct shoal__grpc_method as)
{
    const ProtobufCMethodDescriptor *described =
        service && name ? protobuf_c_service_descriptor_get_method_by_name(service, name) : NULL;
    struct shoal_grpc_method_cfg all = SHOAL_GRPC_METHOD_CFG_INIT;
    if (!described)
        return -SHOAL_EINVAL;
    SHOAL__CFG_READ(&all, cfg);
    as.input = described->input;
    as.output = described->output;
    as.in_pool = all.in_pool;
    as.handlers = all.handlers;
    return shoal__grpc_set_add(grpc, service->name, name, &as);
}

int shoal_grpc_unary(struct shoal_grpc *grpc, const ProtobufCServiceDescriptor *service,
                     const char *method, shoal_grpc_unary_fn *handler, void *arg,
                     const struct shoal_grpc_method_cfg *cfg)
{
    if (!grpc) /* its creation failed, which is remembered */
        return -SHOAL_EINVAL;
    struct shoal__grpc_method as = {.kind = SHOAL_GRPC_UNARY, .unary = handler, .arg = arg};
    return remember(grpc, handler ? add(grpc, service, method, cfg, as) : -SHOAL_EINVAL);
}

int shoal_grpc_streaming(struct shoal_grpc *grpc, const ProtobufCServiceDescriptor *service,
                         const char *method, enum shoal_grpc_kind kind,
                         const struct shoal_grpc_stream *stream, void *arg,
                         const struct shoal_grpc_method_cfg *cfg)
{
    if (!grpc)
        return -SHOAL_EINVAL;
    struct shoal__grpc_method as = {.kind = kind, .stream = stream, .arg = arg};
    bool good = kind != SHOAL_GRPC_UNARY && stream && stream->on_message;
    return remember(grpc, good ? add(grpc, service, method, cfg, as) : -SHOAL_EINVAL);
}

int shoal_grpc_intercept(struct shoal_grpc *grpc, shoal_grpc_before_fn *before,
                         shoal_grpc_close_fn *after, void *arg)
{
    if (!grpc)
        return -SHOAL_EINVAL;
    struct shoal__grpc_interceptor interceptor = {before, after, arg};
    return remember(grpc, shoal__grpc_set_intercept(grpc, &interceptor));
}

int shoal_grpc_health(struct shoal_grpc *grpc)
{
    return grpc ? remember(grpc, shoal__grpc_health_add(grpc)) : -SHOAL_EINVAL;
}

int shoal_grpc_reflect(struct shoal_grpc *grpc, struct shoal_view descriptor_set)
{
    return grpc ? remember(grpc, shoal__grpc_reflection_add(grpc, descriptor_set)) : -SHOAL_EINVAL;
}
