/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server's start and end (the states are drawn in server_priv.h). A start goes up this list, and
 * a drain, or a start that fails, comes down it from wherever it has got:
 *
 *     loops without threads -> parts open -> pool -> loop threads with their start hooks
 *     -> watchdog -> parts begin
 *
 * Everything waits on one condition, `changed`, for something in the server to become true, with
 * the drain's deadline in view. What is still in the way at the deadline is forced; what cannot be
 * forced (a callback or a piece of work that never returns) is left behind and reported as stuck,
 * for a thread cannot be killed without harm to the rest of the process.
 */
#include "runtime/server_priv.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <shoal/error.h>

#include "base/log.h"
#include "runtime/cpus.h"
#include "runtime/descriptors.h"
#include "runtime/memory.h"
#include "runtime/thread.h"
#include "runtime/workpool.h"

enum { OUTPUT_PART = 4 }; /* of the memory there is: what waiting output may take, if not told */

/* Waiting */

typedef bool condition_fn(const struct shoal_server *server);

static bool all_reported(const struct shoal_server *server)
{
    return server->unreported == 0;
}

static bool parts_have_ended(const struct shoal_server *server)
{
    return server->parts_ending == 0;
}

static bool acceptor_has_ended(const struct shoal_server *server)
{
    return server->acceptor->ended;
}

static bool all_are_quiet(const struct shoal_server *server)
{
    return server->loops_loud == 0;
}

static bool all_have_ended(const struct shoal_server *server)
{
    return server->threads == 0;
}

static bool nobody_hurries_the_pool(const struct shoal_server *server)
{
    return server->pool_users == 0;
}

/* Waits until the condition holds or the deadline has come, which may come nearer meanwhile.
 * Returns whether the condition holds. */
static bool wait_until(struct shoal_server *server, condition_fn *holds, const int64_t *deadline_ns)
{
    pthread_mutex_lock(&server->lock);
    while (!holds(server) && shoal__cond_wait_until(&server->changed, &server->lock, *deadline_ns))
        continue;
    bool result = holds(server);
    pthread_mutex_unlock(&server->lock);
    return result;
}

static void wait_for(struct shoal_server *server, condition_fn *holds)
{
    static const int64_t never_ns = SHOAL__NEVER;
    wait_until(server, holds, &never_ns);
}

static bool wait_for_drain(struct shoal_server *server, condition_fn *holds)
{
    return wait_until(server, holds, &server->deadline_ns);
}

static bool wait_with_grace(struct shoal_server *server, condition_fn *holds)
{
    int64_t deadline_ns = shoal__deadline_in_ms(server->grace_ms);
    return wait_until(server, holds, &deadline_ns);
}

