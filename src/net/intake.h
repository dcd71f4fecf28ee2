/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An intake: one listening descriptor on one loop. It accepts in bounded batches, admits, and sees
 * each connection on its way to a loop; and it stays calm where the machine runs out of something.
 * A listener has one intake per address, with SO_REUSEPORT one per address and loop.
 */
#ifndef SHOAL_NET_INTAKE_H
#define SHOAL_NET_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <shoal/loop.h>

struct shoal__shared_limits;
struct shoal__spread;
struct shoal_server;
struct shoal_service;
struct shoal_tls;

/* What all intakes of a listener have in common. The listener's, constant while it is open. */
struct shoal__intake_plan {
    struct shoal_server *server;
    const struct shoal_service *service;
    struct shoal__shared_limits *limits;
    struct shoal_tls *tls;        /* NULL: plain */
    const char *url;              /* for the log */
    struct shoal__spread *spread; /* NULL: connections stay on the loop that accepts them */
    unsigned batch;               /* connections taken in one turn */
    void (*ended)(void *arg);     /* an intake has ended; on its loop's thread */
    void *arg;
};

/* The listener's; touched by its loop's thread from begin to end, dies with the listener's
 * opening. */
struct shoal__intake {
    const struct shoal__intake_plan *plan;
    struct shoal_loop *loop;
    int fd;
    int reserve;    /* /dev/null: a descriptor to give up when there is no other; -1: gone */
    bool can_block; /* may have a socket filter: TCP, and nobody else's */
    struct event event;
    struct shoal_timer retry;
    struct shoal_task begin;
    struct shoal_task end;
    int64_t backoff_ms; /* of the last pause; 0 since a connection was taken */
    int64_t logged_ns;  /* when a pause was last logged; 0: never */
};

/*
 * Prepares an intake for a listening, non-blocking descriptor, which is its own from success on.
 * Returns 0 or a negative errno. Thread: control, before the loops run.
 */
int shoal__intake_open(struct shoal__intake *intake, const struct shoal__intake_plan *plan,
                       struct shoal_loop *loop, int fd, bool can_block);

/* Begins to accept, soon. Thread: control. */
void shoal__intake_begin(struct shoal__intake *intake);

/* Takes what the kernel has queued, closes, and calls plan->ended(). Thread: control. */
void shoal__intake_end(struct shoal__intake *intake);

/* Closes what is still open; all loops have ended or never ran. Thread: control. */
void shoal__intake_close(struct shoal__intake *intake);

#endif
