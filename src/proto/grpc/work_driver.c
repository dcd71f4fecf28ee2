/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handlers in the worker pool. A piece of work runs one handler of one call. While it runs, the
 * loop leaves alone what handlers read, and takes no more of the call's requests; what the handler
 * says is kept in the work, in memory that the loop does not touch, until the work is done.
 *
 * Works are kept by their loop with the memory they have, so that steady load allocates nothing;
 * there are no more of them than the pool has held at once.
 */
#include <stdlib.h>

#include <shoal/error.h>
#include <shoal/pool.h>

#include "proto/grpc/call_priv.h"
#include "runtime/loop.h"

/* A first reply up to here is kept in the work's arena. */
enum { BRIEF_MOST = 1024 };

static const struct shoal__grpc_error no_pool = {SHOAL_GRPC_INTERNAL, "server without workers"};
static const struct shoal__grpc_error pool_full = {SHOAL_GRPC_RESOURCE_EXHAUSTED,
                                                   "all workers are busy"};
static const struct shoal__grpc_error pool_stopped = {SHOAL_GRPC_UNAVAILABLE, "server is stopping"};
static const struct shoal__grpc_error shed = {SHOAL_GRPC_UNAVAILABLE, "waited too long: overload"};
static const struct shoal__grpc_error too_slow = {SHOAL_GRPC_RESOURCE_EXHAUSTED,
                                                  "replies are not read fast enough"};