static void set_state(struct shoal_server *server, enum shoal__server_st state)
{
    pthread_mutex_lock(&server->lock);
    server->state = state;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* Loop threads */

static void report_started(struct shoal_loop *loop, int rc)
{
    struct shoal_server *server = loop->server;
    pthread_mutex_lock(&server->lock);
    server->unreported--;
    if (rc < 0 && server->hook_result == 0) {
        server->hook_result = rc;
        server->hook_loop = loop->index;
    }
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static void report_ended(struct shoal_loop *loop)
{
    struct shoal_server *server = loop->server;
    pthread_mutex_lock(&server->lock);
    loop->ended = true;
    server->threads--;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static void pin(struct shoal_loop *loop)
{
    const struct shoal_server_cfg *cfg = &loop->server->cfg;
    int rc = cfg->pin ? shoal__cpus_pin(loop->index) : 0;
    if (rc < 0)
        shoal__log(&cfg->log, SHOAL_LOG_WARN, "msg=\"cannot pin the loop\" loop=%u error=%s",
                   loop->index, shoal_strerrorname(rc));
}

/* A loop whose start hook failed turns nevertheless: others may have posted to it. */
static void *loop_main(void *arg)
{
    struct shoal_loop *loop = arg;
    const struct shoal_server_cfg *cfg = &loop->server->cfg;
    shoal__loop_adopt(loop);
    pin(loop);
    int rc = cfg->on_loop_start != NULL ? cfg->on_loop_start(loop) : 0;
    report_started(loop, rc);
    while (shoal__loop_turn(loop, true))
        continue;
    if (rc >= 0 && cfg->on_loop_exit != NULL)
        cfg->on_loop_exit(loop);
    shoal__loop_finish(loop);
    shoal__loop_abandon(loop);
    report_ended(loop);
    return NULL;
}

/*
 * The acceptor's loop is our own affair: no hooks, no CPU of its own. Where cores are short it
 * comes after the loops, and finds more than one connection when it does.
 */
static void *acceptor_main(void *arg)
{
    struct shoal_loop *loop = arg;
    shoal__thread_interrupt_nobody();
    shoal__loop_adopt(loop);
    report_started(loop, 0);
    while (shoal__loop_turn(loop, true))
        continue;
    shoal__loop_finish(loop);
    shoal__loop_abandon(loop);
    report_ended(loop);
    return NULL;
}

/* Counts the thread before it runs, because it may report before its creation returns. */
static int start_thread(struct shoal_loop *loop, const char *name, void *(*run)(void *))
{
    struct shoal_server *server = loop->server;
    pthread_mutex_lock(&server->lock);
    server->threads++;
    server->unreported++;
    pthread_mutex_unlock(&server->lock);
    int rc = shoal__thread_create(&loop->thread, name, run, loop);
    loop->has_thread = rc == 0;
    if (rc == 0)
        return 0;

    pthread_mutex_lock(&server->lock);
    server->threads--;
    server->unreported--;
    pthread_mutex_unlock(&server->lock);
    return shoal__server_fail(server, rc, "cannot start a thread for loop %u: %s (%s)", loop->index,
                              shoal_strerror(rc), shoal_strerrorname(rc));
}

/* Start */

/* Decides how many loops there are; more than usable CPUs is allowed and said. */
static unsigned choose_loops(const struct shoal_server *server)
{
    unsigned cpus = shoal__cpus_usable();
    unsigned loops = server->cfg.loops != 0 ? server->cfg.loops : cpus;
    if (loops > cpus)
        shoal__log(&server->cfg.log, SHOAL_LOG_WARN,
                   "msg=\"more loops than usable CPUs\" loops=%u cpus=%u", loops, cpus);
    return loops;
}

static void choose_max_output(struct shoal_server *server)
{
    size_t asked = server->cfg.max_output;
    server->max_output = asked > 0 ? asked : shoal__memory_usable() / OUTPUT_PART;
}

static void choose_max_connections(struct shoal_server *server)
{
    size_t asked = server->cfg.max_connections;
    size_t allowed = shoal__descriptors_raise();
    server->max_connections = shoal__descriptors_connections(asked, allowed, server->loop_count);
    if (server->max_connections < asked)
        shoal__log(&server->cfg.log, SHOAL_LOG_WARN,
                   "msg=\"max_connections lowered to what descriptors allow\" asked=%zu "
                   "max_connections=%zu descriptors=%zu",
                   asked, server->max_connections, allowed);
}

static int make_loops(struct shoal_server *server)
{
    unsigned count = choose_loops(server);
    struct shoal_loop **loops = calloc(count, sizeof *loops);
    int rc = loops != NULL ? 0 : -SHOAL_ENOMEM;
    for (unsigned i = 0; i < count && rc == 0; i++)
        rc = shoal__loop_create(server, i, &server->clock, &loops[i]);

    pthread_mutex_lock(&server->lock); /* for a reader of counters */
    server->loops = loops;
    server->loop_count = loops != NULL ? count : 0;
    pthread_mutex_unlock(&server->lock);
    if (rc < 0)
        return shoal__server_fail(server, rc, "cannot make %u event loops: %s (%s)%s", count,
                                  shoal_strerror(rc), shoal_strerrorname(rc),
                                  rc == -EMFILE ? "; raise the descriptor limit: ulimit -n" : "");
    atomic_store_explicit(&server->reachable, loops, memory_order_seq_cst);
    return 0;
}

static int open_parts(struct shoal_server *server)
{
    for (struct shoal__part *part = server->parts; part != NULL; part = part->next) {
        int rc = part->ops->open ? part->ops->open(part, server) : 0;
        if (rc < 0)
            return rc;
        server->parts_open++;
    }
    return 0;
}

static unsigned choose_workers(const struct shoal_server *server)
{
    if (server->cfg.workers >= 0)
        return (unsigned)server->cfg.workers;
    return server->loop_count < 2 ? 4 : 2 * server->loop_count;
}

static int make_pool(struct shoal_server *server)
{
    struct shoal_pool_cfg cfg = SHOAL_POOL_CFG_INIT;
    cfg.workers = choose_workers(server);
    cfg.capacity = server->cfg.pool_capacity;
    cfg.shed_target_ms = server->cfg.pool_shed_target_ms;
    if (cfg.workers == 0)
        return 0;

    struct shoal_pool *pool;
    int rc = shoal__pool_create(&cfg, &server->clock, &pool);
    if (rc < 0)
        return shoal__server_fail(server, rc, "cannot start %u workers: %s (%s)", cfg.workers,
                                  shoal_strerror(rc), shoal_strerrorname(rc));
    pthread_mutex_lock(&server->lock); /* for is_own_thread */
    server->pool = pool;
    pthread_mutex_unlock(&server->lock);
    return 0;
}

static int start_threads(struct shoal_server *server)
{
    int rc = 0;
    if (server->acceptor != NULL)
        rc = start_thread(server->acceptor, "acceptor", acceptor_main);
    for (unsigned i = 0; i < server->loop_count && rc == 0; i++) {
        char name[32];
        snprintf(name, sizeof name, "loop-%u", i);
        rc = start_thread(server->loops[i], name, loop_main);
    }
    wait_for(server, all_reported);
    if (rc == 0 && server->hook_result < 0)
        rc = shoal__server_fail(server, server->hook_result,
                                "the start hook of loop %u failed: %s (%s)", server->hook_loop,
                                shoal_strerror(server->hook_result),
                                shoal_strerrorname(server->hook_result));
    return rc;
}

static int start_watchdog(struct shoal_server *server)
{
    int64_t limit_ms = server->cfg.watchdog_ms;
    if (limit_ms == 0)
        return 0;
    int rc = shoal__watchdog_start(server->loops, server->loop_count, limit_ms, &server->cfg.log,
                                   &server->watchdog);
    if (rc < 0)
        return shoal__server_fail(server, rc, "cannot start the watchdog: %s (%s)",
                                  shoal_strerror(rc), shoal_strerrorname(rc));
    return 0;
}

static int start_run(struct shoal_server *server)
{
    int rc = make_loops(server);
    if (rc < 0)
        return rc;
    choose_max_connections(server);
    choose_max_output(server);
    rc = open_parts(server);
    if (rc == 0)
        rc = make_pool(server);
    if (rc == 0)
        rc = start_threads(server);
    if (rc == 0)
        rc = start_watchdog(server);
    return rc;
}

/* Moves from IDLE to STARTING, or says why not. */
static int enter_start(struct shoal_server *server)
{
    pthread_mutex_lock(&server->lock);
    bool is_idle = server->state == SHOAL__SERVER_IDLE;
    if (is_idle) {
        server->state = SHOAL__SERVER_STARTING;
        server->hook_result = 0;
        server->report = (struct shoal_drain_report){0};
    }
    pthread_mutex_unlock(&server->lock);
    if (!is_idle)
        return shoal__server_fail(server, -SHOAL_ESTATE, "the server runs already (ESTATE)");
    return 0;
}

static int refuse_leftovers(struct shoal_server *server)
{
    return shoal__server_fail(server, -SHOAL_EBUSY,
                              "work or a callback of the server's last run has not ended (EBUSY)");
}

static void end_run(struct shoal_server *server);

/* The start's second half: what can fail and has to be undone. */
static int try_start(struct shoal_server *server)
{
    if (!shoal__server_release_run(server))
        return refuse_leftovers(server);
    if (server->spoiled < 0)
        return server->spoiled; /* the sentence is there already */

    server->error[0] = '\0';
    atomic_store_explicit(&server->draining, false, memory_order_release);
    int rc = start_run(server);
    if (rc == 0)
        return 0;
    server->deadline_ns = 0;
    end_run(server);
    shoal__server_release_run(server);
    return rc;
}

int shoal_server_start(struct shoal_server *server)
{
    if (shoal__server_is_own_thread(server))
        return -SHOAL_EDEADLK;
    int rc = enter_start(server);
    if (rc < 0)
        return rc;
    rc = try_start(server);
    if (rc < 0) {
        set_state(server, SHOAL__SERVER_IDLE);
        return rc;
    }
    for (struct shoal__part *part = server->parts; part != NULL; part = part->next) {
        if (part->ops->begin)
            part->ops->begin(part);
    }
    set_state(server, SHOAL__SERVER_RUNNING);
    return 0;
}

/* Drain, from the top down */

static void end_parts(struct shoal_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->parts_ending = server->parts_open;
    pthread_mutex_unlock(&server->lock);
    for (struct shoal__part *part = server->parts; part != NULL; part = part->next) {
        if (part->ops->end)
            part->ops->end(part);
        else
            shoal__server_part_ended(server);
    }
    wait_for_drain(server, parts_have_ended);
}

/* Hand-offs are posts, and the acceptor's thread has made all of them when it has ended: they come
 * before whatever is posted to the loops from here on. */
static void end_acceptor(struct shoal_server *server)
{
    if (server->acceptor == NULL || !server->acceptor->has_thread)
        return;
    shoal__loop_stop(server->acceptor);
    wait_for_drain(server, acceptor_has_ended);
}

static void run_drain(struct shoal_loop *loop, void *arg)
{
    (void)arg;
    loop->draining = true;
    if (loop->layer != NULL)
        loop->layer->drain(loop->layer);
    else
        shoal__server_loop_quiet(loop);
}

static void run_force(struct shoal_loop *loop, void *arg)
{
    (void)arg;
    if (loop->layer != NULL)
        loop->layer->force(loop->layer);
}

static void post_drain(struct shoal_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->loops_loud = 0;
    for (unsigned i = 0; i < server->loop_count; i++)
        server->loops_loud += server->loops[i] != NULL && server->loops[i]->has_thread;
    pthread_mutex_unlock(&server->lock);

    for (unsigned i = 0; i < server->loop_count; i++) {
        struct shoal_loop *loop = server->loops[i];
        if (loop == NULL || !loop->has_thread)
            continue;
        loop->drain_task = (struct shoal_task){.run = run_drain, .name = "drain"};
        shoal_post(loop, &loop->drain_task);
    }
}

static void post_force(struct shoal_server *server)
{
    for (unsigned i = 0; i < server->loop_count; i++) {
        struct shoal_loop *loop = server->loops[i];
        if (loop == NULL || !loop->has_thread)
            continue;
        loop->force_task = (struct shoal_task){.run = run_force, .name = "force"};
        shoal_post(loop, &loop->force_task);
    }
}

static void drain_loops(struct shoal_server *server)
{
    post_drain(server);
    if (wait_for_drain(server, all_are_quiet))
        return;
    post_force(server);
    wait_with_grace(server, all_are_quiet);
}

static int64_t deadline_left_ms(struct shoal_server *server)
{
    pthread_mutex_lock(&server->lock);
    int64_t left_ms = shoal__deadline_left_ms(server->deadline_ns);
    pthread_mutex_unlock(&server->lock);
    return left_ms;
}

static void stop_pool(struct shoal_server *server)
{
    if (server->pool == NULL)
        return;
    pthread_mutex_lock(&server->lock);
    server->pool_stopping = true;
    pthread_mutex_unlock(&server->lock);
    struct shoal_pool_report pool = {0, 0};
    shoal_pool_stop(server->pool, SHOAL_POOL_FINISH, deadline_left_ms(server), &pool);

    pthread_mutex_lock(&server->lock);
    server->pool_stopping = false;
    server->report.discarded = pool.discarded;
    server->report.stuck = pool.stuck;
    pthread_mutex_unlock(&server->lock);
    wait_for(server, nobody_hurries_the_pool);
}

static void stop_loop(struct shoal_loop *loop)
{
    if (loop != NULL && loop->has_thread)
        shoal__loop_stop(loop);
}

static void end_loops(struct shoal_server *server)
{
    for (unsigned i = 0; i < server->loop_count; i++)
        stop_loop(server->loops[i]);
    if (!wait_for_drain(server, all_have_ended))
        wait_with_grace(server, all_have_ended);
}

/* Ends all threads of a run that takes no new connections. */
static void end_run(struct shoal_server *server)
{
    end_acceptor(server);
    drain_loops(server);
    stop_pool(server);
    end_loops(server);
}

/* A loop that has not ended still writes its tallies; it is stuck, and that is told of it. */
static void write_report(struct shoal_server *server)
{
    pthread_mutex_lock(&server->lock);
    for (unsigned i = 0; i < server->loop_count; i++) {
        const struct shoal_loop *loop = server->loops[i];
        server->report.graceful += loop->ended ? loop->drained_graceful : 0;
        server->report.forced += loop->ended ? loop->drained_forced : 0;
    }
    server->report.stuck += server->threads;
    pthread_mutex_unlock(&server->lock);
}

static void end_drain(struct shoal_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->state = SHOAL__SERVER_IDLE;
    server->drains++;
    server->drain_requested = false;
    shoal__server_wake_run_locked(server);
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static void drain_all(struct shoal_server *server)
{
    end_parts(server);
    end_run(server);
    write_report(server);
    shoal__server_release_run(server);
    end_drain(server);
}

/* The drain under way ends earlier; the pool, if it has got there, is told so by a stop of its own.
 */
static void hurry_locked(struct shoal_server *server, int64_t deadline_ns)
{
    if (deadline_ns >= server->deadline_ns)
        return;
    server->deadline_ns = deadline_ns;
    pthread_cond_broadcast(&server->changed);
    if (!server->pool_stopping)
        return;

    server->pool_users++;
    pthread_mutex_unlock(&server->lock);
    shoal_pool_stop(server->pool, SHOAL_POOL_FINISH, shoal__deadline_left_ms(deadline_ns), NULL);
    pthread_mutex_lock(&server->lock);
    server->pool_users--;
    pthread_cond_broadcast(&server->changed);
}

static void join_drain_locked(struct shoal_server *server, int64_t deadline_ns)
{
    unsigned drains = server->drains;
    hurry_locked(server, deadline_ns);
    while (server->drains == drains)
        pthread_cond_wait(&server->changed, &server->lock);
}

static void begin_drain_locked(struct shoal_server *server, int64_t deadline_ns)
{
    server->state = SHOAL__SERVER_DRAINING;
    server->deadline_ns = deadline_ns;
    atomic_store_explicit(&server->draining, true, memory_order_release);
    pthread_mutex_unlock(&server->lock);
    drain_all(server);
    pthread_mutex_lock(&server->lock);
}

static int drain_locked(struct shoal_server *server, int64_t deadline_ns)
{
    if (server->state == SHOAL__SERVER_RUNNING)
        begin_drain_locked(server, deadline_ns);
    else if (server->state == SHOAL__SERVER_DRAINING)
        join_drain_locked(server, deadline_ns);
    else
        return -SHOAL_ESTATE;
    return 0;
}

int shoal_server_drain(struct shoal_server *server, int64_t deadline_ms,
                       struct shoal_drain_report *out_report)
{
    if (shoal__server_is_own_thread(server))
        return -SHOAL_EDEADLK;

    int64_t deadline_ns = shoal__deadline_in_ms(deadline_ms);
    pthread_mutex_lock(&server->lock);
    int rc = drain_locked(server, deadline_ns);
    if (rc == 0 && out_report != NULL)
        *out_report = server->report;
    pthread_mutex_unlock(&server->lock);
    return rc;
}

int shoal_server_stop(struct shoal_server *server)
{
    return shoal_server_drain(server, 0, NULL);
}

/* Release */

static bool threads_have_ended(struct shoal_server *server)
{
    pthread_mutex_lock(&server->lock);
    bool ended = server->threads == 0;
    pthread_mutex_unlock(&server->lock);
    return ended;
}

static void join_loop(struct shoal_loop *loop)
{
    if (loop == NULL || !loop->has_thread)
        return;
    pthread_join(loop->thread, NULL);
    loop->has_thread = false;
}

static void close_parts(struct shoal_server *server)
{
    struct shoal__part *part = server->parts;
    for (; server->parts_open > 0; server->parts_open--, part = part->next) {
        if (part->ops->close)
            part->ops->close(part);
    }
}

static void stop_net(struct shoal_server *server)
{
    pthread_mutex_lock(&server->net_lock);
    struct shoal__server_net *net = server->net;
    pthread_mutex_unlock(&server->net_lock);
    if (net != NULL)
        net->stop(net);
}

static bool release_pool(struct shoal_server *server)
{
    if (server->pool == NULL)
        return true;
    if (shoal__pool_is_stuck(server->pool))
        return false;

    pthread_mutex_lock(&server->lock);
    struct shoal_pool *pool = server->pool;
    server->pool = NULL;
    pthread_mutex_unlock(&server->lock);
    shoal_pool_destroy(&pool);
    return true;
}

/* A worker of a pool that is not the server's may be about to send a result to the loop. */
static bool loops_have_work(const struct shoal_server *server)
{
    for (unsigned i = 0; i < server->loop_count; i++) {
        if (server->loops[i] != NULL && atomic_load(&server->loops[i]->works) > 0)
            return true;
    }
    return false;
}

static void release_loop_locked(struct shoal_server *server, struct shoal_loop **loop)
{
    if (*loop == NULL)
        return;
    shoal__stats_add(&server->past, *loop);
    server->past.open_connections = 0; /* a gauge */
    server->past.lag_ns = 0;
    shoal__loop_destroy(loop);
}

/* Whoever comes from now on finds no loops; who came before is about to leave: it only posts. The
 * other half of this is shoal__server_pin_loop(). */
static void hide_loops(struct shoal_server *server)
{
    atomic_exchange_explicit(&server->reachable, NULL, memory_order_seq_cst);
    while (atomic_load_explicit(&server->pins, memory_order_seq_cst) > 0)
        sched_yield();
}

static void release_loops(struct shoal_server *server)
{
    hide_loops(server);
    pthread_mutex_lock(&server->lock);
    for (unsigned i = 0; i < server->loop_count; i++)
        release_loop_locked(server, &server->loops[i]);
    release_loop_locked(server, &server->acceptor);
    free(server->loops);
    server->loops = NULL;
    server->loop_count = 0;
    pthread_mutex_unlock(&server->lock);
}

bool shoal__server_release_run(struct shoal_server *server)
{
    if (!threads_have_ended(server))
        return false;
    for (unsigned i = 0; i < server->loop_count; i++)
        join_loop(server->loops[i]);
    if (server->acceptor != NULL)
        join_loop(server->acceptor);
    shoal__watchdog_stop(&server->watchdog);
    close_parts(server);
    stop_net(server);
    if (!release_pool(server) || loops_have_work(server))
        return false;
    release_loops(server);
    return true;
}

bool shoal__server_is_own_thread(struct shoal_server *server)
{
    const struct shoal_loop *loop = shoal_loop_current();
    if (loop != NULL && loop->server == server)
        return true;

    pthread_mutex_lock(&server->lock); /* keeps the pool in place */
    bool is_worker = server->pool != NULL && shoal__pool_is_worker(server->pool);
    pthread_mutex_unlock(&server->lock);
    return is_worker;
}
