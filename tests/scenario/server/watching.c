/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What any thread may ask of a server, or send through it, it may at any time: while it starts,
 * serves, drains and stands still. The thread sanitizer is the judge; besides, counters never sink.
 */
#include "scenario/net/peers.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include <shoal/conn.h>

enum { RUNS = 40, CLIENTS = 5, WATCHERS = 3, LOOPS = 2 };

struct watched {
    struct shoal_server *server;
    atomic_bool over;
    atomic_uint sunk; /* counters that were seen to sink */
};

static void look(struct watched *watched, uint64_t *accepted)
{
    struct shoal_stats stats;
    shoal_server_stats(watched->server, &stats);
    if (stats.accepted < *accepted)
        atomic_fetch_add(&watched->sunk, 1);
    *accepted = stats.accepted;
    for (unsigned loop = 0; loop <= LOOPS; loop++)
        (void)shoal_server_loop_stats(watched->server, loop, &stats);
    (void)shoal_server_draining(watched->server);
    (void)shoal_server_arg(watched->server);
    for (shoal_conn_id id = 0; id < 4; id++) {
        (void)shoal_send(watched->server, id, "x", 1); /* to nobody */
        (void)shoal_close(watched->server, id, SHOAL_CLOSE_NOW);
    }
}

static void *watch(void *arg)
{
    struct watched *watched = arg;
    uint64_t accepted = 0;
    while (!atomic_load(&watched->over)) {
        look(watched, &accepted);
        sched_yield();
    }
    return NULL;
}

static void run_once(struct shoal_server *server, const struct shoal_listener *listener)
{
    start(server);
    for (int i = 0; i < CLIENTS; i++) {
        int client = dial(port_of(listener));
        assert_true(echoes(client));
        close(client);
    }
    assert_int_equal(shoal_server_drain(server, 10000, NULL), 0);
}

static void any_thread_may_look_at_any_time(void **state)
{
    (void)state;
    struct shoal_server_cfg cfg = server_cfg(LOOPS, SHOAL_ACCEPT_DEFAULT);
    struct watched watched = {.server = make_server(&cfg)};
    struct shoal_listener *listener = listen_on(watched.server, "tcp://127.0.0.1:0", NULL);
    pthread_t watchers[WATCHERS];
    for (int i = 0; i < WATCHERS; i++)
        assert_int_equal(pthread_create(&watchers[i], NULL, watch, &watched), 0);
    for (int i = 0; i < RUNS; i++)
        run_once(watched.server, listener);
    atomic_store(&watched.over, true);
    for (int i = 0; i < WATCHERS; i++)
        pthread_join(watchers[i], NULL);
    assert_int_equal(atomic_load(&watched.sunk), 0);
    assert_int_equal(stats_of(watched.server).accepted, RUNS * CLIENTS);
    destroy(&watched.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_thread_may_look_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
