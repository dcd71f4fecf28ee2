/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading counters: sums over loops, with what earlier runs of the server have counted. */
#include <shoal/stats.h>

#include <shoal/error.h>

#include "runtime/server_priv.h"

const char *shoal_refusal_name(enum shoal_refusal reason)
{
    static const char *const names[] = {
#define REFUSAL_NAME(NAME, name, meaning) #name,
        SHOAL_REFUSAL_TABLE(REFUSAL_NAME)
#undef REFUSAL_NAME
    };
    return (unsigned)reason < SHOAL_REFUSALS ? names[reason] : "unknown";
}

static uint64_t get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void raise_to(int64_t *value, const _Atomic int64_t *other)
{
    int64_t read = atomic_load_explicit(other, memory_order_relaxed);
    if (read > *value)
        *value = read;
}

void shoal__stats_add(struct shoal_stats *stats, const struct shoal_loop *loop)
{
    const struct shoal__counters *counters = &loop->counters;
#define ADD_COUNTER(name, meaning) stats->name += get(&counters->name);
    SHOAL_COUNTER_TABLE(ADD_COUNTER)
#undef ADD_COUNTER
    for (int i = 0; i < SHOAL_REFUSALS; i++)
        stats->refused[i] += get(&counters->refused[i]);
    for (int i = 0; i < SHOAL_CLOSE_REASONS; i++)
        stats->closed[i] += get(&counters->closed[i]);
    stats->open_connections += get(&counters->open_connections);
    raise_to(&stats->max_turn_ns, &counters->max_turn_ns);
    raise_to(&stats->lag_ns, &counters->lag_ns);
}

void shoal_server_stats(struct shoal_server *server, struct shoal_stats *out_stats)
{
    pthread_mutex_lock(&server->lock); /* the end of a drain frees the loops */
    *out_stats = server->past;
    for (unsigned i = 0; i < server->loop_count; i++) {
        if (server->loops[i] != NULL)
            shoal__stats_add(out_stats, server->loops[i]);
    }
    if (server->acceptor != NULL)
        shoal__stats_add(out_stats, server->acceptor);
    pthread_mutex_unlock(&server->lock);
}

int shoal_server_loop_stats(struct shoal_server *server, unsigned loop,
                            struct shoal_stats *out_stats)
{
    int rc = -SHOAL_EINVAL;
    pthread_mutex_lock(&server->lock);
    if (loop < server->loop_count && server->loops[loop] != NULL) {
        *out_stats = (struct shoal_stats){0};
        shoal__stats_add(out_stats, server->loops[loop]);
        rc = 0;
    }
    pthread_mutex_unlock(&server->lock);
    return rc;
}
