/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two ways to choose a loop. Gauges are read without order: a choice made on a figure that is
 * a moment old is as good.
 */
#include "net/spread.h"

#include <stdbool.h>
#include <stdlib.h>

#include <shoal/error.h>

int shoal__spread_init(struct shoal__spread *spread, enum shoal__spread_by by, unsigned count)
{
    struct shoal__lane *lanes = calloc(count, sizeof(*lanes));
    if (!lanes)
        return -SHOAL_ENOMEM;
    *spread = (struct shoal__spread){
        .by = by, .count = count, .random = UINT64_C(0x9e3779b97f4a7c15), .lanes = lanes};
    return 0;
}

void shoal__spread_fini(struct shoal__spread *spread)
{
    free(spread->lanes);
    *spread = (struct shoal__spread){0};
}

static uint64_t load_of(const struct shoal__lane *lane)
{
    return atomic_load_explicit(lane->open, memory_order_relaxed) +
           atomic_load_explicit(&lane->queued, memory_order_relaxed);
}

static struct shoal__lane *in_turn(struct shoal__spread *spread)
{
    struct shoal__lane *lane = &spread->lanes[spread->next];
    spread->next = (spread->next + 1) % spread->count;
    return lane;
}

/* xorshift64: nobody gains by guessing it, since the load decides between the two. */
static uint64_t draw(struct shoal__spread *spread)
{
    uint64_t x = spread->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    spread->random = x;
    return x;
}

static struct shoal__lane *least_of_two(struct shoal__spread *spread)
{
    uint64_t random = draw(spread);
    unsigned first = (unsigned)((random >> 32) % spread->count);
    unsigned step = 1 + (unsigned)((random & UINT32_MAX) % (spread->count - 1));
    struct shoal__lane *one = &spread->lanes[first];
    struct shoal__lane *other = &spread->lanes[(first + step) % spread->count];
    return load_of(other) < load_of(one) ? other : one;
}

struct shoal__lane *shoal__spread_choose(struct shoal__spread *spread)
{
    bool alone = spread->count == 1;
    struct shoal__lane *lane =
        spread->by == SHOAL__SPREAD_LEAST_OF_TWO && !alone ? least_of_two(spread) : in_turn(spread);
    atomic_fetch_add_explicit(&lane->queued, 1, memory_order_relaxed);
    return lane;
}

void shoal__lane_arrived(struct shoal__lane *lane, unsigned n)
{
    atomic_fetch_sub_explicit(&lane->queued, n, memory_order_relaxed);
}
