/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker pool: threads for work that blocks or computes, so that loops never do. A server makes
 * one by itself (shoal_server_pool()); a pool is also useful alone, in a program without loops.
 *
 * A pool holds at most `capacity` pieces of work; a slot is taken at submit and given back when
 * the work's `done` has been called, so that a full pool refuses at once. Work of one submitter is
 * started in the order of its submits. What one loop submits in one turn is handed over as one
 * batch, and results come back to that loop in batches.
 */
#ifndef SHOAL_POOL_H
#define SHOAL_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shoal_loop;
struct shoal_pool;
struct shoal_work;

/* The work itself, on a worker's thread. */
typedef void shoal_work_fn(struct shoal_work *work);

/*
 * Told exactly once for every submitted piece of work: on the submitting loop's thread; on the
 * worker's where it was submitted without a loop, or where its loop has ended meanwhile (stuck
 * work); on the stopping thread where a stop discards it in the queue and it has no loop. `status`
 * says what became of it:
 *   0                 it ran
 *   -SHOAL_ETIMEDOUT  its deadline passed in the queue; it did not run
 *   -SHOAL_ECANCELED  cancelled before it started, or discarded by a stop; it did not run
 *   -SHOAL_ESHED      dropped by queueing delay (see shed_target_ms); it did not run
 * The struct is the caller's again from the start of this call.
 */
typedef void shoal_done_fn(struct shoal_work *work, int status);

/*
 * A piece of work. The struct is the caller's (usually the first member of something larger) and
 * stays in place from submit until `done`. Set `run` and `done` (`done` may be NULL for work
 * without a loop), and optionally `name` and `deadline_ms`; zero the rest.
 */
struct shoal_work {
    shoal_work_fn *run;
    shoal_done_fn *done;
    const char *name;    /* for the log; may be NULL */
    int64_t deadline_ms; /* not started later than this many ms after submit; 0: no deadline */

    struct shoal_work *next_;
    struct shoal_work *prev_;
    struct shoal_loop *loop_;
    struct shoal_pool *pool_;
    int64_t submitted_ns_;
    int status_;
    unsigned state_; /* accessed atomically */
};

/* Options of a pool. Start from SHOAL_POOL_CFG_INIT. */
struct shoal_pool_cfg {
    size_t size;              /* sizeof this struct, for later versions */
    unsigned workers;         /* threads; at least 1 */
    size_t capacity;          /* pieces of work held at once, running ones included */
    int64_t shed_target_ms;   /* CoDel target: a queueing delay kept above this ... */
    int64_t shed_interval_ms; /* ... for this long makes the pool drop old work; target 0: never */
    const char *name;         /* thread names and log; at most 10 characters are used */
};
#define SHOAL_POOL_CFG_INIT                                      \
    {                                                            \
        sizeof(struct shoal_pool_cfg), 4, 1024, 0, 100, "worker" \
    }

/*
 * Makes a pool and starts its threads. A NULL `cfg` means SHOAL_POOL_CFG_INIT.
 * Returns 0, -SHOAL_EINVAL (no workers, no capacity), -SHOAL_ENOMEM, or what pthread_create
 * failed with (negative); nothing is left behind on failure.
 * Thread: any. Threads made inherit a mask with every asynchronous signal blocked.
 */
SHOAL_API int shoal_pool_create(const struct shoal_pool_cfg *cfg, struct shoal_pool **out_pool);

/*
 * Submits work. On a loop's own thread pass the loop: `done` is called there, and the hand-over
 * happens at the end of this turn. With a NULL loop the work is handed over at once and `done` is
 * called on the worker's thread.
 * Returns 0; -SHOAL_EFULL where the pool holds `capacity` pieces already; -SHOAL_ESTOPPED after
 * shoal_pool_stop(). On failure nothing was taken and `done` is not called.
 * Thread: owner of `loop`; any without a loop.
 */
SHOAL_API int shoal_pool_submit(struct shoal_pool *pool, struct shoal_loop *loop,
                                struct shoal_work *work);

/*
 * Asks that the work not run. Where it has not started it never will, and `done` tells
 * -SHOAL_ECANCELED (soon, but not from inside this call); where it runs, shoal_work_cancelled()
 * becomes true and `done` comes when it returns. Harmless for work that has ended but is still in
 * place. Thread: the submitting loop's owner, or any thread that knows `done` has not been called.
 */
SHOAL_API void shoal_work_cancel(struct shoal_work *work);

/* True once cancelled: a long task polls this and returns early. Thread: any, inside `run`. */
SHOAL_API bool shoal_work_cancelled(const struct shoal_work *work);

enum shoal_pool_stop {
    SHOAL_POOL_FINISH,  /* run what is queued, then end */
    SHOAL_POOL_DISCARD, /* cancel what is queued and what runs, then end */
};

/* What a stop did. */
struct shoal_pool_report {
    size_t discarded; /* pieces of work never run because of the stop */
    size_t stuck;     /* pieces still running when the deadline passed */
};

/*
 * Stops the pool from any state: no work is taken any more, what is queued is run or discarded
 * (each told to its `done`), threads are joined. A NULL `report` is allowed. At the deadline
 * queued work is discarded and running work is asked to cancel; `deadline_ms` < 0 waits for ever.
 * Returns 0 with every thread joined; -SHOAL_EBUSY where work ignored its cancellation until the
 * deadline and a short grace (calling again waits again); -SHOAL_EDEADLK on one of the pool's own
 * threads.
 * Thread: any but the pool's own.
 */
SHOAL_API int shoal_pool_stop(struct shoal_pool *pool, enum shoal_pool_stop how,
                              int64_t deadline_ms, struct shoal_pool_report *report);

/*
 * Frees a pool and clears *pool, after shoal_pool_stop(pool, SHOAL_POOL_DISCARD, -1, NULL) where
 * it was not stopped. NULL is a no-op. Returns 0, or -SHOAL_EBUSY, with nothing freed, where a
 * stopped pool still has stuck work, or -SHOAL_EDEADLK on one of its threads.
 * Thread: any but the pool's own.
 */
SHOAL_API int shoal_pool_destroy(struct shoal_pool **pool);

/* A moment's figures; each is exact, together they may be a moment apart. */
struct shoal_pool_stats {
    unsigned workers;
    size_t capacity;
    size_t held;   /* slots in use */
    size_t queued; /* waiting for a worker */
    size_t running;
    int64_t oldest_ms; /* age of the oldest queued piece; 0 for none */
    uint64_t submitted, completed, refused, expired, cancelled, shed;
    uint64_t wakeups; /* sleeping workers woken */
    uint64_t batches; /* hand-overs */
};

/* Writes the figures of this moment. Thread: any. */
SHOAL_API void shoal_pool_stats(struct shoal_pool *pool, struct shoal_pool_stats *out_stats);

#ifdef __cplusplus
}
#endif
#endif
