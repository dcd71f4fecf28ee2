/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The load of request-and-answer protocols: a closed loop of bare epoll on one thread. Each
 * connection sends a fixed request DEPTH times in one write, waits for as many answers, each of
 * which must be exactly the one expected, and does so again until the time is over. Prints how many
 * exchanges were made.
 *
 *     exchange_load PORT CONNECTIONS DEPTH SECONDS REQUEST ANSWER
 */
#include "dial.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 512, READ_BYTES = 65536 };

/* A connection. Owned by main(), lives to the end. */
struct link {
    int fd;
    size_t received; /* of the batch's answers, all verified */
};

/* One text, DEPTH times. */
struct batch {
    char *bytes;
    size_t size;
};

static void fail(const char *what)
{
    fprintf(stderr, "exchange_load: %s\n", what);
    exit(1);
}

static struct batch repeat(const char *text, size_t times)
{
    size_t size = strlen(text);
    struct batch batch = {malloc(size * times + 1), size * times};
    if (!batch.bytes)
        fail("out of memory");
    for (size_t i = 0; i < times; i++)
        memcpy(batch.bytes + i * size, text, size);
    return batch;
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Blocking: a batch is far smaller than a socket's buffer. */
static void ask(const struct link *link, const struct batch *request)
{
    if (write(link->fd, request->bytes, request->size) != (ssize_t)request->size)
        fail("cannot send");
}

/* Reads what has come; returns whether that ends the batch. */
static int take(struct link *link, const struct batch *answer)
{
    static char buffer[READ_BYTES];
    ssize_t size = read(link->fd, buffer, sizeof(buffer));
    if (size <= 0)
        fail("the connection ended");
    if ((size_t)size > answer->size - link->received ||
        memcmp(buffer, answer->bytes + link->received, (size_t)size) != 0)
        fail("an answer was wrong");
    link->received += (size_t)size;
    if (link->received < answer->size)
        return 0;
    link->received = 0;
    return 1;
}

static struct link *open_links(uint16_t port, unsigned count, int queue)
{
    struct link *links = calloc(count, sizeof(*links));
    if (!links)
        fail("out of memory");
    for (unsigned i = 0; i < count; i++) {
        struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = &links[i]};
        links[i].fd = bench_dial(port, i);
        if (epoll_ctl(queue, EPOLL_CTL_ADD, links[i].fd, &wanted) != 0)
            fail("cannot watch a connection");
    }
    return links;
}

/* Returns how many batches were answered. */
static uint64_t run(int queue, double seconds, const struct batch *request,
                    const struct batch *answer)
{
    struct epoll_event events[EVENTS_PER_TURN];
    uint64_t batches = 0;
    for (double end = now_seconds() + seconds; now_seconds() < end;) {
        int ready = epoll_wait(queue, events, EVENTS_PER_TURN, 1000);
        for (int i = 0; i < ready; i++) {
            if (!take(events[i].data.ptr, answer))
                continue;
            batches++;
            ask(events[i].data.ptr, request);
        }
    }
    return batches;
}

int main(int argc, char **argv)
{
    if (argc != 7)
        fail("usage: exchange_load PORT CONNECTIONS DEPTH SECONDS REQUEST ANSWER");
    unsigned count = (unsigned)strtoul(argv[2], NULL, 10);
    size_t depth = strtoul(argv[3], NULL, 10);
    struct batch request = repeat(argv[5], depth), answer = repeat(argv[6], depth);
    int queue = epoll_create1(0);
    struct link *links = open_links((uint16_t)strtoul(argv[1], NULL, 10), count, queue);
    for (unsigned i = 0; i < count; i++)
        ask(&links[i], &request);
    printf("%llu exchanges\n",
           (unsigned long long)run(queue, strtod(argv[4], NULL), &request, &answer) * depth);
    return 0;
}
