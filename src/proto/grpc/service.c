/* SPDX-License-Identifier: BSD-3-Clause */
/* The set of services; see service.h. */
#include "proto/grpc/service.h"

#include <stdio.h>
#include <stdlib.h>

#include <shoal/error.h>

int shoal__grpc_set_init(struct shoal_grpc *grpc, struct shoal_server *server)
{
    struct shoal__hash_key seed;
    int rc = shoal__hash_seed(&seed);
    if (rc < 0)
        return rc;
    grpc->server = server;
    shoal__hashmap_init(&grpc->methods, seed);
    return 0;
}

static void destroy_method(struct shoal__grpc_method *method)
{
    free(method->path);
    free(method);
}

void shoal__grpc_set_fini(struct shoal_grpc *grpc)
{
    while (grpc->first) {
        struct shoal__grpc_method *method = grpc->first;
        grpc->first = method->next;
        destroy_method(method);
    }
    shoal__hashmap_fini(&grpc->methods);
    free(grpc->interceptors);
    grpc->interceptors = NULL;
}

static struct shoal__grpc_method *create_method(const char *service, const char *name,
                                                const struct shoal__grpc_method *as)
{
    struct shoal__grpc_method *method = malloc(sizeof(*method));
    if (!method)
        return NULL;
    *method = *as;
    if (as->stream) {
        method->own_stream = *as->stream;
        method->stream = &method->own_stream;
    }
    method->service_size = strlen(service);
    if (asprintf(&method->path, "/%s/%s", service, name) >= 0)
        return method;
    free(method);
    return NULL;
}

int shoal__grpc_set_add(struct shoal_grpc *grpc, const char *service, const char *name,
                        const struct shoal__grpc_method *as)
{
    struct shoal__grpc_method *method = create_method(service, name, as);
    if (!method)
        return -SHOAL_ENOMEM;
    method->node.key = shoal_view_of(method->path);
    if (shoal__hashmap_put(&grpc->methods, &method->node)) {
        destroy_method(method);
        return -SHOAL_EBUSY;
    }
    method->next = grpc->first;
    grpc->first = method;
    return 0;
}

int shoal__grpc_set_intercept(struct shoal_grpc *grpc,
                              const struct shoal__grpc_interceptor *interceptor)
{
    size_t size = (grpc->interceptor_count + 1) * sizeof(*interceptor);
    struct shoal__grpc_interceptor *all = realloc(grpc->interceptors, size);
    if (!all)
        return -SHOAL_ENOMEM;
    all[grpc->interceptor_count++] = *interceptor;
    grpc->interceptors = all;
    return 0;
}

const struct shoal__grpc_method *shoal__grpc_set_find(const struct shoal_grpc *grpc,
                                                      struct shoal_view path)
{
    struct shoal__hashmap_node *node = shoal__hashmap_get(&grpc->methods, path);
    return node ? SHOAL_CONTAINER_OF(node, struct shoal__grpc_method, node) : NULL;
}

bool shoal__grpc_set_has(const struct shoal_grpc *grpc, struct shoal_view service)
{
    for (const struct shoal__grpc_method *method = grpc->first; method; method = method->next) {
        if (shoal_view_equal(shoal__grpc_service_of(method), service))
            return true;
    }
    return false;
}
