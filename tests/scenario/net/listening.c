/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening on TCP: options, names, ports, both IP families, and what is said when it fails. */
#include "peers.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <shoal/error.h>

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);
    assert_int_equal(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static int somaxconn(void)
{
    int value = 0;
    FILE *file = fopen("/proc/sys/net/core/somaxconn", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &value), 1);
    fclose(file);
    return value;
}

static int backlog_of(int fd)
{
    struct tcp_info info; /* of a listening socket the kernel tells the backlog here */
    socklen_t size = sizeof(info);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return (int)info.tcpi_sacked;
}

static void a_listening_socket_has_its_options_and_the_whole_backlog(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = serve(1, SHOAL_ACCEPT_DEFAULT, "tcp://127.0.0.1:0", &listener);
    int fd = listening_descriptor(port_of(listener), 0);
    assert_true(fd >= 0);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_REUSEADDR), 1);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_REUSEPORT), 0);
    assert_int_equal(backlog_of(fd), somaxconn());
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    destroy(&server);
}

static void a_given_backlog_is_used(void **state)
{
    (void)state;
    struct shoal_listen_cfg cfg = SHOAL_LISTEN_CFG_INIT;
    cfg.backlog = 7;
    struct shoal_server_cfg of_server = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&of_server);
    struct shoal_listener *listener = listen_on(server, "tcp://127.0.0.1:0", &cfg);
    start(server);
    assert_int_equal(backlog_of(listening_descriptor(port_of(listener), 0)), 7);
    destroy(&server);
}

static void reuseport_has_one_socket_for_each_loop(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = serve(3, SHOAL_ACCEPT_REUSEPORT, "tcp://127.0.0.1:0", &listener);
    uint16_t port = port_of(listener);
    for (unsigned i = 0; i < 3; i++) {
        int fd = listening_descriptor(port, i);
        assert_true(fd >= 0);
        assert_int_equal(option_of(fd, SOL_SOCKET, SO_REUSEPORT), 1);
    }
    assert_int_equal(listening_descriptor(port, 3), -1);
    destroy(&server);
}

static void accepted_sockets_do_not_block_nor_delay_nor_leak_into_children(void **state)
{
    (void)state;
    static const enum shoal_accept modes[] = {SHOAL_ACCEPT_ROUND_ROBIN, SHOAL_ACCEPT_REUSEPORT};
    for (int i = 0; i < 2; i++) {
        struct shoal_listener *listener;
        struct shoal_server *server = serve(2, modes[i], "tcp://127.0.0.1:0", &listener);
        int client = dial(port_of(listener));
        assert_true(echoes(client));
        int fd = accepted_descriptor(client);
        assert_true(fd >= 0);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(client);
        destroy(&server);
    }
}

static void the_port_can_be_had_again_at_once(void **state)
{
    (void)state;
    static const enum shoal_accept modes[] = {SHOAL_ACCEPT_ROUND_ROBIN, SHOAL_ACCEPT_REUSEPORT};
    for (int i = 0; i < 2; i++) {
        struct shoal_listener *listener;
        struct shoal_server *server = serve(2, modes[i], "tcp://127.0.0.1:0", &listener);
        char url[64];
        snprintf(url, sizeof(url), "%s", shoal_listener_url(listener));
        int client = dial(port_of(listener));
        assert_true(echoes(client));
        destroy(&server); /* closes first: the connection stays behind in TIME_WAIT */
        assert_true(ends(client));
        close(client);
        server = serve(2, modes[i], url, &listener);
        client = dial(port_of(listener));
        assert_true(echoes(client));
        close(client);
        destroy(&server);
    }
}

static void assert_in_use(enum shoal_accept first, enum shoal_accept second)
{
    struct shoal_listener *listener;
    struct shoal_server *holder = serve(2, first, "tcp://127.0.0.1:0", &listener);
    struct shoal_server_cfg cfg = server_cfg(2, second);
    struct shoal_server *server = make_server(&cfg);
    const char *url = shoal_listener_url(listener);
    listen_on(server, url, NULL);
    unsigned before = descriptors();

    char expected[200];
    snprintf(expected, sizeof(expected),
             "cannot listen on %s: Address already in use (EADDRINUSE); see who holds it: "
             "ss -ltnp 'sport = :%u'",
             url, port_of(listener));
    assert_int_equal(shoal_server_start(server), -EADDRINUSE);
    assert_string_equal(shoal_server_error(server), expected);
    assert_int_equal(descriptors(), before);

    int client = dial(port_of(listener));
    assert_true(echoes(client)); /* the holder does not mind */
    close(client);
    destroy(&holder);
    start(server); /* and the other one is not spoiled */
    destroy(&server);
}

static void a_port_in_use_is_told_in_one_sentence(void **state)
{
    (void)state;
    assert_in_use(SHOAL_ACCEPT_ROUND_ROBIN, SHOAL_ACCEPT_ROUND_ROBIN);
}

