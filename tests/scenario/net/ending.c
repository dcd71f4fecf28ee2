/* SPDX-License-Identifier: BSD-3-Clause */
/* Who has been let in by the kernel is served, also where the server ends before it has looked. */
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 200 };

static const enum shoal_accept modes[] = {SHOAL_ACCEPT_ROUND_ROBIN, SHOAL_ACCEPT_LEAST_OF_TWO,
                                          SHOAL_ACCEPT_REUSEPORT};

/* The clients connect and send before the server accepts anything: the loops are held up. */
static void hold_up(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    char byte;
    if (read(*(int *)arg, &byte, 1) < 0)
        abort();
}

static void ask(int fd)
{
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
}

static void assert_answered_and_ended(int fd)
{
    char byte = 0;
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

static void everybody_in_the_kernels_queue_is_answered(void **state)
{
    (void)state;
    for (int m = 0; m < 3; m++) {
        struct shoal_listener *listener;
        struct shoal_server *server = serve(2, modes[m], "tcp://127.0.0.1:0", &listener);
        int gate[2];
        assert_int_equal(pipe(gate), 0);
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(shoal_call(shoal_server_loop(server, i), hold_up, &gate[0]), 0);
        int clients[CLIENTS];
        for (int i = 0; i < CLIENTS; i++) {
            clients[i] = dial(port_of(listener));
            ask(clients[i]);
        }
        close(gate[1]); /* lets the loops go, just when the drain begins */
        struct shoal_drain_report report;
        assert_int_equal(shoal_server_drain(server, 10000, &report), 0);
        for (int i = 0; i < CLIENTS; i++)
            assert_answered_and_ended(clients[i]);
        assert_int_equal(report.graceful, CLIENTS);
        assert_int_equal(report.forced, 0);
        close(gate[0]);
        destroy(&server);
    }
}

static void a_unix_queue_is_answered_as_well(void **state)
{
    (void)state;
    char path[64];
    char url[72];
    snprintf(path, sizeof(path), "/tmp/shoal-ending-%d", (int)getpid());
    snprintf(url, sizeof(url), "unix:%s", path);
    struct shoal_listener *listener;
    struct shoal_server *server = serve(2, SHOAL_ACCEPT_ROUND_ROBIN, url, &listener);
    int clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = dial_unix(path);
        assert_true(clients[i] >= 0);
        ask(clients[i]);
    }
    assert_int_equal(shoal_server_drain(server, 10000, NULL), 0);
    for (int i = 0; i < CLIENTS; i++)
        assert_answered_and_ended(clients[i]);
    destroy(&server);
}

static void nobody_is_let_in_after_the_end(void **state)
{
    (void)state;
    for (int m = 0; m < 3; m++) {
        struct shoal_listener *listener;
        struct shoal_server *server = serve(2, modes[m], "tcp://127.0.0.1:0", &listener);
        uint16_t port = port_of(listener);
        assert_int_equal(shoal_server_stop(server), 0);
        assert_true(try_dial("127.0.0.1", port, NULL) < 0);
        destroy(&server);
    }
}

static void start_and_stop_leave_no_descriptor(void **state)
{
    (void)state;
    unsigned before = descriptors();
    for (int i = 0; i < 30; i++) {
        struct shoal_listener *listener;
        struct shoal_server *server = serve(2, modes[i % 3], "tcp://:0", &listener);
        int client = dial(port_of(listener));
        if (i % 2)
            assert_true(echoes(client));
        destroy(&server);
        close(client);
    }
    assert_int_equal(descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_in_the_kernels_queue_is_answered),
        cmocka_unit_test(a_unix_queue_is_answered_as_well),
        cmocka_unit_test(nobody_is_let_in_after_the_end),
        cmocka_unit_test(start_and_stop_leave_no_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
