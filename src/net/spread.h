/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which loop gets the next accepted connection. One spread belongs to one listener and is used by
 * the one thread that accepts for it; the loops only give back what was queued for them.
 */
#ifndef SHOAL_NET_SPREAD_H
#define SHOAL_NET_SPREAD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct shoal__parcel;
struct shoal_loop;

/* What the spread knows of one loop. */
struct shoal__lane {
    struct shoal_loop *loop;
    const _Atomic uint64_t *open; /* the loop's own gauge of open connections */
    struct shoal__parcel *parcel; /* handoff.c's: what this batch brings so far */

    /* Chosen and not yet opened: added by the accepting thread, taken off by the loop. Without it
     * one batch would all go to whichever loop was least loaded when the batch began. */
    _Atomic uint64_t queued;
};

enum shoal__spread_by {
    SHOAL__SPREAD_ROUND_ROBIN,  /* exact within one */
    SHOAL__SPREAD_LEAST_OF_TWO, /* the less loaded of two different ones, drawn at random */
};

/* Owned by a listener; `lanes` is its array, dead when the listener closes. Thread: the accepting
 * one, but for `queued`. */
struct shoal__spread {
    enum shoal__spread_by by;
    unsigned count;
    unsigned next;
    uint64_t random;
    struct shoal__lane *lanes;
};

/* Makes `count` lanes, at least one; the caller fills in their loops and gauges. Returns 0 or
 * -SHOAL_ENOMEM. Thread: any. */
int shoal__spread_init(struct shoal__spread *spread, enum shoal__spread_by by, unsigned count);

/* Frees the lanes; a spread of all zero is fine. Thread: any, when nothing is queued. */
void shoal__spread_fini(struct shoal__spread *spread);

/* The lane for one more connection, already counted as queued. Thread: accepting. */
struct shoal__lane *shoal__spread_choose(struct shoal__spread *spread);

/* `n` connections of this lane are open, or will never be. Thread: any. */
void shoal__lane_arrived(struct shoal__lane *lane, unsigned n);

#endif
