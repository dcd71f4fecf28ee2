/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From what the stream brings to replies and a status. Bytes are taken as long as the application
 * wants replies; what comes while it does not is held and not consumed, so the stream's window
 * closes. The status is told after all of them.
 */
#include <stdlib.h>

#include <shoal/error.h>

#include "proto/grpc/rpc_priv.h"
#include "proto/grpc/wire.h"

static const struct shoal__grpc_error cut = {SHOAL_GRPC_INTERNAL, "reply cut off"};
static const struct shoal__grpc_error undecodable = {SHOAL_GRPC_INTERNAL,
                                                     "reply cannot be decoded"};
static const struct shoal__grpc_error too_large_unpacked = {SHOAL_GRPC_RESOURCE_EXHAUSTED,
                                                            "reply too large unpacked"};
static const struct shoal__grpc_error not_encoded = {
    SHOAL_GRPC_INTERNAL, "compressed reply, but grpc-encoding is identity"};
static const struct shoal__grpc_error bad_encoding = {SHOAL_GRPC_INTERNAL, "unknown grpc-encoding"};
static const struct shoal__grpc_error too_few = {SHOAL_GRPC_UNIMPLEMENTED,
                                                 "method has one reply, none came"};
static const struct shoal__grpc_error too_many = {SHOAL_GRPC_UNIMPLEMENTED,
                                                  "method has one reply, more came"};
