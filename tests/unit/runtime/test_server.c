/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server's life: start, drain, restart, failure at every step, and what it leaves behind. The
 * layer above the loops and the parts are played by the test.
 */
#include "runtime/server_priv.h"

#include <limits.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <shoal/error.h>

#include "failthread.h"
#include "leftovers.h"
#include "runtime/cpus.h"
#include "runtime/descriptors.h"
#include "scale.h"
#include "support/failmalloc.h"

static struct shoal_server *server;
static struct shoal_server_cfg cfg;
static sem_t gate;
static sem_t entered;
static atomic_int starts;
static atomic_int exits;
static atomic_int ran;
static atomic_int failing_loop; /* its start hook fails; -1: none */
static char logged[4096];

static void log_to_memory(void *arg, enum shoal_log_level level, const char *message)
{
    (void)arg, (void)level;
    strncat(logged, message, sizeof logged - strlen(logged) - 1);
}

static int on_start(struct shoal_loop *loop)
{
    assert_true(shoal_loop_is_owner(loop));
    if ((int)shoal_loop_index(loop) == atomic_load(&failing_loop))
        return -SHOAL_ENOENT;
    atomic_fetch_add(&starts, 1);
    return 0;
}

static void on_exit_hook(struct shoal_loop *loop)
{
    assert_true(shoal_loop_is_owner(loop));
    atomic_fetch_add(&exits, 1);
}

static int setup(void **state)
{
    (void)state;
    cfg = (struct shoal_server_cfg)SHOAL_SERVER_CFG_INIT;
    cfg.loops = 2;
    cfg.workers = 2;
    cfg.on_loop_start = on_start;
    cfg.on_loop_exit = on_exit_hook;
    atomic_store(&starts, 0);
    atomic_store(&exits, 0);
    atomic_store(&ran, 0);
    atomic_store(&failing_loop, -1);
    logged[0] = '\0';
    sem_init(&gate, 0, 0);
    sem_init(&entered, 0, 0);
    return shoal_server_create(&cfg, &server);
}

static int teardown(void **state)
{
    (void)state;
    int rc = shoal_server_destroy(&server);
    sem_destroy(&gate);
    sem_destroy(&entered);
    return rc;
}

/* Makes `server` anew with what the test has changed in `cfg`. */
static void recreate(void)
{
    assert_int_equal(shoal_server_destroy(&server), 0);
    assert_int_equal(shoal_server_create(&cfg, &server), 0);
}

static void wait_sem(sem_t *sem)
{
    while (sem_wait(sem) != 0)
        continue;
}

static void count_run(struct shoal_loop *loop, void *arg)
{
    (void)loop, (void)arg;
    atomic_fetch_add(&ran, 1);
}

/* Options */

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    struct shoal_server *none = NULL;
    struct shoal_server_cfg bad[6];
    for (int i = 0; i < 6; i++)
        bad[i] = (struct shoal_server_cfg)SHOAL_SERVER_CFG_INIT;
    bad[0].size = sizeof cfg + 1;
    bad[1].loops = 1000000;
    bad[2].workers = -2;
    bad[3].pool_capacity = 0;
    bad[4].watchdog_ms = -1;
    bad[5].accept = (enum shoal_accept)17;
    for (int i = 0; i < 6; i++)
        assert_int_equal(shoal_server_create(&bad[i], &none), -SHOAL_EINVAL);
    assert_null(none);
    assert_int_equal(shoal_server_destroy(&none), 0);
}

static void an_older_callers_shorter_options_keep_the_defaults_of_the_rest(void **state)
{
    (void)state;
    cfg.size = offsetof(struct shoal_server_cfg, pool_capacity);
    cfg.pool_capacity = 0; /* as if it were not there */
    recreate();
    assert_int_equal(shoal__server_cfg(server)->pool_capacity, 1024);
    assert_int_equal(shoal__server_cfg(server)->loops, 2);
}

static void loops_and_connections_beyond_the_machine_are_said(void **state)
{
    (void)state;
    unsigned cpus = shoal__cpus_usable();
    cfg.loops = cpus + 1;
    cfg.workers = 0;
    cfg.max_connections = SIZE_MAX;
    cfg.log = (struct shoal_log){.write = log_to_memory, .level = SHOAL_LOG_WARN};
    recreate();
    assert_int_equal(shoal_server_start(server), 0);
    assert_non_null(strstr(logged, "more loops than usable CPUs"));
    assert_non_null(strstr(logged, "max_connections lowered"));
    assert_true(shoal__server_max_connections(server) < SIZE_MAX);
    assert_null(shoal_server_pool(server));
}

