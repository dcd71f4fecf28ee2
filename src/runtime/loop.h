/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A loop as the layers above see it. One thread runs one event base, turn by turn:
 *
 *     wait for events (not at all while tasks or layers want a turn)
 *     -> callbacks of events (each trampoline calls shoal__loop_enter first)
 *     -> timers that are due
 *     -> tasks: posted ones, up to a bound, then the ones deferred before this turn
 *     -> the layer's turn_end (net: flush output, offer kept input, free closed connections)
 *     -> the pool's batch of this turn is handed over
 *
 * The loop ends when its stop task has run and nothing is left in mailbox and deferred list.
 */
#ifndef SHOAL_RUNTIME_LOOP_H
#define SHOAL_RUNTIME_LOOP_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include <shoal/loop.h>
#include <shoal/pool.h>

#include "base/assert.h"
#include "base/clock.h"
#include "runtime/counters.h"
#include "runtime/mailbox.h"
#include "runtime/timer.h"

/*
 * What the layer above (net) hangs on a loop. Made by it on first use, on the owner's thread or
 * before the thread runs; all functions are called on the owner's thread.
 */
struct shoal__loop_layer {
    /* The end of a turn. */
    void (*turn_end)(struct shoal__loop_layer *layer);

    /* The server drains: see to it that `busy` gets to zero. */
    void (*drain)(struct shoal__loop_layer *layer);

    /* The deadline has passed: close everything now, as forced. */
    void (*force)(struct shoal__loop_layer *layer);

    /* The loop has ended; everything still there goes. Frees the layer. */
    void (*destroy)(struct shoal__loop_layer *layer);
};

/*
 * What a protocol keeps once per loop (pools, scratch memory). Embedded in the protocol's own
 * struct; lives from its first use until the loop has ended and its connections are gone.
 */
struct shoal__loop_local {
    struct shoal__loop_local *next;
    const void *key; /* tells one protocol's from another's: the address of something of its own */
    void (*destroy)(struct shoal__loop_local *local);
};

struct shoal_loop {
    /* Constant while its thread runs. */
    struct shoal_server *server;
    unsigned index;
    struct event_base *base;
    struct shoal__clock clock;
    pthread_t thread; /* the control thread's: */
    bool has_thread;  /* ... it was started and not yet joined */

    /* Any thread. */
    struct shoal__mailbox mailbox;
    int wake_fd; /* eventfd, written by whoever pushes into a sleeping mailbox */
    _Atomic(struct shoal_work *) results; /* work that has ended, newest first */
    struct shoal_task results_task;       /* posted by whoever finds `results` empty */
    _Atomic size_t works;                 /* submitted here; a worker may still touch this loop */

    /* What the watchdog reads; written by the owner. */
    _Atomic(const char *) running_service; /* service name, or NULL */
    _Atomic(const char *) running;         /* callback's name, NULL while waiting */
    _Atomic int64_t busy_since_ns;         /* coarse start of that callback; 0 while waiting */
    _Atomic uint64_t callbacks;            /* changes with every callback */

    /* Under the server's lock. */
    bool quiet; /* its layer has reported that nothing is left to drain */
    bool ended; /* its thread is about to return */

    /* The control thread's messages, here so that sending them cannot fail. */
    struct shoal_task drain_task;
    struct shoal_task force_task;
    struct shoal_task stop_task;

