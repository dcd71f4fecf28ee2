/* SPDX-License-Identifier: BSD-3-Clause */
/* Client calls and their loop: memory, deadlines, the task in which a call's end is told, and the
 * loop's own end. */
#include <stdlib.h>

#include <shoal/error.h>

#include "base/blocks.h"
#include "proto/grpc/rpc_priv.h"
#include "runtime/loop.h"

enum { CHUNK_BYTES = 2048, KEPT_CALLS = 256 };

/* What the channels of a loop share. Owned by the loop. */
struct rpc_local {
    struct shoal__loop_local base;
    struct shoal__list channels;
    struct shoal__blocks call_blocks;
    struct shoal__blocks chunks; /* for the calls' arenas */
    struct shoal__grpc_codec *codec;
};

/* The loop has ended, and its connections with it. */
static void destroy_local(struct shoal__loop_local *base)
{
    struct rpc_local *local = (struct rpc_local *)base;
    for (struct shoal__list *node; (node = shoal__list_first(&local->channels));)
        shoal__grpc_channel_cut(SHOAL_CONTAINER_OF(node, struct shoal_grpc_channel, node));
    shoal__grpc_codec_destroy(&local->codec);
    shoal__blocks_fini(&local->call_blocks);
    shoal__blocks_fini(&local->chunks);
    free(local);
}

static struct shoal__loop_local *create_local(void)
{
    struct rpc_local *local = calloc(1, sizeof(*local));
    if (!local)
        return NULL;
    local->base.destroy = destroy_local;
    shoal__list_init(&local->channels);
    shoal__blocks_init(&local->call_blocks, sizeof(struct shoal_rpc), KEPT_CALLS);
    shoal__blocks_init(&local->chunks, CHUNK_BYTES, KEPT_CALLS);
    return &local->base;
}

struct rpc_local *shoal__rpc_local_of(struct shoal_loop *loop)
{
    static const char key;
    return (struct rpc_local *)shoal__loop_local(loop, &key, create_local);
}

struct shoal__list *shoal__rpc_local_channels(struct rpc_local *local)
{
    return &local->channels;
}

struct shoal__grpc_codec *shoal__rpc_codec(struct rpc_local *local)
{
    if (!local->codec)
        local->codec = shoal__grpc_codec_create();
    return local->codec;
}

void shoal__rpc_assert_owner(const struct shoal_grpc_channel *channel)
{
    SHOAL__ASSERT_OWNER(channel->loop);
}

/* Calls */

static void run_task(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    shoal__rpc_catch_up(arg);
}

static void deadline_passed(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    shoal__rpc_expire(arg);
}

struct shoal_rpc *shoal__rpc_alloc(struct rpc_local *local)
{
    struct shoal_rpc *rpc = shoal__blocks_take(&local->call_blocks);
    if (!rpc)
        return NULL;
    memset(rpc, 0, sizeof(*rpc));
    shoal__list_init(&rpc->node);
    shoal__list_init(&rpc->waiting);
    shoal__arena_init(&rpc->arena, &local->chunks);
    shoal__arena_init(&rpc->message_arena, &local->chunks);
    shoal_timer_init(&rpc->deadline, deadline_passed, rpc);
    rpc->task = (struct shoal_task)SHOAL_TASK(run_task, rpc);
    rpc->deadline_ns = INT64_MAX;
    return rpc;
}

void shoal__rpc_free(struct rpc_local *local, struct shoal_rpc *rpc)
{
    shoal__arena_fini(&rpc->arena);
    shoal__arena_fini(&rpc->message_arena);
    shoal__blocks_give(&local->call_blocks, rpc);
}

void shoal__rpc_schedule(struct shoal_rpc *rpc)
{
    if (rpc->scheduled)
        return;
    rpc->scheduled = true;
    shoal_defer(rpc->channel->loop, &rpc->task);
}

/* Time */

static int64_t now_ns(const struct shoal_rpc *rpc)
{
    return shoal__clock_now_ns(&rpc->channel->loop->clock);
}

int shoal__rpc_deadline_start(struct shoal_rpc *rpc, int64_t deadline_ms)
{
    if (deadline_ms == 0)
        return 0;
    int64_t now = now_ns(rpc);
    bool far = deadline_ms > (INT64_MAX - now) / SHOAL__NS_PER_MS;
    rpc->deadline_ns = far ? INT64_MAX : now + deadline_ms * SHOAL__NS_PER_MS;
    return far ? 0 : shoal__loop_timer_at(rpc->channel->loop, &rpc->deadline, rpc->deadline_ns);
}

int64_t shoal__rpc_left_ns(const struct shoal_rpc *rpc)
{
    return rpc->deadline_ns == INT64_MAX ? INT64_MAX : rpc->deadline_ns - now_ns(rpc);
}

void shoal__rpc_deadline_stop(struct shoal_rpc *rpc)
{
    shoal_timer_stop(&rpc->deadline);
}
