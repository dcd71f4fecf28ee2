/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A drain with every kind of client: idle, busy (its answer is being worked on), slow (it takes a
 * large answer bit by bit) and stuck (it takes nothing). It ends, and its report says who was who.
 */
#include "scenario/net/peers.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <shoal/error.h>

enum {
    IDLE = 10,
    BUSY = 4,
    SLOW = 4,
    STUCK = 5,
    LARGE = 8 * 1024 * 1024, /* more than the kernel's socket buffers take */
};

/* The first byte of a question says what is asked for. */
#define ASK_ECHO "e"
#define ASK_WORK "w"
#define ASK_LARGE "l"

static sem_t gate;            /* work waits for it, */
static atomic_int working;    /* having said that it runs */
static atomic_bool deaf_work; /* work does not look whether it is cancelled */

struct job {
    struct shoal_work work; /* first: done() knows us by it */
    shoal_conn_id asker;
};

static void work(struct shoal_work *self)
{
    atomic_fetch_add(&working, 1);
    while (sem_trywait(&gate) < 0) {
        if (shoal_work_cancelled(self) && !atomic_load(&deaf_work))
            return;
        usleep(500);
    }
}

static void answer_work(struct shoal_work *self, int status)
{
    struct job *job = (struct job *)self;
    struct shoal_loop *loop = shoal_loop_current(); /* NULL: the loop has ended before the work */
    struct shoal_conn *conn = loop ? shoal_conn_find(loop, job->asker) : NULL;
    if (conn) {
        shoal_conn_write(conn, status == 0 ? "done" : "none", 4);
        shoal_conn_release(conn);
    }
    free(job);
}

static void begin_work(struct shoal_conn *conn)
{
    struct job *job = malloc(sizeof(*job));
    *job = (struct job){{.run = work, .done = answer_work}, shoal_conn_get_id(conn)};
    assert_int_equal(shoal_pool_submit(shoal_server_pool(shoal_conn_server(conn)),
                                       shoal_conn_loop(conn), &job->work),
                     0);
    shoal_conn_hold(conn);
}

static void write_large(struct shoal_conn *conn)
{
    char *bytes = calloc(1, LARGE);
    shoal_conn_write(conn, bytes, LARGE);
    free(bytes);
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] == ASK_WORK[0])
            begin_work(conn);
        else if (in.data[i] == ASK_LARGE[0])
            write_large(conn);
        else
            shoal_conn_write(conn, "e", 1);
    }
    return in.size;
}

static const struct shoal_service service = {.name = "draining", .on_data = on_data};

static struct shoal_server *serve_all(int workers, struct shoal_listener **out_listener)
{
    struct shoal_server_cfg cfg = server_cfg(2, SHOAL_ACCEPT_ROUND_ROBIN);
    struct shoal_listen_cfg listen = SHOAL_LISTEN_CFG_INIT;
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    limits.flush_ms = 0; /* only the drain's own deadline cuts here */
    listen.limits = &limits;
    cfg.workers = workers;
    struct shoal_server *server = make_server(&cfg);
    assert_int_equal(shoal_listen(server, "tcp://127.0.0.1:0", &service, &listen, out_listener), 0);
    start(server);
    return server;
}

static void ask(int fd, const char *what)
{
    assert_int_equal(send(fd, what, 1, MSG_NOSIGNAL), 1);
}

static bool all_work(void *arg)
{
    return atomic_load(&working) == *(int *)arg;
}

static bool all_bytes_in(void *arg)
{
    struct shoal_server *server = arg;
    return stats_of(server).bytes_in == IDLE + BUSY + SLOW + STUCK;
}

/* Reads until the end of the stream; returns how many bytes came, -1 for a reset. */
static ssize_t read_all(int fd)
{
    static _Thread_local char bytes[16 * 1024];
    ssize_t total = 0;
    for (ssize_t n; (n = recv(fd, bytes, sizeof(bytes), 0)) != 0; total += n) {
        if (n < 0)
            return -1;
    }
    return total;
}

struct reader {
    pthread_t thread;
    int fd;
    ssize_t total;
};

static void *reader_main(void *arg)
{
    struct reader *reader = arg;
    reader->total = read_all(reader->fd);
    return NULL;
}

static void *open_gate(void *arg)
{
    struct shoal_server *server = arg;
    while (!shoal_server_draining(server))
        usleep(500);
    for (int i = 0; i < BUSY; i++)
        sem_post(&gate);
    return NULL;
}

static void dial_all(int *fds, int count, uint16_t port, const char *what)
{
    for (int i = 0; i < count; i++) {
        fds[i] = dial(port);
        ask(fds[i], what);
    }
}

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

