/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server as an object: its configuration, its parts, what others ask it. How it starts and
 * ends is in lifecycle.c.
 */
#include "runtime/server.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shoal/error.h>

#include "runtime/server_priv.h"
#include "runtime/thread.h"

#define MAX_LOOPS 1024
#define MAX_WORKERS 4096

static bool is_valid(const struct shoal_server_cfg *cfg)
{
    return cfg->loops <= MAX_LOOPS && cfg->workers >= -1 && cfg->workers <= MAX_WORKERS &&
           (cfg->workers == 0 || (cfg->pool_capacity > 0 && cfg->pool_capacity <= INT_MAX)) &&
           cfg->pool_shed_target_ms >= 0 && cfg->watchdog_ms >= 0 && cfg->busy_poll_us >= 0 &&
           cfg->busy_poll_us <= 1000000 && (unsigned)cfg->accept <= SHOAL_ACCEPT_REUSEPORT;
}

/* Takes over what the caller's version of the struct has; the rest keeps its default. */
static int read_cfg(const struct shoal_server_cfg *cfg, struct shoal_server_cfg *out_cfg)
{
    struct shoal_server_cfg read = SHOAL_SERVER_CFG_INIT;
    if (cfg != NULL && (cfg->size < sizeof cfg->size || cfg->size > sizeof read))
        return -SHOAL_EINVAL;
    if (cfg != NULL)
        memcpy(&read, cfg, cfg->size);
    if (!is_valid(&read))
        return -SHOAL_EINVAL;
    *out_cfg = read;
    return 0;
}

static int init_sync(struct shoal_server *server)
{
    int rc = -pthread_mutex_init(&server->lock, NULL);
    if (rc < 0)
        return rc;
    rc = -pthread_mutex_init(&server->net_lock, NULL);
    if (rc < 0)
        goto destroy_lock;
    rc = shoal__cond_init(&server->changed);
    if (rc < 0)
        goto destroy_net_lock;
    return 0;

destroy_net_lock:
    pthread_mutex_destroy(&server->net_lock);
destroy_lock:
    pthread_mutex_destroy(&server->lock);
    return rc;
}

int shoal_server_create(const struct shoal_server_cfg *cfg, struct shoal_server **out_server)
{
    struct shoal_server_cfg read;
    int rc = read_cfg(cfg, &read);
    if (rc < 0)
        return rc;
    struct shoal_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return -SHOAL_ENOMEM;
    rc = init_sync(server);
    if (rc < 0) {
        free(server);
        return rc;
    }
    server->cfg = read;
    server->max_output = SIZE_MAX; /* until a start */
    server->clock = shoal__clock_monotonic;
    server->grace_ms = SHOAL__LOOP_GRACE_MS;
    server->run_fd = -1;
    *out_server = server;
    return 0;
}

static void destroy_parts(struct shoal_server *server)
{
    struct shoal__part *part = server->parts;
    while (part != NULL) {
        struct shoal__part *next = part->next;
        part->ops->destroy(part);
        part = next;
    }
}

int shoal_server_destroy(struct shoal_server **server)
{
    struct shoal_server *self = *server;
    if (self == NULL)
        return 0;
    if (shoal__server_is_own_thread(self))
        return -SHOAL_EDEADLK;
    shoal_server_stop(self); /* -SHOAL_ESTATE where it does not run, which is fine */
    if (!shoal__server_release_run(self))
        return -SHOAL_EBUSY;

    *server = NULL;
    destroy_parts(self);
    if (self->net != NULL)
        self->net->destroy(self->net);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->net_lock);
    pthread_cond_destroy(&self->changed);
    free(self);
    return 0;
}

/* Parts */

void shoal__server_add_part(struct shoal_server *server, struct shoal__part *part)
{
    struct shoal__part **end = &server->parts;
    while (*end != NULL)
        end = &(*end)->next;
    part->next = NULL;
    *end = part;
}

void shoal__server_each_part(struct shoal_server *server,
                             void (*fn)(struct shoal__part *part, void *arg), void *arg)
{
    for (struct shoal__part *part = server->parts; part != NULL; part = part->next)
        fn(part, arg);
}

