/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What belongs to a loop is touched by its thread alone: whoever does so from another thread is
 * stopped at that line, in every build, before harm is done. Each misuse has a process of its own.
 */
#include "scenario/net/peers.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shoal/conn.h>

static _Atomic(struct shoal_conn *) smuggled;

static void smuggle(struct shoal_conn *conn)
{
    atomic_store(&smuggled, conn);
}

static const struct shoal_service service = {.name = "smuggler", .on_open = smuggle};

static bool is_smuggled(void *arg)
{
    (void)arg;
    return atomic_load(&smuggled) != NULL;
}

static struct shoal_conn *conn_of_another_thread(struct shoal_server *server,
                                                 const struct shoal_listener *listener)
{
    (void)server;
    dial(port_of(listener));
    wait_until(is_smuggled, NULL);
    return atomic_load(&smuggled);
}

static void do_nothing(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
}

static void never_fire(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    (void)arg;
}

static void write_to_it(struct shoal_server *server, struct shoal_listener *listener)
{
    shoal_conn_write(conn_of_another_thread(server, listener), "x", 1);
}

static void close_it(struct shoal_server *server, struct shoal_listener *listener)
{
    shoal_conn_close(conn_of_another_thread(server, listener), SHOAL_CLOSE_NOW);
}

static void ask_for_its_data(struct shoal_server *server, struct shoal_listener *listener)
{
    (void)shoal_conn_data(conn_of_another_thread(server, listener));
}

static void defer_a_task(struct shoal_server *server, struct shoal_listener *listener)
{
    (void)listener;
    static struct shoal_task task = {.run = do_nothing};
    shoal_defer(shoal_server_loop(server, 0), &task);
}

static void start_a_timer(struct shoal_server *server, struct shoal_listener *listener)
{
    (void)listener;
    static struct shoal_timer timer;
    shoal_timer_init(&timer, never_fire, NULL);
    (void)shoal_timer_start(shoal_server_loop(server, 0), &timer, 1000);
}

typedef void misuse_fn(struct shoal_server *server, struct shoal_listener *listener);

/* The child: says "!" before, and "?" if it outlives the misuse. */
static void misuse_in_child(misuse_fn *misuse, int said)
{
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGILL, SIG_DFL); /* cmocka would take it for a failure of the test */
    signal(SIGTRAP, SIG_DFL);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDERR_FILENO); /* a sanitizer's report of the end that is wanted */

    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&cfg);
    struct shoal_listener *listener = NULL;
    assert_int_equal(shoal_listen(server, "tcp://127.0.0.1:0", &service, NULL, &listener), 0);
    start(server);
    assert_int_equal(write(said, "!", 1), 1);
    misuse(server, listener);
    assert_int_equal(write(said, "?", 1), 1);
    _exit(0);
}

static void a_misuse_from_another_thread_is_stopped(void **state)
{
    (void)state;
    static misuse_fn *const misuses[] = {write_to_it, close_it, ask_for_its_data, defer_a_task,
                                         start_a_timer};
    for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
        int said[2];
        assert_int_equal(pipe2(said, O_CLOEXEC), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            misuse_in_child(misuses[i], said[1]);
        close(said[1]);
        char words[4];
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(read(said[0], words, sizeof(words)), 1);
        assert_int_equal(words[0], '!');
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
        close(said[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_misuse_from_another_thread_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