static void by_default_there_is_a_loop_per_cpu_and_a_pool(void **state)
{
    (void)state;
    assert_int_equal(shoal_server_destroy(&server), 0);
    assert_int_equal(shoal_server_create(NULL, &server), 0);
    assert_int_equal(shoal_server_start(server), 0);
    assert_int_equal(shoal_server_loops(server), shoal__cpus_usable());
    struct shoal_pool_stats pool;
    shoal_pool_stats(shoal_server_pool(server), &pool);
    assert_true(pool.workers >= 4);
}

static void with_one_loop_nothing_is_handed_off(void **state)
{
    (void)state;
    cfg.accept = SHOAL_ACCEPT_LEAST_OF_TWO;
    cfg.loops = 1;
    cfg.pin = true;
    recreate();
    assert_int_equal(shoal_server_start(server), 0);
    assert_int_equal(shoal__server_accept_mode(server), SHOAL_ACCEPT_REUSEPORT);
    shoal_server_stop(server);
    cfg.loops = 2;
    recreate();
    assert_int_equal(shoal_server_start(server), 0);
    assert_int_equal(shoal__server_accept_mode(server), SHOAL_ACCEPT_LEAST_OF_TWO);
}

/* Life */

static void a_server_starts_serves_and_drains(void **state)
{
    (void)state;
    struct shoal_drain_report report;
    assert_int_equal(shoal_server_start(server), 0);
    assert_string_equal(shoal_server_error(server), "");
    assert_int_equal(atomic_load(&starts), 2);
    assert_int_equal(shoal_server_loops(server), 2);
    assert_null(shoal_server_loop(server, 2));
    assert_false(shoal_server_draining(server));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(shoal_loop_index(shoal_server_loop(server, i)), i);
        assert_ptr_equal(shoal_loop_server(shoal_server_loop(server, i)), server);
        assert_int_equal(shoal_call(shoal_server_loop(server, i), count_run, NULL), 0);
    }
    assert_int_equal(shoal_server_drain(server, 10000, &report), 0);
    assert_int_equal(atomic_load(&ran), 2);
    assert_int_equal(atomic_load(&exits), 2);
    assert_true(shoal_server_draining(server));
    assert_int_equal(report.graceful + report.forced + report.discarded + report.stuck, 0);
}

static void what_a_state_does_not_allow_is_refused(void **state)
{
    (void)state;
    assert_int_equal(shoal_server_drain(server, 0, NULL), -SHOAL_ESTATE);
    assert_false(shoal__server_is_running(server));
    assert_int_equal(shoal_server_start(server), 0);
    assert_true(shoal__server_is_running(server));
    assert_int_equal(shoal_server_start(server), -SHOAL_ESTATE);
    assert_int_equal(shoal_server_stop(server), 0);
    assert_int_equal(shoal_server_stop(server), -SHOAL_ESTATE);
}

static void a_running_server_may_be_destroyed(void **state)
{
    (void)state;
    assert_int_equal(shoal_server_start(server), 0);
    assert_int_equal(shoal_server_destroy(&server), 0);
    assert_null(server);
    assert_int_equal(atomic_load(&exits), 2);
}

static void a_thousand_starts_and_stops_leave_nothing_behind(void **state)
{
    (void)state;
    assert_int_equal(shoal_server_start(server), 0);
    assert_int_equal(shoal_server_stop(server), 0);
    int threads = count_threads(); /* a sanitizer has one of its own by now */
    int descriptors = count_descriptors();
    for (int i = 0; i < SCALED(1000); i++) {
        assert_int_equal(shoal_server_start(server), 0);
        assert_int_equal(shoal_server_stop(server), 0);
    }
    assert_int_equal(count_descriptors(), descriptors);
    wait_for_threads(threads);
    assert_int_equal(atomic_load(&starts), atomic_load(&exits));
}

