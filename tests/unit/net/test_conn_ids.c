/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections by id: that an id names one connection for ever, and what other threads may do with
 * it. The second half runs a real server, with connections on socket pairs.
 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <shoal/buf.h>
#include <shoal/error.h>
#include <shoal/stats.h>

#include "net/conn.h"
#include "net/conn_priv.h"
#include "support/connrig.h"
#include "support/scale.h"

/* On the loop's own thread */

static void an_id_finds_its_connection_until_it_closes(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    shoal_conn_id id = shoal_conn_get_id(bench->conn);
    assert_true(id != 0);
    assert_ptr_equal(shoal_conn_find(bench->rig.loop, id), bench->conn);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_NOW);
    assert_null(shoal_conn_find(bench->rig.loop, id)); /* at once, not when it is freed */
    connrig_run(&bench->rig);
    assert_null(shoal_conn_find(bench->rig.loop, id));
}

static void an_id_is_still_good_while_its_connection_flushes(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    shoal_conn_id id = shoal_conn_get_id(bench->conn);
    bench->wire.capacity = 0;
    shoal_conn_write(bench->conn, "x", 1);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_FLUSH);
    connrig_run(&bench->rig);
    assert_ptr_equal(shoal_conn_find(bench->rig.loop, id), bench->conn);
}

static void nothing_is_found_by_ids_that_never_were(void **state)
{
    struct connbench *bench = *state;
    assert_null(shoal_conn_find(bench->rig.loop, 1)); /* also before the first connection */
    connbench_open(bench, NULL);
    shoal_conn_id id = shoal_conn_get_id(bench->conn);
    assert_null(shoal_conn_find(bench->rig.loop, 0));
    assert_null(shoal_conn_find(bench->rig.loop, UINT64_MAX));
    for (int bit = 0; bit < 64; bit++)
        assert_null(shoal_conn_find(bench->rig.loop, id ^ UINT64_C(1) << bit));
}

static void a_reused_place_does_not_answer_to_the_old_id(void **state)
{
    struct connbench *bench = *state;
    shoal_conn_id last = 0;
    for (int i = 0; i < 1000; i++) {
        recorder_init(&bench->recorder);
        connbench_open(bench, NULL);
        shoal_conn_id id = shoal_conn_get_id(bench->conn);
        assert_true(id != last);
        if (last != 0) {
            assert_int_equal((uint32_t)id, (uint32_t)last); /* the same place indeed */
            assert_null(shoal_conn_find(bench->rig.loop, last));
        }
        last = id;
        shoal_conn_close(bench->conn, SHOAL_CLOSE_NOW);
        connrig_turns(&bench->rig, 1);
    }
}

static void generations_skip_zero_when_they_wrap(void **state)
{
    struct connbench *bench = *state;
    shoal__net_loop_get(bench->rig.loop)->generation = UINT32_MAX;
    connbench_open(bench, NULL);
    shoal_conn_id id = shoal_conn_get_id(bench->conn);
    assert_int_equal(id >> 32, 1);
    assert_ptr_equal(shoal_conn_find(bench->rig.loop, id), bench->conn);
}

enum { CROWD = 2000 };

struct crowd {
    struct shoal_conn *conns[CROWD];
    shoal_conn_id ids[CROWD];
    struct recorder recorder;
};

static void open_crowd(struct connbench *bench, struct crowd *crowd)
{
    recorder_init(&crowd->recorder);
    crowd->recorder.service = (struct shoal_service){.arg = &crowd->recorder};
    for (int i = 0; i < CROWD; i++) {
        crowd->conns[i] = connrig_open(&bench->rig, &bench->wire, &crowd->recorder, NULL);
        crowd->ids[i] = shoal_conn_get_id(crowd->conns[i]);
    }
    bench->wire.watched = 0; /* they share a wire that says nothing */
}

static void a_crowd_is_found_one_by_one_and_its_memory_given_back(void **state)
{
    struct connbench *bench = *state;
    struct crowd *crowd = malloc(sizeof(*crowd));
    struct shoal__net_loop *net = shoal__net_loop_get(bench->rig.loop);
    for (int round = 0; round < 3; round++) {
        open_crowd(bench, crowd);
        assert_int_equal(net->open, CROWD);
        for (int i = 0; i < CROWD; i++)
            assert_ptr_equal(shoal_conn_find(bench->rig.loop, crowd->ids[i]), crowd->conns[i]);
        for (int i = 0; i < CROWD; i++) /* in another order than they came */
            shoal_conn_close(crowd->conns[(i * 7) % CROWD], SHOAL_CLOSE_NOW);
        connrig_run(&bench->rig);
        assert_int_equal(net->open, 0);
        for (uint32_t i = 1; i < net->chunk_room; i++)
            assert_null(net->chunks[i]);
    }
    free(crowd);
}

