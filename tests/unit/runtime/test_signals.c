/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shoal_run() under signals, which the hooks of the server itself send to this process at the
 * moment that matters.
 */
#include <shoal/server.h>

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>
#include <shoal/error.h>

#include "failthread.h"
#include "leftovers.h"
#include "runtime/server.h"
#include "scale.h"

static struct shoal_server *server;
static struct shoal_server_cfg cfg;
static int signal_on_running; /* 0: none */
static atomic_int signal_on_drain;
static atomic_int drains_seen;
static int reloads;
static struct shoal_drain_report report;

static void on_running(struct shoal_server *of)
{
    assert_ptr_equal(of, server);
    if (signal_on_running != 0)
        kill(getpid(), signal_on_running);
}

static void on_reload(struct shoal_server *of)
{
    reloads++;
    shoal_server_request_drain(of);
}

/* A layer that never gets quiet by itself. */
static void layer_nothing(struct shoal__loop_layer *layer)
{
    (void)layer;
}

static void layer_drain(struct shoal__loop_layer *layer)
{
    (void)layer;
    atomic_fetch_add(&drains_seen, 1);
    if (atomic_load(&signal_on_drain) != 0)
        kill(getpid(), atomic_load(&signal_on_drain));
}

static void layer_force(struct shoal__loop_layer *layer)
{
    (void)layer;
    struct shoal_loop *loop = shoal_loop_current();
    loop->drained_forced++;
    shoal__server_loop_quiet(loop);
}

static int hang_layer(struct shoal_loop *loop)
{
    static struct shoal__loop_layer layer = {layer_nothing, layer_drain, layer_force,
                                             layer_nothing};
    loop->layer = &layer;
    return 0;
}

static int setup(void **state)
{
    (void)state;
    cfg = (struct shoal_server_cfg)SHOAL_SERVER_CFG_INIT;
    cfg.loops = 1;
    cfg.workers = 1;
    cfg.on_running = on_running;
    cfg.on_reload = on_reload;
    signal_on_running = 0;
    atomic_store(&signal_on_drain, 0);
    atomic_store(&drains_seen, 0);
    reloads = 0;
    return shoal_server_create(&cfg, &server);
}

static int teardown(void **state)
{
    (void)state;
    return shoal_server_destroy(&server);
}

static void recreate(void)
{
    assert_int_equal(shoal_server_destroy(&server), 0);
    assert_int_equal(shoal_server_create(&cfg, &server), 0);
}

static int run(int64_t drain_ms)
{
    struct shoal_run_cfg run_cfg = SHOAL_RUN_CFG_INIT;
    run_cfg.drain_ms = drain_ms;
    run_cfg.report = &report;
    return shoal_run(server, &run_cfg);
}

/* The signals that shoal_run() takes are as they were: neither blocked nor pending. */
static void assert_signals_untouched(void)
{
    sigset_t blocked;
    sigset_t pending;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    sigpending(&pending);
    static const int taken[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        assert_false(sigismember(&blocked, taken[i]));
        assert_false(sigismember(&pending, taken[i]));
    }
}

static void term_int_and_quit_drain_and_return(void **state)
{
    (void)state;
    static const int ending[] = {SIGTERM, SIGINT, SIGQUIT};
    for (size_t i = 0; i < 3; i++) {
        signal_on_running = ending[i];
        assert_int_equal(run(-1), 0);
        assert_true(shoal_server_draining(server));
        assert_signals_untouched();
    }
}

static void hup_reloads_and_a_drain_may_be_requested(void **state)
{
    (void)state;
    signal_on_running = SIGHUP;
    assert_int_equal(run(-1), 0);
    assert_int_equal(reloads, 1);
    assert_signals_untouched();
}

static void a_drain_requested_before_the_run_is_not_lost(void **state)
{
    (void)state;
    shoal_server_request_drain(server);
    assert_int_equal(run(-1), 0);
    shoal_server_request_drain(server);
    assert_int_equal(run(-1), 0);
}

static void request_drain_on_loop(struct shoal_loop *loop, void *arg)
{
    (void)arg;
    shoal_server_request_drain(shoal_loop_server(loop));
}

static int request_in_start_hook(struct shoal_loop *loop)
{
    return shoal_call(loop, request_drain_on_loop, NULL);
}

static void a_loop_may_request_the_drain(void **state)
{
    (void)state;
    cfg.on_loop_start = request_in_start_hook;
    recreate();
    assert_int_equal(run(-1), 0);
}

