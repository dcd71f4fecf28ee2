/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From an accepted descriptor to a connection on its loop: at once where the accepting thread is
 * the loop's own, otherwise in parcels, one post for all that one batch has for one loop. An
 * arrival has been admitted (limits.h) and either becomes a connection or is closed and counted.
 */
#ifndef SHOAL_NET_HANDOFF_H
#define SHOAL_NET_HANDOFF_H

#include "net/address.h"

struct shoal__intake_plan;
struct shoal__lane;
struct shoal__spread;
struct shoal_loop;

/* A descriptor that has been accepted and admitted; whoever holds it closes it. */
struct shoal__arrival {
    int fd;
    struct shoal__address peer;
};

/* Makes a connection of the arrival on this loop, and takes it in any case. Thread: owner. */
void shoal__arrival_open(const struct shoal__intake_plan *plan, struct shoal_loop *loop,
                         const struct shoal__arrival *arrival);

/*
 * Puts the arrival on its way to the lane's loop, and takes it in any case; `here` is the loop of
 * the calling thread, where refusals are counted. The parcel leaves when it is full or with
 * shoal__handoff_send(). Thread: accepting.
 */
void shoal__handoff_add(const struct shoal__intake_plan *plan, struct shoal_loop *here,
                        struct shoal__lane *lane, const struct shoal__arrival *arrival);

/* Posts every parcel that was begun. Thread: accepting. */
void shoal__handoff_send(struct shoal__spread *spread, struct shoal_loop *here);

#endif
