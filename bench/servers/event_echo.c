/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What libevent itself costs: one persistent `struct event` for each connection, read() and write()
 * called directly, into one buffer for all. Shoal does its input and output this way and adds
 * limits, deadlines, counters and ownership; the distance between the two is the price of those.
 */
#include "listen.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One client. The event base's thread owns it; it dies with the socket. */
struct client {
    struct event ready; /* for reading, or for writing while bytes are kept */
    int fd;
    char *kept; /* NULL while everything was written */
    size_t kept_bytes;
};

static struct event_base *base;
static char buffer[BENCH_READ_BYTES];

static void ready_cb(int fd, short what, void *arg);

static void drop(struct client *client)
{
    event_del(&client->ready);
    close(client->fd);
    free(client->kept);
    free(client);
}

static void watch(struct client *client, short what)
{
    event_assign(&client->ready, base, client->fd, (short)(what | EV_PERSIST), ready_cb, client);
    if (event_add(&client->ready, NULL) != 0)
        drop(client);
}

static void watch_instead(struct client *client, short what)
{
    event_del(&client->ready);
    watch(client, what);
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
    watch_instead(client, EV_WRITE);
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
    watch_instead(client, EV_READ);
}

static void ready_cb(int fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct client *client = arg;
    if (client->kept != NULL)
        flush(client);
    else
        echo(client);
}

static void accepted_cb(struct evconnlistener *listener, int fd, struct sockaddr *peer, int size,
                        void *arg)
{
    (void)listener, (void)peer, (void)size, (void)arg;
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        close(fd);
        return;
    }
    client->fd = fd;
    bench_no_delay(fd);
    watch(client, EV_READ);
}

int main(int argc, char **argv)
{
    int fd = bench_listen(argc, argv);
    base = event_base_new();
    if (base == NULL || evconnlistener_new(base, accepted_cb, NULL, 0, 0, fd) == NULL) {
        fprintf(stderr, "event_echo: libevent does not start\n");
        return 71;
    }
    return event_base_dispatch(base);
}
