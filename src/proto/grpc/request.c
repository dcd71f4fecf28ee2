/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request's head becomes a call, or is refused: what is no gRPC by an HTTP status, what is wrong
 * gRPC by a status of its own, both before anything is kept for it.
 */
#include "proto/grpc/call_priv.h"
#include "proto/grpc/timeout.h"

static const struct shoal__grpc_error no_method = {SHOAL_GRPC_UNIMPLEMENTED,
                                                   "unknown service or method"};
static const struct shoal__grpc_error no_te = {SHOAL_GRPC_INTERNAL, "te: trailers is missing"};
static const struct shoal__grpc_error bad_timeout = {SHOAL_GRPC_INTERNAL, "malformed grpc-timeout"};
static const struct shoal__grpc_error bad_encoding = {SHOAL_GRPC_UNIMPLEMENTED,
                                                      "unknown grpc-encoding"};
static const struct shoal__grpc_error too_many_calls = {SHOAL_GRPC_RESOURCE_EXHAUSTED,
                                                        "too many calls"};
static const struct shoal__grpc_error no_memory = {SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory"};

/* gRPC's own fields; NULL data for absent ones. */
struct own_fields {
    struct shoal_view content_type, te, timeout, encoding, accept_encoding;
};

static bool name_is(struct shoal_view name, const char *literal, size_t size)
{
    return name.size == size && memcmp(name.data, literal, size) == 0;
}
#define NAME_IS(name, literal) name_is(name, literal, sizeof(literal) - 1)

static struct shoal_view *own_field(struct own_fields *own, struct shoal_view name)
{
    if (NAME_IS(name, "content-type"))
        return &own->content_type;
    if (NAME_IS(name, "te"))
        return &own->te;
    if (NAME_IS(name, "grpc-timeout"))
        return &own->timeout;
    if (NAME_IS(name, "grpc-encoding"))
        return &own->encoding;
    if (NAME_IS(name, "grpc-accept-encoding"))
        return &own->accept_encoding;
    return NULL;
}

static struct own_fields find_own_fields(const struct shoal__head *head)
{
    struct own_fields own = {0};
    for (size_t i = 0; i < head->field_count; i++) {
        struct shoal_view *place = own_field(&own, head->fields[i].name);
        if (place)
            *place = head->fields[i].value;
    }
    return own;
}

/* "application/grpc", that with "+proto", each perhaps with parameters. */
static bool is_grpc(struct shoal_view type)
{
    static const struct shoal_view base = SHOAL_VIEW("application/grpc");
    static const struct shoal_view proto = SHOAL_VIEW("+proto");
    if (type.size < base.size || memcmp(type.data, base.data, base.size) != 0)
        return false;
    type = shoal_view_from(type, base.size);
    if (type.size >= proto.size && memcmp(type.data, proto.data, proto.size) == 0)
        type = shoal_view_from(type, proto.size);
    return type.size == 0 || type.data[0] == ';';
}

/* The deadline: the client's, but no later than the endpoint allows. */
static const struct shoal__grpc_error *read_deadline(struct shoal_grpc_call *call,
                                                     struct shoal_view timeout)
{
    int64_t ns = INT64_MAX;
    if (timeout.data && !shoal__grpc_timeout_parse(timeout, &ns))
        return &bad_timeout;
    int64_t most_ms = call->session->endpoint->cfg.max_deadline_ms;
    if (most_ms > 0 && ns / 1000000 > most_ms)
        ns = most_ms * 1000000;
    int64_t now_ns = ns == INT64_MAX ? 0 : shoal__grpc_turn_ns(call);
    call->deadline_ns = ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + ns;
    return NULL;
}

static const struct shoal__grpc_error *read_head(struct shoal_grpc_call *call,
                                                 const struct shoal__head *head,
                                                 const struct own_fields *own)
{
    if (own->encoding.data && !shoal__grpc_encoding_parse(own->encoding, &call->in.encoding))
        return &bad_encoding;
    call->accepted = shoal__grpc_encoding_choose(own->accept_encoding);
    const struct shoal__grpc_error *error = read_deadline(call, own->timeout);
    if (error)
        return error;

    call->authority = head->authority;
    if (!head->kept)
        call->authority.data = shoal__arena_strdup(call->arena, head->authority);
    if (!call->authority.data && call->authority.size > 0)
        return &no_memory;
    const struct shoal_grpc_cfg *cfg = &call->session->endpoint->cfg;
    struct shoal__grpc_metadata_limits limits = {cfg->max_metadata, cfg->max_metadata_bytes};
    return shoal__grpc_metadata_read(&call->metadata, call->arena, head->fields, head->field_count,
                                     !head->kept, &limits);
}

static bool is_full(const struct shoal__grpc_session *session)
{
    const struct shoal__grpc_endpoint *endpoint = session->endpoint;
    const struct shoal_grpc_cfg *cfg = &endpoint->cfg;
    size_t calls = atomic_load_explicit(&endpoint->calls, memory_order_relaxed);
    return (cfg->max_calls > 0 && calls >= cfg->max_calls) ||
           (cfg->max_calls_per_connection > 0 && session->calls >= cfg->max_calls_per_connection);
}

static void begin_call(struct shoal__stream *stream, const struct shoal__head *head,
                       const struct own_fields *own, const struct shoal__grpc_method *method,
                       bool end)
{
    struct shoal__grpc_session *session = stream->session->user;
    struct shoal_grpc_call *call = shoal__grpc_call_alloc(session->local);
    if (!call) {
        shoal__grpc_refuse(stream, &no_memory, end);
        return;
    }
    call->stream = stream;
    call->session = session;
    call->loop = session->loop;
    call->method = method;
    call->arena = stream->arena;
    call->answer.arena = call->arena;
    const struct shoal__grpc_error *error = read_head(call, head, own);
    if (error) {
        shoal__grpc_call_free(session->local, call);
        shoal__grpc_refuse(stream, error, end);
        return;
    }
    shoal__grpc_session_enter(session);
    stream->events = &shoal__grpc_stream_events;
    stream->user = call;
    call->in.ended = end;
    shoal__grpc_begin(call);
}

static const struct shoal__grpc_method *find_method(struct shoal__grpc_session *session,
                                                    struct shoal_view path)
{
    if (!session->recent || !shoal_view_equal(session->recent->node.key, path))
        session->recent = shoal__grpc_set_find(session->endpoint->grpc, path);
    return session->recent;
}

void shoal__grpc_on_request(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    struct shoal__grpc_session *session = stream->session->user;
    struct own_fields own = find_own_fields(head);
    if (!NAME_IS(head->method, "POST")) {
        shoal__grpc_refuse_http(stream, 405, end);
        return;
    }
    if (!is_grpc(own.content_type)) {
        shoal__grpc_refuse_http(stream, 415, end);
        return;
    }
    const struct shoal__grpc_method *method = find_method(session, head->path);
    if (!NAME_IS(own.te, "trailers"))
        shoal__grpc_refuse(stream, &no_te, end);
    else if (!method)
        shoal__grpc_refuse(stream, &no_method, end);
    else if (is_full(session))
        shoal__grpc_refuse(stream, &too_many_calls, end);
    else
        begin_call(stream, head, &own, method, end);
}
