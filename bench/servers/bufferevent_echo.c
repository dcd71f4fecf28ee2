/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a libevent user writes today: the textbook bufferevent echo, input moved to output without
 * a copy, one thread, defaults everywhere. It is the server that Shoal has to beat.
 */
#include "listen.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdio.h>
#include <unistd.h>

static void read_cb(struct bufferevent *client, void *arg)
{
    (void)arg;
    evbuffer_add_buffer(bufferevent_get_output(client), bufferevent_get_input(client));
}

static void event_cb(struct bufferevent *client, short what, void *arg)
{
    (void)arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        bufferevent_free(client);
}

static void accepted_cb(struct evconnlistener *listener, int fd, struct sockaddr *peer, int size,
                        void *arg)
{
    (void)listener, (void)peer, (void)size;
    struct event_base *base = arg;
    struct bufferevent *client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (client == NULL) {
        close(fd);
        return;
    }
    bench_no_delay(fd);
    bufferevent_setcb(client, read_cb, NULL, event_cb, NULL);
    bufferevent_enable(client, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
    int fd = bench_listen(argc, argv);
    struct event_base *base = event_base_new();
    if (base == NULL || evconnlistener_new(base, accepted_cb, base, 0, 0, fd) == NULL) {
        fprintf(stderr, "bufferevent_echo: libevent does not start\n");
        return 71;
    }
    return event_base_dispatch(base);
}
