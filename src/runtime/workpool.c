/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker pool. One queue under one lock; a submitting loop gathers what it submits in a turn
 * and takes the lock once for all of it, and a worker takes one piece at a time, so that a piece
 * that blocks holds nobody else's hostage. A piece of work goes through
 *
 *     GATHERED ──flush──► QUEUED ──worker──► RUNNING ──► ENDED ──► done()
 *         │ cancel           │ cancel, stop      │ cancel  ▲
 *         ▼                  └───────────────────┼─────────┤
 *     DOOMED ──flush─────────────────────────────┼─────────┤
 *                                                ▼         │
 *                                            CANCELLING ───┘
 *
 * and every change of state but the first is made under the lock. DOOMED work without a loop stays
 * in the queue for the next worker, because its `done` must not be called from inside a cancel.
 *
 * What takes no lock is one atomic word, `slots`: how many pieces are held (submitted and `done`
 * not yet called), how many of them are still gathered on loops, and whether the pool was stopped
 * or destroyed. So a full pool refuses exactly at its bound, a stop knows what is still to be
 * handed over, and whoever gives the last slot of a destroyed pool back frees it.
 *
 * A piece that has ended goes onto its loop's list of results; who finds the list empty posts the
 * one task that delivers all of them. If the loop has ended, the worker delivers by itself.
 */
#include "runtime/workpool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <shoal/error.h>

#include "base/assert.h"
#include "runtime/codel.h"
#include "runtime/loop.h"
#include "runtime/thread.h"

enum work_st {
    WORK_IDLE, /* never submitted */
    WORK_GATHERED,
    WORK_QUEUED,
    WORK_DOOMED, /* cancelled, and still to be met in the queue or the batch */
    WORK_RUNNING,
    WORK_CANCELLING, /* runs, and was asked to end */
    WORK_ENDED,
};

/* The word `slots`. */
#define HELD_ONE UINT64_C(1)
#define GATHERED_ONE (UINT64_C(1) << 31)
#define COUNT_MASK (GATHERED_ONE - 1)
#define STOPPED (UINT64_C(1) << 62)
#define DESTROYED (UINT64_C(1) << 63)

/* One thread of the pool. */
struct worker {
    struct shoal_pool *pool;
    pthread_t thread;
    struct shoal_work *current; /* what it runs; under the pool's lock */
    struct shoal_work *ended;   /* what it has run and not told; its own */
};

/* A chain of work, oldest first, linked by next_ and prev_. */
struct work_queue {
    struct shoal_work *first;
    struct shoal_work *last;
    size_t count;
};

/* Owned by who created it; its threads, submitting loops and stoppers touch it; it dies when it
 * was destroyed and its last slot is given back. */
struct shoal_pool {
    /* Constant. */
    struct shoal__clock clock;
    size_t capacity;
    unsigned worker_count;
    struct worker *workers;

    /* Any thread. */
    _Atomic uint64_t slots;
    _Atomic uint64_t refused;

    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    pthread_cond_t has_ended; /* a worker has ended, or all were joined */
    struct work_queue queue;
    struct shoal__codel codel;
    unsigned alive;    /* workers whose thread runs */
    unsigned sleeping; /* workers that wait for work ... */
    unsigned woken;    /* ... and those of them that are being woken */
    unsigned running;
    bool discarding; /* nothing is started any more */
    bool joining;
    bool joined;
    size_t discarded;
    uint64_t submitted, completed, expired, cancelled, shed, wakeups, batches;
};

/* The state of a piece of work: changed under the lock, read anywhere. */
static enum work_st state_of(const struct shoal_work *work)
{
    return (enum work_st)__atomic_load_n(&work->state_, __ATOMIC_ACQUIRE);
}

static void set_state(struct shoal_work *work, enum work_st state)
{
    __atomic_store_n(&work->state_, (unsigned)state, __ATOMIC_RELEASE);
}

/* Queue */

static void enqueue(struct work_queue *queue, struct shoal_work *work)
{
    work->next_ = NULL;
    work->prev_ = queue->last;
    *(queue->last != NULL ? &queue->last->next_ : &queue->first) = work;
    queue->last = work;
    queue->count++;
}

static void dequeue(struct work_queue *queue, struct shoal_work *work)
{
    *(work->prev_ != NULL ? &work->prev_->next_ : &queue->first) = work->next_;
    *(work->next_ != NULL ? &work->next_->prev_ : &queue->last) = work->prev_;
    queue->count--;
}

/* Slots */

