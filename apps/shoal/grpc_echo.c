/* SPDX-License-Identifier: BSD-3-Clause */
/* shoal.v1.Echo: the smallest example of each kind of call, and one that waits in the pool. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <shoal/v1/echo.shoal.h>

#include "grpc.h"

typedef Shoal__V1__EchoMessage echo_message;

enum {
    MOST_JOINED = 4 << 20, /* bytes that ClientStream answers */
    STEP_MS = 50,          /* of a waiting worker, between two looks at whether to go on */
};

static int echo(struct shoal_grpc_call *call, const echo_message *request, echo_message *reply)
{
    (void)call;
    reply->payload = request->payload;
    reply->delay_ms = request->delay_ms;
    reply->count = request->count;
    return SHOAL_GRPC_OK;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits by the clock, not by adding up sleeps, which all are a little too long. */
static void wait_for(struct shoal_grpc_call *call, uint32_t delay_ms)
{
    int64_t end_ms = now_ms() + delay_ms;
    for (int64_t left_ms = delay_ms; left_ms > 0 && !shoal_grpc_cancelled(call);
         left_ms = end_ms - now_ms()) {
        int64_t step_ms = left_ms < STEP_MS ? left_ms : STEP_MS;
        struct timespec step = {0, (long)step_ms * 1000000};
        (void)nanosleep(&step, NULL);
    }
}

static int delayed(struct shoal_grpc_call *call, const echo_message *request, echo_message *reply)
{
    if (request->delay_ms > 0)
        wait_for(call, request->delay_ms);
    return echo(call, request, reply);
}

/* ServerStream: data is how many copies are left. */

struct copies {
    const echo_message *request;
    uint32_t left;
};

static int send_copies(struct shoal_grpc_call *call, struct copies *copies)
{
    while (copies->left > 0) {
        copies->left--;
        int rc = shoal__v1__echo__server_stream__send(call, copies->request);
        if (rc < 0)
            return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "cannot send");
        if (rc == 1)
            return SHOAL_GRPC_LATER; /* when drained */
    }
    return SHOAL_GRPC_OK;
}

static int begin_copies(struct shoal_grpc_call *call, const echo_message *request)
{
    struct copies *copies = shoal_grpc_alloc(call, sizeof(*copies));
    if (!copies)
        return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory");
    copies->request = request;
    copies->left = request->count ? request->count : 1;
    shoal_grpc_set_data(call, copies);
    return send_copies(call, copies);
}

static void go_on_with_copies(struct shoal_grpc_call *call)
{
    int result = send_copies(call, shoal_grpc_data(call));
    if (result != SHOAL_GRPC_LATER)
        (void)shoal_grpc_finish(call, result);
}

/* ClientStream: data is what has come so far. */

struct joined {
    size_t size;
    uint8_t *bytes;
};

static int begin_joining(struct shoal_grpc_call *call)
{
    struct joined *joined = calloc(1, sizeof(*joined));
    shoal_grpc_set_data(call, joined);
    return joined ? SHOAL_GRPC_LATER
                  : shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory");
}

static int join(struct shoal_grpc_call *call, const echo_message *request)
{
    struct joined *joined = shoal_grpc_data(call);
    const ProtobufCBinaryData *part = &request->payload;
    if (part->len > MOST_JOINED - joined->size)
        return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "more than 4 MiB in all");
    if (part->len == 0)
        return SHOAL_GRPC_LATER;
    uint8_t *bytes = realloc(joined->bytes, joined->size + part->len);
    if (!bytes)
        return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory");
    memcpy(bytes + joined->size, part->data, part->len);
    joined->bytes = bytes;
    joined->size += part->len;
    return SHOAL_GRPC_LATER;
}

static int send_joined(struct shoal_grpc_call *call)
{
    const struct joined *joined = shoal_grpc_data(call);
    echo_message reply = SHOAL__V1__ECHO_MESSAGE__INIT;
    reply.payload = (ProtobufCBinaryData){joined->size, joined->bytes};
    if (shoal__v1__echo__client_stream__send(call, &reply) < 0)
        return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "cannot send");
    return SHOAL_GRPC_OK;
}

static void end_joining(struct shoal_grpc_call *call, int status)
{
    (void)status;
    struct joined *joined = shoal_grpc_data(call);
    if (joined)
        free(joined->bytes);
    free(joined);
}

/* Bidi: a client that does not read is not read. */

static int answer_each(struct shoal_grpc_call *call, const echo_message *request)
{
    int rc = shoal__v1__echo__bidi__send(call, request);
    if (rc < 0)
        return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "cannot send");
    if (rc == 1)
        shoal_grpc_pause(call);
    return SHOAL_GRPC_LATER;
}

static const struct shoal__v1__echo_handlers on_loop = {
    .unary = echo,
    .server_stream = {.on_message = begin_copies, .on_drained = go_on_with_copies},
    .client_stream = {.on_open = begin_joining,
                      .on_message = join,
                      .on_end = send_joined,
                      .on_close = end_joining},
    .bidi = {.on_message = answer_each, .on_drained = shoal_grpc_resume},
};
static const struct shoal__v1__echo_handlers in_pool = {.delayed = delayed};

void grpc_add_echo(struct shoal_grpc *grpc)
{
    struct shoal_grpc_method_cfg pool = SHOAL_GRPC_METHOD_CFG_INIT;
    pool.in_pool = true;
    (void)shoal__v1__echo_register(grpc, &on_loop, NULL, NULL);
    (void)shoal__v1__echo_register(grpc, &in_pool, NULL, &pool);
    (void)shoal__v1__echo_reflect(grpc);
}
