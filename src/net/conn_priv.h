/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection's inside, shared by the files that make it up: conn.c (life, states, deadlines),
 * conn_in.c (reading and offering), conn_out.c (gathering and flushing), net_loop.c (what all
 * connections of a loop share). Owner's thread only, all of it.
 *
 *                     attach                handshake done
 *     PENDING ────────────────► HANDSHAKE ──────────────► OPEN
 *    (shoal_connect)               ▲                       │ close(FLUSH, LINGER)
 *                      create ─────┘                       ▼
 *                                                       FLUSHING
 *                                                          │ output is out
 *                                                          ▼
 *                                                       ENDING        (shutdown wants more I/O)
 *                                                          │ the peer was told
 *                                                          ▼
 *                                                       LINGERING     (only if input may come)
 *                                                          │
 *     from everywhere: close(NOW, ABORT), error, deadline  ▼
 *     ──────────────────────────────────────────────────► CLOSED ── end of turn: on_close, freed
 */
#ifndef SHOAL_NET_CONN_PRIV_H
#define SHOAL_NET_CONN_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "net/conn.h"
#include "net/net_loop.h"

enum shoal__conn_st {
    SHOAL__CONN_PENDING,   /* no transport yet: waits for attach or fail */
    SHOAL__CONN_HANDSHAKE, /* waits for the transport to be ready */
    SHOAL__CONN_OPEN,      /* waits for input, and for output to be taken */
    SHOAL__CONN_FLUSHING,  /* waits for output to be taken, then ends */
    SHOAL__CONN_ENDING,    /* waits for the transport's shutdown */
    SHOAL__CONN_LINGERING, /* drops input until the peer ends */
    SHOAL__CONN_CLOSED,    /* waits for the end of the turn */
};

/* Input that a handler did not consume: bytes[start .. end), and a byte of room behind. */
struct shoal__input {
    size_t start;
    size_t end;
    size_t room;
    char bytes[];
};

/* What a pending connection needs; hangs on transport.state until there is a transport. */
struct shoal__pending {
    void (*cancel)(void *arg, struct shoal_conn *conn);
    void *arg;
};

/*
 * Owned by its loop's slab (net_loop.c); touched by the loop's thread only; dies at the end of the
 * turn in which it became CLOSED. Kept small: an idle connection is little more than this struct,
 * so times are 32-bit milliseconds (compared by difference) and everything that is not always
 * there hangs off a pointer.
 */
struct shoal_conn {
    struct event event;
    struct shoal__transport transport;
    struct shoal__net_loop *net;
    const struct shoal_service *service;
    struct shoal__shared_limits *limits;
    void *data;
    void *driver;
    struct shoal__input *input; /* NULL: nothing kept */
    struct shoal_buf *output;   /* NULL: nothing waits (but see net->gather) */
    struct shoal_timer deadline;
    struct shoal_conn *dirty_next; /* on net->dirty: settle at the end of the turn */
    struct shoal_conn *ready_next; /* on net->ready (offer input, tell drained) or net->shaking */
    struct shoal__address peer;

    uint32_t slot;
    uint32_t generation; /* 0: this slot holds no connection */
    uint32_t opened_ms;
    uint32_t active_ms; /* last byte either way */
    uint32_t kept_ms;   /* since when input is kept */
    uint32_t stall_ms;  /* last progress of output that waits, or start of closing */
    int16_t error;      /* 0, or a negative code; they all fit */
    uint16_t holds;

    uint8_t state;        /* enum shoal__conn_st, set by set_state() in conn.c only */
    uint8_t close_how;    /* enum shoal_close, from FLUSHING on */
    uint8_t reason;       /* enum shoal_close_reason */
    uint8_t drain_reason; /* DRAINED or AGE, while draining */
    uint8_t watching;     /* SHOAL__WATCH_*: what the event is registered for */
    uint8_t read_wants;   /* SHOAL__WATCH_*: what the next read waits for */
    uint8_t write_wants;  /* the same for writing, handshake and shutdown */
    uint8_t drain_reads;  /* reads a draining connection may still do */

