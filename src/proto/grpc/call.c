/* SPDX-License-Identifier: BSD-3-Clause */
/* A call's life, and what handlers ask about it; see call_priv.h. */
#include "proto/grpc/call_priv.h"

#include <shoal/error.h>

static const struct shoal__grpc_error expired = {SHOAL_GRPC_DEADLINE_EXCEEDED, "deadline exceeded"};
static const struct shoal__grpc_error no_memory = {SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory"};

/* The beginning */

/* False where one of them has answered, or keeps the call. */
static bool pass_interceptors(struct shoal_grpc_call *call)
{
    const struct shoal_grpc *grpc = call->session->endpoint->grpc;
    for (; call->passed < grpc->interceptor_count; call->passed++) {
        const struct shoal__grpc_interceptor *next = &grpc->interceptors[call->passed];
        int status = next->before ? next->before(call, next->arg) : SHOAL_GRPC_OK;
        call->kept = status == SHOAL_GRPC_LATER;
        if (!call->kept && status != SHOAL_GRPC_OK && call->st == GRPC_CALL_OPEN)
            (void)shoal_grpc_finish(call, status);
        if (call->kept || call->st != GRPC_CALL_OPEN)
            return false;
    }
    return true;
}

/* Asks the interceptors that have not been asked, then begins the call. */
static void go_on(struct shoal_grpc_call *call)
{
    const struct shoal_grpc_stream *stream = call->method->stream;
    call->in.advancing = true;
    call->begun = pass_interceptors(call);
    bool opens = call->begun && stream && stream->on_open;
    int result = opens ? stream->on_open(call) : SHOAL_GRPC_LATER;
    call->in.advancing = false;
    shoal__grpc_take_result(call, result);
    shoal__grpc_advance(call);
}

int shoal_grpc_pass(struct shoal_grpc_call *call)
{
    if (!call->kept || call->st != GRPC_CALL_OPEN)
        return -SHOAL_ESTATE;
    call->kept = false;
    call->passed++;
    go_on(call);
    return 0;
}

static bool has_passed(const struct shoal_grpc_call *call)
{
    return call->deadline_ns != INT64_MAX && shoal__grpc_turn_ns(call) >= call->deadline_ns;
}

void shoal__grpc_begin(struct shoal_grpc_call *call)
{
    if (has_passed(call)) {
        shoal__grpc_expire(call);
        return;
    }
    if (call->deadline_ns != INT64_MAX && shoal__grpc_deadline_start(call) < 0) {
        shoal__grpc_end_with(call, &no_memory);
        return;
    }
    if (call->method->in_pool) /* a worker may ask, but not find out */
        (void)shoal__grpc_session_peer(call->session);
    go_on(call);
}

/* The end */

static void run_closers(struct shoal_grpc_call *call)
{
    while (call->closers) {
        struct grpc_closer *closer = call->closers;
        call->closers = closer->next;
        closer->fn(call, call->status, closer->arg);
    }
}

/* Tells that the call is over, once no handler of it runs any more. */
static void tell(struct shoal_grpc_call *call)
{
    const struct shoal_grpc *grpc = call->session->endpoint->grpc;
    const struct shoal_grpc_stream *stream = call->method->stream;
    if (call->told || call->work)
        return;
    call->told = true;
    run_closers(call);
    if (stream && stream->on_close && call->begun)
        stream->on_close(call, call->status);
    while (call->passed > 0) {
        const struct shoal__grpc_interceptor *last = &grpc->interceptors[--call->passed];
        if (last->after)
            last->after(call, call->status, last->arg);
    }
}

static void cancel(struct shoal_grpc_call *call)
{
    atomic_store_explicit(&call->cancelled, true, memory_order_relaxed);
    shoal__grpc_cancel_work(call);
}

void shoal__grpc_expire(struct shoal_grpc_call *call)
{
    if (call->st != GRPC_CALL_OPEN)
        return;
    cancel(call);
    shoal__grpc_end_with(call, &expired);
    tell(call);
}

/* Lets go of a call that has neither stream nor work. */
static void release(struct shoal_grpc_call *call)
{
    struct shoal__grpc_session *session = call->session;
    if (call->stream || call->work)
        return;
    shoal__grpc_call_free(session->local, call);
    shoal__grpc_session_leave(session);
}

/* The stream goes and the work stays, which reads what the stream has kept. */
static void take_memory(struct shoal_grpc_call *call)
{
    shoal__arena_move(&call->own_arena, call->arena);
    call->arena = call->answer.arena = &call->own_arena;
}

static void on_close(struct shoal__stream *stream, uint32_t error)
{
    struct shoal_grpc_call *call = stream->user;
    bool whole = call->st == GRPC_CALL_FINISHED && error == SHOAL__H2_NO_ERROR;
    if (!whole && !call->told) {
        call->status = call->by_library ? call->status : SHOAL_GRPC_CANCELLED;
        cancel(call);
    }
    call->st = GRPC_CALL_OVER;
    shoal__grpc_deadline_stop(call);
    shoal__grpc_forget_id(call);
    shoal__grpc_input_fini(call);
    tell(call);
    if (call->work)
        take_memory(call);
    call->stream = NULL;
    release(call);
}

void shoal__grpc_work_ended(struct shoal_grpc_call *call)
{
    shoal__grpc_forget_request(call);
    if (call->st == GRPC_CALL_OPEN && call->in.drained)
        shoal__grpc_drained(call);
    else if (call->st == GRPC_CALL_OPEN)
        shoal__grpc_advance(call);
    else if (!call->stream || call->by_library)
        tell(call);
    release(call);
}

/* What the stream tells */

static void on_data(struct shoal__stream *stream, struct shoal_view data)
{
    shoal__grpc_came(stream->user, data);
}

static void on_end(struct shoal__stream *stream, const struct shoal__http_field *trailers,
                   size_t trailer_count)
{
    (void)trailers; /* requests have none in gRPC */
    (void)trailer_count;
    shoal__grpc_ended(stream->user);
}

static void on_drained(struct shoal__stream *stream)
{
    struct shoal_grpc_call *call = stream->user;
    if (call->st == GRPC_CALL_OPEN)
        shoal__grpc_drained(call);
}

const struct shoal__stream_events shoal__grpc_stream_events = {
    .on_data = on_data,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_close = on_close,
};

/* What came */

void *shoal_grpc_arg(const struct shoal_grpc_call *call)
{
    return call->method->arg;
}

const void *shoal_grpc_handlers(const struct shoal_grpc_call *call)
{
    return call->method->handlers;
}

const char *shoal_grpc_method(const struct shoal_grpc_call *call)
{
    return call->method->path;
}

struct shoal_view shoal_grpc_authority(const struct shoal_grpc_call *call)
{
    return call->authority;
}

const char *shoal_grpc_peer(const struct shoal_grpc_call *call)
{
    if (shoal__grpc_is_owner(call))
        return shoal__grpc_session_peer(call->session);
    return call->session->peer; /* asked before the work began */
}

struct shoal_loop *shoal_grpc_loop(const struct shoal_grpc_call *call)
{
    return call->loop;
}

struct shoal_conn *shoal_grpc_conn(const struct shoal_grpc_call *call)
{
    return call->session->http ? call->session->http->conn : NULL;
}

struct shoal_view shoal_grpc_metadata(const struct shoal_grpc_call *call, const char *name)
{
    return shoal__grpc_metadata_find(&call->metadata, shoal_view_of(name));
}

bool shoal_grpc_metadata_at(const struct shoal_grpc_call *call, size_t index,
                            struct shoal_view *out_name, struct shoal_view *out_value)
{
    if (index >= call->metadata.count)
        return false;
    *out_name = call->metadata.items[index].name;
    *out_value = call->metadata.items[index].value;
    return true;
}

int64_t shoal_grpc_left_ms(const struct shoal_grpc_call *call)
{
    if (call->deadline_ns == INT64_MAX)
        return INT64_MAX;
    int64_t left_ns = call->deadline_ns - shoal__grpc_now_ns(call);
    return left_ns > 0 ? (left_ns + 999999) / 1000000 : 0;
}

bool shoal_grpc_cancelled(const struct shoal_grpc_call *call)
{
    return atomic_load_explicit(&call->cancelled, memory_order_relaxed);
}

bool shoal_grpc_was_compressed(const struct shoal_grpc_call *call)
{
    return call->in.compressed;
}

/* Memory */

static struct shoal__arena *arena_of(struct shoal_grpc_call *call)
{
    if (!shoal__grpc_is_owner(call))
        return shoal__grpc_work_answer(call)->arena;
    return shoal__grpc_one_request(call->method) ? call->arena : &call->message_arena;
}

void *shoal_grpc_alloc(struct shoal_grpc_call *call, size_t size)
{
    return shoal__arena_alloc(arena_of(call), size);
}

char *shoal_grpc_printf(struct shoal_grpc_call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = shoal__arena_vprintf(arena_of(call), format, args);
    va_end(args);
    return text;
}

char *shoal_grpc_copy(struct shoal_grpc_call *call, struct shoal_view bytes)
{
    return shoal__arena_strdup(arena_of(call), bytes);
}

void *shoal_grpc_data(const struct shoal_grpc_call *call)
{
    return call->data;
}

void shoal_grpc_set_data(struct shoal_grpc_call *call, void *data)
{
    call->data = data;
}

int shoal_grpc_on_close(struct shoal_grpc_call *call, shoal_grpc_close_fn *fn, void *arg)
{
    struct grpc_closer *closer = shoal__arena_alloc(call->arena, sizeof(*closer));
    if (!closer)
        return -SHOAL_ENOMEM;
    *closer = (struct grpc_closer){call->closers, fn, arg};
    call->closers = closer;
    return 0;
}

/* Reading, held back */

void shoal_grpc_pause(struct shoal_grpc_call *call)
{
    call->in.paused = true;
}

void shoal_grpc_resume(struct shoal_grpc_call *call)
{
    call->in.paused = false;
    shoal__grpc_advance(call);
}
