/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ten thousand open connections on two loops, and a thousand idle ones that nobody feels. The
 * clients are a process of their own, for a process gets too few descriptors for both sides.
 */
#include "scenario/net/peers.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/scale.h"

enum {
    CROWD = SCALE(10000),
    IDLE = SCALE(1000),
    NEW = 100,
    TURNS_EACH = 20, /* of all loops, for one client that comes, asks and goes */
};

/* The client process's side of a pipe pair: it is told a port, and tells how far it is. */
struct clients {
    pid_t pid;
    int orders;
    int reports;
};

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void say(int fd, int value)
{
    if (write(fd, &value, sizeof(value)) != (ssize_t)sizeof(value))
        abort();
}

static int hear(int fd)
{
    int value = -1;
    if (read(fd, &value, sizeof(value)) != (ssize_t)sizeof(value))
        return -1;
    return value;
}

/* In the client process: connects `count` times, and when told to, asks on all of them at once and
 * then waits for every answer. Reports how many answers came. */
static void be_clients(int orders, int reports, int count)
{
    raise_descriptor_limit();
    int port = hear(orders);
    int *fds = calloc((size_t)count, sizeof(*fds));
    int connected = 0;
    while (connected < count && (fds[connected] = try_dial("127.0.0.1", (uint16_t)port, NULL)) >= 0)
        connected++;
    say(reports, connected);

    while (hear(orders) >= 0) {
        int answers = 0;
        for (int i = 0; i < connected; i++)
            (void)send(fds[i], "x", 1, MSG_NOSIGNAL);
        for (int i = 0; i < connected; i++) {
            char byte = 0;
            answers += recv(fds[i], &byte, 1, 0) == 1 && byte == 'x';
        }
        say(reports, answers);
    }
    _exit(0);
}

/* Forks before any thread exists. */
static struct clients fork_clients(int count)
{
    int orders[2];
    int reports[2];
    assert_int_equal(pipe(orders), 0);
    assert_int_equal(pipe(reports), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(orders[1]);
        close(reports[0]);
        be_clients(orders[0], reports[1], count);
    }
    close(orders[0]);
    close(reports[1]);
    return (struct clients){pid, orders[1], reports[0]};
}

static void dismiss(struct clients *clients)
{
    int status;
    close(clients->orders);
    close(clients->reports);
    waitpid(clients->pid, &status, 0);
    assert_int_equal(status, 0);
}

static void ten_thousand_open_connections_are_all_served(void **state)
{
    (void)state;
    struct clients clients = fork_clients(CROWD);
    struct shoal_listener *listener;
    struct shoal_server *server =
        serve(2, SHOAL_ACCEPT_ROUND_ROBIN, "tcp://127.0.0.1:0", &listener);
    say(clients.orders, port_of(listener));
    assert_int_equal(hear(clients.reports), CROWD);
    for (int round = 0; round < 3; round++) {
        say(clients.orders, 1);
        assert_int_equal(hear(clients.reports), CROWD);
    }
    while (stats_of(server).bytes_out < 3 * CROWD) /* counted just after the bytes have left */
        sched_yield();
    struct shoal_stats stats = stats_of(server);
    assert_int_equal(stats.open_connections, CROWD);
    assert_int_equal(stats.accepted, CROWD);
    assert_int_equal(stats.bytes_out, 3 * CROWD);
    for (unsigned loop = 0; loop < 2; loop++) {
        assert_int_equal(shoal_server_loop_stats(server, loop, &stats), 0);
        assert_int_equal(stats.open_connections, CROWD / 2);
    }
    struct shoal_drain_report report;
    assert_int_equal(shoal_server_drain(server, 20000, &report), 0);
    assert_int_equal(report.graceful, CROWD);
    assert_int_equal(report.forced, 0);
    destroy(&server);
    dismiss(&clients);
}

/* What idle connections could cost is work at each turn, and turns for nothing. */
static void a_thousand_idle_connections_never_delay_a_new_one(void **state)
{
    (void)state;
    struct clients clients = fork_clients(IDLE);
    struct shoal_listener *listener;
    struct shoal_server *server =
        serve(2, SHOAL_ACCEPT_ROUND_ROBIN, "tcp://127.0.0.1:0", &listener);
    say(clients.orders, port_of(listener));
    assert_int_equal(hear(clients.reports), IDLE);
    say(clients.orders, 1);
    assert_int_equal(hear(clients.reports), IDLE);

    uint64_t before = stats_of(server).turns;
    for (int i = 0; i < NEW; i++) {
        int client = dial(port_of(listener));
        assert_true(echoes(client));
        close(client);
    }
    assert_true(stats_of(server).turns - before <= NEW * TURNS_EACH);
    assert_int_equal(shoal_server_drain(server, 20000, NULL), 0);
    destroy(&server);
    dismiss(&clients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_open_connections_are_all_served),
        cmocka_unit_test(a_thousand_idle_connections_never_delay_a_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
