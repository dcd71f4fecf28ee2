/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long to wait before connecting again: longer each time, up to a limit, and never quite the
 * same, so that clients who lost their server together do not all come back together. Pure: the
 * caller brings the chance.
 */
#ifndef SHOAL_PROTO_GRPC_BACKOFF_H
#define SHOAL_PROTO_GRPC_BACKOFF_H

#include <stdint.h>

/* One channel's. Owned by it. The bounds are positive and less than a year. */
struct shoal__grpc_backoff {
    int64_t first_ms;
    int64_t max_ms;
    int64_t next_ms; /* without the jitter; 0: it begins */
};

/* The next pause, give or take a fifth as `odds`, any number, says. Thread: owner. */
int64_t shoal__grpc_backoff_next(struct shoal__grpc_backoff *backoff, uint64_t odds);

/* All is well: the next pause is the first again. Thread: owner. */
static inline void shoal__grpc_backoff_reset(struct shoal__grpc_backoff *backoff)
{
    backoff->next_ms = 0;
}

#endif
