/* SPDX-License-Identifier: BSD-3-Clause */
/* How often a client may ping; see keepalive.h. */
#include "proto/grpc/keepalive.h"

bool shoal__grpc_keepalive_ping(struct shoal__grpc_keepalive *state,
                                const struct shoal__grpc_keepalive_cfg *cfg, bool has_calls,
                                int64_t now_ms)
{
    int64_t min_ms = has_calls ? cfg->min_ms : cfg->min_idle_ms;
    bool soon = state->pinged && min_ms > 0 && now_ms - state->last_ms < min_ms;
    state->pinged = true;
    state->last_ms = now_ms;
    if (soon)
        state->strikes++;
    return state->strikes <= cfg->max_strikes;
}
