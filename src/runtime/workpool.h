/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker pool as loops and the server see it; users see shoal/pool.h.
 */
#ifndef SHOAL_RUNTIME_WORKPOOL_H
#define SHOAL_RUNTIME_WORKPOOL_H

#include <stdbool.h>

#include <shoal/pool.h>

#include "base/clock.h"

/* How long a stop waits past its deadline for running work to notice that it is cancelled. */
#define SHOAL__POOL_GRACE_MS 1000

/* shoal_pool_create() with a clock for queueing delays and deadlines; NULL: monotonic. */
int shoal__pool_create(const struct shoal_pool_cfg *cfg, const struct shoal__clock *clock,
                       struct shoal_pool **out_pool);

/* Hands over what this loop has submitted and not yet handed over. Thread: owner. */
void shoal__pool_flush(struct shoal_loop *loop);

/* True on one of the pool's own threads. Thread: any. */
bool shoal__pool_is_worker(struct shoal_pool *pool);

/*
 * Waits until every worker has ended, is about to, or runs work; true where that leaves one that
 * runs work. For a pool that was stopped. Thread: any but the pool's own.
 */
bool shoal__pool_is_stuck(struct shoal_pool *pool);

#endif