static void a_port_of_another_reuseport_group_is_in_use_as_well(void **state)
{
    (void)state;
    assert_in_use(SHOAL_ACCEPT_REUSEPORT, SHOAL_ACCEPT_REUSEPORT);
    assert_in_use(SHOAL_ACCEPT_ROUND_ROBIN, SHOAL_ACCEPT_REUSEPORT);
    assert_in_use(SHOAL_ACCEPT_REUSEPORT, SHOAL_ACCEPT_ROUND_ROBIN);
}

static void an_address_of_nobody_here_is_told(void **state)
{
    (void)state;
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&cfg);
    listen_on(server, "tcp://192.0.2.1:0", NULL);
    assert_int_equal(shoal_server_start(server), -EADDRNOTAVAIL);
    assert_string_equal(shoal_server_error(server),
                        "cannot listen on tcp://192.0.2.1:0: Cannot assign requested address "
                        "(EADDRNOTAVAIL); no interface has this address: see ip address");
    destroy(&server);
}

static void a_name_that_does_not_exist_is_told(void **state)
{
    (void)state;
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&cfg);
    listen_on(server, "tcp://no-such-host.invalid:0", NULL);
    assert_int_equal(shoal_server_start(server), -SHOAL_ERESOLVE);
    assert_non_null(strstr(shoal_server_error(server),
                           "cannot listen on tcp://no-such-host.invalid:0: host name could not be "
                           "resolved (ERESOLVE)"));
    destroy(&server);
}

static void a_listener_that_fails_leaves_nothing_of_those_before_it(void **state)
{
    (void)state;
    struct shoal_server_cfg cfg = server_cfg(2, SHOAL_ACCEPT_ROUND_ROBIN);
    struct shoal_server *server = make_server(&cfg);
    unsigned before = descriptors();
    listen_on(server, "tcp://127.0.0.1:0", NULL);
    listen_on(server, "tcp://192.0.2.1:0", NULL);
    assert_int_equal(shoal_server_start(server), -EADDRNOTAVAIL);
    assert_int_equal(descriptors(), before);
    destroy(&server);
}

static void assert_refused_url(const char *url, const char *sentence)
{
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&cfg);
    assert_int_equal(shoal_listen(server, url, &echo_service, NULL, NULL), -SHOAL_EURL);
    assert_string_equal(shoal_server_error(server), sentence);
    assert_int_equal(shoal_server_start(server), -SHOAL_EURL); /* who did not look is told again */
    assert_string_equal(shoal_server_error(server), sentence);
    destroy(&server);
}

static void a_bad_url_is_refused_with_the_right_ones(void **state)
{
    (void)state;
    assert_refused_url("localhost:80",
                       "cannot listen on localhost:80: malformed URL; write tcp://HOST:PORT, "
                       "tls://HOST:PORT?cert=FILE&key=FILE, unix:PATH or fd:NUMBER (EURL)");
    assert_refused_url("tcp://localhost:1?fast",
                       "cannot listen on tcp://localhost:1?fast: this kind of URL takes no "
                       "options; drop the part after ? (EURL)");
}

static void a_running_server_takes_no_new_listener(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = serve(1, SHOAL_ACCEPT_DEFAULT, "tcp://127.0.0.1:0", &listener);
    assert_int_equal(shoal_listen(server, "tcp://127.0.0.1:0", &echo_service, NULL, NULL),
                     -SHOAL_ESTATE);
    assert_int_equal(shoal_server_stop(server), 0);
    start(server); /* not spoiled by it */
    destroy(&server);
}

static void the_url_has_the_real_port_while_the_server_runs(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = serve(2, SHOAL_ACCEPT_DEFAULT, "tcp://127.0.0.1:0", &listener);
    char expected[64];
    snprintf(expected, sizeof(expected), "tcp://127.0.0.1:%u", port_of(listener));
    const char *url = shoal_listener_url(listener);
    assert_string_equal(url, expected);
    assert_int_equal(shoal_server_stop(server), 0);
    assert_string_equal(shoal_listener_url(listener), "tcp://127.0.0.1:0");
    assert_string_equal(url, expected); /* still there to read */
    start(server);
    assert_int_not_equal(port_of(listener), 0);
    destroy(&server);
}

static void assert_reached(const char *host, uint16_t port, bool reached)
{
    int fd = try_dial(host, port, NULL);
    assert_int_equal(fd >= 0, reached);
    if (!reached) {
        assert_int_equal(fd, -ECONNREFUSED);
        return;
    }
    assert_true(echoes(fd));
    close(fd);
}

static void the_wildcard_takes_both_ip_families(void **state)
{
    (void)state;
    static const enum shoal_accept modes[] = {SHOAL_ACCEPT_ROUND_ROBIN, SHOAL_ACCEPT_REUSEPORT};
    for (int i = 0; i < 2; i++) {
        struct shoal_listener *listener;
        struct shoal_server *server = serve(2, modes[i], "tcp://:0", &listener);
        char expected[64];
        snprintf(expected, sizeof(expected), "tcp://[::]:%u", port_of(listener));
        assert_string_equal(shoal_listener_url(listener), expected);
        assert_reached("127.0.0.1", port_of(listener), true);
        assert_reached("::1", port_of(listener), true);
        destroy(&server);
    }
}

