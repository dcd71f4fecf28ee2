/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Out of descriptors: a server that is flooded while its process has few of them left stays calm,
 * tells those whom it cannot serve, and serves again when there is room. The flood is a child
 * process, which has descriptors of its own; it is made before the server's threads.
 */
#include "peers.h"

#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 30, FLOOD = 500, CALM_MS = 1000, RESUME_MS = 2000 };

enum { LOOP_DESCRIPTORS = 4 }; /* what one loop takes: the rest is for its listener */

/* The child's exit codes. */
enum { DONE, LOST_PARENT, NOT_CONNECTED, NOT_SERVED };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t cpu_ms(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static bool served(uint16_t port)
{
    int fd = try_dial("127.0.0.1", port, NULL);
    bool yes = fd >= 0 && echoes(fd);
    if (fd >= 0)
        close(fd);
    return yes;
}

/* The child: floods, holds on until told, lets go, and wants to be served soon. */
static int flood(int parent)
{
    uint16_t port;
    char word = 'f';
    int clients[FLOOD];
    if (read(parent, &port, sizeof(port)) != sizeof(port))
        return LOST_PARENT;
    for (int i = 0; i < FLOOD; i++) {
        clients[i] = try_dial("127.0.0.1", port, NULL);
        if (clients[i] < 0)
            return NOT_CONNECTED;
    }
    if (write(parent, &word, 1) != 1 || read(parent, &word, 1) != 1)
        return LOST_PARENT;
    for (int i = 0; i < FLOOD; i++)
        close(clients[i]);
    int64_t end = now_ms() + RESUME_MS;
    while (now_ms() < end) {
        if (served(port))
            return now_ms() < end ? DONE : NOT_SERVED;
    }
    return NOT_SERVED;
}

static pid_t make_flood(int *out_child)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pair[0]);
        _exit(flood(pair[1]));
    }
    close(pair[1]);
    *out_child = pair[0];
    return pid;
}

/* A limit is on the numbers, and those that are free need not be above those that are not. */
static rlim_t next_descriptor(void)
{
    int fd = dup(STDIN_FILENO);
    assert_true(fd >= 0);
    close(fd);
    return (rlim_t)fd;
}

static struct rlimit leave_room_for(rlim_t more)
{
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    struct rlimit little = {next_descriptor() + more, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &little), 0);
    return old;
}

static _Atomic unsigned pauses_logged;

static void count_pauses(void *arg, enum shoal_log_level level, const char *message)
{
    (void)arg;
    (void)level;
    if (strstr(message, "msg=\"accepting paused\"") && strstr(message, "error=EMFILE"))
        pauses_logged++;
}

static bool has_shed_and_paused(void *arg)
{
    struct shoal_stats stats = stats_of(arg);
    return stats.refused[SHOAL_REFUSED_DESCRIPTORS] > 0 && stats.accept_pauses > 1;
}

static void assert_calm(void)
{
    int64_t cpu = cpu_ms();
    poll(NULL, 0, CALM_MS);
    cpu = cpu_ms() - cpu;
    if (cpu > CALM_MS / 10)
        fail_msg("%d ms of CPU in %d ms", (int)cpu, (int)CALM_MS);
}

static void survive(enum shoal_accept mode)
{
    int child;
    pid_t pid = make_flood(&child);
    struct shoal_server_cfg cfg = server_cfg(2, mode);
    cfg.log = (struct shoal_log){count_pauses, NULL, SHOAL_LOG_WARN};
    struct shoal_server *server = make_server(&cfg);
    struct shoal_listener *listener = listen_on(server, "tcp://127.0.0.1:0", NULL);
    start(server);
    uint16_t port = port_of(listener);
    struct rlimit old = leave_room_for(ROOM);
    pauses_logged = 0;

    int64_t began_ms = now_ms();
    char word;
    assert_int_equal(write(child, &port, sizeof(port)), sizeof(port));
    assert_int_equal(read(child, &word, 1), 1);
    wait_until(has_shed_and_paused, server);
    assert_calm();
    assert_int_equal(write(child, &word, 1), 1);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), DONE);
    int64_t seconds = (now_ms() - began_ms) / 1000 + 1;

    assert_in_range(pauses_logged, 1, 2 * seconds + 2); /* two sockets with SO_REUSEPORT */
    assert_in_range(stats_of(server).accepted, ROOM / 2, FLOOD + 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    close(child);
    destroy(&server);
}

static void an_acceptor_out_of_descriptors_stays_calm_and_recovers(void **state)
{
    (void)state;
    survive(SHOAL_ACCEPT_ROUND_ROBIN);
}

static void reuseport_out_of_descriptors_stays_calm_and_recovers(void **state)
{
    (void)state;
    survive(SHOAL_ACCEPT_REUSEPORT);
}

static void a_drain_out_of_descriptors_ends(void **state)
{
    (void)state;
    int child;
    pid_t pid = make_flood(&child);
    struct shoal_listener *listener;
    struct shoal_server *server =
        serve(2, SHOAL_ACCEPT_ROUND_ROBIN, "tcp://127.0.0.1:0", &listener);
    uint16_t port = port_of(listener);
    struct rlimit old = leave_room_for(ROOM);
    char word;
    assert_int_equal(write(child, &port, sizeof(port)), sizeof(port));
    assert_int_equal(read(child, &word, 1), 1);
    int64_t began_ms = now_ms();
    struct shoal_drain_report report;
    assert_int_equal(shoal_server_drain(server, 5000, &report), 0);
    assert_in_range(now_ms() - began_ms, 0, 5000);
    assert_int_equal(report.forced, 0);
    struct shoal_stats stats = stats_of(server);
    assert_int_equal(stats.accepted + stats.refused[SHOAL_REFUSED_DESCRIPTORS], FLOOD);

    close(child);
    waitpid(pid, NULL, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    destroy(&server);
}

/* The child: starts with fewer and fewer descriptors, never more than it has had, because only
 * lowering the hard limit keeps start from raising the soft one. */
static int start_with_less_and_less(struct shoal_server *server, rlim_t next)
{
    bool failed = false;
    for (unsigned room = LOOP_DESCRIPTORS + 4; room >= LOOP_DESCRIPTORS; room--) {
        struct rlimit little = {next + room, next + room};
        setrlimit(RLIMIT_NOFILE, &little);
        int rc = shoal_server_start(server);
        if (rc < 0 && !strstr(shoal_server_error(server), "Too many open files (EMFILE)"))
            return 1;
        failed = failed || rc < 0;
        if (rc == 0 && (failed || shoal_server_stop(server) < 0))
            return 2;
    }
    return failed ? 0 : 3;
}

static void a_listener_without_descriptors_is_told(void **state)
{
    (void)state;
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&cfg);
    listen_on(server, "tcp://127.0.0.1:0", NULL);
    rlim_t next = next_descriptor();
    pid_t pid = fork();
    if (pid == 0)
        _exit(start_with_less_and_less(server, next));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    destroy(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_acceptor_out_of_descriptors_stays_calm_and_recovers),
        cmocka_unit_test(reuseport_out_of_descriptors_stays_calm_and_recovers),
        cmocka_unit_test(a_drain_out_of_descriptors_ends),
        cmocka_unit_test(a_listener_without_descriptors_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