static const struct shoal__grpc_error late = {SHOAL_GRPC_DEADLINE_EXCEEDED, "deadline exceeded"};
static const struct shoal__grpc_error no_memory = {SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory"};

/* Owned by its call while submitted, then by the loop. `work` comes first. */
struct grpc_work {
    struct shoal_work work;
    struct shoal__list node; /* among the kept ones */
    struct shoal_grpc_call *call;
    enum grpc_event event;
    int result; /* of the handler */

    /* What it said. */
    struct shoal__arena arena;
    struct grpc_answer answer;
    struct shoal_view brief; /* the first reply, packed, where it is small */
    struct shoal_buf more;   /* the others, a segment for each */
    size_t waiting;          /* bytes of it, and what waited in the stream before */
    bool high;               /* the handler was told that this is above the high mark */
};

static struct grpc_work *take_work(struct grpc_local *local)
{
    struct shoal__list *node = shoal__list_take_first(shoal__grpc_local_works(local));
    if (node)
        return SHOAL_CONTAINER_OF(node, struct grpc_work, node);
    struct grpc_work *self = calloc(1, sizeof(*self));
    if (self)
        shoal__list_init(&self->node);
    return self;
}

static void destroy_work(struct grpc_work *self)
{
    shoal__buf_fini(&self->more);
    shoal__arena_fini(&self->arena);
    free(self);
}

void shoal__grpc_works_fini(struct shoal__list *works)
{
    for (struct shoal__list *node; (node = shoal__list_take_first(works)) != NULL;)
        destroy_work(SHOAL_CONTAINER_OF(node, struct grpc_work, node));
}

static void keep_work(struct grpc_local *local, struct grpc_work *self)
{
    shoal__buf_fini(&self->more);
    shoal__arena_reset(&self->arena);
    shoal__list_push_front(shoal__grpc_local_works(local), &self->node);
}

/* On the worker */

static void run(struct shoal_work *work)
{
    struct grpc_work *self = SHOAL_CONTAINER_OF(work, struct grpc_work, work);
    int result = shoal__grpc_run(self->call, self->event);
    if (self->result == SHOAL_GRPC_LATER) /* else it has finished the call */
        self->result = result;
}

int shoal__grpc_work_finish(struct shoal_grpc_call *call, int status)
{
    if (call->work->result != SHOAL_GRPC_LATER)
        return -SHOAL_ESTATE;
    call->work->result = status;
    return 0;
}

struct grpc_answer *shoal__grpc_work_answer(const struct shoal_grpc_call *call)
{
    return &call->work->answer;
}

static int keep_brief(struct grpc_work *self, const ProtobufCMessage *reply, size_t size)
{
    uint8_t *frame = shoal__arena_alloc(&self->arena, SHOAL__GRPC_PREFIX + size);
    if (!frame)
        return -SHOAL_ENOMEM;
    shoal__grpc_prefix_write(frame, false, (uint32_t)size);
    protobuf_c_message_pack(reply, frame + SHOAL__GRPC_PREFIX);
    self->brief = shoal_view(frame, SHOAL__GRPC_PREFIX + size);
    return 0;
}

static int keep_more(struct grpc_work *self, const ProtobufCMessage *reply, size_t size)
{
    char *frame;
    int rc = shoal__grpc_pack(reply, size, &frame);
    return rc < 0 ? rc : shoal__grpc_frame_lend(&self->more, frame, SHOAL__GRPC_PREFIX + size);
}

int shoal__grpc_work_send(struct shoal_grpc_call *call, const ProtobufCMessage *reply, size_t size)
{
    struct grpc_work *self = call->work;
    const struct shoal__session_limits *limits = &call->session->endpoint->limits;
    size_t waiting = self->waiting + SHOAL__GRPC_PREFIX + size;
    if (shoal_grpc_cancelled(call))
        return -SHOAL_EPIPE;
    if (limits->out_max > 0 && waiting > limits->out_max)
        return -SHOAL_EFULL;
    bool brief = self->brief.size == 0 && shoal__buf_is_empty(&self->more) && size <= BRIEF_MOST;
    int rc = brief ? keep_brief(self, reply, size) : keep_more(self, reply, size);
    if (rc < 0)
        return rc;
    self->waiting = waiting;
    self->high = self->high || waiting > limits->out_high;
    return self->high ? 1 : 0;
}

/* Back on the loop */

static const struct shoal__grpc_error *error_of(int status)
{
    switch (-status) {
    case SHOAL_ETIMEDOUT:
        return &late;
    case SHOAL_ESHED:
        return &shed;
    case SHOAL_EFULL:
        return &pool_full;
    case SHOAL_ENOMEM:
        return &no_memory;
    default:
        return &pool_stopped;
    }
}

/* A handler that was told to stop is told to go on, also where there is room already. */
static void note_room(struct shoal_grpc_call *call, bool told_full, bool full)
{
    const struct shoal_grpc_stream *stream = call->method->stream;
    call->in.choked = told_full || full;
    call->in.told_full = told_full && stream && stream->on_drained;
    call->in.drained = told_full && !full;
}

/* The handler has run: what it said is said. */
static void speak(struct shoal_grpc_call *call, struct grpc_work *self)
{
    if (call->st != GRPC_CALL_OPEN)
        return;
    int rc = shoal__grpc_merge(call, &self->answer);
    if (rc == 0)
        rc = shoal__grpc_send_packed(call, self->brief, &self->more);
    if (rc < 0) {
        shoal__grpc_end_with(call, rc == -SHOAL_EFULL ? &too_slow : &no_memory);
        return;
    }
    note_room(call, self->high, rc == 1);
    call->answer.replies = self->answer.replies;
    shoal__grpc_take_result(call, self->result);
}

static void done(struct shoal_work *work, int status)
{
    struct grpc_work *self = SHOAL_CONTAINER_OF(work, struct grpc_work, work);
    struct shoal_grpc_call *call = self->call;
    if (!shoal__grpc_is_owner(call)) {
        /* It was stuck, and the loop has ended without it. The call's memory was the loop's. */
        destroy_work(self);
        return;
    }
    if (status == 0)
        speak(call, self);
    else
        shoal__grpc_end_with(call, error_of(status));
    call->work = NULL;
    keep_work(call->session->local, self);
    shoal__grpc_work_ended(call);
}

static int64_t work_deadline_ms(const struct shoal_grpc_call *call)
{
    int64_t left = shoal_grpc_left_ms(call);
    if (left == INT64_MAX)
        return 0;
    return left > 0 ? left : 1;
}

static void prepare(struct grpc_work *self, struct shoal_grpc_call *call, enum grpc_event event)
{
    self->work = (struct shoal_work){
        .run = run, .done = done, .name = "grpc", .deadline_ms = work_deadline_ms(call)};
    self->call = call;
    self->event = event;
    self->result = SHOAL_GRPC_LATER;
    self->brief = shoal_view(NULL, 0);
    self->waiting = shoal__stream_pending(call->stream);
    self->high = false;
    self->answer = (struct grpc_answer){.arena = &self->arena,
                                        .replies = call->answer.replies,
                                        .head_sent = call->answer.head_sent,
                                        .compress = call->answer.compress,
                                        .negotiated = call->answer.negotiated};
}

void shoal__grpc_offload(struct shoal_grpc_call *call, enum grpc_event event)
{
    struct shoal_pool *pool = shoal_server_pool(shoal_loop_server(call->loop));
    struct grpc_work *self = pool ? take_work(call->session->local) : NULL;
    if (!self) {
        shoal__grpc_end_with(call, pool ? &no_memory : &no_pool);
        return;
    }
    prepare(self, call, event);
    call->work = self;
    int rc = shoal_pool_submit(pool, call->loop, &self->work);
    if (rc == 0)
        return;
    call->work = NULL;
    keep_work(call->session->local, self);
    shoal__grpc_end_with(call, error_of(rc));
}

void shoal__grpc_cancel_work(struct shoal_grpc_call *call)
{
    if (call->work)
        shoal_work_cancel(&call->work->work);
}
