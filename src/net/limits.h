/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Limits on accepted connections, in total and per source address. A place is taken before a
 * connection reaches a loop and given back when it is freed, so that the figures are never too
 * low, however many threads accept.
 */
#ifndef SHOAL_NET_LIMITS_H
#define SHOAL_NET_LIMITS_H

#include <shoal/stats.h>

struct shoal__address;
struct shoal_server;

/* shoal__admit() said yes. */
#define SHOAL__ADMITTED SHOAL_REFUSALS

/*
 * Takes a place in total, and one for the peer's address where max_per_address is set. Returns
 * SHOAL__ADMITTED, or why not, with nothing taken. Thread: any.
 */
enum shoal_refusal shoal__admit(struct shoal_server *server, const struct shoal__address *peer);

/* Gives both places back, for a connection that was admitted and never created. Thread: any. */
void shoal__admit_undo(struct shoal_server *server, const struct shoal__address *peer);

/*
 * Gives back the peer's place only: for connections, which give back the total one themselves.
 * No-op where max_per_address is not set. Thread: any.
 */
void shoal__address_slot_release(struct shoal_server *server, const struct shoal__address *peer);

#endif
