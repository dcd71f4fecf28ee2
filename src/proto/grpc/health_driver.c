/* SPDX-License-Identifier: BSD-3-Clause */
/* grpc.health.v1.Health; see health.h. The watches of a loop are in a list of that loop's. */
#include "proto/grpc/health.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <health.pb-c.h>

#include <shoal/error.h>

#include "base/list.h"
#include "proto/grpc/service.h"
#include "runtime/loop.h"
#include "runtime/server.h"

typedef Shoal__Grpc__Health__HealthCheckRequest request_message;
typedef Shoal__Grpc__Health__HealthCheckResponse response_message;

enum {
    SERVING = SHOAL__GRPC__HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
    NOT_SERVING = SHOAL__GRPC__HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING,
    UNKNOWN_SERVICE = SHOAL__GRPC__HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN,
    NOT_TOLD = -1,
};

static const char service_name[] = "grpc.health.v1.Health";

/* What was said about a service. Never changed or freed but for `serving` while the set lives. */
struct entry {
    struct entry *next;
    _Atomic bool serving;
    char name[];
};

struct shoal__grpc_health {
    _Atomic(struct entry *) entries; /* newest first */
};

/* A watching call; in its memory. */
struct watch {
    struct shoal__list node; /* in the loop's list */
    struct shoal_grpc *grpc;
    struct shoal_grpc_call *call;
    const char *name;
    int told;
};

struct watches {
    struct shoal__loop_local base;
    struct shoal__list list;
};

static void destroy_watches(struct shoal__loop_local *base)
{
    free(base);
}

static struct shoal__loop_local *create_watches(void)
{
    struct watches *watches = calloc(1, sizeof(*watches));
    if (!watches)
        return NULL;
    watches->base.destroy = destroy_watches;
    shoal__list_init(&watches->list);
    return &watches->base;
}

static struct watches *watches_of(struct shoal_loop *loop)
{
    static const char key;
    return (struct watches *)shoal__loop_local(loop, &key, create_watches);
}

/* How it is */

/* Pairs with the release in push_entry(): an entry is complete when it is seen. */
static struct entry *find_entry(const struct shoal__grpc_health *health, const char *name)
{
    struct entry *entry = atomic_load_explicit(&health->entries, memory_order_acquire);
    while (entry && strcmp(entry->name, name) != 0)
        entry = entry->next;
    return entry;
}

static int status_of(const struct shoal_grpc *grpc, const char *name)
{
    struct entry *entry = find_entry(grpc->health, name);
    if (!entry && name[0] != '\0' && !shoal__grpc_set_has(grpc, shoal_view_of(name)))
        return UNKNOWN_SERVICE;
    if (shoal_server_draining(grpc->server))
        return NOT_SERVING;
    bool serving = !entry || atomic_load_explicit(&entry->serving, memory_order_relaxed);
    return serving ? SERVING : NOT_SERVING;
}

static void push_entry(struct shoal__grpc_health *health, struct entry *entry)
{
    entry->next = atomic_load_explicit(&health->entries, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&health->entries, &entry->next, entry,
                                                  memory_order_release, memory_order_relaxed))
        continue;
}

static struct entry *create_entry(const char *name)
{
    size_t size = strlen(name) + 1;
    struct entry *entry = calloc(1, sizeof(*entry) + size);
    if (entry)
        memcpy(entry->name, name, size);
    return entry;
}

int shoal_grpc_set_serving(struct shoal_grpc *grpc, const char *service, bool serving)
{
    if (!grpc || !grpc->health)
        return -SHOAL_ESTATE;
    struct entry *entry = find_entry(grpc->health, service);
    struct entry *made = entry ? NULL : create_entry(service);
    if (!entry && !made)
        return -SHOAL_ENOMEM;
    atomic_store_explicit(entry ? &entry->serving : &made->serving, serving, memory_order_relaxed);
    if (made)
        push_entry(grpc->health, made);
    shoal__grpc_health_changed(grpc);
    return 0;
}

/* Watches */

