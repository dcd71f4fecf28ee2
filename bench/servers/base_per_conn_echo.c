/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server that Shoal's first origin document described: the main thread accepts and queues, and
 * each of eight threads takes one connection, makes an event_base for it, and dispatches that until
 * the client leaves. Whoever comes ninth waits until somebody does.
 */
#include "listen.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 8, QUEUE = 65536 };

/* Accepted connections that nobody serves yet; the lock guards all of it. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    int fds[QUEUE];
    unsigned first;
    unsigned count;
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static bool put(int fd)
{
    pthread_mutex_lock(&waiting.lock);
    bool has_room = waiting.count < QUEUE;
    if (has_room)
        waiting.fds[(waiting.first + waiting.count++) % QUEUE] = fd;
    pthread_cond_signal(&waiting.filled);
    pthread_mutex_unlock(&waiting.lock);
    return has_room;
}

static int take(void)
{
    pthread_mutex_lock(&waiting.lock);
    while (waiting.count == 0)
        pthread_cond_wait(&waiting.filled, &waiting.lock);
    int fd = waiting.fds[waiting.first];
    waiting.first = (waiting.first + 1) % QUEUE;
    waiting.count--;
    pthread_mutex_unlock(&waiting.lock);
    return fd;
}

static void read_cb(struct bufferevent *client, void *arg)
{
    (void)arg;
    evbuffer_add_buffer(bufferevent_get_output(client), bufferevent_get_input(client));
}

static void event_cb(struct bufferevent *client, short what, void *arg)
{
    (void)arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        event_base_loopexit(bufferevent_get_base(client), NULL);
}

static void serve(int fd)
{
    struct event_base *base = event_base_new();
    struct bufferevent *client =
        base != NULL ? bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
    if (client == NULL) {
        close(fd);
    } else {
        bufferevent_setcb(client, read_cb, NULL, event_cb, NULL);
        bufferevent_enable(client, EV_READ | EV_WRITE);
        event_base_dispatch(base);
        bufferevent_free(client);
    }
    if (base != NULL)
        event_base_free(base);
}

static void *serve_all(void *arg)
{
    (void)arg;
    for (;;)
        serve(take());
    return NULL;
}

int main(int argc, char **argv)
{
    int listener = bench_listen(argc, argv);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve_all, NULL) != 0) {
            perror("pthread_create");
            return 71;
        }
    }
    fcntl(listener, F_SETFL, 0); /* accept blocks here */
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        bench_no_delay(fd);
        if (!put(fd))
            close(fd);
    }
}
