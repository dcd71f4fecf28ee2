/* SPDX-License-Identifier: BSD-3-Clause */
/* Attack 15: more connections than the kernel's queue holds, while nobody takes them. */
#include "peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <shoal/loop.h>

enum { BACKLOG = 8, CROWD = 500, WAIT_MS = 60000 };

static sem_t held, go_on;

static void hold_the_loop(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
    sem_post(&held);
    sem_wait(&go_on);
}

static int begin_to_dial(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        assert_int_equal(errno, EINPROGRESS);
    return fd;
}

/* Waits until the connection is made, and makes the socket block. */
static void finish_dialling(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
}

/* How often a queue of this machine was full so far; -1 where the kernel does not tell. */
static long overflows(void)
{
    char names[4096] = "", values[4096] = "";
    long count = -1;
    FILE *file = fopen("/proc/net/netstat", "re");
    if (file && fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
        char *name_at, *value_at;
        char *name = strtok_r(names, " \n", &name_at), *value = strtok_r(values, " \n", &value_at);
        while (name && value && strcmp(name, "ListenOverflows") != 0) {
            name = strtok_r(NULL, " \n", &name_at);
            value = strtok_r(NULL, " \n", &value_at);
        }
        count = name && value ? atol(value) : -1;
    }
    if (file)
        fclose(file);
    return count;
}

static void a_full_queue_delays_those_who_come_and_harms_nobody_who_is_there(void **state)
{
    (void)state;
    struct shoal_task task = SHOAL_TASK(hold_the_loop, NULL);
    struct shoal_listen_cfg listen = SHOAL_LISTEN_CFG_INIT;
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&cfg);
    listen.backlog = BACKLOG;
    struct shoal_listener *listener = listen_on(server, "tcp://127.0.0.1:0", &listen);
    start(server);
    int there = dial(port_of(listener));
    assert_true(echoes(there));

    long before = overflows();
    int crowd[CROWD];
    sem_init(&held, 0, 0);
    sem_init(&go_on, 0, 0);
    assert_int_equal(shoal_post(shoal_server_loop(server, 0), &task), 0);
    sem_wait(&held);
    for (int i = 0; i < CROWD; i++)
        crowd[i] = begin_to_dial(port_of(listener));
    assert_true(before < 0 || overflows() > before);
    sem_post(&go_on);

    assert_true(echoes(there));
    for (int i = 0; i < CROWD; i++) {
        finish_dialling(crowd[i]);
        assert_true(echoes(crowd[i]));
        close(crowd[i]);
    }
    assert_true(echoes(there));
    close(there);
    destroy(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_delays_those_who_come_and_harms_nobody_who_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
