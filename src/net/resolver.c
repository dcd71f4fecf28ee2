/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The resolver. A resolution is shared by the loop that asked and the thread that looks it up, and
 * freed by whichever lets go last. Nothing cancels a getaddrinfo() that hangs, so a resolution can
 * outlive its loop: `state` decides, once, between abandoning and answering, and a thread that
 * comes back to an abandoned one never touches the loop.
 *
 *                 the lookup is done                 the task runs on the loop
 *     ASKED ─────────────────────────────► ANSWERED ──────────────────────────► told, unless
 *       │                                                                       abandoned since
 *       └── abandoned by the loop ──► ABANDONED
 */
#include "net/resolver.h"

#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <shoal/error.h>
#include <shoal/loop.h>

#include "base/list.h"

enum {
    RESOLVER_THREADS = 2,
    RESOLVER_CAPACITY = 1 << 20, /* connections are bounded by descriptors, not by this */
    HOST_BYTES = 256,
};

static int error_of(int eai)
{
    if (eai == EAI_MEMORY)
        return -SHOAL_ENOMEM;
    if (eai == EAI_SYSTEM && errno != 0)
        return -errno;
    return -SHOAL_ERESOLVE;
}

static void copy_list(const struct addrinfo *info, uint16_t port, struct shoal__addresses *out)
{
    *out = (struct shoal__addresses){0};
    for (; info && out->count < SHOAL__ADDRESSES_MAX; info = info->ai_next) {
        struct shoal__address address = shoal__address_from(info->ai_addr, info->ai_addrlen);
        address.port = port;
        if (address.family != AF_UNSPEC)
            out->list[out->count++] = address;
    }
}

int shoal__resolve(struct shoal_view host, uint16_t port, bool passive,
                   struct shoal__addresses *out_addresses)
{
    char name[HOST_BYTES];
    if (host.size >= sizeof(name))
        return -SHOAL_ERESOLVE;
    memcpy(name, host.data, host.size);
    name[host.size] = '\0';

    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0};
    struct addrinfo *info = NULL;
    int eai = getaddrinfo(name, NULL, &hints, &info);
    if (eai != 0)
        return error_of(eai);
    struct shoal__addresses found;
    copy_list(info, port, &found);
    freeaddrinfo(info);
    if (found.count == 0)
        return -SHOAL_ERESOLVE;
    *out_addresses = found;
    return 0;
}

enum state { ASKED, ANSWERED, ABANDONED };

/* Made by the loop that asks; freed by the last of loop and lookup, whichever thread that is. */
struct shoal__resolution {
    struct shoal_work work;
    struct shoal_task task;
    _Atomic unsigned refs;
    _Atomic int state; /* enum state */

    /* The loop's. */
    struct shoal_loop *loop;
    shoal__resolved_fn *fn; /* NULL: abandoned */
    void *arg;

    /* The looking thread's, until it has posted the task. */
    uint16_t port;
    int error;
    struct shoal__addresses addresses;
    size_t host_size;
    char host[];
};

static void unref(struct shoal__resolution *resolution)
{
    if (atomic_fetch_sub_explicit(&resolution->refs, 1, memory_order_acq_rel) == 1)
        free(resolution);
}

static void tell(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    struct shoal__resolution *resolution = arg;
    if (resolution->fn) {
        shoal__resolved_fn *fn = resolution->fn;
        resolution->fn = NULL;
        fn(resolution->arg, resolution->error, resolution->error ? NULL : &resolution->addresses);
        unref(resolution);
    }
    unref(resolution);
}

static void look_up(struct shoal_work *work)
{
    struct shoal__resolution *resolution = SHOAL_CONTAINER_OF(work, struct shoal__resolution, work);
    if (atomic_load_explicit(&resolution->state, memory_order_relaxed) == ABANDONED)
        return;
    resolution->error = shoal__resolve(shoal_view(resolution->host, resolution->host_size),
                                       resolution->port, false, &resolution->addresses);
}

