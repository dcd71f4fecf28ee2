/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server's inside, shared by the files that make it up: server.c (the object and what others
 * ask it), lifecycle.c (start, drain, release), signals.c (shoal_run) and stats.c.
 *
 *              start                    all loops accept
 *      IDLE ──────────► STARTING ─────────────────────────► RUNNING
 *       ▲ ▲                │ failed, undone                    │ drain
 *       │ └────────────────┘                                   ▼
 *       └───────────────────────────────────────────────── DRAINING
 *                        all that would end has ended
 *
 * What a start makes (loops, threads, pool) is the *run*. Where work or a callback never ends, the
 * rest of the run stays behind in IDLE, and start and destroy answer -SHOAL_EBUSY until it can be
 * released. lifecycle.c alone assigns `state`.
 */
#ifndef SHOAL_RUNTIME_SERVER_PRIV_H
#define SHOAL_RUNTIME_SERVER_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <shoal/stats.h>

#include "runtime/server.h"
#include "runtime/watchdog.h"

/* Usual grace_ms: a crowd of connections takes its time to be cut on a busy machine. */
#define SHOAL__LOOP_GRACE_MS 3000

enum shoal__server_st {
    SHOAL__SERVER_IDLE,
    SHOAL__SERVER_STARTING, /* waits for the start hooks */
    SHOAL__SERVER_RUNNING,  /* waits for a drain */
    SHOAL__SERVER_DRAINING, /* waits for parts, loops and pool, in this order */
};

/* Owned by the application; dies in shoal_server_destroy(). */
struct shoal_server {
    /* Constant from create on. */
    struct shoal_server_cfg cfg;

    /* Control thread. */
    struct shoal__clock clock;
    int64_t grace_ms; /* what loops may take past the deadline to cut connections, and to end */
    struct shoal__part *parts; /* in the order of their registration */
    unsigned parts_open;       /* so many of them, from the first */
    int spoiled;
    char error[512];

    /* The run: made and released by the control thread, constant while threads run. */
    struct shoal_loop **loops; /* loop_count of them; NULL where the start got no further */
    unsigned loop_count;
    struct shoal_loop *acceptor;
    struct shoal_pool *pool;
    struct shoal__watchdog *watchdog;
    size_t max_connections;
    size_t max_output; /* bytes */

    /* Any thread. */
    _Atomic bool draining;
    _Atomic size_t connections;
    _Atomic(struct shoal_loop **) reachable; /* `loops` while they may be posted to from anywhere */
    _Atomic unsigned pins;                   /* threads that look at `reachable` just now */

    /* Under net_lock, which is never held together with another lock. */
    pthread_mutex_t net_lock;
    struct shoal__server_net *net;

    /* Under the lock; `changed` tells of every change. Comes before a pool's lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum shoal__server_st state;
    unsigned threads;                 /* loop threads that have not ended */
    unsigned unreported;              /* start hooks that have not returned */
    int hook_result;                  /* of the first one that failed */
    unsigned hook_loop;               /* ... and its loop */
    size_t parts_ending;              /* end() called and not reported back */
    unsigned loops_loud;              /* loops that have not reported to be quiet */
    int64_t deadline_ns;              /* of the drain; only ever comes nearer */
    bool pool_stopping;               /* a second drain has to hurry the pool as well ... */
    unsigned pool_users;              /* ... and so many do */
    unsigned drains;                  /* how many have ended */
    bool drain_requested;             /* for shoal_run() */
    int run_fd;                       /* eventfd of shoal_run(), -1 where it does not run */
    struct shoal_drain_report report; /* the last drain's */
    struct shoal_stats past;          /* counters of earlier runs */
};

/* Tells shoal_run(), where it runs, to look at the server's state. Caller holds the lock. */
void shoal__server_wake_run_locked(struct shoal_server *server);

/* Frees what is left of a run. False while something of it still runs. Thread: control. */
bool shoal__server_release_run(struct shoal_server *server);

/* True on one of the server's own threads, which must not wait for the server. Thread: any. */
bool shoal__server_is_own_thread(struct shoal_server *server);

/* Adds one loop's counters. Thread: any, while the loop exists. */
void shoal__stats_add(struct shoal_stats *stats, const struct shoal_loop *loop);

#endif
