/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From received bytes to handlers' calls. Bytes are taken as long as the handler may be called:
 * not while it is paused or runs in the pool. What is not taken waits and is not consumed, so the
 * stream's window closes. Bytes that are taken are consumed at once, for a message may be larger
 * than the window; what is gathered of it is charged to the endpoint's budget instead.
 */
#include <stdlib.h>

#include <shoal/error.h>

#include "proto/grpc/call_priv.h"
#include "proto/grpc/wire.h"

static const struct shoal__grpc_error cut = {SHOAL_GRPC_INTERNAL, "message cut off"};
static const struct shoal__grpc_error undecodable = {SHOAL_GRPC_INTERNAL,
                                                     "message cannot be decoded"};
static const struct shoal__grpc_error too_large_unpacked = {SHOAL_GRPC_RESOURCE_EXHAUSTED,
                                                            "message too large unpacked"};
static const struct shoal__grpc_error not_encoded = {
    SHOAL_GRPC_INTERNAL, "compressed message, but grpc-encoding is identity"};
static const struct shoal__grpc_error too_few = {SHOAL_GRPC_UNIMPLEMENTED,
                                                 "method takes one message, none came"};
static const struct shoal__grpc_error too_much = {SHOAL_GRPC_UNIMPLEMENTED,
                                                  "method takes one message, more came"};
static const struct shoal__grpc_error over_budget = {SHOAL_GRPC_RESOURCE_EXHAUSTED,
                                                     "too many bytes are being received"};
