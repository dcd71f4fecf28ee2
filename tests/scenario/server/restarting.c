/* SPDX-License-Identifier: BSD-3-Clause */
/* Start and stop, a thousand times in one process: no thread, descriptor or byte is left. */
#include "scenario/net/peers.h"

#include <dirent.h>
#include <malloc.h>
#include <unistd.h>

#include "support/scale.h"

enum {
    ROUNDS = SCALE(1000),
    WARM_UP = 10,
    LEAST_LEAK = 32, /* what malloc takes for one byte */
};

static unsigned threads(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/task");
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* Bytes that the program has allocated; 0 under the sanitizers, which check themselves at exit. */
static size_t allocated(void)
{
    return SHOAL_UNDER_SANITIZER ? 0 : mallinfo2().uordblks;
}

/* What there is of everything. */
struct holding {
    unsigned threads;
    unsigned descriptors;
    size_t bytes;
};

static struct holding holding_now(void)
{
    return (struct holding){threads(), descriptors(), allocated()};
}

/* malloc's caches come and go, so bytes are compared with what one byte lost in every second round
 * would come to. */
static void assert_same(struct holding before, struct holding now)
{
    assert_int_equal(now.threads, before.threads);
    assert_int_equal(now.descriptors, before.descriptors);
    assert_in_range(now.bytes, 0, before.bytes + LEAST_LEAK * ROUNDS / 2);
}

static struct shoal_server *make(enum shoal_accept mode, struct shoal_listener **out_listener)
{
    struct shoal_server_cfg cfg = server_cfg(2, mode);
    cfg.workers = 2;
    struct shoal_server *server = make_server(&cfg);
    *out_listener = listen_on(server, "tcp://127.0.0.1:0", NULL);
    return server;
}

/* One run; some clients leave before the server does, and some do not. */
static void run_once(struct shoal_server *server, struct shoal_listener *listener, int round)
{
    start(server);
    int client = dial(port_of(listener));
    if (round % 3 != 0)
        assert_true(echoes(client));
    if (round % 2 == 0)
        close(client);
    assert_int_equal(shoal_server_drain(server, round % 5 == 0 ? 0 : 5000, NULL), 0);
    if (round % 2 != 0)
        close(client);
}

static void one_server_starts_and_stops_a_thousand_times(void **state)
{
    (void)state;
    struct shoal_listener *listener;
    struct shoal_server *server = make(SHOAL_ACCEPT_ROUND_ROBIN, &listener);
    struct holding before = {0};
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
        if (round == WARM_UP)
            before = holding_now();
        run_once(server, listener, round);
    }
    assert_same(before, holding_now());
    destroy(&server);
}

static void a_thousand_servers_live_and_leave_nothing(void **state)
{
    (void)state;
    struct holding before = {0};
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
        if (round == WARM_UP)
            before = holding_now();
        struct shoal_listener *listener;
        struct shoal_server *server =
            make(round % 2 ? SHOAL_ACCEPT_REUSEPORT : SHOAL_ACCEPT_LEAST_OF_TWO, &listener);
        run_once(server, listener, round);
        destroy(&server);
    }
    assert_same(before, holding_now());
}

static void a_running_server_may_be_destroyed_without_a_drain(void **state)
{
    (void)state;
    struct holding before = holding_now();
    for (int round = 0; round < 20; round++) {
        struct shoal_listener *listener;
        struct shoal_server *server = make(SHOAL_ACCEPT_REUSEPORT, &listener);
        start(server);
        int client = dial(port_of(listener));
        destroy(&server);
        assert_true(ends(client));
        close(client);
    }
    struct holding now = holding_now();
    assert_int_equal(now.threads, before.threads);
    assert_int_equal(now.descriptors, before.descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_server_starts_and_stops_a_thousand_times),
        cmocka_unit_test(a_thousand_servers_live_and_leave_nothing),
        cmocka_unit_test(a_running_server_may_be_destroyed_without_a_drain),
    };
    mallopt(M_ARENA_MAX, 1); /* mallinfo2() sees the first arena only */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