    /* Owner only. */
    struct shoal__timers timers;
    struct event *wake_event;
    struct event *tick_event; /* one timeout, for the earliest timer */
    int64_t tick_at_ns;       /* INT64_MAX: not armed */
    int64_t sweep_ns;         /* while timers are fired: those due by then; else INT64_MIN */
    int64_t now_ns;           /* as of this turn; 0: not asked yet in this turn */
    int64_t turn_started_ns;
    int64_t busy_poll_ns;        /* constant; 0: off */
    int64_t active_ns;           /* when there last was an event or a post */
    struct shoal_task *posted;   /* taken from the mailbox, not yet run */
    struct shoal_task *deferred; /* circular list's tail */
    struct shoal__loop_layer *layer;
    struct shoal__loop_local *locals;
    struct shoal_work *pool_batch;      /* submitted in this turn, oldest first */
    struct shoal_work **pool_batch_end; /* where the next one is linked */
    size_t pool_batch_size;
    struct shoal_pool *pool_of_batch;
    void *data;
    bool asleep;    /* the mailbox was told so */
    bool in_turn;   /* something has run since the loop last waited */
    bool want_turn; /* the next turn must not wait */
    bool broken;    /* the event base failed: only posts and timers are served */
    bool stopping;
    bool draining;

    /* What the drain report is made of; read by the control thread after the join. */
    size_t drained_graceful;
    size_t drained_forced;

    alignas(64) struct shoal__counters counters;
};

/* The only thread-local of the library: whose thread this is, or NULL. Set by adopt and abandon. It
 * is asked for at every step, so it is where a thread's own variables are found without a call. */
extern _Thread_local struct shoal_loop *shoal__current_loop
    __attribute__((tls_model("initial-exec")));

/* First line of every owner-only function. */
#define SHOAL__ASSERT_OWNER(loop) SHOAL_ASSERT((loop) == shoal__current_loop)

/*
 * Every trampoline from libevent begins with this: it notes for the watchdog what runs, and that
 * the loop is awake. `service` may be NULL; both strings live as long as the loop.
 * Thread: owner.
 */
void shoal__loop_enter(struct shoal_loop *loop, const char *service, const char *callback);

/* The monotonic time as of this turn. Thread: owner. */
int64_t shoal__loop_now_ns(struct shoal_loop *loop);

/* Forgets the turn's time, so that the next reader asks the clock: after a long callback.
 * Thread: owner. */
static inline void shoal__loop_forget_now(struct shoal_loop *loop)
{
    loop->now_ns = 0;
}

/* The next turn will not wait for events. Thread: owner. */
static inline void shoal__loop_want_turn(struct shoal_loop *loop)
{
    loop->want_turn = true;
}

/* Like shoal_timer_start() with an absolute time of the loop's clock. Thread: owner. */
int shoal__loop_timer_at(struct shoal_loop *loop, struct shoal_timer *timer, int64_t deadline_ns);

/*
 * Makes a loop without a thread: event base, wake-up descriptor, timers. `clock` NULL means the
 * monotonic one. Returns 0 or a negative code with nothing left behind. Thread: any.
 */
int shoal__loop_create(struct shoal_server *server, unsigned index,
                       const struct shoal__clock *clock, struct shoal_loop **out_loop);

/* Frees a loop whose thread has ended or never ran; clears *loop. Thread: any but the loop's. */
void shoal__loop_destroy(struct shoal_loop **loop);

/*
 * Makes the calling thread the loop's owner (or takes that back), for tests and for the thread
 * function. Thread: the one concerned.
 */
void shoal__loop_adopt(struct shoal_loop *loop);
void shoal__loop_abandon(struct shoal_loop *loop);

/*
 * Runs one turn; with `wait` false never waits for events. False once the loop has been told to
 * stop and nothing is left to run. Thread: owner.
 */
bool shoal__loop_turn(struct shoal_loop *loop, bool wait);

/* Asks the loop to end after what was posted before. Once. Thread: any. */
void shoal__loop_stop(struct shoal_loop *loop);

/*
 * After the last turn and the exit hook: runs what the hook deferred, lets libevent finish what it
 * freed, and ends the layer. Thread: owner.
 */
void shoal__loop_finish(struct shoal_loop *loop);

/*
 * The loop's local of that key, made by `create` on first use; NULL where create failed. `create`
 * sets `destroy`. Thread: owner.
 */
struct shoal__loop_local *shoal__loop_local(struct shoal_loop *loop, const void *key,
                                            struct shoal__loop_local *(*create)(void));

#endif
