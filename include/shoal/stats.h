/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters. Each loop counts for itself, without locks; a reader adds the loops up. Counters only
 * grow, from the server's creation on (a restart keeps them); gauges are a moment's value.
 */
#ifndef SHOAL_STATS_H
#define SHOAL_STATS_H

#include <stdint.h>

#include <shoal/conn.h>
#include <shoal/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shoal_server;

/* X(name, meaning): the plain counters of a loop. */
#define SHOAL_COUNTER_TABLE(X)                                                   \
    X(accepted, "connections taken over from a listener")                        \
    X(connected, "outgoing connections established")                             \
    X(bytes_in, "bytes read from connections")                                   \
    X(bytes_out, "bytes written to connections")                                 \
    X(turns, "turns of the event loop")                                          \
    X(posts, "tasks run that were posted or deferred")                           \
    X(wakeups, "times a sleeping loop was woken by a post")                      \
    X(timers_fired, "timers fired")                                              \
    X(stale_ids, "calls by connection id that found no connection")              \
    X(accept_pauses, "times accepting paused for want of descriptors or memory") \
    X(blocked, "callbacks that the watchdog found blocking the loop")

/* X(NAME, name, meaning): why a connection was refused before it reached a handler. */
#define SHOAL_REFUSAL_TABLE(X)                          \
    X(CONNECTIONS, connections, "over max_connections") \
    X(ADDRESS, address, "over max_per_address")         \
    X(DESCRIPTORS, descriptors, "no descriptor left")   \
    X(MEMORY, memory, "no memory left")                 \
    X(STOPPING, stopping, "the server drains")

enum shoal_refusal {
#define SHOAL_REFUSAL_ENUM(NAME, name, meaning) SHOAL_REFUSED_##NAME,
    SHOAL_REFUSAL_TABLE(SHOAL_REFUSAL_ENUM)
#undef SHOAL_REFUSAL_ENUM
        SHOAL_REFUSALS
};

/* The lower-case name of a reason ("address"). Static, never NULL. Thread: any. */
SHOAL_API const char *shoal_refusal_name(enum shoal_refusal reason);

struct shoal_stats {
#define SHOAL_COUNTER_FIELD(name, meaning) uint64_t name;
    SHOAL_COUNTER_TABLE(SHOAL_COUNTER_FIELD)
#undef SHOAL_COUNTER_FIELD
    uint64_t refused[SHOAL_REFUSALS];
    uint64_t closed[SHOAL_CLOSE_REASONS];
    uint64_t open_connections; /* gauge */
    int64_t max_turn_ns;       /* the longest turn so far: what another event may have waited */
    int64_t lag_ns;            /* gauge, smoothed: how long events waited for the loop lately */
};

/* The sum over all loops (max_turn_ns and lag_ns: the largest). Thread: any. */
SHOAL_API void shoal_server_stats(struct shoal_server *server, struct shoal_stats *out_stats);

/* One loop's own figures. Returns 0, or -SHOAL_EINVAL for no such loop. Thread: any. */
SHOAL_API int shoal_server_loop_stats(struct shoal_server *server, unsigned loop,
                                      struct shoal_stats *out_stats);

#ifdef __cplusplus
}
#endif
#endif
