/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server that connects to itself over TLS: whom it trusts, what it tells, and what becomes of
 * peers that are too slow or speak something else.
 */
#include "../net/peers.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <shoal/error.h>

#include "support/tlspeer.h"

enum { WAIT_S = 20 };

/* What one connection of ours has come to; written by its loop until `over`. */
struct visit {
    char url[128];
    struct shoal_tls *tls;
    sem_t over;
    int rc; /* of shoal_connect() */
    bool opened;
    bool answered;
    bool verified;
    char version[16];
    enum shoal_close_reason reason;
    int error;
};

struct bench {
    struct tlsfolder folder;
    struct shoal_server *server;
    struct shoal_listener *listener;
    struct shoal_tls *tls;
    struct shoal_tls *client;
};

static int start_bench(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    tlsfolder_make(&bench->folder);
    tlsfolder_add(&bench->folder, "a", "localhost", NULL);
    bench->tls = tlsfolder_server(&bench->folder, "a");
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    cfg.client = true;
    cfg.ca_file = tlsfolder_file(&bench->folder, "a.pem");
    assert_int_equal(shoal_tls_create(&cfg, &bench->client, NULL, 0), 0);
    *state = bench;
    return 0;
}

static int stop_bench(void **state)
{
    struct bench *bench = *state;
    if (bench->server)
        destroy(&bench->server);
    shoal_tls_unref(&bench->tls);
    shoal_tls_unref(&bench->client);
    tlsfolder_remove(&bench->folder);
    free(bench);
    return 0;
}

static void serve_tls(struct bench *bench, const char *url, const struct shoal_limits *limits)
{
    struct shoal_server_cfg cfg = server_cfg(2, SHOAL_ACCEPT_ROUND_ROBIN);
    struct shoal_listen_cfg listen = SHOAL_LISTEN_CFG_INIT;
    bench->server = make_server(&cfg);
    listen.tls = bench->tls;
    listen.limits = limits;
    bench->listener = listen_on(bench->server, url, &listen);
    start(bench->server);
}

/* The visitor */

static void on_open(struct shoal_conn *conn)
{
    struct visit *visit = shoal_conn_data(conn);
    struct shoal_tls_info info;
    visit->opened = true;
    if (shoal_conn_tls_info(conn, &info)) {
        visit->verified = info.peer_verified;
        snprintf(visit->version, sizeof(visit->version), "%s", info.version);
    }
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct visit *visit = shoal_conn_data(conn);
    if (in.size < 5)
        return 0;
    visit->answered = memcmp(in.data, "early", 5) == 0;
    shoal_conn_close(conn, SHOAL_CLOSE_FLUSH);
    return in.size;
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    struct visit *visit = shoal_conn_data(conn);
    struct shoal_tls_info info;
    visit->reason = reason;
    visit->error = shoal_conn_error(conn);
    if (shoal_conn_tls_info(conn, &info))
        visit->reason = SHOAL_CLOSE_REASONS; /* there is nothing to tell of any more */
    sem_post(&visit->over);
}

static const struct shoal_service visitor = {
    .on_open = on_open, .on_data = on_data, .on_close = on_close};

static void set_out(struct shoal_loop *loop, void *arg)
{
    struct visit *visit = arg;
    struct shoal_connect_cfg cfg = SHOAL_CONNECT_CFG_INIT;
    struct shoal_conn *conn;
    cfg.data = visit;
    cfg.tls = visit->tls;
    visit->rc = shoal_connect(loop, visit->url, &visitor, &cfg, &conn);
    if (visit->rc < 0)
        sem_post(&visit->over);
    else if (shoal_conn_write(conn, "early", 5) != 0)
        shoal_conn_close(conn, SHOAL_CLOSE_NOW);
}

static void visit_url(struct bench *bench, struct visit *visit)
{
    struct timespec end;
    sem_init(&visit->over, 0, 0);
    assert_int_equal(shoal_call(shoal_server_loop(bench->server, 0), set_out, visit), 0);
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += WAIT_S;
    if (sem_timedwait(&visit->over, &end) < 0)
        fail_msg("neither connected nor failed");
    sem_destroy(&visit->over);
}

static struct visit visit_host(struct bench *bench, const char *host, struct shoal_tls *tls)
{
    struct visit visit = {.tls = tls};
    snprintf(visit.url, sizeof(visit.url), "tls://%s:%u", host, port_of(bench->listener));
    visit_url(bench, &visit);
    return visit;
}

static void a_connection_to_a_trusted_host_opens_and_talks(void **state)
{
    struct bench *bench = *state;
    serve_tls(bench, "tls://127.0.0.1:0", NULL);
    struct visit visit = visit_host(bench, "localhost", bench->client);
    assert_int_equal(visit.rc, 0);
    assert_true(visit.opened && visit.answered && visit.verified);
    assert_string_equal(visit.version, "TLSv1.3");
    assert_int_equal(visit.reason, SHOAL_CLOSED_LOCAL);
    assert_int_equal(stats_of(bench->server).closed[SHOAL_CLOSED_FAILED], 0);
}

static void a_certificate_for_another_name_is_refused(void **state)
{
    struct bench *bench = *state;
    serve_tls(bench, "tls://127.0.0.1:0", NULL);
    struct visit visit = visit_host(bench, "127.0.0.1", bench->client);
    assert_false(visit.opened);
    assert_int_equal(visit.reason, SHOAL_CLOSED_HANDSHAKE);
    assert_int_equal(visit.error, -SHOAL_ECERT);
}

static void by_default_only_the_systems_certificates_are_trusted(void **state)
{
    struct bench *bench = *state;
    serve_tls(bench, "tls://127.0.0.1:0", NULL);
    for (int i = 0; i < 2; i++) {
        struct visit visit = visit_host(bench, "localhost", NULL);
        assert_false(visit.opened);
        assert_int_equal(visit.error, -SHOAL_ECERT);
    }
}