static void close_each(struct shoal_conn *conn, void *arg)
{
    ++*(int *)arg;
    shoal_conn_close(conn, SHOAL_CLOSE_NOW);
}

static void holes_are_filled_before_the_slab_grows(void **state)
{
    struct connbench *bench = *state;
    struct crowd *crowd = malloc(sizeof(*crowd));
    struct shoal__net_loop *net = shoal__net_loop_get(bench->rig.loop);
    open_crowd(bench, crowd);
    uint32_t room = net->chunk_room;
    for (int round = 0; round < 10; round++) {
        for (int i = round; i < CROWD; i += 3)
            shoal_conn_close(crowd->conns[i], SHOAL_CLOSE_NOW);
        connrig_turns(&bench->rig, 1);
        for (int i = round; i < CROWD; i += 3)
            crowd->conns[i] = connrig_open(&bench->rig, &bench->wire, &crowd->recorder, NULL);
        bench->wire.watched = 0;
    }
    assert_int_equal(net->chunk_room, room);
    assert_int_equal(net->open, CROWD);
    int closed = 0;
    shoal_loop_each_conn(bench->rig.loop, close_each, &closed);
    connrig_turns(&bench->rig, 1);
    free(crowd);
}

static void each_visits_every_open_connection_and_may_close_it(void **state)
{
    struct connbench *bench = *state;
    struct crowd *crowd = malloc(sizeof(*crowd));
    open_crowd(bench, crowd);
    shoal_conn_close(crowd->conns[5], SHOAL_CLOSE_NOW);
    shoal_conn_close(crowd->conns[1000], SHOAL_CLOSE_NOW);
    int visits = 0;
    shoal_loop_each_conn(bench->rig.loop, close_each, &visits);
    assert_int_equal(visits, CROWD - 2);
    shoal_loop_each_conn(bench->rig.loop, close_each, &visits);
    assert_int_equal(visits, CROWD - 2);
    connrig_run(&bench->rig);
    free(crowd);
}

static void a_server_that_does_not_run_takes_nothing(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    struct shoal_server *server = bench->rig.server;
    shoal_conn_id id = shoal_conn_get_id(bench->conn);
    struct shoal_buf *buf = shoal_buf_create();
    shoal_buf_append(buf, "mine", 4);
    assert_null(shoal_server_loop_of(server, id));
    assert_int_equal(shoal_send(server, id, "x", 1), -SHOAL_ESTOPPED);
    assert_int_equal(shoal_send_buf(server, id, &buf), -SHOAL_ESTOPPED);
    assert_non_null(buf);
    assert_int_equal(shoal_buf_size(buf), 4);
    assert_int_equal(shoal_close(server, id, SHOAL_CLOSE_NOW), -SHOAL_ESTOPPED);
    int calls = 0;
    assert_int_equal(shoal_call_conn(server, id, close_each, &calls), -SHOAL_ESTOPPED);
    assert_int_equal(calls, 0);
    shoal_buf_destroy(&buf);
}

/* From other threads */

struct remote {
    struct shoal_server *server;
    struct shoal_service service;
    _Atomic int closes;
};

static void count_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)reason;
    struct remote *remote = shoal_conn_arg(conn);
    atomic_fetch_add(&remote->closes, 1);
}

static int start_remote(void **state)
{
    struct remote *remote = calloc(1, sizeof(*remote));
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = 2;
    cfg.workers = 0;
    remote->service = (struct shoal_service){.on_close = count_close, .arg = remote};
    assert_int_equal(shoal_server_create(&cfg, &remote->server), 0);
    assert_int_equal(shoal_server_start(remote->server), 0);
    *state = remote;
    return 0;
}

static int stop_remote(void **state)
{
    struct remote *remote = *state;
    assert_int_equal(shoal_server_destroy(&remote->server), 0);
    free(remote);
    return 0;
}

struct opening {
    struct remote *remote;
    int fd;
    shoal_conn_id id;
    sem_t done;
};