static void free_pool(struct shoal_pool *pool)
{
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->has_work);
    pthread_cond_destroy(&pool->has_ended);
    free(pool->workers);
    free(pool);
}

/* Reserves a slot and announces a hand-over. */
static int take_slot(struct shoal_pool *pool)
{
    uint64_t slots = atomic_load(&pool->slots);
    do {
        if (slots & STOPPED)
            return -SHOAL_ESTOPPED;
        if ((slots & COUNT_MASK) >= pool->capacity) {
            atomic_fetch_add_explicit(&pool->refused, 1, memory_order_relaxed);
            return -SHOAL_EFULL;
        }
    } while (!atomic_compare_exchange_weak(&pool->slots, &slots, slots + HELD_ONE + GATHERED_ONE));
    return 0;
}

static void give_slot(struct shoal_pool *pool)
{
    uint64_t slots = atomic_fetch_sub(&pool->slots, HELD_ONE) - HELD_ONE;
    if ((slots & DESTROYED) && (slots & COUNT_MASK) == 0)
        free_pool(pool);
}

static bool is_stopped(struct shoal_pool *pool)
{
    return (atomic_load(&pool->slots) & STOPPED) != 0;
}

/* True once nothing can enter the queue any more. */
static bool is_sealed(struct shoal_pool *pool)
{
    uint64_t slots = atomic_load(&pool->slots);
    return (slots & STOPPED) && ((slots / GATHERED_ONE) & COUNT_MASK) == 0;
}

/* Results */

static void tell_done(struct shoal_work *work)
{
    struct shoal_pool *pool = work->pool_;
    if (work->done != NULL)
        work->done(work, work->status_); /* `work` is the caller's from here on */
    give_slot(pool);
}