static void counters_go_on_over_a_restart(void **state)
{
    (void)state;
    struct shoal_stats stats;
    for (uint64_t run = 1; run <= 3; run++) {
        assert_int_equal(shoal_server_start(server), 0);
        shoal_call(shoal_server_loop(server, 0), count_run, NULL);
        assert_int_equal(shoal_server_loop_stats(server, 1, &stats), 0);
        assert_int_equal(shoal_server_loop_stats(server, 2, &stats), -SHOAL_EINVAL);
        assert_int_equal(shoal_server_drain(server, 1000, NULL), 0);
        assert_int_equal(shoal_server_loop_stats(server, 0, &stats), -SHOAL_EINVAL);
        shoal_server_stats(server, &stats);
        assert_true(stats.posts >= run * 5); /* the call, and drain and stop of two loops */
        assert_int_equal(atomic_load(&ran), run);
    }
}

static void two_servers_live_in_one_process(void **state)
{
    (void)state;
    struct shoal_server *second;
    assert_int_equal(shoal_server_create(&cfg, &second), 0);
    assert_int_equal(shoal_server_start(server), 0);
    assert_int_equal(shoal_server_start(second), 0);
    assert_int_equal(shoal_server_stop(server), 0);
    shoal_call(shoal_server_loop(second, 0), count_run, NULL);
    assert_int_equal(shoal_server_drain(second, 1000, NULL), 0);
    assert_int_equal(atomic_load(&ran), 1);
    assert_int_equal(shoal_server_destroy(&second), 0);
}

static int refused[4];

static void try_from_inside(void)
{
    struct shoal_server *copy = server;
    refused[0] = shoal_server_start(server);
    refused[1] = shoal_server_drain(server, 0, NULL);
    refused[2] = shoal_server_stop(server);
    refused[3] = shoal_server_destroy(&copy);
    sem_post(&entered);
}

static void try_on_loop(struct shoal_loop *loop, void *arg)
{
    (void)loop, (void)arg;
    try_from_inside();
}

static void try_on_worker(struct shoal_work *work)
{
    (void)work;
    try_from_inside();
}

static void a_server_is_not_ended_on_its_own_threads(void **state)
{
    (void)state;
    assert_int_equal(shoal_server_start(server), 0);
    struct shoal_work work = {.run = try_on_worker};
    shoal_call(shoal_server_loop(server, 0), try_on_loop, NULL);
    wait_sem(&entered);
    for (int i = 0; i < 4; i++)
        assert_int_equal(refused[i], -SHOAL_EDEADLK);
    memset(refused, 0, sizeof refused);
    assert_int_equal(shoal_pool_submit(shoal_server_pool(server), NULL, &work), 0);
    wait_sem(&entered);
    for (int i = 0; i < 4; i++)
        assert_int_equal(refused[i], -SHOAL_EDEADLK);
    assert_int_equal(shoal_server_stop(server), 0);
}

/* Hooks */

static void a_failing_start_hook_fails_the_start_and_is_named(void **state)
{
    (void)state;
    atomic_store(&failing_loop, 1);
    assert_int_equal(shoal_server_start(server), -SHOAL_ENOENT);
    assert_string_equal(shoal_server_error(server),
                        "the start hook of loop 1 failed: no such object (ENOENT)");
    assert_int_equal(atomic_load(&starts), 1);
    assert_int_equal(atomic_load(&exits), 1);
    assert_int_equal(shoal_server_loops(server), 0);
    atomic_store(&failing_loop, -1);
    assert_int_equal(shoal_server_start(server), 0);
    assert_string_equal(shoal_server_error(server), "");
}

static void defer_in_exit(struct shoal_loop *loop)
{
    static struct shoal_task tasks[2] = {{0}};
    struct shoal_task *task = &tasks[shoal_loop_index(loop)];
    *task = (struct shoal_task)SHOAL_TASK(count_run, NULL);
    shoal_defer(loop, task);
}

static void what_an_exit_hook_defers_is_still_run(void **state)
{
    (void)state;
    cfg.on_loop_exit = defer_in_exit;
    recreate();
    assert_int_equal(shoal_server_start(server), 0);
    assert_int_equal(shoal_server_stop(server), 0);
    assert_int_equal(atomic_load(&ran), 2);
}

/* The layer above: it gets quiet when told to, or only when forced. */

struct fake_layer {
    struct shoal__loop_layer layer; /* first */
    struct shoal_loop *loop;
    bool obeys;
};

static struct fake_layer layers[2];

