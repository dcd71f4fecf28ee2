/* SPDX-License-Identifier: BSD-3-Clause */
/* shoal_connect(): success, every kind of failure, deadlines, cancelling, source addresses. */
#include "peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <shoal/error.h>

/* One connection to be made, and what became of it. The loop writes it, until `over`. */
struct trial {
    struct shoal_loop *loop;
    const char *url;
    struct shoal_connect_cfg cfg;
    bool close_at_once;
    bool inside; /* shoal_connect() has not returned */

    int rc;
    bool opened;
    bool closed_inside;
    enum shoal_close_reason reason;
    int error;
    char answer[8];
    size_t answer_size;
    char local[SHOAL_ADDRESS_MAX];
    char peer[SHOAL_ADDRESS_MAX];
    sem_t over;
};

static void on_open(struct shoal_conn *conn)
{
    struct trial *trial = shoal_conn_data(conn);
    trial->opened = true;
    shoal_conn_local(conn, trial->local, sizeof(trial->local));
    shoal_conn_peer(conn, trial->peer, sizeof(trial->peer));
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct trial *trial = shoal_conn_data(conn);
    for (size_t i = 0; i < in.size && trial->answer_size < sizeof(trial->answer); i++)
        trial->answer[trial->answer_size++] = in.data[i];
    if (trial->answer_size >= 2)
        shoal_conn_close(conn, SHOAL_CLOSE_NOW);
    return in.size;
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    struct trial *trial = shoal_conn_data(conn);
    trial->closed_inside = trial->inside;
    trial->reason = reason;
    trial->error = shoal_conn_error(conn);
    sem_post(&trial->over);
}

static const struct shoal_service client = {
    .name = "trial", .on_open = on_open, .on_data = on_data, .on_close = on_close};

static void begin(struct shoal_loop *loop, void *arg)
{
    struct trial *trial = arg;
    struct shoal_conn *conn = NULL;
    trial->cfg.data = trial;
    trial->inside = true;
    trial->rc = shoal_connect(loop, trial->url, &client, &trial->cfg, &conn);
    trial->inside = false;
    if (trial->rc < 0) {
        sem_post(&trial->over);
        return;
    }
    if (shoal_conn_write(conn, "hi", 2) < 0)
        abort();
    if (trial->close_at_once)
        shoal_conn_close(conn, SHOAL_CLOSE_NOW);
}

static void launch(struct trial *trial, struct shoal_server *server, const char *url)
{
    sem_init(&trial->over, 0, 0);
    trial->url = url;
    trial->loop = shoal_server_loop(server, 0);
    if (trial->cfg.size == 0)
        trial->cfg = (struct shoal_connect_cfg)SHOAL_CONNECT_CFG_INIT;
    assert_int_equal(shoal_call(trial->loop, begin, trial), 0);
}

static void wait_over(struct trial *trial)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 20;
    if (sem_timedwait(&trial->over, &end) < 0)
        fail_msg("%s: neither opened nor failed", trial->url);
    sem_destroy(&trial->over);
    assert_false(trial->closed_inside);
}

static struct trial attempt(struct shoal_server *server, const char *url)
{
    struct trial trial = {.rc = 1};
    launch(&trial, server, url);
    wait_over(&trial);
    return trial;
}

static struct shoal_server *make_client(void)
{
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&cfg);
    start(server);
    return server;
}

static void assert_served(const struct trial *trial)
{
    assert_int_equal(trial->rc, 0);
    assert_true(trial->opened);
    assert_int_equal(trial->answer_size, 2);
    assert_memory_equal(trial->answer, "hi", 2);
    assert_int_equal(trial->reason, SHOAL_CLOSED_LOCAL);
}

static void assert_failed(const struct trial *trial, int error)
{
    assert_int_equal(trial->rc, 0);
    assert_false(trial->opened);
    assert_int_equal(trial->reason, SHOAL_CLOSED_CONNECT);
    assert_int_equal(trial->error, error);
}

static void a_connection_is_made_and_what_was_written_before_is_sent(void **state)
{
    (void)state;
    static const char *const listen_urls[] = {"tcp://127.0.0.1:0", "tcp://[::1]:0"};
    for (int i = 0; i < 2; i++) {
        struct shoal_listener *listener;
        struct shoal_server *server = serve(2, SHOAL_ACCEPT_DEFAULT, listen_urls[i], &listener);
        struct trial trial = attempt(server, shoal_listener_url(listener));
        assert_served(&trial);
        assert_string_equal(trial.peer, shoal_listener_url(listener) + strlen("tcp://"));
        assert_int_equal(stats_of(server).connected, 1);
        destroy(&server);
    }
}

