/* SPDX-License-Identifier: BSD-3-Clause */
/* Pauses between attempts to connect; see backoff.h. The numbers are gRPC's own. */
#include "proto/grpc/backoff.h"

/* Times 1.6 each time; a jitter of two fifths in all. */
enum { GROWTH_TENTHS = 16, JITTER_TENTHS = 4 };

static int64_t at_most(int64_t ms, int64_t max_ms)
{
    return ms < max_ms ? ms : max_ms;
}

int64_t shoal__grpc_backoff_next(struct shoal__grpc_backoff *backoff, uint64_t odds)
{
    int64_t ms =
        backoff->next_ms > 0 ? backoff->next_ms : at_most(backoff->first_ms, backoff->max_ms);
    backoff->next_ms = at_most(ms * GROWTH_TENTHS / 10, backoff->max_ms);
    int64_t span = ms * JITTER_TENTHS / 10;
    return ms - span / 2 + (int64_t)(odds % (uint64_t)(span + 1));
}
