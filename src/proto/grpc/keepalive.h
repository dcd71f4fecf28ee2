/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How often a client may ping. A ping that comes too soon after the one before is a strike; what
 * the server sends forgives all of them. Pure: the caller says what time it is.
 */
#ifndef SHOAL_PROTO_GRPC_KEEPALIVE_H
#define SHOAL_PROTO_GRPC_KEEPALIVE_H

#include <stdbool.h>
#include <stdint.h>

struct shoal__grpc_keepalive_cfg {
    int64_t min_ms;      /* between two pings; 0: no limit */
    int64_t min_idle_ms; /* the same without calls */
    uint32_t max_strikes;
};

/* One connection's. All zero is the beginning. Owned by the session. */
struct shoal__grpc_keepalive {
    int64_t last_ms;
    uint32_t strikes;
    bool pinged;
};

/* A ping came. False where it was one too many. Thread: owner. */
bool shoal__grpc_keepalive_ping(struct shoal__grpc_keepalive *state,
                                const struct shoal__grpc_keepalive_cfg *cfg, bool has_calls,
                                int64_t now_ms);

/* The server has sent something. Thread: owner. */
static inline void shoal__grpc_keepalive_sent(struct shoal__grpc_keepalive *state)
{
    state->pinged = false;
    state->strikes = 0;
}

#endif