static void layer_turn_end(struct shoal__loop_layer *layer)
{
    (void)layer;
}

static void layer_drain(struct shoal__loop_layer *layer)
{
    struct fake_layer *self = (struct fake_layer *)layer;
    sem_post(&entered);
    if (!self->obeys)
        return;
    self->loop->drained_graceful = 3;
    shoal__server_loop_quiet(self->loop);
    shoal__server_loop_quiet(self->loop);
}

static void layer_force(struct shoal__loop_layer *layer)
{
    struct fake_layer *self = (struct fake_layer *)layer;
    self->loop->drained_forced = 5;
    shoal__server_loop_quiet(self->loop);
}

static void layer_destroy(struct shoal__loop_layer *layer)
{
    assert_true(shoal_loop_is_owner(((struct fake_layer *)layer)->loop));
    atomic_fetch_add(&ran, 1);
}

static int start_layer(struct shoal_loop *loop)
{
    struct fake_layer *layer = &layers[shoal_loop_index(loop)];
    layer->layer =
        (struct shoal__loop_layer){layer_turn_end, layer_drain, layer_force, layer_destroy};
    layer->loop = loop;
    loop->layer = &layer->layer;
    return 0;
}

static void start_with_layers(bool first_obeys, bool second_obeys)
{
    cfg.on_loop_start = start_layer;
    recreate();
    layers[0].obeys = first_obeys;
    layers[1].obeys = second_obeys;
    assert_int_equal(shoal_server_start(server), 0);
}

static void a_drain_waits_until_every_layer_is_quiet(void **state)
{
    (void)state;
    struct shoal_drain_report report;
    start_with_layers(true, true);
    assert_int_equal(shoal_server_drain(server, -1, &report), 0);
    assert_int_equal(report.graceful, 6);
    assert_int_equal(report.forced, 0);
    assert_int_equal(atomic_load(&ran), 2);
}

static void at_the_deadline_layers_are_forced(void **state)
{
    (void)state;
    struct shoal_drain_report report;
    start_with_layers(true, false);
    assert_int_equal(shoal_server_drain(server, 1, &report), 0);
    assert_int_equal(report.forced % 5, 0);
    assert_true(report.forced >= 5);
    assert_int_equal(atomic_load(&ran), 2);
}

static void *drain_for_ever(void *arg)
{
    return (void *)(intptr_t)shoal_server_drain(server, -1, arg);
}

static void a_second_drain_shortens_the_first(void **state)
{
    (void)state;
    struct shoal_drain_report first = {0};
    struct shoal_drain_report second = {0};
    pthread_t thread;
    start_with_layers(false, false);
    assert_int_equal(pthread_create(&thread, NULL, drain_for_ever, &first), 0);
    wait_sem(&entered);
    wait_sem(&entered);
    assert_int_equal(shoal_server_drain(server, 0, &second), 0);
    void *rc;
    pthread_join(thread, &rc);
    assert_null(rc);
    assert_int_equal(first.forced, 10);
    assert_memory_equal(&first, &second, sizeof first);
}

/* Work */

static void count_work(struct shoal_work *work)
{
    (void)work;
    atomic_fetch_add(&ran, 1);
}

static void work_until_cancelled(struct shoal_work *work)
{
    sem_post(&entered);
    while (!shoal_work_cancelled(work))
        sched_yield();
}

static void work_behind_gate(struct shoal_work *work)
{
    (void)work;
    sem_post(&entered);
    wait_sem(&gate);
}

static void count_done(struct shoal_work *work, int status)
{
    (void)work;
    atomic_fetch_add(&ran, status == 0 ? 100 : 10000);
}

static void submit_here(struct shoal_loop *loop, void *arg)
{
    struct shoal_work *work = arg;
    assert_int_equal(shoal_pool_submit(shoal_server_pool(loop->server), loop, work), 0);
    sem_post(&entered);
}

static void a_drain_runs_queued_work_and_tells_of_it(void **state)
{
    (void)state;
    struct shoal_drain_report report;
    struct shoal_work work[20] = {{0}};
    assert_int_equal(shoal_server_start(server), 0);
    for (int i = 0; i < 20; i++) {
        work[i] = (struct shoal_work){.run = count_work, .done = count_done};
        shoal_call(shoal_server_loop(server, (unsigned)i % 2), submit_here, &work[i]);
    }
    for (int i = 0; i < 20; i++)
        wait_sem(&entered);
    assert_int_equal(shoal_server_drain(server, -1, &report), 0);
    assert_int_equal(atomic_load(&ran), 20 * 101);
    assert_int_equal(report.discarded, 0);
}