static void a_peer_without_tls_fails_the_handshake(void **state)
{
    struct bench *bench = *state;
    bench->server = serve(2, SHOAL_ACCEPT_ROUND_ROBIN, "tcp://127.0.0.1:0", &bench->listener);
    struct visit visit = visit_host(bench, "localhost", bench->client);
    assert_false(visit.opened);
    assert_int_equal(visit.reason, SHOAL_CLOSED_HANDSHAKE);
    assert_int_equal(visit.error, -SHOAL_EPROTOCOL);
}

static void urls_and_settings_that_do_not_fit_are_refused(void **state)
{
    struct bench *bench = *state;
    serve_tls(bench, "tls://127.0.0.1:0", NULL);
    assert_int_equal(visit_host(bench, "localhost", bench->tls).rc, -SHOAL_EINVAL);
    struct visit visit = {.url = "tls://localhost:1?cert=a&key=b"};
    visit_url(bench, &visit);
    assert_int_equal(visit.rc, -SHOAL_EURL);
}

static void a_listener_with_a_clients_settings_is_refused(void **state)
{
    struct bench *bench = *state;
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_listen_cfg listen = SHOAL_LISTEN_CFG_INIT;
    bench->server = make_server(&cfg);
    listen.tls = bench->client;
    assert_int_equal(shoal_listen(bench->server, "tcp://127.0.0.1:0", &echo_service, &listen, NULL),
                     -SHOAL_EINVAL);
    assert_int_equal(shoal_server_start(bench->server), -SHOAL_EINVAL);
    assert_non_null(strstr(shoal_server_error(bench->server), "a client's"));
}

static void a_server_starts_again_with_its_certificates(void **state)
{
    struct bench *bench = *state;
    char url[256];
    const char *folder = bench->folder.path;
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    snprintf(url, sizeof(url), "tls://127.0.0.1:0?cert=%s/a.pem&key=%s/a.key", folder, folder);
    bench->server = make_server(&cfg);
    bench->listener = listen_on(bench->server, url, NULL);
    for (int i = 0; i < 2; i++) {
        start(bench->server);
        assert_true(visit_host(bench, "localhost", bench->client).answered);
        assert_int_equal(shoal_server_reload_tls(bench->server, NULL, 0), 1);
        assert_int_equal(shoal_server_drain(bench->server, 5000, NULL), 0);
        assert_int_equal(shoal_server_reload_tls(bench->server, NULL, 0), 0);
    }
    assert_int_equal(unlink(tlsfolder_file(&bench->folder, "a.pem")), 0);
    assert_int_equal(shoal_server_start(bench->server), -SHOAL_ECERT);
    assert_non_null(strstr(shoal_server_error(bench->server), "No such file"));
    tlsfolder_add(&bench->folder, "a", "localhost", NULL);
    start(bench->server);
}

/* Slow ones */

static void a_silent_peer_is_cut_at_the_deadline_of_the_handshake(void **state)
{
    struct bench *bench = *state;
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    limits.handshake_ms = 200;
    serve_tls(bench, "tls://127.0.0.1:0", &limits);
    int fd = dial(port_of(bench->listener));
    assert_true(ends(fd));
    close(fd);
    assert_int_equal(stats_of(bench->server).closed[SHOAL_CLOSED_HANDSHAKE], 1);
}

/* A byte at a time, so that something always moves. */
static void a_peer_that_drips_its_hello_is_cut_at_the_deadline_too(void **state)
{
    struct bench *bench = *state;
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    struct timeval tick = {.tv_usec = 20000};
    char byte;
    ssize_t n = -1;
    limits.handshake_ms = 200;
    serve_tls(bench, "tls://127.0.0.1:0", &limits);
    int fd = dial(port_of(bench->listener));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick));
    static const char head[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01};
    for (int i = 0; i < 500 && n < 0; i++) {
        if (send(fd, i < 8 ? &head[i] : "x", 1, MSG_NOSIGNAL) < 0)
            n = 0;
        else if ((n = recv(fd, &byte, 1, 0)) < 0 && errno == ECONNRESET)
            n = 0;
    }
    assert_int_equal(n, 0);
    close(fd);
    assert_int_equal(stats_of(bench->server).closed[SHOAL_CLOSED_HANDSHAKE], 1);
}

static void a_unix_socket_speaks_tls_where_it_is_told_to(void **state)
{
    struct bench *bench = *state;
    char url[128];
    snprintf(url, sizeof(url), "unix:%s/socket", bench->folder.path);
    serve_tls(bench, url, NULL);
    int fd = dial_unix(url + 5);
    assert_int_equal(send(fd, "no TLS", 6, MSG_NOSIGNAL), 6);
    char answer[16];
    assert_int_equal(recv(fd, answer, sizeof(answer), 0), 0); /* it does not come back */
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start_bench, stop_bench)
    const struct CMUnitTest tests[] = {
        TEST(a_connection_to_a_trusted_host_opens_and_talks),
        TEST(a_certificate_for_another_name_is_refused),
        TEST(by_default_only_the_systems_certificates_are_trusted),
        TEST(a_peer_without_tls_fails_the_handshake),
        TEST(urls_and_settings_that_do_not_fit_are_refused),
        TEST(a_listener_with_a_clients_settings_is_refused),
        TEST(a_server_starts_again_with_its_certificates),
        TEST(a_silent_peer_is_cut_at_the_deadline_of_the_handshake),
        TEST(a_peer_that_drips_its_hello_is_cut_at_the_deadline_too),
        TEST(a_unix_socket_speaks_tls_where_it_is_told_to),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
