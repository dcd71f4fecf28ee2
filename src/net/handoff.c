/* SPDX-License-Identifier: BSD-3-Clause */
/* Parcels: made and filled by the accepting thread, opened and freed by the loop they are for. */
#include "net/handoff.h"

#include <stdlib.h>
#include <unistd.h>

#include "net/conn.h"
#include "net/intake.h"
#include "net/limits.h"
#include "net/spread.h"
#include "net/tls.h"
#include "runtime/loop.h"

enum { PARCEL_ARRIVALS = 16 };

struct shoal__parcel {
    struct shoal_task task;
    const struct shoal__intake_plan *plan;
    struct shoal__lane *lane;
    unsigned count;
    struct shoal__arrival arrivals[PARCEL_ARRIVALS];
};

/* An arrival does not become a connection: gives its place back and counts why. */
static void count_refusal(const struct shoal__intake_plan *plan, struct shoal_loop *here,
                          const struct shoal__arrival *arrival, enum shoal_refusal why)
{
    shoal__admit_undo(plan->server, &arrival->peer);
    shoal__count(&here->counters.refused[why], 1);
}

static void refuse(const struct shoal__intake_plan *plan, struct shoal_loop *here,
                   const struct shoal__arrival *arrival, enum shoal_refusal why)
{
    count_refusal(plan, here, arrival, why);
    close(arrival->fd);
}

void shoal__arrival_open(const struct shoal__intake_plan *plan, struct shoal_loop *loop,
                         const struct shoal__arrival *arrival)
{
    struct shoal__transport transport = {.ops = &shoal__transport_plain, .fd = arrival->fd};
    if (plan->tls && shoal__tls_transport(plan->tls, arrival->fd, NULL, &transport) < 0) {
        refuse(plan, loop, arrival, SHOAL_REFUSED_MEMORY);
        return;
    }
    int rc = shoal__conn_create(loop, &transport, plan->service, plan->limits, &arrival->peer, true,
                                NULL);
    if (rc < 0) {
        count_refusal(plan, loop, arrival, SHOAL_REFUSED_MEMORY);
        transport.ops->close(&transport, false);
    }
}

static void open_parcel(struct shoal_loop *loop, void *arg)
{
    struct shoal__parcel *parcel = arg;
    for (unsigned i = 0; i < parcel->count; i++)
        shoal__arrival_open(parcel->plan, loop, &parcel->arrivals[i]);
    shoal__lane_arrived(parcel->lane, parcel->count);
    free(parcel);
}

/* The loop has ended: nobody will open this one. */
static void return_parcel(struct shoal__parcel *parcel, struct shoal_loop *here)
{
    for (unsigned i = 0; i < parcel->count; i++)
        refuse(parcel->plan, here, &parcel->arrivals[i], SHOAL_REFUSED_STOPPING);
    shoal__lane_arrived(parcel->lane, parcel->count);
    free(parcel);
}

static void post_parcel(struct shoal__lane *lane, struct shoal_loop *here)
{
    struct shoal__parcel *parcel = lane->parcel;
    lane->parcel = NULL;
    if (parcel && shoal_post(lane->loop, &parcel->task) < 0)
        return_parcel(parcel, here);
}

static struct shoal__parcel *make_parcel(const struct shoal__intake_plan *plan,
                                         struct shoal__lane *lane)
{
    struct shoal__parcel *parcel = malloc(sizeof(*parcel));
    if (!parcel)
        return NULL;
    parcel->task = (struct shoal_task)SHOAL_TASK(open_parcel, parcel);
    parcel->plan = plan;
    parcel->lane = lane;
    parcel->count = 0;
    return parcel;
}

void shoal__handoff_add(const struct shoal__intake_plan *plan, struct shoal_loop *here,
                        struct shoal__lane *lane, const struct shoal__arrival *arrival)
{
    if (lane->loop == here) {
        shoal__arrival_open(plan, here, arrival);
        shoal__lane_arrived(lane, 1);
        return;
    }
    if (!lane->parcel)
        lane->parcel = make_parcel(plan, lane);
    if (!lane->parcel) {
        refuse(plan, here, arrival, SHOAL_REFUSED_MEMORY);
        shoal__lane_arrived(lane, 1);
        return;
    }
    lane->parcel->arrivals[lane->parcel->count++] = *arrival;
    if (lane->parcel->count == PARCEL_ARRIVALS)
        post_parcel(lane, here);
}

void shoal__handoff_send(struct shoal__spread *spread, struct shoal_loop *here)
{
    for (unsigned i = 0; i < spread->count; i++)
        post_parcel(&spread->lanes[i], here);
}