static void an_ipv6_wildcard_can_leave_ipv4_alone(void **state)
{
    (void)state;
    struct shoal_listen_cfg cfg = SHOAL_LISTEN_CFG_INIT;
    cfg.v6_only = true;
    struct shoal_server_cfg of_server = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&of_server);
    struct shoal_listener *listener = listen_on(server, "tcp://[::]:0", &cfg);
    start(server);
    assert_reached("127.0.0.1", port_of(listener), false);
    assert_reached("::1", port_of(listener), true);
    destroy(&server);
}

static void one_ip_address_is_one_ip_address(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = serve(1, SHOAL_ACCEPT_DEFAULT, "tcp://[::1]:0", &listener);
    char expected[64];
    snprintf(expected, sizeof(expected), "tcp://[::1]:%u", port_of(listener));
    assert_string_equal(shoal_listener_url(listener), expected);
    assert_reached("::1", port_of(listener), true);
    assert_reached("127.0.0.1", port_of(listener), false);
    destroy(&server);
}

static void a_name_is_listened_to_by_its_addresses(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = serve(1, SHOAL_ACCEPT_DEFAULT, "tcp://localhost:0", &listener);
    char expected[64];
    snprintf(expected, sizeof(expected), "tcp://localhost:%u", port_of(listener));
    assert_string_equal(shoal_listener_url(listener), expected);
    assert_reached("127.0.0.1", port_of(listener), true);
    destroy(&server);
}

static char seen_peer[SHOAL_ADDRESS_MAX];

static size_t note_peer(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_peer(conn, seen_peer, sizeof(seen_peer));
    shoal_conn_write_view(conn, in);
    return in.size;
}

static void an_ipv4_client_of_a_dual_stack_listener_is_seen_as_ipv4(void **state)
{
    (void)state;
    static const struct shoal_service service = {.on_data = note_peer};
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&cfg);
    struct shoal_listener *listener;
    assert_int_equal(shoal_listen(server, "tcp://:0", &service, NULL, &listener), 0);
    start(server);
    assert_reached("127.0.0.1", port_of(listener), true);
    destroy(&server); /* joins the loop, so that what it wrote can be read */
    assert_memory_equal(seen_peer, "127.0.0.1:", 10);
}

static void several_listeners_and_two_servers_live_in_one_process(void **state)
{
    (void)state;
    struct shoal_server_cfg cfg = server_cfg(2, SHOAL_ACCEPT_ROUND_ROBIN);
    struct shoal_server *one = make_server(&cfg);
    struct shoal_listener *a = listen_on(one, "tcp://127.0.0.1:0", NULL);
    struct shoal_listener *b = listen_on(one, "tcp://[::1]:0", NULL);
    struct shoal_listener *c;
    start(one);
    struct shoal_server *two = serve(2, SHOAL_ACCEPT_REUSEPORT, "tcp://127.0.0.1:0", &c);
    assert_reached("127.0.0.1", port_of(a), true);
    assert_reached("::1", port_of(b), true);
    assert_reached("127.0.0.1", port_of(c), true);
    destroy(&one);
    assert_reached("127.0.0.1", port_of(c), true);
    destroy(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listening_socket_has_its_options_and_the_whole_backlog),
        cmocka_unit_test(a_given_backlog_is_used),
        cmocka_unit_test(reuseport_has_one_socket_for_each_loop),
        cmocka_unit_test(accepted_sockets_do_not_block_nor_delay_nor_leak_into_children),
        cmocka_unit_test(the_port_can_be_had_again_at_once),
        cmocka_unit_test(a_port_in_use_is_told_in_one_sentence),
        cmocka_unit_test(a_port_of_another_reuseport_group_is_in_use_as_well),
        cmocka_unit_test(an_address_of_nobody_here_is_told),
        cmocka_unit_test(a_name_that_does_not_exist_is_told),
        cmocka_unit_test(a_listener_that_fails_leaves_nothing_of_those_before_it),
        cmocka_unit_test(a_bad_url_is_refused_with_the_right_ones),
        cmocka_unit_test(a_running_server_takes_no_new_listener),
        cmocka_unit_test(the_url_has_the_real_port_while_the_server_runs),
        cmocka_unit_test(the_wildcard_takes_both_ip_families),
        cmocka_unit_test(an_ipv6_wildcard_can_leave_ipv4_alone),
        cmocka_unit_test(one_ip_address_is_one_ip_address),
        cmocka_unit_test(a_name_is_listened_to_by_its_addresses),
        cmocka_unit_test(an_ipv4_client_of_a_dual_stack_listener_is_seen_as_ipv4),
        cmocka_unit_test(several_listeners_and_two_servers_live_in_one_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