static const struct shoal__grpc_error no_memory = {SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory"};

/* The status */

static bool read_text(struct shoal_rpc *rpc, struct shoal_view encoded)
{
    char *text = shoal__arena_alloc(&rpc->arena, encoded.size + 1);
    if (!text)
        return false;
    text[shoal__grpc_percent_decode(encoded, text)] = '\0';
    rpc->in.text = text;
    return true;
}

/* Details that are malformed are none. */
static bool read_details(struct shoal_rpc *rpc, struct shoal_view encoded)
{
    char *bytes = shoal__arena_alloc(&rpc->arena, shoal__grpc_base64_room(encoded.size));
    size_t size;
    if (!bytes)
        return false;
    if (shoal__grpc_base64_decode(encoded, bytes, &size))
        rpc->in.details = shoal_view(bytes, size);
    return true;
}

static const struct shoal__grpc_error *read_metadata(struct shoal_rpc *rpc,
                                                     struct shoal__grpc_metadata *metadata,
                                                     const struct shoal__http_field *fields,
                                                     size_t count)
{
    const struct shoal_grpc_channel_cfg *cfg = &rpc->channel->cfg;
    struct shoal__grpc_metadata_limits limits = {cfg->max_metadata, cfg->max_metadata_bytes};
    return shoal__grpc_metadata_read(metadata, &rpc->arena, fields, count, true, &limits);
}

/* A response that does not say how the call went. */
static void guess_status(struct shoal_rpc *rpc)
{
    char *text = shoal__arena_printf(&rpc->arena, "no grpc-status came, HTTP status %u",
                                     rpc->in.http_status);
    rpc->in.status = shoal__grpc_status_of_http(rpc->in.http_status);
    rpc->in.text = text ? text : "";
}

/* The last fields of a response, be they its first ones or not. */
static void read_status(struct shoal_rpc *rpc, const struct shoal__http_field *fields, size_t count)
{
    struct shoal_view status = shoal__http_field_value(fields, count, "grpc-status");
    const struct shoal__grpc_error *error = read_metadata(rpc, &rpc->in.trailing, fields, count);
    if (error) {
        shoal__rpc_fail(rpc, error);
        return;
    }
    if (!status.data) {
        guess_status(rpc);
    } else {
        rpc->in.status = shoal__grpc_status_parse(status);
        if (!read_text(rpc, shoal__http_field_value(fields, count, "grpc-message")) ||
            !read_details(rpc, shoal__http_field_value(fields, count, "grpc-status-details-bin"))) {
            shoal__rpc_fail(rpc, &no_memory);
            return;
        }
    }
    shoal__rpc_settle(rpc);
}

/* The head */

static bool is_grpc(struct shoal_view type)
{
    static const struct shoal_view base = SHOAL_VIEW("application/grpc");
    if (type.size < base.size || memcmp(type.data, base.data, base.size) != 0)
        return false;
    return type.size == base.size || type.data[base.size] == '+' || type.data[base.size] == ';';
}

/* The answer of something that does not speak gRPC: a proxy, or another server. */
static void refuse_response(struct shoal_rpc *rpc, struct shoal_view type)
{
    char *text =
        shoal__arena_printf(&rpc->arena, "HTTP status %u, content-type \"%.*s\"",
                            rpc->in.http_status, (int)type.size, type.size ? type.data : "");
    shoal__rpc_finish(rpc, shoal__grpc_status_of_http(rpc->in.http_status), text ? text : "");
}

static void begin_reply(struct shoal_rpc *rpc, const struct shoal__head *head)
{
    struct shoal_view encoding =
        shoal__http_field_value(head->fields, head->field_count, "grpc-encoding");
    const struct shoal__grpc_error *error = NULL;
    if (encoding.data && !shoal__grpc_encoding_parse(encoding, &rpc->in.encoding))
        error = &bad_encoding;
    if (!error)
        error = read_metadata(rpc, &rpc->in.initial, head->fields, head->field_count);
    if (error)
        shoal__rpc_fail(rpc, error);
    else if (rpc->on_initial)
        rpc->on_initial(rpc, rpc->arg);
}

void shoal__rpc_head_came(struct shoal_rpc *rpc, const struct shoal__head *head, bool end)
{
    struct shoal_view type =
        shoal__http_field_value(head->fields, head->field_count, "content-type");
    shoal__grpc_link_heard(rpc->link);
    if (head->status < 200)
        return;
    rpc->in.heard = true;
    rpc->in.http_status = head->status;
    shoal__rpc_commit(rpc);
    bool told = end && shoal__http_field_value(head->fields, head->field_count, "grpc-status").data;
    if (!told && (head->status != 200 || !is_grpc(type)))
        refuse_response(rpc, type);
    else if (end)
        read_status(rpc, head->fields, head->field_count);
    else
        begin_reply(rpc, head);
}

/* Messages */

static const struct shoal__grpc_error *unpack(struct shoal_rpc *rpc, struct shoal_view payload,
                                              const void **out_message)
{
    struct shoal__arena *arena = shoal__rpc_one_reply(rpc) ? &rpc->arena : &rpc->message_arena;
    if (!shoal__wire_check(rpc->output, payload, rpc->channel->cfg.max_depth))
        return &undecodable;
    bool exhausted = false;
    *out_message = shoal__wire_unpack(rpc->output, payload, arena, &exhausted);
    if (*out_message)
        return NULL;
    return exhausted ? &too_large_unpacked : &undecodable;
}

/* Bytes as they came: kept where the call keeps them, borrowed where they are told at once. */
static const struct shoal__grpc_error *take_bytes(struct shoal_rpc *rpc, struct shoal_view payload,
                                                  const void **out_message)
{
    rpc->in.bytes = payload;
    if (shoal__rpc_one_reply(rpc))
        rpc->in.bytes.data = shoal__arena_strdup(&rpc->arena, payload);
    *out_message = &rpc->in.bytes;
    return rpc->in.bytes.data || payload.size == 0 ? NULL : &no_memory;
}

static const struct shoal__grpc_error *tell_plain(struct shoal_rpc *rpc, struct shoal_view payload)
{
    const void *message = NULL;
    if (shoal__rpc_one_reply(rpc) && rpc->in.message)
        return &too_many;
    const struct shoal__grpc_error *error =
        rpc->output ? unpack(rpc, payload, &message) : take_bytes(rpc, payload, &message);
    if (error)
        return error;
    if (shoal__rpc_one_reply(rpc)) {
        rpc->in.message = message;
        return NULL;
    }
    rpc->on_reply(rpc, message, rpc->arg);
    shoal__arena_reset(&rpc->message_arena);
    return NULL;
}

static const struct shoal__grpc_error *tell_inflated(struct shoal_rpc *rpc,
                                                     struct shoal_view payload)
{
    struct shoal__grpc_codec *codec = shoal__rpc_codec(rpc->channel->local);
    if (rpc->in.encoding == SHOAL__GRPC_IDENTITY)
        return &not_encoded;
    if (!codec)
        return &no_memory;
    char *plain;
    size_t size;
    const struct shoal__grpc_error *error = shoal__grpc_inflate(
        codec, rpc->in.encoding, payload, rpc->channel->cfg.max_reply, &plain, &size);
    if (error)
        return error;
    error = tell_plain(rpc, shoal_view(plain, size));
    free(plain);
    return error;
}

static bool may_take(const struct shoal_rpc *rpc)
{
    return rpc->st == RPC_OPEN && !rpc->paused;
}

/* Takes bytes up to the end of a message, and tells it where there is one. */
static void take_some(struct shoal_rpc *rpc, struct shoal_view *in)
{
    struct shoal__grpc_reader *reader = &rpc->in.reader;
    struct shoal__grpc_message message;
    bool whole;
    size_t before = in->size;
    const struct shoal__grpc_error *error =
        shoal__grpc_read(reader, in, rpc->channel->cfg.max_reply, &whole, &message);
    if (rpc->stream)
        shoal__stream_consume(rpc->stream, before - in->size);
    if (!error && whole) {
        rpc->in.compressed = message.compressed;
        error = message.compressed ? tell_inflated(rpc, message.payload)
                                   : tell_plain(rpc, message.payload);
        if (reader->room > 0)
            shoal__grpc_reader_fini(reader);
    }
    if (error)
        shoal__rpc_fail(rpc, error);
}

static void take(struct shoal_rpc *rpc, struct shoal_view *in)
{
    while (in->size > 0 && may_take(rpc))
        take_some(rpc, in);
}

static void take_held(struct shoal_rpc *rpc)
{
    struct iovec iov;
    while (may_take(rpc) && shoal_buf_peek(&rpc->in.held, &iov, 1) > 0) {
        struct shoal_view in = shoal_view(iov.iov_base, iov.iov_len);
        take(rpc, &in);
        shoal_buf_consume(&rpc->in.held, iov.iov_len - in.size);
    }
}

static void finish(struct shoal_rpc *rpc)
{
    bool ok = rpc->in.status == SHOAL_GRPC_OK;
    if (ok && !shoal__grpc_reader_is_between(&rpc->in.reader))
        shoal__rpc_fail(rpc, &cut);
    else if (ok && shoal__rpc_one_reply(rpc) && !rpc->in.message)
        shoal__rpc_fail(rpc, &too_few);
    else
        shoal__rpc_finish(rpc, rpc->in.status, NULL);
}

void shoal__rpc_advance(struct shoal_rpc *rpc)
{
    if (rpc->in.advancing)
        return;
    rpc->in.advancing = true;
    take_held(rpc);
    if (may_take(rpc) && rpc->in.whole && shoal__buf_is_empty(&rpc->in.held))
        finish(rpc);
    rpc->in.advancing = false;
}

void shoal__rpc_data_came(struct shoal_rpc *rpc, struct shoal_view data)
{
    shoal__grpc_link_heard(rpc->link);
    if (shoal__buf_is_empty(&rpc->in.held)) {
        rpc->in.advancing = true;
        take(rpc, &data);
        rpc->in.advancing = false;
    }
    if (data.size > 0 && rpc->st == RPC_OPEN &&
        shoal_buf_append(&rpc->in.held, data.data, data.size) < 0)
        shoal__rpc_fail(rpc, &no_memory);
}

void shoal__rpc_end_came(struct shoal_rpc *rpc, const struct shoal__http_field *trailers,
                         size_t trailer_count)
{
    shoal__grpc_link_heard(rpc->link);
    read_status(rpc, trailers, trailer_count);
}