/* On the looking thread, or on the one that stops the pool. */
static void answer(struct shoal_work *work, int status)
{
    struct shoal__resolution *resolution = SHOAL_CONTAINER_OF(work, struct shoal__resolution, work);
    if (status != 0)
        resolution->error = status;
    int asked = ASKED;
    if (!atomic_compare_exchange_strong_explicit(&resolution->state, &asked, ANSWERED,
                                                 memory_order_acq_rel, memory_order_relaxed) ||
        shoal_post(resolution->loop, &resolution->task) < 0)
        unref(resolution);
}

/* Loops may ask at the same moment; all but one throw away the pool that they have made. */
static int find_pool(struct shoal__resolver *resolver, struct shoal_pool **out_pool)
{
    struct shoal_pool *pool = atomic_load_explicit(&resolver->pool, memory_order_acquire);
    if (!pool) {
        struct shoal_pool_cfg cfg = SHOAL_POOL_CFG_INIT;
        cfg.workers = RESOLVER_THREADS;
        cfg.capacity = RESOLVER_CAPACITY;
        cfg.name = "resolver";
        struct shoal_pool *made;
        int rc = shoal_pool_create(&cfg, &made);
        if (rc < 0)
            return rc;
        if (atomic_compare_exchange_strong_explicit(&resolver->pool, &pool, made,
                                                    memory_order_acq_rel, memory_order_acquire))
            pool = made;
        else
            shoal_pool_destroy(&made);
    }
    *out_pool = pool;
    return 0;
}

int shoal__resolver_ask(struct shoal__resolver *resolver, struct shoal_loop *loop,
                        struct shoal_view host, uint16_t port, shoal__resolved_fn *fn, void *arg,
                        struct shoal__resolution **out_resolution)
{
    struct shoal_pool *pool;
    int rc = find_pool(resolver, &pool);
    if (rc < 0)
        return rc;
    struct shoal__resolution *resolution = calloc(1, sizeof(*resolution) + host.size);
    if (!resolution)
        return -SHOAL_ENOMEM;
    resolution->work = (struct shoal_work){.run = look_up, .done = answer, .name = "resolve"};
    resolution->task = (struct shoal_task)SHOAL_TASK(tell, resolution);
    atomic_init(&resolution->refs, 2);
    atomic_init(&resolution->state, ASKED);
    resolution->loop = loop;
    resolution->fn = fn;
    resolution->arg = arg;
    resolution->port = port;
    resolution->host_size = host.size;
    memcpy(resolution->host, host.data, host.size);

    rc = shoal_pool_submit(pool, NULL, &resolution->work);
    if (rc < 0) {
        free(resolution);
        return rc;
    }
    *out_resolution = resolution;
    return 0;
}

void shoal__resolution_abandon(struct shoal__resolution **resolution)
{
    struct shoal__resolution *abandoned = *resolution;
    if (!abandoned)
        return;
    *resolution = NULL;
    abandoned->fn = NULL;
    int asked = ASKED;
    atomic_compare_exchange_strong_explicit(&abandoned->state, &asked, ABANDONED,
                                            memory_order_acq_rel, memory_order_relaxed);
    unref(abandoned);
}

/* Two drains may each have left a lookup behind; the older one has had its time. */
static void wait_for_stuck(struct shoal__resolver *resolver)
{
    if (!resolver->stuck)
        return;
    shoal_pool_stop(resolver->stuck, SHOAL_POOL_DISCARD, -1, NULL);
    shoal_pool_destroy(&resolver->stuck);
}

void shoal__resolver_stop(struct shoal__resolver *resolver)
{
    struct shoal_pool *pool = atomic_exchange_explicit(&resolver->pool, NULL, memory_order_acq_rel);
    if (!pool)
        return;
    if (shoal_pool_stop(pool, SHOAL_POOL_DISCARD, 0, NULL) == 0) {
        shoal_pool_destroy(&pool);
        return;
    }
    wait_for_stuck(resolver);
    resolver->stuck = pool;
}

void shoal__resolver_fini(struct shoal__resolver *resolver)
{
    shoal__resolver_stop(resolver);
    wait_for_stuck(resolver);
}