/* Tells what has changed. A draining server needs its watches to end. */
static int update(struct watch *watch)
{
    int status = status_of(watch->grpc, watch->name);
    if (status != watch->told) {
        response_message response = SHOAL__GRPC__HEALTH__HEALTH_CHECK_RESPONSE__INIT;
        response.status = (Shoal__Grpc__Health__HealthCheckResponse__ServingStatus)status;
        if (shoal_grpc_send(watch->call, &response) >= 0)
            watch->told = status;
    }
    if (shoal_server_draining(watch->grpc->server))
        return shoal_grpc_fail(watch->call, SHOAL_GRPC_UNAVAILABLE, "server is draining");
    return SHOAL_GRPC_LATER;
}

static void update_all(struct shoal_loop *loop, void *arg)
{
    struct watches *watches = watches_of(loop);
    if (!watches)
        return;
    SHOAL_LIST_FOREACH_SAFE(node, &watches->list)
    {
        struct watch *watch = SHOAL_CONTAINER_OF(node, struct watch, node);
        int result = watch->grpc == arg ? update(watch) : SHOAL_GRPC_LATER;
        if (result != SHOAL_GRPC_LATER)
            (void)shoal_grpc_finish(watch->call, result);
    }
}

/* Posts to one loop; false past the last, and where the server does not run. */
static bool post_update(struct shoal_grpc *grpc, unsigned index)
{
    struct shoal_loop *loop = shoal__server_pin_loop(grpc->server, index);
    if (loop)
        (void)shoal_call(loop, update_all, grpc);
    shoal__server_unpin_loop(grpc->server);
    return loop != NULL;
}

void shoal__grpc_health_changed(struct shoal_grpc *grpc)
{
    for (unsigned i = 0; grpc->health && post_update(grpc, i); i++)
        continue;
}

/* Handlers */

static int check(struct shoal_grpc_call *call, const void *request, void *reply)
{
    int status = status_of(shoal_grpc_arg(call), ((const request_message *)request)->service);
    if (status == UNKNOWN_SERVICE)
        return shoal_grpc_fail(call, SHOAL_GRPC_NOT_FOUND, "unknown service");
    ((response_message *)reply)->status =
        (Shoal__Grpc__Health__HealthCheckResponse__ServingStatus)status;
    return SHOAL_GRPC_OK;
}

static int begin_watch(struct shoal_grpc_call *call, const void *request)
{
    struct watches *watches = watches_of(shoal_grpc_loop(call));
    struct watch *watch = watches ? shoal_grpc_alloc(call, sizeof(*watch)) : NULL;
    if (!watch)
        return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory");
    *watch = (struct watch){.grpc = shoal_grpc_arg(call),
                            .call = call,
                            .name = ((const request_message *)request)->service,
                            .told = NOT_TOLD};
    shoal_grpc_set_data(call, watch);
    shoal__list_push_back(&watches->list, &watch->node);
    return update(watch);
}

static void end_watch(struct shoal_grpc_call *call, int status)
{
    (void)status;
    struct watch *watch = shoal_grpc_data(call);
    if (watch)
        shoal__list_remove(&watch->node);
}

static const struct shoal_grpc_stream watching = {.on_message = begin_watch, .on_close = end_watch};

int shoal__grpc_health_add(struct shoal_grpc *grpc)
{
    struct shoal__grpc_method method = {
        .input = &shoal__grpc__health__health_check_request__descriptor,
        .output = &shoal__grpc__health__health_check_response__descriptor,
        .kind = SHOAL_GRPC_UNARY,
        .unary = check,
        .arg = grpc,
    };
    if (grpc->health)
        return -SHOAL_EBUSY;
    grpc->health = calloc(1, sizeof(*grpc->health));
    if (!grpc->health)
        return -SHOAL_ENOMEM;
    int rc = shoal__grpc_set_add(grpc, service_name, "Check", &method);
    method.kind = SHOAL_GRPC_SERVER_STREAM;
    method.unary = NULL;
    method.stream = &watching;
    return rc < 0 ? rc : shoal__grpc_set_add(grpc, service_name, "Watch", &method);
}

void shoal__grpc_health_destroy(struct shoal__grpc_health **health)
{
    if (!*health)
        return;
    struct entry *entry = atomic_load_explicit(&(*health)->entries, memory_order_acquire);
    while (entry) {
        struct entry *next = entry->next;
        free(entry);
        entry = next;
    }
    free(*health);
    *health = NULL;
}