static void names_are_resolved(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = serve(1, SHOAL_ACCEPT_DEFAULT, "tcp://127.0.0.1:0", &listener);
    char url[64];
    snprintf(url, sizeof(url), "tcp://localhost:%u", port_of(listener));
    for (int i = 0; i < 3; i++) {
        struct trial trial = attempt(server, url);
        assert_served(&trial);
        assert_int_equal(shoal_server_stop(server), 0); /* the resolver comes back after a stop */
        start(server);
        snprintf(url, sizeof(url), "tcp://localhost:%u", port_of(listener));
    }
    destroy(&server);
}

static void many_names_at_once_are_resolved(void **state)
{
    (void)state;
    enum { MANY = 100 };
    static struct trial trials[MANY];
    struct shoal_listener *listener;
    struct shoal_server *server = serve(2, SHOAL_ACCEPT_DEFAULT, "tcp://127.0.0.1:0", &listener);
    char url[64];
    snprintf(url, sizeof(url), "tcp://localhost:%u", port_of(listener));
    for (int i = 0; i < MANY; i++)
        launch(&trials[i], server, url);
    for (int i = 0; i < MANY; i++) {
        wait_over(&trials[i]);
        assert_served(&trials[i]);
    }
    destroy(&server);
}

static void a_name_that_does_not_exist_fails(void **state)
{
    (void)state;
    struct shoal_server *server = make_client();
    struct trial trial = attempt(server, "tcp://no-such-host.invalid:80");
    assert_failed(&trial, -SHOAL_ERESOLVE);
    destroy(&server);
}

/* A port that was ours a moment ago. */
static uint16_t unused_port(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    close(fd);
    return ntohs(name.sin_port);
}

static void a_refused_connection_fails(void **state)
{
    (void)state;
    struct shoal_server *server = make_client();
    char url[64];
    snprintf(url, sizeof(url), "tcp://127.0.0.1:%u", unused_port());
    struct trial trial = attempt(server, url);
    assert_failed(&trial, -ECONNREFUSED);
    snprintf(url, sizeof(url), "tcp://localhost:%u", unused_port());
    trial = attempt(server, url);
    assert_failed(&trial, -ECONNREFUSED);
    assert_int_equal(stats_of(server).closed[SHOAL_CLOSED_CONNECT], 2);
    assert_int_equal(stats_of(server).connected, 0);
    destroy(&server);
}

static void an_unreachable_address_fails(void **state)
{
    (void)state;
    struct shoal_server *server = make_client();
    struct trial trial = attempt(server, "tcp://255.255.255.255:80");
    assert_failed(&trial, -ENETUNREACH);
    trial = attempt(server, "unix:/nonexistent/socket");
    assert_failed(&trial, -ENOENT);
    destroy(&server);
}

/* A listener whose queue is full drops SYNs, so that connecting to it never ends. */
struct deaf {
    int listener;
    int fillers[4];
    char url[64];
};

static struct deaf make_deaf(void)
{
    struct deaf deaf;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(name);
    deaf.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(deaf.listener, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(deaf.listener, 0), 0);
    assert_int_equal(getsockname(deaf.listener, (struct sockaddr *)&name, &size), 0);
    for (int i = 0; i < 4; i++) {
        deaf.fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(deaf.fillers[i], (struct sockaddr *)&name, sizeof(name));
    }
    snprintf(deaf.url, sizeof(deaf.url), "tcp://127.0.0.1:%u", ntohs(name.sin_port));
    return deaf;
}

static void close_deaf(struct deaf *deaf)
{
    for (int i = 0; i < 4; i++)
        close(deaf->fillers[i]);
    close(deaf->listener);
}

static void the_deadline_ends_an_attempt(void **state)
{
    (void)state;
    struct deaf deaf = make_deaf();
    struct shoal_server *server = make_client();
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    limits.handshake_ms = 100;
    struct trial trial = {.cfg = SHOAL_CONNECT_CFG_INIT};
    trial.cfg.limits = &limits;
    launch(&trial, server, deaf.url);
    wait_over(&trial);
    assert_int_equal(trial.rc, 0);
    assert_false(trial.opened);
    assert_int_equal(trial.reason, SHOAL_CLOSED_CONNECT_TIMEOUT);
    assert_int_equal(trial.error, -SHOAL_ETIMEDOUT);
    destroy(&server);
    close_deaf(&deaf);
}

static bool are_closed(void *arg)
{
    return descriptors() == *(unsigned *)arg;
}

static void closing_cancels_an_attempt(void **state)
{
    (void)state;
    struct deaf deaf = make_deaf();
    struct shoal_server *server = make_client();
    unsigned before = descriptors();
    const char *urls[] = {deaf.url, "tcp://no-such-host.invalid:80", "unix:/nonexistent/socket"};
    for (int i = 0; i < 3; i++) {
        struct trial trial = {.close_at_once = true};
        launch(&trial, server, urls[i]);
        wait_over(&trial);
        assert_false(trial.opened);
        assert_int_equal(trial.rc, 0);
    }
    wait_until(are_closed, &before); /* a lookup may still be on its way */
    destroy(&server);
    close_deaf(&deaf);
}

