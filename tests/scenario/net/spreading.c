/* SPDX-License-Identifier: BSD-3-Clause */
/* How evenly accepted connections come to the loops, with real sockets that stay open. */
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <shoal/error.h>

enum { LOOPS = 4, MOST = 2000 };

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { FEW = 400 }; /* sanitized runs are slow; the exact spread does not need the number */
#else
enum { FEW = MOST };
#endif

struct crowd {
    struct shoal_server *server;
    unsigned count;
    int clients[MOST];
    uint64_t on_loop[LOOPS];
};

static bool all_accepted(void *arg)
{
    struct crowd *crowd = arg;
    return stats_of(crowd->server).accepted == crowd->count;
}

/* Opens `count` connections and counts where they are. */
static void gather(struct crowd *crowd, enum shoal_accept mode, unsigned count)
{
    struct shoal_listener *listener;
    crowd->server = serve(LOOPS, mode, "tcp://127.0.0.1:0", &listener);
    crowd->count = count;
    for (unsigned i = 0; i < count; i++)
        crowd->clients[i] = dial(port_of(listener));
    wait_until(all_accepted, crowd);
    for (unsigned i = 0; i < LOOPS; i++) {
        struct shoal_stats stats;
        assert_int_equal(shoal_server_loop_stats(crowd->server, i, &stats), 0);
        crowd->on_loop[i] = stats.accepted;
        assert_int_equal(stats.open_connections, stats.accepted);
    }
}

static void disperse(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++)
        close(crowd->clients[i]);
    destroy(&crowd->server);
}

static void assert_within(const struct crowd *crowd, uint64_t slack)
{
    uint64_t fair = crowd->count / LOOPS;
    for (unsigned i = 0; i < LOOPS; i++)
        assert_in_range(crowd->on_loop[i], fair - slack, fair + slack);
}

static void round_robin_spreads_within_one(void **state)
{
    (void)state;
    static struct crowd crowd;
    gather(&crowd, SHOAL_ACCEPT_ROUND_ROBIN, FEW - 1);
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    for (unsigned i = 0; i < LOOPS; i++) {
        least = crowd.on_loop[i] < least ? crowd.on_loop[i] : least;
        most = crowd.on_loop[i] > most ? crowd.on_loop[i] : most;
    }
    assert_true(most - least <= 1);
    disperse(&crowd);
}

static void least_of_two_spreads_within_ten_percent(void **state)
{
    (void)state;
    static struct crowd crowd;
    gather(&crowd, SHOAL_ACCEPT_LEAST_OF_TWO, FEW);
    assert_within(&crowd, FEW / LOOPS / 10);
    disperse(&crowd);
}

/* The kernel draws lots: with 500 for each loop the deviation is 19, and five of them is what
 * never happens. */
static void reuseport_spreads_by_the_kernels_lots(void **state)
{
    (void)state;
    static struct crowd crowd;
    gather(&crowd, SHOAL_ACCEPT_REUSEPORT, MOST);
    assert_within(&crowd, 97);
    disperse(&crowd);
}

/* Unix sockets know no SO_REUSEPORT: loop 0 hands off. */
static void a_unix_socket_is_spread_in_every_mode(void **state)
{
    (void)state;
    static const enum shoal_accept modes[] = {SHOAL_ACCEPT_ROUND_ROBIN, SHOAL_ACCEPT_LEAST_OF_TWO,
                                              SHOAL_ACCEPT_REUSEPORT};
    char path[64];
    char url[72];
    snprintf(path, sizeof(path), "/tmp/shoal-spreading-%d", (int)getpid());
    snprintf(url, sizeof(url), "unix:%s", path);
    for (int m = 0; m < 3; m++) {
        static struct crowd crowd;
        struct shoal_listener *listener;
        crowd.server = serve(LOOPS, modes[m], url, &listener);
        crowd.count = 40;
        for (unsigned i = 0; i < crowd.count; i++) {
            crowd.clients[i] = dial_unix(path);
            assert_true(crowd.clients[i] >= 0 && echoes(crowd.clients[i]));
        }
        for (unsigned i = 0; i < LOOPS; i++) {
            struct shoal_stats stats;
            assert_int_equal(shoal_server_loop_stats(crowd.server, i, &stats), 0);
            assert_in_range(stats.accepted, 8, 12);
        }
        disperse(&crowd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_spreads_within_one),
        cmocka_unit_test(least_of_two_spreads_within_ten_percent),
        cmocka_unit_test(reuseport_spreads_by_the_kernels_lots),
        cmocka_unit_test(a_unix_socket_is_spread_in_every_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
