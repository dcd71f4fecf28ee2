/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CoDel ("controlled delay", RFC 8289) for a queue of work: short bursts pass untouched, but where
 * every piece has waited longer than `target` for a whole `interval`, pieces are dropped, the
 * faster the longer it lasts, until the delay is back below the target. It knows no clock.
 */
#ifndef SHOAL_RUNTIME_CODEL_H
#define SHOAL_RUNTIME_CODEL_H

#include <stdbool.h>
#include <stdint.h>

/* All zero but for the two settings is its start. */
struct shoal__codel {
    int64_t target_ns; /* 0: never drops */
    int64_t interval_ns;
    int64_t above_until_ns; /* dropping starts then unless the delay sinks before; 0: it is below */
    int64_t next_drop_ns;
    uint32_t drops; /* in this run of dropping; 0: not dropping */
};

/* Tells whether the piece taken from the queue at `now_ns` after waiting `delay_ns` is dropped.
 * Thread: owner. */
bool shoal__codel_drops(struct shoal__codel *codel, int64_t now_ns, int64_t delay_ns);

#endif