static void idle_busy_slow_and_stuck_clients_are_told_apart(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = serve_all(BUSY, &listener);
    int idle[IDLE];
    int busy[BUSY];
    int slow[SLOW];
    int stuck[STUCK];
    dial_all(idle, IDLE, port_of(listener), ASK_ECHO);
    dial_all(busy, BUSY, port_of(listener), ASK_WORK);
    dial_all(slow, SLOW, port_of(listener), ASK_LARGE);
    dial_all(stuck, STUCK, port_of(listener), ASK_LARGE);
    int expected = BUSY;
    wait_until(all_work, &expected);
    wait_until(all_bytes_in, server);

    struct reader readers[SLOW];
    for (int i = 0; i < SLOW; i++) {
        readers[i].fd = slow[i];
        pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]);
    }
    pthread_t opener;
    pthread_create(&opener, NULL, open_gate, server);
    struct shoal_drain_report report;
    assert_int_equal(shoal_server_drain(server, 2000, &report), 0);
    pthread_join(opener, NULL);
    for (int i = 0; i < SLOW; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].total, LARGE);
    }
    for (int i = 0; i < BUSY; i++)
        assert_int_equal(read_all(busy[i]), 4);
    for (int i = 0; i < IDLE; i++)
        assert_int_equal(read_all(idle[i]), 1);
    for (int i = 0; i < STUCK; i++)
        assert_int_equal(read_all(stuck[i]), -1); /* a reset: nobody takes it for the whole */
    assert_int_equal(report.graceful, IDLE + BUSY + SLOW);
    assert_int_equal(report.forced, STUCK);
    assert_int_equal(report.discarded, 0);
    assert_int_equal(report.stuck, 0);
    close_all(idle, IDLE);
    close_all(busy, BUSY);
    close_all(slow, SLOW);
    close_all(stuck, STUCK);
    destroy(&server);
}

static void work_that_is_cancelled_in_time_is_not_stuck(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = serve_all(1, &listener);
    int clients[3];
    dial_all(clients, 3, port_of(listener), ASK_WORK); /* one runs, two wait */
    int expected = 1;
    wait_until(all_work, &expected);
    while (stats_of(server).bytes_in < 3)
        usleep(500);
    struct shoal_drain_report report;
    assert_int_equal(shoal_server_drain(server, 100, &report), 0);
    assert_int_equal(report.graceful, 0);
    assert_int_equal(report.forced, 3);
    assert_int_equal(report.discarded, 2);
    assert_int_equal(report.stuck, 0);
    close_all(clients, 3);
    destroy(&server);
}

static void stuck_work_is_reported_and_keeps_the_server_from_being_destroyed(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = serve_all(1, &listener);
    atomic_store(&deaf_work, true);
    int client;
    dial_all(&client, 1, port_of(listener), ASK_WORK);
    int expected = 1;
    wait_until(all_work, &expected);
    struct shoal_drain_report report;
    assert_int_equal(shoal_server_drain(server, 50, &report), 0);
    assert_int_equal(report.forced, 1);
    assert_int_equal(report.stuck, 1);
    assert_int_equal(shoal_server_destroy(&server), -SHOAL_EBUSY);
    assert_non_null(server);
    sem_post(&gate);
    while (shoal_server_destroy(&server) < 0)
        usleep(500);
    assert_null(server);
    close(client);
}

static void *drain_at_once(void *arg)
{
    struct shoal_server *server = arg;
    while (!shoal_server_draining(server))
        usleep(500);
    assert_int_equal(shoal_server_drain(server, 0, NULL), 0);
    return NULL;
}

static void a_second_drain_shortens_the_first(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = serve_all(1, &listener);
    int client;
    dial_all(&client, 1, port_of(listener), ASK_LARGE);
    while (stats_of(server).bytes_in < 1)
        usleep(500);
    pthread_t second;
    pthread_create(&second, NULL, drain_at_once, server);
    struct shoal_drain_report report;
    assert_int_equal(shoal_server_drain(server, 3600 * 1000, &report), 0); /* or ctest ends it */
    pthread_join(second, NULL);
    assert_int_equal(report.forced, 1);
    close(client);
    destroy(&server);
}

static int reset_gate(void **state)
{
    (void)state;
    sem_init(&gate, 0, 0);
    atomic_store(&working, 0);
    atomic_store(&deaf_work, false);
    return 0;
}

static int forget_gate(void **state)
{
    (void)state;
    return sem_destroy(&gate);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, reset_gate, forget_gate)
    const struct CMUnitTest tests[] = {
        TEST(idle_busy_slow_and_stuck_clients_are_told_apart),
        TEST(work_that_is_cancelled_in_time_is_not_stuck),
        TEST(stuck_work_is_reported_and_keeps_the_server_from_being_destroyed),
        TEST(a_second_drain_shortens_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