/* Takes all results of a loop, in the order in which they came. */
static struct shoal_work *take_results(struct shoal_loop *loop)
{
    struct shoal_work *newest = atomic_exchange(&loop->results, NULL);
    struct shoal_work *oldest = NULL;
    while (newest != NULL) {
        struct shoal_work *next = newest->next_;
        newest->next_ = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void deliver_results(struct shoal_loop *loop, void *arg)
{
    (void)arg;
    struct shoal_work *work = take_results(loop);
    while (work != NULL) {
        struct shoal_work *next = work->next_;
        if (shoal_loop_is_owner(loop))
            shoal__loop_enter(loop, NULL, work->name != NULL ? work->name : "work done");
        tell_done(work);
        work = next;
    }
}

/* Only who finds the list empty posts, so the task is never in the mailbox twice. */
static void send_result(struct shoal_loop *loop, struct shoal_work *work)
{
    struct shoal_work *newest = atomic_load(&loop->results);
    do {
        work->next_ = newest;
    } while (!atomic_compare_exchange_weak(&loop->results, &newest, work));
    if (newest != NULL)
        return;

    loop->results_task = (struct shoal_task){.run = deliver_results, .name = "work done"};
    if (shoal_post(loop, &loop->results_task) < 0)
        deliver_results(loop, NULL);
}

/* Tells of a piece of work that has ENDED. Called without the lock. */
static void end_work(struct shoal_work *work, int status)
{
    struct shoal_loop *loop = work->loop_;
    work->status_ = status;
    if (loop == NULL) {
        tell_done(work);
        return;
    }
    send_result(loop, work);
    atomic_fetch_sub(&loop->works, 1); /* the loop may be freed from here on */
}

/* Ends a chain of work that was taken out of queue or batch and never ran. */
static void end_chain(struct shoal_work *work)
{
    while (work != NULL) {
        struct shoal_work *next = work->next_;
        end_work(work, -SHOAL_ECANCELED);
        work = next;
    }
}

/* Handing over */

/*
 * Whether a sleeping worker is to be woken: where work waits, unless one is already on its way.
 * Whoever takes a piece asks this for what it leaves behind, so that the pool wakes up one by one
 * as long as there is something to do: small pieces are done by few workers, and no piece waits for
 * one that blocks. Who is told true must call wake_worker(): without the lock, which the woken
 * worker would have to wait for, where it is certain that the pool lives on.
 */
static bool calls_worker_locked(struct shoal_pool *pool)
{
    bool calls = pool->queue.first != NULL && pool->woken == 0 && pool->sleeping > 0;
    pool->woken += calls;
    pool->wakeups += calls;
    return calls;
}

static void wake_worker(struct shoal_pool *pool)
{
    pthread_cond_signal(&pool->has_work);
}

/* Ends a piece of work that is not to run: it was cancelled, or the pool discards. */
static int drop_locked(struct shoal_pool *pool, struct shoal_work *work)
{
    pool->cancelled++;
    pool->discarded += state_of(work) != WORK_DOOMED;
    return -SHOAL_ECANCELED;
}

/* True for work that is told at once that it will not run. Work without a loop goes through the
 * queue nevertheless: its `done` must not be called from inside the submit. */
static bool is_refused_locked(struct shoal_pool *pool, const struct shoal_work *work)
{
    return work->loop_ != NULL && (pool->discarding || state_of(work) == WORK_DOOMED);
}

/* Puts a chain into the queue. Returns what is not to run. */
static struct work_queue enqueue_chain_locked(struct shoal_pool *pool, struct shoal_work *work)
{
    struct work_queue dropped = {NULL, NULL, 0};
    while (work != NULL) {
        struct shoal_work *next = work->next_;
        if (is_refused_locked(pool, work)) {
            drop_locked(pool, work);
            set_state(work, WORK_ENDED);
            enqueue(&dropped, work);
        } else {
            set_state(work, WORK_QUEUED);
            enqueue(&pool->queue, work);
        }
        work = next;
    }
    return dropped;
}

static void hand_over(struct shoal_pool *pool, struct shoal_work *chain, size_t count)
{
    pthread_mutex_lock(&pool->lock);
    struct work_queue dropped = enqueue_chain_locked(pool, chain);
    pool->submitted += count;
    pool->batches++;
    bool calls = calls_worker_locked(pool);
    bool keeps_pool = chain->loop_ != NULL; /* until this loop, later, has been told */
    if (calls && !keeps_pool)
        wake_worker(pool);
    if (atomic_fetch_sub(&pool->slots, count * GATHERED_ONE) & STOPPED)
        pthread_cond_broadcast(&pool->has_work); /* workers wait for the last batch to end */
    pthread_mutex_unlock(&pool->lock);
    if (calls && keeps_pool)
        wake_worker(pool);
    end_chain(dropped.first);
}

void shoal__pool_flush(struct shoal_loop *loop)
{
    struct shoal_work *chain = loop->pool_batch;
    if (chain == NULL)
        return;

    size_t count = loop->pool_batch_size;
    loop->pool_batch = NULL;
    loop->pool_batch_end = &loop->pool_batch;
    loop->pool_batch_size = 0;
    hand_over(loop->pool_of_batch, chain, count);
}

static void gather(struct shoal_loop *loop, struct shoal_work *work)
{
    if (loop->pool_of_batch != work->pool_)
        shoal__pool_flush(loop);
    loop->pool_of_batch = work->pool_;
    *loop->pool_batch_end = work;
    loop->pool_batch_end = &work->next_;
    loop->pool_batch_size++;
}

int shoal_pool_submit(struct shoal_pool *pool, struct shoal_loop *loop, struct shoal_work *work)
{
    SHOAL_ASSERT(loop == NULL || shoal_loop_is_owner(loop));
    int rc = take_slot(pool);
    if (rc < 0)
        return rc;

    work->pool_ = pool;
    work->loop_ = loop;
    work->next_ = NULL;
    work->submitted_ns_ = shoal__clock_now_ns(&pool->clock);
    set_state(work, WORK_GATHERED);
    if (loop == NULL) {
        hand_over(pool, work, 1);
        return 0;
    }
    atomic_fetch_add(&loop->works, 1);
    gather(loop, work);
    return 0;
}

/* Cancelling */

/* Takes queued work out at once, so that it need not wait for a worker. Work without a loop cannot
 * be told so from here and waits nevertheless. */
static bool cancel_queued_locked(struct shoal_pool *pool, struct shoal_work *work)
{
    if (work->loop_ == NULL) {
        set_state(work, WORK_DOOMED);
        return false;
    }
    dequeue(&pool->queue, work);
    set_state(work, WORK_ENDED);
    pool->cancelled++;
    return true;
}

void shoal_work_cancel(struct shoal_work *work)
{
    enum work_st state = state_of(work);
    if (state == WORK_IDLE || state == WORK_ENDED)
        return; /* the pool may be gone */

    bool taken = false;
    struct shoal_pool *pool = work->pool_;
    pthread_mutex_lock(&pool->lock);
    state = state_of(work);
    if (state == WORK_GATHERED)
        set_state(work, WORK_DOOMED);
    else if (state == WORK_QUEUED)
        taken = cancel_queued_locked(pool, work);
    else if (state == WORK_RUNNING)
        set_state(work, WORK_CANCELLING);
    pthread_mutex_unlock(&pool->lock);
    if (taken)
        end_work(work, -SHOAL_ECANCELED);
}

bool shoal_work_cancelled(const struct shoal_work *work)
{
    return state_of(work) == WORK_CANCELLING;
}

/* Workers */

static bool is_past(int64_t deadline_ms, int64_t delay_ns)
{
    return deadline_ms > 0 && delay_ns > 0 && (delay_ns - 1) / SHOAL__NS_PER_MS >= deadline_ms;
}

/* What becomes of the piece that a worker has just taken; 0: it runs. */
static int judge_locked(struct shoal_pool *pool, struct shoal_work *work)
{
    if (pool->discarding || state_of(work) == WORK_DOOMED)
        return drop_locked(pool, work);

    int64_t now_ns = shoal__clock_now_ns(&pool->clock);
    int64_t delay_ns = now_ns - work->submitted_ns_;
    if (is_past(work->deadline_ms, delay_ns)) {
        pool->expired++;
        return -SHOAL_ETIMEDOUT;
    }
    if (shoal__codel_drops(&pool->codel, now_ns, delay_ns)) {
        pool->shed++;
        return -SHOAL_ESHED;
    }
    return 0;
}

/* Tells of the piece that the worker has ended, if any. Called without the lock. */
static void tell_ended(struct worker *worker)
{
    struct shoal_work *work = worker->ended;
    worker->ended = NULL;
    if (work != NULL)
        end_work(work, work->status_);
}

/* The same with the lock, which is dropped meanwhile. */
static void tell_ended_locked(struct worker *worker)
{
    if (worker->ended == NULL)
        return;
    pthread_mutex_unlock(&worker->pool->lock);
    tell_ended(worker);
    pthread_mutex_lock(&worker->pool->lock);
}

/* Runs one piece; the lock is dropped while it runs, and first the one before is told, which thus
 * costs no lock of its own. */
static void run_locked(struct worker *worker, struct shoal_work *work)
{
    struct shoal_pool *pool = worker->pool;
    worker->current = work;
    pool->running++;
    set_state(work, WORK_RUNNING);
    bool calls = calls_worker_locked(pool);
    pthread_mutex_unlock(&pool->lock);
    if (calls)
        wake_worker(pool);
    tell_ended(worker);
    work->run(work);
    pthread_mutex_lock(&pool->lock);
    worker->current = NULL;
    pool->running--;
    pool->completed++;
}

/* Runs the piece or not. Its state leaves QUEUED before the lock is given up, so that a cancel
 * never takes it for one that is still in the queue. */
static void try_run_locked(struct worker *worker, struct shoal_work *work)
{
    work->status_ = judge_locked(worker->pool, work);
    if (work->status_ == 0)
        run_locked(worker, work);
    set_state(work, WORK_ENDED);
    tell_ended_locked(worker); /* the one before, where this one did not run */
    worker->ended = work;
}

/* Takes the oldest piece, waiting for one; NULL once the pool has stopped and none can come. */
static struct shoal_work *next_locked(struct worker *worker)
{
    struct shoal_pool *pool = worker->pool;
    if (pool->queue.first == NULL)
        tell_ended_locked(worker);
    while (pool->queue.first == NULL) {
        if (is_sealed(pool))
            return NULL;
        pool->sleeping++;
        pthread_cond_wait(&pool->has_work, &pool->lock);
        pool->sleeping--;
        if (pool->woken > 0)
            pool->woken--;
    }
    struct shoal_work *work = pool->queue.first;
    dequeue(&pool->queue, work);
    return work;
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct shoal_pool *pool = worker->pool;
    struct shoal_work *work;
    pthread_mutex_lock(&pool->lock);
    while ((work = next_locked(worker)) != NULL)
        try_run_locked(worker, work);
    pool->alive--;
    pthread_cond_broadcast(&pool->has_ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

bool shoal__pool_is_worker(struct shoal_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool found = false;
    for (unsigned i = 0; i < pool->worker_count && !pool->joined; i++)
        found = found || pthread_equal(pool->workers[i].thread, pthread_self());
    pthread_mutex_unlock(&pool->lock);
    return found;
}

/* Stopping */

static void cancel_running_locked(struct shoal_pool *pool)
{
    for (unsigned i = 0; i < pool->worker_count; i++) {
        struct shoal_work *work = pool->workers[i].current;
        if (work != NULL)
            set_state(work, WORK_CANCELLING);
    }
}

/* Nothing is started any more. Returns what was queued: where every worker is stuck, nobody else
 * would tell it. */
static struct shoal_work *discard_locked(struct shoal_pool *pool)
{
    struct shoal_work *chain = pool->queue.first;
    for (struct shoal_work *work = chain; work != NULL; work = work->next_) {
        drop_locked(pool, work);
        set_state(work, WORK_ENDED);
    }
    pool->queue = (struct work_queue){NULL, NULL, 0};
    pool->discarding = true;
    cancel_running_locked(pool);
    return chain;
}

static void discard(struct shoal_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct shoal_work *chain = discard_locked(pool);
    pthread_cond_broadcast(&pool->has_work);
    pthread_mutex_unlock(&pool->lock);
    end_chain(chain);
}

/* True where every worker has ended by then. */
static bool wait_ended(struct shoal_pool *pool, int64_t deadline_ns)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->alive > 0 && shoal__cond_wait_until(&pool->has_ended, &pool->lock, deadline_ns))
        continue;
    bool ended = pool->alive == 0;
    pthread_mutex_unlock(&pool->lock);
    return ended;
}

/* Joins the threads, once, whoever comes first; the others wait for that. */
static void join_workers(struct shoal_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool mine = !pool->joining;
    pool->joining = true;
    while (!mine && !pool->joined)
        pthread_cond_wait(&pool->has_ended, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    if (!mine)
        return;

    for (unsigned i = 0; i < pool->worker_count; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_mutex_lock(&pool->lock);
    pool->joined = true;
    pthread_cond_broadcast(&pool->has_ended);
    pthread_mutex_unlock(&pool->lock);
}

static void fill_report(struct shoal_pool *pool, struct shoal_pool_report *report)
{
    if (report == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    *report = (struct shoal_pool_report){.discarded = pool->discarded, .stuck = pool->running};
    pthread_mutex_unlock(&pool->lock);
}

/* Takes no work from now on, and hands over what this thread's own loop has gathered: it cannot do
 * so while it waits here. */
static void close_entry(struct shoal_pool *pool)
{
    atomic_fetch_or(&pool->slots, STOPPED);
    struct shoal_loop *loop = shoal_loop_current();
    if (loop != NULL && loop->pool_of_batch == pool)
        shoal__pool_flush(loop);
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->has_work);
    pthread_mutex_unlock(&pool->lock);
}

int shoal_pool_stop(struct shoal_pool *pool, enum shoal_pool_stop how, int64_t deadline_ms,
                    struct shoal_pool_report *report)
{
    if (shoal__pool_is_worker(pool))
        return -SHOAL_EDEADLK;

    int64_t deadline_ns = shoal__deadline_in_ms(deadline_ms);
    close_entry(pool);
    if (how == SHOAL_POOL_DISCARD)
        discard(pool);
    bool ended = wait_ended(pool, deadline_ns);
    if (!ended) {
        discard(pool);
        ended = wait_ended(pool, shoal__deadline_in_ms(SHOAL__POOL_GRACE_MS));
    }
    fill_report(pool, report);
    if (!ended)
        return -SHOAL_EBUSY;
    join_workers(pool);
    return 0;
}

bool shoal__pool_is_stuck(struct shoal_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->alive > pool->running)
        pthread_cond_wait(&pool->has_ended, &pool->lock);
    bool stuck = pool->alive > 0;
    pthread_mutex_unlock(&pool->lock);
    return stuck;
}

/* Life */

static int init_sync(struct shoal_pool *pool)
{
    int rc = -pthread_mutex_init(&pool->lock, NULL);
    if (rc < 0)
        return rc;
    rc = shoal__cond_init(&pool->has_work);
    if (rc < 0)
        goto destroy_lock;
    rc = shoal__cond_init(&pool->has_ended);
    if (rc < 0)
        goto destroy_has_work;
    return 0;

destroy_has_work:
    pthread_cond_destroy(&pool->has_work);
destroy_lock:
    pthread_mutex_destroy(&pool->lock);
    return rc;
}

static int make_pool(const struct shoal_pool_cfg *cfg, const struct shoal__clock *clock,
                     struct shoal_pool **out_pool)
{
    struct shoal_pool *pool = calloc(1, sizeof *pool);
    struct worker *workers = calloc(cfg->workers, sizeof *workers);
    int rc = pool != NULL && workers != NULL ? init_sync(pool) : -SHOAL_ENOMEM;
    if (rc < 0) {
        free(pool);
        free(workers);
        return rc;
    }
    pool->workers = workers;
    pool->clock = clock != NULL ? *clock : shoal__clock_monotonic;
    pool->capacity = cfg->capacity;
    pool->codel.target_ns = cfg->shed_target_ms * SHOAL__NS_PER_MS;
    pool->codel.interval_ns = cfg->shed_interval_ms * SHOAL__NS_PER_MS;
    *out_pool = pool;
    return 0;
}

/* worker_count and alive grow with every thread that really runs. */
static int start_workers(struct shoal_pool *pool, const struct shoal_pool_cfg *cfg)
{
    int rc = 0;
    pthread_mutex_lock(&pool->lock); /* a worker waits here until all are there */
    for (unsigned i = 0; i < cfg->workers && rc == 0; i++) {
        char name[32];
        snprintf(name, sizeof name, "%.10s-%u", cfg->name != NULL ? cfg->name : "worker", i);
        pool->workers[i].pool = pool;
        rc = shoal__thread_create(&pool->workers[i].thread, name, worker_main, &pool->workers[i]);
        if (rc == 0)
            pool->alive = ++pool->worker_count;
    }
    pthread_mutex_unlock(&pool->lock);
    return rc;
}

static bool is_valid(const struct shoal_pool_cfg *cfg)
{
    const int64_t max_ms = INT64_MAX / SHOAL__NS_PER_MS;
    return cfg->size >= sizeof *cfg && cfg->workers > 0 && cfg->capacity > 0 &&
           cfg->capacity <= COUNT_MASK && cfg->shed_target_ms >= 0 &&
           cfg->shed_target_ms <= max_ms && cfg->shed_interval_ms >= 0 &&
           cfg->shed_interval_ms <= max_ms;
}

int shoal__pool_create(const struct shoal_pool_cfg *cfg, const struct shoal__clock *clock,
                       struct shoal_pool **out_pool)
{
    if (!is_valid(cfg))
        return -SHOAL_EINVAL;
    struct shoal_pool *pool;
    int rc = make_pool(cfg, clock, &pool);
    if (rc < 0)
        return rc;
    rc = start_workers(pool, cfg);
    if (rc < 0) {
        shoal_pool_destroy(&pool);
        return rc;
    }
    *out_pool = pool;
    return 0;
}

int shoal_pool_create(const struct shoal_pool_cfg *cfg, struct shoal_pool **out_pool)
{
    static const struct shoal_pool_cfg standard = SHOAL_POOL_CFG_INIT;
    return shoal__pool_create(cfg != NULL ? cfg : &standard, NULL, out_pool);
}

int shoal_pool_destroy(struct shoal_pool **pool)
{
    struct shoal_pool *self = *pool;
    if (self == NULL)
        return 0;
    if (shoal__pool_is_worker(self))
        return -SHOAL_EDEADLK;
    if (is_stopped(self) && shoal__pool_is_stuck(self))
        return -SHOAL_EBUSY;

    int rc = shoal_pool_stop(self, SHOAL_POOL_DISCARD, -1, NULL);
    SHOAL_ASSERT(rc == 0);
    *pool = NULL;
    if ((atomic_fetch_or(&self->slots, DESTROYED) & COUNT_MASK) == 0)
        free_pool(self);
    return 0;
}

void shoal_pool_stats(struct shoal_pool *pool, struct shoal_pool_stats *out_stats)
{
    pthread_mutex_lock(&pool->lock);
    const struct shoal_work *oldest = pool->queue.first;
    int64_t now_ns = shoal__clock_now_ns(&pool->clock);
    *out_stats = (struct shoal_pool_stats){
        .workers = pool->worker_count,
        .capacity = pool->capacity,
        .held = (size_t)(atomic_load(&pool->slots) & COUNT_MASK),
        .queued = pool->queue.count,
        .running = pool->running,
        .oldest_ms = oldest != NULL ? (now_ns - oldest->submitted_ns_) / SHOAL__NS_PER_MS : 0,
        .submitted = pool->submitted,
        .completed = pool->completed,
        .refused = atomic_load_explicit(&pool->refused, memory_order_relaxed),
        .expired = pool->expired,
        .cancelled = pool->cancelled,
        .shed = pool->shed,
        .wakeups = pool->wakeups,
        .batches = pool->batches,
    };
    pthread_mutex_unlock(&pool->lock);
}
