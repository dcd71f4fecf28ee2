/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The physical limit: an echo server of bare epoll, level triggered, one thread, one read and one
 * write per readiness, into one buffer for all connections. Whatever a library adds to this is its
 * price. Bytes which the kernel does not take are kept for the connection, which is then not read
 * until they are gone; so it is a correct server, and none that only wins a benchmark.
 */
#include "listen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_PER_TURN 512

/* One client. The main loop owns it; it dies with the socket. */
struct client {
    int fd;
    char *kept; /* NULL while everything was written */
    size_t kept_bytes;
};

static int queue;
static char buffer[BENCH_READ_BYTES];

static void watch(struct client *client, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = client};
    if (epoll_ctl(queue, operation, client->fd, &event) != 0)
        perror("epoll_ctl");
}

static void drop(struct client *client)
{
    close(client->fd);
    free(client->kept);
    free(client);
}

static void accept_all(int listener)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct client *client = calloc(1, sizeof *client);
        if (client == NULL) {
            close(fd);
            return;
        }
        client->fd = fd;
        bench_no_delay(fd);
        watch(client, EPOLL_CTL_ADD, EPOLLIN);
    }
}

/* Writes what it can and returns how much; drops the client and returns -1 if it has gone. */
static ssize_t put(struct client *client, const char *data, size_t size)
{
    ssize_t written = write(client->fd, data, size);
    if (written >= 0)
        return written;
    if (errno == EAGAIN)
        return 0;
    drop(client);
    return -1;
}

static void keep(struct client *client, const char *data, size_t size)
{
    client->kept = malloc(size);
    if (client->kept == NULL) {
        drop(client);
        return;
    }
    memcpy(client->kept, data, size);
    client->kept_bytes = size;
    watch(client, EPOLL_CTL_MOD, EPOLLOUT);
}

static void echo(struct client *client)
{
    ssize_t got = read(client->fd, buffer, sizeof buffer);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        drop(client);
        return;
    }
    ssize_t written = put(client, buffer, (size_t)got);
    if (written >= 0 && written < got)
        keep(client, buffer + written, (size_t)(got - written));
}

static void flush(struct client *client)
{
    ssize_t written = put(client, client->kept, client->kept_bytes);
    if (written < 0)
        return;
    client->kept_bytes -= (size_t)written;
    memmove(client->kept, client->kept + written, client->kept_bytes);
    if (client->kept_bytes > 0)
        return;
    free(client->kept);
    client->kept = NULL;
    watch(client, EPOLL_CTL_MOD, EPOLLIN);
}

static void handle(struct client *client, int listener)
{
    if (client == NULL)
        accept_all(listener);
    else if (client->kept != NULL)
        flush(client);
    else
        echo(client);
}

int main(int argc, char **argv)
{
    int listener = bench_listen(argc, argv);
    queue = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event accepting = {.events = EPOLLIN, .data.ptr = NULL};
    if (queue < 0 || epoll_ctl(queue, EPOLL_CTL_ADD, listener, &accepting) != 0) {
        perror("epoll");
        return 71;
    }

    struct epoll_event events[EVENTS_PER_TURN];
    for (;;) {
        int ready = epoll_wait(queue, events, EVENTS_PER_TURN, -1);
        for (int i = 0; i < ready; i++)
            handle(events[i].data.ptr, listener);
    }
}
