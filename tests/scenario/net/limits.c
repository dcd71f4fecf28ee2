/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections over a limit are closed at once and counted; those within it do not notice. */
#include "peers.h"

#include <unistd.h>

enum { LIMIT = 20, OVER = 30 };

static const enum shoal_accept modes[] = {SHOAL_ACCEPT_ROUND_ROBIN, SHOAL_ACCEPT_LEAST_OF_TWO,
                                          SHOAL_ACCEPT_REUSEPORT};

static struct shoal_server *serve_limited(enum shoal_accept mode, size_t total, size_t per_address,
                                          const char *url, struct shoal_listener **out_listener)
{
    struct shoal_server_cfg cfg = server_cfg(2, mode);
    cfg.max_connections = total;
    cfg.max_per_address = per_address;
    struct shoal_server *server = make_server(&cfg);
    *out_listener = listen_on(server, url, NULL);
    start(server);
    return server;
}

static int dial_from(struct shoal_listener *listener, const char *source)
{
    int fd = try_dial("127.0.0.1", port_of(listener), source);
    assert_true(fd >= 0);
    return fd;
}

static bool nobody_is_open(void *arg)
{
    return stats_of(arg).open_connections == 0;
}

static void the_total_limit_holds_and_is_free_again(void **state)
{
    (void)state;
    for (int m = 0; m < 3; m++) {
        struct shoal_listener *listener;
        struct shoal_server *server =
            serve_limited(modes[m], LIMIT, 0, "tcp://127.0.0.1:0", &listener);
        int clients[LIMIT];
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < LIMIT; i++) {
                clients[i] = dial(port_of(listener));
                assert_true(echoes(clients[i]));
            }
            for (int i = 0; i < OVER; i++) {
                int refused = dial(port_of(listener));
                assert_true(ends(refused));
                close(refused);
            }
            for (int i = 0; i < LIMIT; i++) {
                assert_true(echoes(clients[i]));
                close(clients[i]);
            }
            wait_until(nobody_is_open, server);
        }
        struct shoal_stats stats = stats_of(server);
        assert_int_equal(stats.refused[SHOAL_REFUSED_CONNECTIONS], 3 * OVER);
        assert_int_equal(stats.accepted, 3 * LIMIT);
        destroy(&server);
    }
}

static void the_limit_of_an_address_holds_for_each_alone(void **state)
{
    (void)state;
    static const char *const sources[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4"};
    for (int m = 0; m < 3; m++) {
        struct shoal_listener *listener;
        struct shoal_server *server = serve_limited(modes[m], 0, 5, "tcp://:0", &listener);
        int clients[3][5];
        for (int round = 0; round < 2; round++) {
            for (int s = 0; s < 3; s++) {
                for (int i = 0; i < 5; i++) {
                    clients[s][i] = dial_from(listener, sources[s]);
                    assert_true(echoes(clients[s][i]));
                }
                int refused = dial_from(listener, sources[s]);
                assert_true(ends(refused));
                close(refused);
            }
            for (int s = 0; s < 3; s++) {
                for (int i = 0; i < 5; i++) {
                    assert_true(echoes(clients[s][i]));
                    close(clients[s][i]);
                }
            }
            wait_until(nobody_is_open, server);
        }
        struct shoal_stats stats = stats_of(server);
        assert_int_equal(stats.refused[SHOAL_REFUSED_ADDRESS], 2 * 3);
        assert_int_equal(stats.refused[SHOAL_REFUSED_CONNECTIONS], 0);
        destroy(&server);
    }
}

static void one_place_that_is_given_back_can_be_taken(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server =
        serve_limited(SHOAL_ACCEPT_ROUND_ROBIN, 0, 1, "tcp://127.0.0.1:0", &listener);
    for (int i = 0; i < 50; i++) {
        int client = dial(port_of(listener));
        assert_true(echoes(client));
        close(client);
        wait_until(nobody_is_open, server);
    }
    assert_int_equal(stats_of(server).refused[SHOAL_REFUSED_ADDRESS], 0);
    destroy(&server);
}

static void unix_peers_have_no_address_to_be_limited_by(void **state)
{
    (void)state;
    static const char path[] = "/tmp/shoal-limits-scenario";
    struct shoal_listener *listener;
    struct shoal_server *server =
        serve_limited(SHOAL_ACCEPT_ROUND_ROBIN, 0, 1, "unix:/tmp/shoal-limits-scenario", &listener);
    int clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = dial_unix(path);
        assert_true(clients[i] >= 0 && echoes(clients[i]));
    }
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    destroy(&server);
}

static void without_limits_nobody_is_refused(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server =
        serve_limited(SHOAL_ACCEPT_REUSEPORT, 0, 0, "tcp://127.0.0.1:0", &listener);
    int clients[100];
    for (int i = 0; i < 100; i++)
        clients[i] = dial(port_of(listener));
    for (int i = 0; i < 100; i++) {
        assert_true(echoes(clients[i]));
        close(clients[i]);
    }
    struct shoal_stats stats = stats_of(server);
    for (int i = 0; i < SHOAL_REFUSALS; i++)
        assert_int_equal(stats.refused[i], 0);
    destroy(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_total_limit_holds_and_is_free_again),
        cmocka_unit_test(the_limit_of_an_address_holds_for_each_alone),
        cmocka_unit_test(one_place_that_is_given_back_can_be_taken),
        cmocka_unit_test(unix_peers_have_no_address_to_be_limited_by),
        cmocka_unit_test(without_limits_nobody_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
