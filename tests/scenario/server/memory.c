/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every allocation of a server's whole life fails once: start, accept, an exchange that keeps input
 * and output and uses the pool, drain. Beside ../net/memory.c, which is about accepting and
 * connecting, this is about what connections allocate while they live, and about the drain.
 */
#include "scenario/net/peers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "support/failmalloc.h"

enum {
    QUESTION = 20000, /* comes in two parts, so that a large one is kept */
    ANSWER = 4000000, /* more than the kernel takes, so that much of it waits */
};

struct job {
    struct shoal_work work;
    struct shoal_conn *conn;
};

static void think(struct shoal_work *work)
{
    (void)work;
}

/* A buffer where there is memory for one, so that both ways are tried. */
static void answer(struct shoal_conn *conn)
{
    char *bytes = calloc(1, ANSWER / 2);
    struct shoal_buf *buf = shoal_buf_create();
    int rc = bytes && buf ? shoal_buf_append(buf, bytes, ANSWER / 2) : -SHOAL_ENOMEM;
    if (rc == 0)
        rc = shoal_conn_write(conn, bytes, ANSWER / 2);
    if (rc >= 0)
        rc = shoal_conn_write_buf(conn, buf);
    shoal_conn_close(conn, rc < 0 ? SHOAL_CLOSE_ABORT : SHOAL_CLOSE_FLUSH);
    shoal_buf_destroy(&buf);
    free(bytes);
}

/* The connection lives: it is held. A closed one is told by its data. */
static void thought(struct shoal_work *work, int status)
{
    struct job *job = (struct job *)work;
    if (job->conn) {
        shoal_conn_set_data(job->conn, NULL);
        if (status == 0)
            answer(job->conn);
        shoal_conn_release(job->conn);
    }
    free(job);
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    if (in.size < QUESTION)
        return 0;
    struct job *job = malloc(sizeof(*job));
    if (!job) {
        shoal_conn_close_for(conn, SHOAL_CLOSE_ABORT, SHOAL_CLOSED_MEMORY);
        return in.size;
    }
    *job = (struct job){{.run = think, .done = thought}, conn};
    if (shoal_pool_submit(shoal_server_pool(shoal_conn_server(conn)), shoal_conn_loop(conn),
                          &job->work) < 0) {
        free(job);
        shoal_conn_close(conn, SHOAL_CLOSE_ABORT);
        return in.size;
    }
    shoal_conn_set_data(conn, job);
    shoal_conn_hold(conn);
    return in.size;
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)reason;
    struct job *job = shoal_conn_data(conn);
    if (job)
        job->conn = NULL;
}

static const struct shoal_service service = {
    .name = "memory", .on_data = on_data, .on_close = on_close};

/* True where the whole answer came and then the end. */
static bool asks_and_is_answered(uint16_t port)
{
    static char bytes[256 * 1024];
    int fd = dial(port);
    bool sent = send(fd, bytes, QUESTION / 2, MSG_NOSIGNAL) == QUESTION / 2;
    usleep(1000); /* usually two reads; either way is right */
    sent = sent && send(fd, bytes, QUESTION - QUESTION / 2, MSG_NOSIGNAL) > 0;
    ssize_t total = 0;
    ssize_t n = -1;
    while (sent && (n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        total += n;
    close(fd);
    return n == 0 && total == ANSWER;
}

static bool all_served(void *arg)
{
    return stats_of(arg).open_connections == 0;
}

/* One life, with memory failing somewhere in it; then a clean exchange, and a drain in which it
 * may fail, too. True where nothing went wrong. */
static bool live(void)
{
    struct shoal_server_cfg cfg = server_cfg(2, SHOAL_ACCEPT_ROUND_ROBIN);
    struct shoal_server *server = NULL;
    struct shoal_listener *listener = NULL;
    cfg.workers = 1;
    if (shoal_server_create(&cfg, &server) < 0)
        return false;
    bool good = shoal_listen(server, "tcp://127.0.0.1:0", &service, NULL, &listener) == 0 &&
                shoal_server_start(server) == 0;
    if (good) {
        good = asks_and_is_answered(port_of(listener));
        wait_until(all_served, server);
        int idle = dial(port_of(listener));
        assert_int_equal(shoal_server_drain(server, 5000, NULL), 0);
        close(idle);
    }
    failmalloc_off();
    destroy(&server);
    return good;
}

/* In one life, an exchange with each allocation failing, and a clean one after each of them. */
static void the_exchange_after_a_failed_allocation_is_clean(void **state)
{
    (void)state;
    unsigned before = descriptors();
    struct shoal_server_cfg cfg = server_cfg(2, SHOAL_ACCEPT_REUSEPORT);
    struct shoal_listener *listener = NULL;
    cfg.workers = 1;
    struct shoal_server *server = make_server(&cfg);
    assert_int_equal(shoal_listen(server, "tcp://127.0.0.1:0", &service, NULL, &listener), 0);
    start(server);
    long failures = 1;
    for (long k = 1; failures > 0; k++) {
        assert_true(k < 1000);
        failmalloc_at(k);
        bool good = asks_and_is_answered(port_of(listener));
        wait_until(all_served, server);
        failmalloc_off();
        failures = failmalloc_failures();
        assert_true(good || failures > 0);
        assert_true(asks_and_is_answered(port_of(listener)));
    }
    assert_int_equal(shoal_server_drain(server, 5000, NULL), 0);
    destroy(&server);
    assert_int_equal(descriptors(), before);
}

static void a_life_survives_every_failed_allocation(void **state)
{
    (void)state;
    unsigned before = descriptors();
    for (long k = 1;; k++) {
        assert_true(k < 1000);
        failmalloc_at(k);
        bool good = live();
        failmalloc_off();
        assert_int_equal(descriptors(), before);
        if (failmalloc_failures() == 0) {
            assert_true(good);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_life_survives_every_failed_allocation),
        cmocka_unit_test(the_exchange_after_a_failed_allocation_is_clean),
    };
    failmalloc_use_in_libevent();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