static void a_second_drain_hurries_the_pool_as_well(void **state)
{
    (void)state;
    struct shoal_drain_report report;
    struct shoal_work work = {.run = work_until_cancelled};
    pthread_t thread;
    assert_int_equal(shoal_server_start(server), 0);
    shoal_pool_submit(shoal_server_pool(server), NULL, &work);
    wait_sem(&entered);
    assert_int_equal(pthread_create(&thread, NULL, drain_for_ever, &report), 0);
    for (bool is_stopping = false; !is_stopping; sched_yield()) {
        pthread_mutex_lock(&server->lock);
        is_stopping = server->pool_stopping;
        pthread_mutex_unlock(&server->lock);
    }
    assert_int_equal(shoal_server_drain(server, 0, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(report.stuck, 0);
}

static void stuck_work_is_reported_and_the_server_busy_until_it_ends(void **state)
{
    (void)state;
    struct shoal_drain_report report;
    struct shoal_work stuck = {.run = work_behind_gate, .done = count_done};
    struct shoal_work queued[5] = {{0}};
    assert_int_equal(shoal_server_start(server), 0);
    shoal_call(shoal_server_loop(server, 0), submit_here, &stuck);
    wait_sem(&entered);
    wait_sem(&entered);
    for (int i = 0; i < 5; i++) {
        queued[i] = (struct shoal_work){.run = work_until_cancelled, .done = count_done};
        shoal_call(shoal_server_loop(server, 1), submit_here, &queued[i]);
        wait_sem(&entered);
    }
    assert_int_equal(shoal_server_drain(server, 0, &report), 0);
    assert_int_equal(report.stuck, 1);
    assert_true(report.discarded >= 4);

    struct shoal_server *same = server;
    assert_int_equal(shoal_server_destroy(&server), -SHOAL_EBUSY);
    assert_ptr_equal(server, same);
    assert_int_equal(shoal_server_start(server), -SHOAL_EBUSY);
    assert_non_null(strstr(shoal_server_error(server), "has not ended"));

    int told = atomic_load(&ran);
    sem_post(&gate);
    while (atomic_load(&ran) == told) /* done, on the worker: its loop has gone */
        sched_yield();
    assert_int_equal(shoal_server_start(server), 0);
    assert_int_equal(shoal_server_stop(server), 0);
}

static void block_loop(struct shoal_loop *loop, void *arg)
{
    (void)loop, (void)arg;
    sem_post(&entered);
    wait_sem(&gate);
}

static void a_callback_that_never_returns_is_stuck_as_well(void **state)
{
    (void)state;
    struct shoal_drain_report report;
    server->grace_ms = 10;
    assert_int_equal(shoal_server_start(server), 0);
    shoal_call(shoal_server_loop(server, 1), block_loop, NULL);
    wait_sem(&entered);
    assert_int_equal(shoal_server_drain(server, 0, &report), 0);
    assert_int_equal(report.stuck, 1);
    assert_int_equal(shoal_server_destroy(&server), -SHOAL_EBUSY);
    sem_post(&gate);
    while (shoal_server_destroy(&server) == -SHOAL_EBUSY)
        sched_yield();
    assert_null(server);
    assert_int_equal(atomic_load(&exits), 2);
}

/* Parts */

struct fake_part {
    struct shoal__part part; /* first */
    char name;
    bool fails;
    bool wants_acceptor;
};

static char calls[256];
static struct fake_part parts[3];

static void note_call(const struct shoal__part *part, char what)
{
    char call[4] = {((const struct fake_part *)part)->name, what, ' ', '\0'};
    strncat(calls, call, sizeof calls - strlen(calls) - 1);
}

static int part_open(struct shoal__part *part, struct shoal_server *of)
{
    struct fake_part *self = (struct fake_part *)part;
    note_call(part, 'o');
    if (self->fails)
        return shoal__server_fail(of, -SHOAL_EURL, "part %c", self->name);
    return self->wants_acceptor ? shoal__server_need_acceptor(of) : 0;
}

static void part_begin(struct shoal__part *part)
{
    note_call(part, 'b');
}

static void part_ended_on_acceptor(struct shoal_loop *loop, void *arg)
{
    shoal_call(shoal_server_loop(loop->server, 0), count_run, arg); /* a last hand-off */
    shoal__server_part_ended(loop->server);
}

static void part_end(struct shoal__part *part)
{
    note_call(part, 'e');
    struct shoal_loop *acceptor = shoal__server_acceptor(server);
    assert_int_equal(acceptor->index, UINT_MAX);
    shoal_call(acceptor, part_ended_on_acceptor, part);
}

static void part_close(struct shoal__part *part)
{
    note_call(part, 'c');
}

static void part_destroy(struct shoal__part *part)
{
    note_call(part, 'd');
}

static void add_parts(void)
{
    static const struct shoal__part_ops ops = {part_open, part_begin, part_end, part_close,
                                               part_destroy};
    calls[0] = '\0';
    for (int i = 0; i < 3; i++) {
        parts[i] = (struct fake_part){.part = {NULL, &ops}, .name = (char)('1' + i)};
        shoal__server_add_part(server, &parts[i].part);
    }
    parts[1].wants_acceptor = true;
}

static void parts_are_opened_begun_ended_closed_and_destroyed_in_order(void **state)
{
    (void)state;
    add_parts();
    assert_int_equal(shoal_server_start(server), 0);
    assert_string_equal(calls, "1o 2o 3o 1b 2b 3b ");
    assert_int_equal(shoal_server_drain(server, -1, NULL), 0);
    assert_int_equal(atomic_load(&ran), 3);
    assert_int_equal(atomic_load(&starts), 2); /* no hooks for the acceptor */
    assert_string_equal(calls, "1o 2o 3o 1b 2b 3b 1e 2e 3e 1c 2c 3c ");
    calls[0] = '\0';
    assert_int_equal(shoal_server_destroy(&server), 0);
    assert_string_equal(calls, "1d 2d 3d ");
}

static void a_part_that_cannot_open_undoes_the_start(void **state)
{
    (void)state;
    add_parts();
    parts[2].fails = true;
    assert_int_equal(shoal_server_start(server), -SHOAL_EURL);
    assert_string_equal(shoal_server_error(server), "part 3");
    assert_string_equal(calls, "1o 2o 3o 1c 2c ");
    assert_int_equal(atomic_load(&starts), 0);
    parts[2].fails = false;
    assert_int_equal(shoal_server_start(server), 0);
    assert_int_equal(shoal_server_drain(server, -1, NULL), 0);
}

static void a_spoiled_server_does_not_start(void **state)
{
    (void)state;
    shoal__server_spoil(server, shoal__server_fail(server, -SHOAL_EURL, "no such scheme"));
    assert_int_equal(shoal_server_start(server), -SHOAL_EURL);
    assert_int_equal(shoal_server_start(server), -SHOAL_EURL);
    assert_string_equal(shoal_server_error(server), "no such scheme");
}

static int net_stops;

static void net_stop(struct shoal__server_net *net)
{
    (void)net;
    net_stops++;
}

static void net_destroy(struct shoal__server_net *net)
{
    free(net);
}

static struct shoal__server_net *net_create(struct shoal_server *of)
{
    (void)of;
    struct shoal__server_net *net = malloc(sizeof *net);
    *net = (struct shoal__server_net){net_stop, net_destroy};
    return net;
}

static void the_net_state_is_made_once_and_stopped_with_every_run(void **state)
{
    (void)state;
    struct shoal__server_net *net = shoal__server_net_state(server, net_create);
    assert_ptr_equal(shoal__server_net_state(server, net_create), net);
    assert_int_equal(shoal_server_start(server), 0);
    net_stops = 0;
    assert_int_equal(shoal_server_stop(server), 0);
    assert_true(net_stops > 0);
}

/* Failures */

/* A whole life; the first failure ends it. */
static int live(void)
{
    struct shoal_server *mortal = NULL;
    int rc = shoal_server_create(&cfg, &mortal);
    if (rc == 0)
        rc = shoal_server_start(mortal);
    if (rc == 0)
        rc = shoal_call(shoal_server_loop(mortal, 0), count_run, NULL);
    if (rc == 0)
        rc = shoal_server_drain(mortal, 10000, NULL);
    assert_int_equal(shoal_server_destroy(&mortal), 0);
    return rc;
}

static void a_life_survives_every_failing_allocation(void **state)
{
    (void)state;
    assert_int_equal(live(), 0);
    int threads = count_threads();
    int descriptors = count_descriptors();
    int rc = -1;
    long k = 1;
    for (; rc != 0; k++) {
        failmalloc_at(k);
        rc = live();
        failmalloc_off();
        assert_true(rc == 0 || rc == -SHOAL_ENOMEM);
        assert_int_equal(count_descriptors(), descriptors);
        wait_for_threads(threads);
    }
    assert_true(k > 10);
    assert_int_equal(live(), 0);
}

static void a_life_survives_every_thread_that_cannot_be_made(void **state)
{
    (void)state;
    assert_int_equal(live(), 0);
    int threads = count_threads();
    int descriptors = count_descriptors();
    int rc = -1;
    long k = 1;
    for (; rc != 0; k++) {
        failthread_at(k);
        rc = live();
        failthread_off();
        assert_true(rc == 0 || rc == -EAGAIN);
        assert_int_equal(count_descriptors(), descriptors);
        wait_for_threads(threads);
    }
    assert_int_equal(k - 1, 2 + 2 + 1 + 1); /* workers, loops, watchdog; then none */
}

/* The highest descriptor in use decides, not how many there are. */
static void allow_descriptors_above_those_in_use(rlim_t more)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = dup(0);
    close(next);
    limit.rlim_cur = (rlim_t)next + more;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void a_life_survives_every_descriptor_that_cannot_be_made(void **state)
{
    (void)state;
    int rc = -1;
    rlim_t more = 0;
    for (; rc != 0; more++) {
        int descriptors = count_descriptors();
        allow_descriptors_above_those_in_use(more);
        rc = live();
        assert_true(rc == 0 || rc == -EMFILE);
        shoal__descriptors_raise();
        assert_int_equal(count_descriptors(), descriptors);
    }
    assert_true(more > 2 * 2); /* each loop has a wake-up and a base */
}

int main(void)
{
    failmalloc_use_in_libevent();
    const struct CMUnitTest tests[] = {
#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        SERVER_TEST(options_out_of_range_are_refused),
        SERVER_TEST(an_older_callers_shorter_options_keep_the_defaults_of_the_rest),
        SERVER_TEST(loops_and_connections_beyond_the_machine_are_said),
        SERVER_TEST(by_default_there_is_a_loop_per_cpu_and_a_pool),
        SERVER_TEST(with_one_loop_nothing_is_handed_off),
        SERVER_TEST(a_server_starts_serves_and_drains),
        SERVER_TEST(what_a_state_does_not_allow_is_refused),
        SERVER_TEST(a_running_server_may_be_destroyed),
        SERVER_TEST(a_thousand_starts_and_stops_leave_nothing_behind),
        SERVER_TEST(counters_go_on_over_a_restart),
        SERVER_TEST(two_servers_live_in_one_process),
        SERVER_TEST(a_server_is_not_ended_on_its_own_threads),
        SERVER_TEST(a_failing_start_hook_fails_the_start_and_is_named),
        SERVER_TEST(what_an_exit_hook_defers_is_still_run),
        SERVER_TEST(a_drain_waits_until_every_layer_is_quiet),
        SERVER_TEST(at_the_deadline_layers_are_forced),
        SERVER_TEST(a_second_drain_shortens_the_first),
        SERVER_TEST(a_drain_runs_queued_work_and_tells_of_it),
        SERVER_TEST(a_second_drain_hurries_the_pool_as_well),
        SERVER_TEST(stuck_work_is_reported_and_the_server_busy_until_it_ends),
        SERVER_TEST(a_callback_that_never_returns_is_stuck_as_well),
        SERVER_TEST(parts_are_opened_begun_ended_closed_and_destroyed_in_order),
        SERVER_TEST(a_part_that_cannot_open_undoes_the_start),
        SERVER_TEST(a_spoiled_server_does_not_start),
        SERVER_TEST(the_net_state_is_made_once_and_stopped_with_every_run),
        SERVER_TEST(a_life_survives_every_failing_allocation),
        SERVER_TEST(a_life_survives_every_descriptor_that_cannot_be_made),
        SERVER_TEST(a_life_survives_every_thread_that_cannot_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
