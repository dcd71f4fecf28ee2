/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every allocation from a server's creation to its destruction, accepting and connecting in
 * between, is made to fail once. Whatever comes of it, nothing crashes or is lost, and the next
 * exchange is clean.
 */
#include "peers.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <shoal/error.h>

#include "support/failmalloc.h"

/* What the connection to ourselves has come to. */
struct outgoing {
    char url[64];
    sem_t over;
    bool answered;
};

static size_t on_answer(struct shoal_conn *conn, struct shoal_view in)
{
    struct outgoing *outgoing = shoal_conn_data(conn);
    outgoing->answered = true;
    shoal_conn_close(conn, SHOAL_CLOSE_NOW);
    return in.size;
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)reason;
    sem_post(&((struct outgoing *)shoal_conn_data(conn))->over);
}

static const struct shoal_service answer_service = {.on_data = on_answer, .on_close = on_close};

static void connect_out(struct shoal_loop *loop, void *arg)
{
    struct outgoing *outgoing = arg;
    struct shoal_connect_cfg cfg = SHOAL_CONNECT_CFG_INIT;
    struct shoal_conn *conn;
    cfg.data = outgoing;
    if (shoal_connect(loop, outgoing->url, &answer_service, &cfg, &conn) < 0) {
        sem_post(&outgoing->over);
        return;
    }
    if (shoal_conn_write(conn, "x", 1) < 0)
        shoal_conn_close(conn, SHOAL_CLOSE_NOW);
}

/* True where the server has answered the connection that it made to itself. */
static bool connects_to_itself(struct shoal_server *server, uint16_t port)
{
    struct outgoing outgoing = {.answered = false};
    snprintf(outgoing.url, sizeof(outgoing.url), "tcp://localhost:%u", port);
    sem_init(&outgoing.over, 0, 0);
    if (shoal_call(shoal_server_loop(server, 0), connect_out, &outgoing) == 0) {
        struct timespec end;
        clock_gettime(CLOCK_REALTIME, &end);
        end.tv_sec += 20;
        if (sem_timedwait(&outgoing.over, &end) < 0)
            fail_msg("neither connected nor failed");
    }
    sem_destroy(&outgoing.over);
    return outgoing.answered;
}

static bool exchange(struct shoal_server *server, uint16_t port)
{
    int client = dial(port);
    bool good = echoes(client);
    close(client);
    return connects_to_itself(server, port) && good;
}

/* One whole life of a server. True where everything in it went well. */
static bool live(enum shoal_accept mode)
{
    struct shoal_server_cfg cfg = server_cfg(2, mode);
    struct shoal_server *server = NULL;
    struct shoal_listener *listener = NULL;
    bool good = false;
    cfg.max_per_address = 100;
    if (shoal_server_create(&cfg, &server) < 0)
        return false;
    if (shoal_listen(server, "tcp://127.0.0.1:0", &echo_service, NULL, &listener) == 0 &&
        shoal_server_start(server) == 0) {
        good = exchange(server, port_of(listener));
        failmalloc_off();
        assert_true(exchange(server, port_of(listener)));
        assert_int_equal(shoal_server_drain(server, 5000, NULL), 0);
    }
    failmalloc_off();
    destroy(&server);
    return good;
}

static void sweep(enum shoal_accept mode)
{
    unsigned before = descriptors();
    long failures = 0;
    for (long k = 1;; k++) {
        failmalloc_at(k);
        bool good = live(mode);
        failmalloc_off();
        assert_int_equal(descriptors(), before);
        if (failmalloc_failures() == 0) {
            assert_true(good);
            break;
        }
        failures++;
    }
    assert_true(failures > 20);
}

static void handing_off_survives_every_failed_allocation(void **state)
{
    (void)state;
    sweep(SHOAL_ACCEPT_ROUND_ROBIN);
}

static void reuseport_survives_every_failed_allocation(void **state)
{
    (void)state;
    sweep(SHOAL_ACCEPT_REUSEPORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handing_off_survives_every_failed_allocation),
        cmocka_unit_test(reuseport_survives_every_failed_allocation),
    };
    failmalloc_use_in_libevent();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
