/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all connections of one loop share: the slab they live in, the one read buffer, the gather
 * of the callback that runs, and the lists for the end of the turn. It hangs on the loop as its
 * layer and is made on first use. Owner's thread only.
 *
 * Connections live in chunks mapped from the kernel, so that a loop gives memory back when a crowd
 * has gone. An id is (generation, loop, slot); the generation is the loop's running number, so no
 * two connections of a loop share one.
 */
#ifndef SHOAL_NET_NET_LOOP_H
#define SHOAL_NET_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"
#include "runtime/loop.h"

struct shoal_conn;
struct shoal__chunk;

enum {
    SHOAL__READ_SIZE = 64 * 1024,    /* bytes read in one turn of a connection */
    SHOAL__SCRATCH_SIZE = 64 * 1024, /* copied output gathered without an allocation */
    SHOAL__GATHER_MAX = 64,          /* pieces of output in one gather */
    SHOAL__HANDSHAKE_STEPS = 8, /* of all connections in one turn: one may take a millisecond */

    /* The parts of an id: generation << 32 | loop << SLOT_BITS | slot. */
    SHOAL__ID_SLOT_BITS = 22,
    SHOAL__ID_SLOTS = 1 << SHOAL__ID_SLOT_BITS,
};

/*
 * Output of the connection that is being written to, not yet sent and not yet kept. Pieces are
 * spans of the input that is on offer, or copies in `scratch`. While a callback runs the gather
 * is its connection's; otherwise it goes to whichever connection is written to, and is closed when
 * another one is, or at the end of the turn.
 */
struct shoal__gather {
    struct shoal_conn *conn;
    bool in_callback;
    int count;
    size_t size;
    size_t scratch_used;
    struct shoal_view span; /* input on offer: bytes in it need no copy */
    struct iovec pieces[SHOAL__GATHER_MAX];
};

struct shoal__net_loop {
    struct shoal__loop_layer layer; /* first: the loop knows us by it */
    struct shoal_loop *loop;
    struct shoal__gather gather;

    struct shoal_conn *dirty; /* to settle or bury at the end of this turn */
    struct shoal_conn *ready; /* to take a turn without an event */

    /* Who waits for a step of its handshake, longest first, linked by ready_next. */
    struct shoal_conn *shaking;
    struct shoal_conn *last_shaking;
    unsigned handshake_steps; /* taken in this turn */

    /* Output that waits in memory: backlog.h. */
    size_t output_bytes;
    size_t output_share; /* the most that may wait */
    struct shoal__list backlogs;

    char *read_buffer; /* SHOAL__READ_SIZE and one more */
    char *scratch;

    struct shoal__chunk **chunks; /* entries may be NULL */
    uint32_t chunk_room;
    uint32_t first_free; /* no chunk before this one has a free slot */
    uint32_t generation;
    size_t open;    /* connections in the slab */
    bool has_edges; /* the event base can watch edge-triggered */
    bool draining;
    bool forcing;
};

/* The loop's net state, made on first use. NULL where memory is out. */
struct shoal__net_loop *shoal__net_loop_get(struct shoal_loop *loop);

/* Takes a zeroed connection with slot, generation and net set; NULL where memory is out. */
struct shoal_conn *shoal__net_loop_take(struct shoal__net_loop *net);

/* Gives a connection's memory back. */
void shoal__net_loop_give(struct shoal_conn *conn);

/* The connection of a slot and generation, or NULL. */
struct shoal_conn *shoal__net_loop_find(struct shoal__net_loop *net, uint32_t slot,
                                        uint32_t generation);

/* Calls fn for every connection that is not closed; fn may close any of them. */
void shoal__net_loop_each(struct shoal__net_loop *net, void (*fn)(struct shoal_conn *, void *),
                          void *arg);

#endif