static void a_second_signal_stops_at_once(void **state)
{
    (void)state;
    cfg.on_loop_start = hang_layer;
    recreate();
    signal_on_running = SIGTERM;
    atomic_store(&signal_on_drain, SIGINT);
    assert_int_equal(run(-1), 0); /* without the second signal, never */
    assert_int_equal(atomic_load(&drains_seen), 1);
    assert_int_equal(report.forced, 1);
    assert_signals_untouched();
}

static void a_single_signal_cuts_at_the_deadline(void **state)
{
    (void)state;
    cfg.on_loop_start = hang_layer;
    recreate();
    signal_on_running = SIGTERM;
    assert_int_equal(run(1), 0);
    assert_int_equal(report.forced, 1);
}

static void term_in_exit_hook(struct shoal_loop *loop)
{
    (void)loop;
    kill(getpid(), SIGTERM);
}

static void a_signal_that_comes_too_late_does_no_harm(void **state)
{
    (void)state;
    cfg.on_loop_exit = term_in_exit_hook;
    recreate();
    for (int i = 0; i < SCALED(200); i++) {
        signal_on_running = SIGTERM;
        assert_int_equal(run(-1), 0);
        assert_signals_untouched();
    }
}

static sem_t running;

static void tell_running(struct shoal_server *of)
{
    (void)of;
    sem_post(&running);
}

static void *drain_when_running(void *arg)
{
    (void)arg;
    while (sem_wait(&running) != 0)
        continue;
    return (void *)(intptr_t)shoal_server_drain(server, -1, NULL);
}

static void a_drain_by_another_thread_ends_the_run(void **state)
{
    (void)state;
    sem_init(&running, 0, 0);
    cfg.on_running = tell_running;
    recreate();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, drain_when_running, NULL), 0);
    assert_int_equal(run(-1), 0);
    void *rc;
    pthread_join(thread, &rc);
    assert_null(rc);
}

static void without_a_thread_for_the_drain_it_still_drains(void **state)
{
    (void)state;
    signal_on_running = SIGTERM;
    failthread_at(1 + 1 + 1 + 1); /* worker, loop, watchdog, and then the drain's */
    assert_int_equal(run(-1), 0);
    failthread_off();
    assert_signals_untouched();
}

static int refuse(struct shoal_loop *loop)
{
    (void)loop;
    return -SHOAL_ENOENT;
}

static void a_failed_start_is_told_and_leaves_the_signals_alone(void **state)
{
    (void)state;
    int descriptors = count_descriptors();
    cfg.on_loop_start = refuse;
    recreate();
    assert_int_equal(run(-1), -SHOAL_ENOENT);
    assert_signals_untouched();
    assert_int_equal(count_descriptors(), descriptors);
}

static atomic_bool storming;

static void *send_signals(void *arg)
{
    (void)arg;
    static const int harmless[] = {SIGHUP, SIGCHLD, SIGURG, SIGWINCH};
    for (unsigned i = 0; atomic_load(&storming); i++)
        kill(getpid(), harmless[i % 4]);
    return NULL;
}

static void count_reload(struct shoal_server *of)
{
    if (++reloads == SCALED(2000))
        shoal_server_request_drain(of);
}

static void a_storm_of_signals_is_survived(void **state)
{
    (void)state;
    cfg.on_reload = count_reload;
    recreate();
    sigset_t hup;
    sigset_t old;
    sigemptyset(&hup);
    sigaddset(&hup, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &hup, &old); /* the sender must not take them */
    atomic_store(&storming, true);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, send_signals, NULL), 0);
    assert_int_equal(run(-1), 0);
    atomic_store(&storming, false);
    pthread_join(thread, NULL);
    assert_true(reloads >= SCALED(2000));
    struct timespec now = {0, 0};
    while (sigtimedwait(&hup, NULL, &now) > 0)
        continue;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SIGNAL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        SIGNAL_TEST(term_int_and_quit_drain_and_return),
        SIGNAL_TEST(hup_reloads_and_a_drain_may_be_requested),
        SIGNAL_TEST(a_drain_requested_before_the_run_is_not_lost),
        SIGNAL_TEST(a_loop_may_request_the_drain),
        SIGNAL_TEST(a_second_signal_stops_at_once),
        SIGNAL_TEST(a_single_signal_cuts_at_the_deadline),
        SIGNAL_TEST(a_signal_that_comes_too_late_does_no_harm),
        SIGNAL_TEST(a_drain_by_another_thread_ends_the_run),
        SIGNAL_TEST(without_a_thread_for_the_drain_it_still_drains),
        SIGNAL_TEST(a_failed_start_is_told_and_leaves_the_signals_alone),
        SIGNAL_TEST(a_storm_of_signals_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