static void open_on_loop(struct shoal_loop *loop, void *arg)
{
    struct opening *opening = arg;
    struct shoal__shared_limits *limits = shoal__limits_create(&connrig_no_limits);
    struct shoal__transport transport = {&shoal__transport_plain, NULL, opening->fd};
    struct shoal__address peer = {.family = AF_UNSPEC};
    struct shoal_conn *conn;
    if (shoal__conn_create(loop, &transport, &opening->remote->service, limits, &peer, false,
                           &conn) == 0)
        opening->id = shoal_conn_get_id(conn);
    shoal__limits_unref(&limits);
    sem_post(&opening->done);
}

/* Opens a connection on that loop; returns its id and the peer's descriptor, which blocks. */
static shoal_conn_id open_remote(struct remote *remote, unsigned loop, int *out_peer)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    struct opening opening = {.remote = remote, .fd = pair[0]};
    sem_init(&opening.done, 0, 0);
    assert_int_equal(shoal_call(shoal_server_loop(remote->server, loop), open_on_loop, &opening),
                     0);
    sem_wait(&opening.done);
    sem_destroy(&opening.done);
    assert_true(opening.id != 0);
    *out_peer = pair[1];
    return opening.id;
}

static void assert_reads(int fd, const char *text)
{
    char bytes[256];
    size_t size = strlen(text);
    size_t got = 0;
    while (got < size) {
        ssize_t n = read(fd, bytes + got, size - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_memory_equal(bytes, text, size);
}

static void an_id_leads_to_its_own_loop(void **state)
{
    struct remote *remote = *state;
    for (unsigned loop = 0; loop < 2; loop++) {
        int peer;
        shoal_conn_id id = open_remote(remote, loop, &peer);
        assert_ptr_equal(shoal_server_loop_of(remote->server, id),
                         shoal_server_loop(remote->server, loop));
        close(peer);
    }
}

static void what_one_thread_sends_arrives_in_its_order(void **state)
{
    struct remote *remote = *state;
    int peer;
    shoal_conn_id id = open_remote(remote, 1, &peer);
    struct shoal_buf *buf = shoal_buf_create();
    shoal_buf_append(buf, "two ", 4);
    assert_int_equal(shoal_send(remote->server, id, "one ", 4), 0);
    assert_int_equal(shoal_send_buf(remote->server, id, &buf), 0);
    assert_null(buf);
    assert_int_equal(shoal_send(remote->server, id, "three", 5), 0);
    assert_int_equal(shoal_close(remote->server, id, SHOAL_CLOSE_FLUSH), 0);
    assert_reads(peer, "one two three");
    char end;
    assert_int_equal(read(peer, &end, 1), 0);
    close(peer);
}

struct visit {
    struct shoal_conn *conn;
    struct shoal_loop *loop;
    int calls;
    sem_t done;
};

static void note_visit(struct shoal_conn *conn, void *arg)
{
    struct visit *visit = arg;
    visit->conn = conn;
    visit->loop = shoal_loop_current();
    visit->calls++;
    sem_post(&visit->done);
}

static void call_and_wait(struct remote *remote, shoal_conn_id id, struct visit *visit)
{
    *visit = (struct visit){0};
    sem_init(&visit->done, 0, 0);
    assert_int_equal(shoal_call_conn(remote->server, id, note_visit, visit), 0);
    sem_wait(&visit->done);
    sem_destroy(&visit->done);
    assert_int_equal(visit->calls, 1);
}

static void a_call_runs_once_on_the_loop_and_learns_that_the_connection_is_gone(void **state)
{
    struct remote *remote = *state;
    struct visit visit;
    int peer;
    shoal_conn_id id = open_remote(remote, 0, &peer);
    call_and_wait(remote, id, &visit);
    assert_non_null(visit.conn);
    assert_ptr_equal(visit.loop, shoal_server_loop(remote->server, 0));
    shoal_close(remote->server, id, SHOAL_CLOSE_NOW);
    call_and_wait(remote, id, &visit);
    assert_null(visit.conn);
    close(peer);
}

static void sending_to_who_has_left_is_counted_and_harmless(void **state)
{
    struct remote *remote = *state;
    struct visit visit;
    int peer;
    shoal_conn_id id = open_remote(remote, 0, &peer);
    shoal_close(remote->server, id, SHOAL_CLOSE_ABORT);
    assert_int_equal(shoal_send(remote->server, id, "x", 1), 0);
    assert_int_equal(shoal_close(remote->server, id, SHOAL_CLOSE_NOW), 0);
    call_and_wait(remote, id, &visit);
    assert_int_equal(shoal_server_stop(remote->server), 0);
    struct shoal_stats stats;
    shoal_server_stats(remote->server, &stats);
    assert_int_equal(stats.stale_ids, 3);
    assert_int_equal(atomic_load(&remote->closes), 1);
    close(peer);
}

/* Several threads hammer the same ids while connections come and go. A post is never refused for
 * being one too many, so each thread waits for its own now and then. */

enum { HAMMERS = 3, TARGETS = 8, OPERATIONS = 40 };

struct hammer {
    pthread_t thread;
    struct remote *remote;
    _Atomic shoal_conn_id *targets;
    _Atomic bool *stop;
    unsigned seed;
    sem_t called;
};

static shoal_conn_id choose(struct hammer *hammer)
{
    return atomic_load(&hammer->targets[rand_r(&hammer->seed) % TARGETS]);
}

static void pause_or_resume(struct shoal_conn *conn, void *arg)
{
    struct hammer *hammer = arg;
    if (conn && shoal_conn_paused(conn))
        shoal_conn_resume(conn);
    else if (conn)
        shoal_conn_pause(conn);
    sem_post(&hammer->called);
}

static void hammer_once(struct hammer *hammer)
{
    struct shoal_server *server = hammer->remote->server;
    unsigned what = (unsigned)rand_r(&hammer->seed) % 8;
    if (what == 0)
        assert_int_equal(
            shoal_close(server, choose(hammer), (enum shoal_close)(rand_r(&hammer->seed) % 4)), 0);
    else
        assert_int_equal(shoal_send(server, choose(hammer), "some bytes", 10), 0);
}

static void *hammer_main(void *arg)
{
    struct hammer *hammer = arg;
    struct shoal_server *server = hammer->remote->server;
    do {
        for (int i = 0; i < OPERATIONS; i++)
            hammer_once(hammer);
        assert_int_equal(shoal_call_conn(server, choose(hammer), pause_or_resume, hammer), 0);
        sem_wait(&hammer->called);
    } while (!atomic_load(hammer->stop));
    return NULL;
}

static void threads_may_use_any_id_at_any_time(void **state)
{
    struct remote *remote = *state;
    _Atomic shoal_conn_id targets[TARGETS];
    int peers[TARGETS];
    _Atomic bool stop = false;
    struct hammer hammers[HAMMERS];
    for (unsigned i = 0; i < TARGETS; i++)
        atomic_init(&targets[i], open_remote(remote, i % 2, &peers[i]));
    for (unsigned i = 0; i < HAMMERS; i++) {
        hammers[i] =
            (struct hammer){.remote = remote, .targets = targets, .stop = &stop, .seed = i + 1};
        sem_init(&hammers[i].called, 0, 0);
        pthread_create(&hammers[i].thread, NULL, hammer_main, &hammers[i]);
    }
    int opened = TARGETS;
    for (; opened < SCALE(2000); opened++) {
        unsigned i = (unsigned)opened % TARGETS;
        close(peers[i]);
        atomic_store(&targets[i], open_remote(remote, i % 2, &peers[i]));
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < HAMMERS; i++) {
        pthread_join(hammers[i].thread, NULL);
        sem_destroy(&hammers[i].called);
    }
    assert_int_equal(shoal_server_stop(remote->server), 0);
    assert_int_equal(atomic_load(&remote->closes), opened);
    for (unsigned i = 0; i < TARGETS; i++)
        close(peers[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, connbench_start, connbench_stop)
#define REMOTE_TEST(name) cmocka_unit_test_setup_teardown(name, start_remote, stop_remote)
    const struct CMUnitTest tests[] = {
        TEST(an_id_finds_its_connection_until_it_closes),
        TEST(an_id_is_still_good_while_its_connection_flushes),
        TEST(nothing_is_found_by_ids_that_never_were),
        TEST(a_reused_place_does_not_answer_to_the_old_id),
        TEST(generations_skip_zero_when_they_wrap),
        TEST(a_crowd_is_found_one_by_one_and_its_memory_given_back),
        TEST(holes_are_filled_before_the_slab_grows),
        TEST(each_visits_every_open_connection_and_may_close_it),
        TEST(a_server_that_does_not_run_takes_nothing),
        REMOTE_TEST(an_id_leads_to_its_own_loop),
        REMOTE_TEST(what_one_thread_sends_arrives_in_its_order),
        REMOTE_TEST(a_call_runs_once_on_the_loop_and_learns_that_the_connection_is_gone),
        REMOTE_TEST(sending_to_who_has_left_is_counted_and_harmless),
        REMOTE_TEST(threads_may_use_any_id_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
