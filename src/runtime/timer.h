/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The timers of one loop: a binary min-heap of (deadline, timer) pairs, so that comparing touches
 * no timer. It knows no clock and no event base: the loop tells it the time and asks for the next
 * deadline. Connections use it with deadlines that are rarely moved (see net/conn.h).
 */
#ifndef SHOAL_RUNTIME_TIMER_H
#define SHOAL_RUNTIME_TIMER_H

#include <stdint.h>

#include <shoal/loop.h>

struct shoal__timer_entry {
    int64_t deadline_ns;
    struct shoal_timer *timer;
};

struct shoal__timers {
    struct shoal__timer_entry *heap;
    uint32_t count;
    uint32_t room;
};

/* Thread of all of these: the owner of the loop they belong to. */
void shoal__timers_init(struct shoal__timers *timers);

/* Frees the heap. Timers still in it are marked as not running and never fire. */
void shoal__timers_fini(struct shoal__timers *timers);

/* Adds the timer or moves it. Returns 0 or -SHOAL_ENOMEM (a running timer stays as it was). */
int shoal__timers_set(struct shoal__timers *timers, struct shoal_timer *timer, int64_t deadline_ns);

/* Removes the timer where it is running. */
void shoal__timers_remove(struct shoal__timers *timers, struct shoal_timer *timer);

/* The earliest deadline, or INT64_MAX. */
int64_t shoal__timers_next(const struct shoal__timers *timers);

/* Takes out the earliest timer that is due at `now_ns`; NULL for none. */
struct shoal_timer *shoal__timers_take_due(struct shoal__timers *timers, int64_t now_ns);

#endif