static const struct shoal__grpc_error no_memory = {SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory"};
static const struct shoal__grpc_error reply_too_large = {SHOAL_GRPC_RESOURCE_EXHAUSTED,
                                                         "reply too large"};

/* Handlers */

static int status_of_send(int rc)
{
    if (rc >= 0 || rc == -SHOAL_EPIPE || rc == -SHOAL_ESTATE)
        return SHOAL_GRPC_OK; /* sent, or no longer wanted, or sent before */
    return rc == -SHOAL_EOVERFLOW ? reply_too_large.status : no_memory.status;
}

static int run_unary(struct shoal_grpc_call *call)
{
    const ProtobufCMessageDescriptor *output = call->method->output;
    ProtobufCMessage *reply = shoal_grpc_alloc(call, output->sizeof_message);
    if (!reply)
        return shoal_grpc_fail(call, no_memory.status, "%s", no_memory.text);
    protobuf_c_message_init(output, reply);
    int status = call->method->unary(call, call->in.request, reply);
    if (status != SHOAL_GRPC_OK)
        return status;
    status = status_of_send(shoal_grpc_send(call, reply));
    return status == SHOAL_GRPC_OK ? status
                                   : shoal_grpc_fail(call, status, "the reply cannot be sent");
}

int shoal__grpc_run(struct shoal_grpc_call *call, enum grpc_event event)
{
    const struct shoal_grpc_stream *stream = call->method->stream;
    if (call->method->kind == SHOAL_GRPC_UNARY)
        return run_unary(call);
    if (event == GRPC_EVENT_MESSAGE)
        return stream->on_message(call, call->in.request);
    if (event == GRPC_EVENT_DRAINED) {
        stream->on_drained(call);
        return SHOAL_GRPC_LATER;
    }
    return stream->on_end ? stream->on_end(call) : SHOAL_GRPC_OK;
}

void shoal__grpc_take_result(struct shoal_grpc_call *call, int result)
{
    if (result != SHOAL_GRPC_LATER)
        (void)shoal_grpc_finish(call, result); /* which may have happened already */
}

void shoal__grpc_forget_request(struct shoal_grpc_call *call)
{
    if (shoal__grpc_one_request(call->method))
        return;
    call->in.request = NULL;
    shoal__arena_reset(&call->message_arena);
}

static void hand_on(struct shoal_grpc_call *call, enum grpc_event event)
{
    if (call->deadline_ns != INT64_MAX && shoal_grpc_left_ms(call) == 0) {
        shoal__grpc_expire(call); /* the timer is late */
        return;
    }
    if (call->method->in_pool) {
        shoal__grpc_offload(call, event);
        return;
    }
    shoal__grpc_take_result(call, shoal__grpc_run(call, event));
    shoal__grpc_forget_request(call);
}

/* Messages */

static const struct shoal__grpc_error *unpack(struct shoal_grpc_call *call,
                                              struct shoal_view payload)
{
    const ProtobufCMessageDescriptor *input = call->method->input;
    struct shoal__arena *arena =
        shoal__grpc_one_request(call->method) ? call->arena : &call->message_arena;
    if (!shoal__wire_check(input, payload, call->session->endpoint->cfg.max_depth))
        return &undecodable;
    bool exhausted = false;
    call->in.request = shoal__wire_unpack(input, payload, arena, &exhausted);
    if (call->in.request)
        return NULL;
    return exhausted ? &too_large_unpacked : &undecodable;
}

static const struct shoal__grpc_error *inflate_and_unpack(struct shoal_grpc_call *call,
                                                          struct shoal_view payload)
{
    struct shoal__grpc_codec *codec = shoal__grpc_local_codec(call->session->local);
    if (call->in.encoding == SHOAL__GRPC_IDENTITY)
        return &not_encoded;
    if (!codec)
        return &no_memory;
    char *plain;
    size_t size;
    const struct shoal__grpc_error *error = shoal__grpc_inflate(
        codec, call->in.encoding, payload, call->session->endpoint->cfg.max_request, &plain, &size);
    if (error)
        return error;
    error = unpack(call, shoal_view(plain, size));
    free(plain);
    return error;
}

static void deliver(struct shoal_grpc_call *call, const struct shoal__grpc_message *message)
{
    const struct shoal__grpc_error *error;
    if (shoal__grpc_one_request(call->method) && call->in.request)
        error = &too_much;
    else if (message->compressed)
        error = inflate_and_unpack(call, message->payload);
    else
        error = unpack(call, message->payload);
    if (error) {
        shoal__grpc_end_with(call, error);
        return;
    }
    call->in.compressed = message->compressed;
    if (!shoal__grpc_one_request(call->method))
        hand_on(call, GRPC_EVENT_MESSAGE); /* else once it is known to be the only one */
}

/* Charges what the reader has grown by since the last time, or gives it back. */
static bool charge(struct shoal_grpc_call *call)
{
    struct shoal__grpc_endpoint *endpoint = call->session->endpoint;
    size_t held = shoal__grpc_reader_held(&call->in.reader);
    size_t before = call->in.charged;
    if (held == before)
        return true;
    call->in.charged = held;
    size_t all =
        atomic_fetch_add_explicit(&endpoint->inflight, held - before, memory_order_relaxed) +
        (held - before);
    size_t most = endpoint->cfg.max_inflight_bytes;
    return held < before || most == 0 || all <= most;
}

static bool may_take(const struct shoal_grpc_call *call)
{
    return call->st == GRPC_CALL_OPEN && call->begun && !call->in.paused && !call->in.choked &&
           !call->work;
}

/* Takes bytes up to the end of a message, and delivers it where there is one. */
static void take_some(struct shoal_grpc_call *call, struct shoal_view *in)
{
    struct shoal__grpc_reader *reader = &call->in.reader;
    struct shoal__grpc_message message;
    bool whole;
    size_t before = in->size;
    const struct shoal__grpc_error *error =
        shoal__grpc_read(reader, in, call->session->endpoint->cfg.max_request, &whole, &message);
    shoal__stream_consume(call->stream, before - in->size);
    if (!error && !charge(call))
        error = &over_budget;
    if (error) {
        shoal__grpc_end_with(call, error);
        return;
    }
    if (!whole)
        return;
    deliver(call, &message);
    if (reader->room > 0) {
        shoal__grpc_reader_fini(reader);
        (void)charge(call);
    }
}

static void take(struct shoal_grpc_call *call, struct shoal_view *in)
{
    /* An empty message ends where its prefix does, so there may be one even where nothing is left
     * of the input; take_some() has seen it then. */
    while (in->size > 0 && may_take(call))
        take_some(call, in);
}

static void take_waiting(struct shoal_grpc_call *call)
{
    struct iovec iov;
    while (may_take(call) && shoal_buf_peek(&call->in.waiting, &iov, 1) > 0) {
        struct shoal_view in = shoal_view(iov.iov_base, iov.iov_len);
        take(call, &in);
        shoal_buf_consume(&call->in.waiting, iov.iov_len - in.size);
    }
}

/* The end of the requests */

static void finish_requests(struct shoal_grpc_call *call)
{
    call->in.end_told = true;
    if (!shoal__grpc_reader_is_between(&call->in.reader))
        shoal__grpc_end_with(call, &cut);
    else if (!shoal__grpc_one_request(call->method))
        hand_on(call, GRPC_EVENT_END);
    else if (!call->in.request)
        shoal__grpc_end_with(call, &too_few);
    else
        hand_on(call, GRPC_EVENT_MESSAGE);
}

/* Drops what nobody wants any more; the peer must not wait for a window on its account. */
static void drop_waiting(struct shoal_grpc_call *call)
{
    size_t size = shoal_buf_size(&call->in.waiting);
    shoal__buf_fini(&call->in.waiting);
    if (size > 0 && call->stream)
        shoal__stream_consume(call->stream, size);
}

void shoal__grpc_advance(struct shoal_grpc_call *call)
{
    if (call->in.advancing)
        return;
    call->in.advancing = true;
    take_waiting(call);
    if (call->st != GRPC_CALL_OPEN)
        drop_waiting(call);
    else if (may_take(call) && call->in.ended && !call->in.end_told &&
             shoal__buf_is_empty(&call->in.waiting))
        finish_requests(call);
    call->in.advancing = false;
}

/* For a handler in the pool, where it does not run just now. */
static void go_on_in_pool(struct shoal_grpc_call *call)
{
    bool told_full = call->in.told_full;
    if (call->work)
        return;
    call->in.drained = call->in.choked = call->in.told_full = false;
    if (told_full)
        shoal__grpc_offload(call, GRPC_EVENT_DRAINED);
    else
        shoal__grpc_advance(call);
}

void shoal__grpc_drained(struct shoal_grpc_call *call)
{
    const struct shoal_grpc_stream *stream = call->method->stream;
    if (call->method->in_pool) {
        call->in.drained = true;
        go_on_in_pool(call);
    } else if (stream && stream->on_drained) {
        stream->on_drained(call);
    }
}

void shoal__grpc_came(struct shoal_grpc_call *call, struct shoal_view data)
{
    if (!call->in.advancing && shoal__buf_is_empty(&call->in.waiting)) {
        call->in.advancing = true;
        take(call, &data);
        call->in.advancing = false;
    }
    if (data.size == 0)
        return;
    if (call->st != GRPC_CALL_OPEN)
        shoal__stream_consume(call->stream, data.size);
    else if (shoal_buf_append(&call->in.waiting, data.data, data.size) < 0)
        shoal__grpc_end_with(call, &no_memory);
    shoal__grpc_advance(call); /* it may have been resumed by its own handler */
}

void shoal__grpc_ended(struct shoal_grpc_call *call)
{
    call->in.ended = true;
    shoal__grpc_advance(call);
}

void shoal__grpc_input_fini(struct shoal_grpc_call *call)
{
    shoal__buf_fini(&call->in.waiting);
    shoal__grpc_reader_fini(&call->in.reader);
    (void)charge(call);
}