void shoal__server_part_ended(struct shoal_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->parts_ending--;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

int shoal__server_need_acceptor(struct shoal_server *server)
{
    if (server->acceptor != NULL)
        return 0;

    struct shoal_loop *acceptor;
    int rc = shoal__loop_create(server, UINT_MAX, &server->clock, &acceptor);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&server->lock); /* for a reader of counters */
    server->acceptor = acceptor;
    pthread_mutex_unlock(&server->lock);
    return 0;
}

struct shoal_loop *shoal__server_acceptor(struct shoal_server *server)
{
    return server->acceptor;
}

void shoal__server_loop_quiet(struct shoal_loop *loop)
{
    struct shoal_server *server = loop->server;
    pthread_mutex_lock(&server->lock);
    if (!loop->quiet) {
        loop->quiet = true;
        server->loops_loud--;
        pthread_cond_broadcast(&server->changed);
    }
    pthread_mutex_unlock(&server->lock);
}

/* Failures */

int shoal__server_fail(struct shoal_server *server, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(server->error, sizeof server->error, format, args);
    va_end(args);
    return code;
}

void shoal__server_spoil(struct shoal_server *server, int code)
{
    server->spoiled = code;
}

const char *shoal_server_error(const struct shoal_server *server)
{
    return server->error;
}

/* Facts */

bool shoal__server_is_running(struct shoal_server *server)
{
    pthread_mutex_lock(&server->lock);
    bool is_running = server->state != SHOAL__SERVER_IDLE;
    pthread_mutex_unlock(&server->lock);
    return is_running;
}

const struct shoal_server_cfg *shoal__server_cfg(const struct shoal_server *server)
{
    return &server->cfg;
}

const struct shoal_log *shoal__server_log(const struct shoal_server *server)
{
    return &server->cfg.log;
}

enum shoal_accept shoal__server_accept_mode(const struct shoal_server *server)
{
    if (server->loop_count == 1)
        return SHOAL_ACCEPT_REUSEPORT; /* nobody to hand off to */
    return server->cfg.accept == SHOAL_ACCEPT_DEFAULT ? SHOAL_ACCEPT_ROUND_ROBIN
                                                      : server->cfg.accept;
}

size_t shoal__server_output_share(const struct shoal_server *server)
{
    size_t share = server->max_output / (server->loop_count > 0 ? server->loop_count : 1);
    return share > 0 ? share : 1;
}

size_t shoal__server_max_connections(const struct shoal_server *server)
{
    return server->max_connections;
}

_Atomic size_t *shoal__server_connections(struct shoal_server *server)
{
    return &server->connections;
}

struct shoal__server_net *
shoal__server_net_state(struct shoal_server *server,
                        struct shoal__server_net *(*create)(struct shoal_server *server))
{
    pthread_mutex_lock(&server->net_lock);
    if (server->net == NULL)
        server->net = create(server);
    struct shoal__server_net *net = server->net;
    pthread_mutex_unlock(&server->net_lock);
    return net;
}

void shoal__server_set_clock(struct shoal_server *server, const struct shoal__clock *clock)
{
    server->clock = clock != NULL ? *clock : shoal__clock_monotonic;
}

unsigned shoal_server_loops(const struct shoal_server *server)
{
    return server->loop_count;
}

struct shoal_loop *shoal_server_loop(struct shoal_server *server, unsigned index)
{
    return index < server->loop_count ? server->loops[index] : NULL;
}

/* Both orders are sequential: either we see that the loops are hidden, or hide_loops() sees us. */
struct shoal_loop *shoal__server_pin_loop(struct shoal_server *server, unsigned index)
{
    atomic_fetch_add_explicit(&server->pins, 1, memory_order_seq_cst);
    struct shoal_loop **loops = atomic_load_explicit(&server->reachable, memory_order_seq_cst);
    return loops != NULL && index < server->loop_count ? loops[index] : NULL;
}

void shoal__server_unpin_loop(struct shoal_server *server)
{
    atomic_fetch_sub_explicit(&server->pins, 1, memory_order_release);
}

struct shoal_pool *shoal_server_pool(struct shoal_server *server)
{
    return server->pool;
}

void *shoal_server_arg(const struct shoal_server *server)
{
    return server->cfg.arg;
}

bool shoal_server_draining(const struct shoal_server *server)
{
    return atomic_load_explicit(&server->draining, memory_order_acquire);
}
