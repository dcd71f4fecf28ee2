/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A loop's counters: written by its owner only, read by anybody. A relaxed load and store is
 * enough and costs what a plain increment costs.
 */
#ifndef SHOAL_RUNTIME_COUNTERS_H
#define SHOAL_RUNTIME_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include <shoal/stats.h>

struct shoal__counters {
#define SHOAL__COUNTER_FIELD(name, meaning) _Atomic uint64_t name;
    SHOAL_COUNTER_TABLE(SHOAL__COUNTER_FIELD)
#undef SHOAL__COUNTER_FIELD
    _Atomic uint64_t refused[SHOAL_REFUSALS];
    _Atomic uint64_t closed[SHOAL_CLOSE_REASONS];
    _Atomic uint64_t open_connections;
    _Atomic int64_t max_turn_ns;
    _Atomic int64_t lag_ns;
};

/* Adds `n`, which may be "minus one" as UINT64_MAX. Thread: the counter's one writer. */
static inline void shoal__count(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + n, memory_order_relaxed);
}

#endif
