/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A link: one place of the load generator's, filled by one connection after the other. It keeps
 * what is in flight, and what becomes of it: every request asked ends as answered, as an error of
 * some kind, or as unanswered at the end of the run.
 *
 *     CLOSED ──► CONNECTING ──► OPEN
 *        ▲           │           │
 *        └───────────┴───────────┘  a failure, or enough answers with --reconnect
 *
 * There are three roles. An asker has its slots filled by the loop; a slow reader asks without end
 * and reads as little as possible; an idle one only stays open.
 */
#ifndef APPS_SHOAL_BENCH_LINK_H
#define APPS_SHOAL_BENCH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/conn.h>
#include <shoal/loop.h>

#include "bench_stats.h"

struct bench_loop;
struct bench_speaker;
struct bench_target;

enum bench_role { BENCH_ASKER, BENCH_SLOW_READER, BENCH_IDLE };

/* Owned by its loop; the loop's thread only; lives as long as the loop's load. */
struct bench_link {
    struct bench_loop *loop;
    const struct bench_target *target;
    const struct bench_speaker *speaker; /* the target's, or whom that has handed over to */
    enum bench_role role;
    struct shoal_conn *conn;  /* NULL: closed; its data points back here */
    bool open;                /* false with a connection: connecting */
    bool tried;               /* the first attempt to connect has ended */
    bool queued;              /* in the loop's queue of links that can be asked */
    struct bench_link *next;  /* in that queue */
    uint64_t serial;          /* of the connection; unique in the whole run */
    uint64_t serial_step;     /* to this link's next connection */
    uint64_t asked;           /* on this connection */
    uint64_t answered;        /* on this connection */
    int64_t connect_ns;       /* when this connection was begun */
    struct shoal_timer timer; /* to connect again; a slow reader's beat */
    unsigned depth;
    unsigned free_head;   /* of the ring of free slots */
    unsigned *free_slots; /* ring, asked - answered of them missing */
    int64_t *due_ns;      /* by slot */
    void *talk;           /* the speaker's, for this connection */
};

/* Memory that a link with these needs beside itself, for bench_link_init(). Thread: any. */
size_t bench_link_room(enum bench_role role, unsigned depth, size_t talk_size);

/* `link` is zero but for loop, target, role, serial, serial_step and depth; `room` is zero, aligned
 * and as large as bench_link_room() said. Thread: any, before the loop uses it. */
void bench_link_init(struct bench_link *link, void *room);

/* Begins to connect. What comes of it is reported to the loop, also when it fails at once.
 * Thread: owner. */
void bench_link_connect(struct bench_link *link);

/* True where it can take one more request. Thread: owner. */
bool bench_link_can_ask(const struct bench_link *link);

/* Sends a request that was due at due_ns. Only where it can. Thread: owner. */
void bench_link_ask(struct bench_link *link, int64_t due_ns);

/* A slow reader's first beat; others follow. Thread: owner. */
void bench_link_start_slow(struct bench_link *link);

/* The run is over: counts what is in flight as unanswered, and what is open. Thread: owner. */
void bench_link_conclude(struct bench_link *link);

/*
 * For speakers. A connection that the link has let go of is not reported any more: the link of its
 * callback, bench_link_of(), is NULL then, and so it may be after bench_link_answered() and
 * bench_link_wrong(). Thread: owner, all of them.
 */

/* The link of a connection, or NULL. */
struct bench_link *bench_link_of(const struct shoal_conn *conn);

/* The connection is ready. */
void bench_link_opened(struct bench_link *link);

/* Bytes came; before any report on them. */
void bench_link_received(struct bench_link *link, size_t size);

/* The request in `slot` was answered, and right. */
void bench_link_answered(struct bench_link *link, unsigned slot);

/* An answer was not what it had to be. The connection is given up. */
void bench_link_wrong(struct bench_link *link, enum bench_error error);

/* The connection is over (a speaker's on_close); `partial`: with part of an answer received. */
void bench_link_closed(struct bench_link *link, enum shoal_close_reason reason, bool partial);

#endif