    bool accepted : 1;     /* counts among the server's accepted connections */
    bool announced : 1;    /* on_close is owed */
    bool paused : 1;       /* by the handler */
    bool over_high : 1;    /* output rose above the high mark and has not sunk to the low one */
    bool reads_on : 1;     /* also then: shoal__conn_read_on() */
    bool saw_input : 1;    /* the first byte has come */
    bool saw_end : 1;      /* the peer has ended its side, and the service knows */
    bool finishing : 1;    /* close once nothing is held: shoal__conn_finish() */
    bool end_asked : 1;    /* shoal_conn_end(): shut down once flushed */
    bool end_done : 1;     /* our side is shut down */
    bool in_dirty : 1;     /* on net->dirty */
    bool in_ready : 1;     /* on net->ready or net->shaking */
    bool offer : 1;        /* offer kept input in the next turn */
    bool tell_drained : 1; /* on_drained is owed */
    bool draining : 1;     /* finish what has come, then close */
    bool aged : 1;         /* the age limit has acted */
    bool own_slot : 1;     /* counts in the per-address tally */
    bool blocked : 1;      /* the transport took no more output: wait for an event */
};

enum {
    /* Beside transport.h's: nothing is wanted but news of a reset, by an edge-triggered event,
     * while input must wait. Where the event base has no edges, a reset is noticed with the next
     * write. */
    SHOAL__WATCH_RESET = 4,
};

static inline struct shoal_loop *shoal__conn_loop(const struct shoal_conn *conn)
{
    return conn->net->loop;
}

/* Input is not read because of output that waits. */
static inline bool shoal__conn_is_choked(const struct shoal_conn *conn)
{
    return conn->over_high && !conn->reads_on;
}

#define SHOAL__ASSERT_CONN(conn) SHOAL__ASSERT_OWNER((conn)->net->loop)

/* The turn's time in milliseconds, cut to 32 bits: differences are what counts. */
uint32_t shoal__conn_now(const struct shoal_conn *conn);

/* conn.c */

/* Every callback of a service is framed by these two: they open and close the gathering of output
 * and bring the connection's interest and state up to date. */
void shoal__conn_enter(struct shoal_conn *conn, const char *callback);
void shoal__conn_leave(struct shoal_conn *conn);

/* Flushes what waits, goes on with a close under way, registers for what is wanted now. */
void shoal__conn_settle(struct shoal_conn *conn);

/* The end, at once: on_close follows at the end of the turn. */
void shoal__conn_close_now(struct shoal_conn *conn, enum shoal_close_reason reason, bool reset);

/* Closes because of a failed read or write. */
void shoal__conn_broken(struct shoal_conn *conn, ssize_t error);

/* Goes on with the transport's handshake. */
void shoal__conn_handshake(struct shoal_conn *conn);

/* One step of the transport's handshake, now or in a turn with fewer of them. */
void shoal__conn_shake_hands(struct shoal_conn *conn);

/* Begins the end of one connection: what has come is answered, then it is closed. */
void shoal__conn_drain(struct shoal_conn *conn, enum shoal_close_reason reason);

/* For net_loop.c: calls on_close and releases everything, the slot included. */
void shoal__conn_bury(struct shoal_conn *conn);

/* Puts the connection on a list of its loop. */
void shoal__conn_mark_dirty(struct shoal_conn *conn);
void shoal__conn_mark_ready(struct shoal_conn *conn);

/* conn_deadline.c */

/* Begins to watch the time, in the state that is set by then. 0 or -SHOAL_ENOMEM. */
int shoal__conn_start_deadlines(struct shoal_conn *conn);

/* Makes the deadline timer fire no later than the earliest deadline that holds now. */
void shoal__conn_arm(struct shoal_conn *conn);

/* conn_handler.c */

/* The handler's resume, or the low mark: input is offered again, and its deadlines start anew. */
void shoal__conn_go_on_reading(struct shoal_conn *conn);

/* conn_in.c */

/* True where input is waited for: open, not ended, not paused by anybody. */
bool shoal__conn_may_read(const struct shoal_conn *conn);

/* True where the transport holds bytes to be read that no event will tell of. */
bool shoal__conn_has_hidden_input(const struct shoal_conn *conn);

/* Reads once and offers what there is, unless input is not waited for, or what the handler asked
 * to see again must be offered first. True where bytes came (or the end did). */
bool shoal__conn_read(struct shoal_conn *conn);

/* Offers kept input again. */
void shoal__conn_offer(struct shoal_conn *conn);

/* Reads and drops, for LINGERING. */
void shoal__conn_discard(struct shoal_conn *conn);

/* What the ready list is for: a turn of this connection without an event. */
void shoal__conn_take_turn(struct shoal_conn *conn);

/* conn_out.c */

/* Tries to send everything that waits, up to a bound per turn. False where the connection was
 * closed over it. */
bool shoal__conn_flush(struct shoal_conn *conn);

/* Sends or keeps what was gathered for the connection of the gather, and ends the gather. */
void shoal__gather_close(struct shoal__net_loop *net);

#endif