static void the_servers_end_ends_attempts(void **state)
{
    (void)state;
    struct deaf deaf = make_deaf();
    struct shoal_server *server = make_client();
    struct trial connecting = {.rc = 1};
    struct trial looking_up = {.rc = 1};
    launch(&connecting, server, deaf.url);
    launch(&looking_up, server, "tcp://no-such-host.invalid:80");
    assert_int_equal(shoal_server_stop(server), 0);
    wait_over(&connecting);
    wait_over(&looking_up);
    assert_false(connecting.opened);
    assert_false(looking_up.opened);
    destroy(&server);
    close_deaf(&deaf);
}

static void a_source_address_is_used(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = serve(1, SHOAL_ACCEPT_DEFAULT, "tcp://127.0.0.1:0", &listener);
    struct trial trial = {.cfg = SHOAL_CONNECT_CFG_INIT};
    trial.cfg.source = "127.0.0.9";
    launch(&trial, server, shoal_listener_url(listener));
    wait_over(&trial);
    assert_served(&trial);
    assert_memory_equal(trial.local, "127.0.0.9:", 10);
    destroy(&server);
}

static void a_bad_source_is_refused(void **state)
{
    (void)state;
    struct shoal_server *server = make_client();
    static const struct {
        const char *source;
        const char *url;
        int rc;
    } cases[] = {
        {"localhost", "tcp://127.0.0.1:80", -SHOAL_EURL},
        {"127.0.0.1:80", "tcp://127.0.0.1:80", -SHOAL_EURL},
        {"127.0.0.1", "unix:/tmp/x", -SHOAL_EURL},
        {"192.0.2.1", "tcp://127.0.0.1:80", -EADDRNOTAVAIL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trial trial = {.cfg = SHOAL_CONNECT_CFG_INIT};
        trial.cfg.source = cases[i].source;
        launch(&trial, server, cases[i].url);
        wait_over(&trial);
        assert_int_equal(trial.rc, cases[i].rc);
    }
    destroy(&server);
}

static void a_url_that_cannot_be_connected_to_is_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"",     "localhost:80",      "tcp://:80",
                                       "fd:3", "tcp://127.0.0.1:0", "tcp://127.0.0.1:80?x"};
    struct shoal_server *server = make_client();
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct trial trial = attempt(server, urls[i]);
        assert_int_equal(trial.rc, -SHOAL_EURL);
    }
    destroy(&server);
}

static void a_unix_socket_can_be_connected_to(void **state)
{
    (void)state;
    char url[72];
    snprintf(url, sizeof(url), "unix:/tmp/shoal-connecting-%d", (int)getpid());
    struct shoal_listener *listener;
    struct shoal_server *server = serve(2, SHOAL_ACCEPT_DEFAULT, url, &listener);
    struct trial trial = attempt(server, url);
    assert_served(&trial);
    destroy(&server);
}

/* Linux tells a non-blocking client of a full Unix queue EAGAIN, and never that there is room. */
static void a_full_unix_queue_is_waited_for(void **state)
{
    (void)state;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof(name.sun_path), "/tmp/shoal-full-%d", (int)getpid());
    char url[128];
    snprintf(url, sizeof(url), "unix:%s", name.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(listener, 0), 0);
    int filler = dial_unix(name.sun_path);
    assert_true(filler >= 0);

    struct shoal_server *server = make_client();
    struct trial trial = {.rc = 1};
    launch(&trial, server, url);
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 50 * 1000 * 1000;
    soon.tv_sec += soon.tv_nsec / 1000000000;
    soon.tv_nsec %= 1000000000;
    assert_int_equal(sem_timedwait(&trial.over, &soon), -1); /* it waits ... */
    close(accept(listener, NULL, NULL));
    int served = accept(listener, NULL, NULL); /* ... and comes when there is room */
    assert_true(served >= 0);
    assert_true(send(served, "hi", 2, MSG_NOSIGNAL) == 2);
    wait_over(&trial);
    assert_served(&trial);
    destroy(&server);
    close(served);
    close(filler);
    close(listener);
    unlink(name.sun_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_made_and_what_was_written_before_is_sent),
        cmocka_unit_test(names_are_resolved),
        cmocka_unit_test(many_names_at_once_are_resolved),
        cmocka_unit_test(a_name_that_does_not_exist_fails),
        cmocka_unit_test(a_refused_connection_fails),
        cmocka_unit_test(an_unreachable_address_fails),
        cmocka_unit_test(the_deadline_ends_an_attempt),
        cmocka_unit_test(closing_cancels_an_attempt),
        cmocka_unit_test(the_servers_end_ends_attempts),
        cmocka_unit_test(a_source_address_is_used),
        cmocka_unit_test(a_bad_source_is_refused),
        cmocka_unit_test(a_url_that_cannot_be_connected_to_is_refused),
        cmocka_unit_test(a_unix_socket_can_be_connected_to),
        cmocka_unit_test(a_full_unix_queue_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
