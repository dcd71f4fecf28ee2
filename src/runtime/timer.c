/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The heap of timers. A timer knows its place (slot_, counted from 1), so that moving and stopping
 * it needs no search. Timers with equal deadlines fire in no particular order.
 */
#include "runtime/timer.h"

#include <stdlib.h>

#include <shoal/error.h>

#define FIRST_ROOM 16

void shoal__timers_init(struct shoal__timers *timers)
{
    *timers = (struct shoal__timers){NULL, 0, 0};
}

void shoal__timers_fini(struct shoal__timers *timers)
{
    for (uint32_t i = 0; i < timers->count; i++)
        timers->heap[i].timer->slot_ = 0;
    free(timers->heap);
    shoal__timers_init(timers);
}

static void put(struct shoal__timers *timers, uint32_t at, struct shoal__timer_entry entry)
{
    timers->heap[at] = entry;
    entry.timer->slot_ = at + 1;
}

/* Fills the hole `at` with `entry`, or with its ancestors until `entry` has found its place. */
static void sift_up(struct shoal__timers *timers, uint32_t at, struct shoal__timer_entry entry)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (timers->heap[parent].deadline_ns <= entry.deadline_ns)
            break;
        put(timers, at, timers->heap[parent]);
        at = parent;
    }
    put(timers, at, entry);
}

static void sift_down(struct shoal__timers *timers, uint32_t at, struct shoal__timer_entry entry)
{
    const struct shoal__timer_entry *heap = timers->heap;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && heap[child + 1].deadline_ns < heap[child].deadline_ns)
            child++;
        if (heap[child].deadline_ns >= entry.deadline_ns)
            break;
        put(timers, at, heap[child]);
        at = child;
    }
    put(timers, at, entry);
}

/* Puts `entry` into the hole `at`, wherever it belongs from there. */
static void settle(struct shoal__timers *timers, uint32_t at, struct shoal__timer_entry entry)
{
    if (at > 0 && timers->heap[(at - 1) / 2].deadline_ns > entry.deadline_ns)
        sift_up(timers, at, entry);
    else
        sift_down(timers, at, entry);
}

static int grow(struct shoal__timers *timers)
{
    if (timers->room > UINT32_MAX / 2)
        return -SHOAL_ENOMEM;
    uint32_t room = timers->room == 0 ? FIRST_ROOM : timers->room * 2;
    struct shoal__timer_entry *heap = realloc(timers->heap, room * sizeof *heap);
    if (heap == NULL)
        return -SHOAL_ENOMEM;

    timers->heap = heap;
    timers->room = room;
    return 0;
}

int shoal__timers_set(struct shoal__timers *timers, struct shoal_timer *timer, int64_t deadline_ns)
{
    struct shoal__timer_entry entry = {deadline_ns, timer};
    if (timer->slot_ != 0) {
        settle(timers, timer->slot_ - 1, entry);
        return 0;
    }
    if (timers->count == timers->room && grow(timers) < 0)
        return -SHOAL_ENOMEM;

    sift_up(timers, timers->count++, entry);
    return 0;
}

void shoal__timers_remove(struct shoal__timers *timers, struct shoal_timer *timer)
{
    if (timer->slot_ == 0)
        return;

    uint32_t hole = timer->slot_ - 1;
    timer->slot_ = 0;
    struct shoal__timer_entry last = timers->heap[--timers->count];
    if (last.timer != timer)
        settle(timers, hole, last);
}

int64_t shoal__timers_next(const struct shoal__timers *timers)
{
    return timers->count == 0 ? INT64_MAX : timers->heap[0].deadline_ns;
}

struct shoal_timer *shoal__timers_take_due(struct shoal__timers *timers, int64_t now_ns)
{
    if (timers->count == 0 || timers->heap[0].deadline_ns > now_ns)
        return NULL;

    struct shoal_timer *timer = timers->heap[0].timer;
    shoal__timers_remove(timers, timer);
    return timer;
}
