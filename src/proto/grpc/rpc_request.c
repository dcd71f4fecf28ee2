/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client call sends. Until it is known that the server has the call, its requests are kept
 * as they were sent, so that it can be sent again: the first one in the call's arena where it is
 * small, as most are, the others in a buffer that shares its bytes with the stream's. A call that
 * has sent a lot is not kept any longer. Before there is a stream, what is kept is what waits.
 */
#include <stdlib.h>

#include <shoal/error.h>

#include "proto/grpc/rpc_priv.h"

static const struct shoal_view name_te = SHOAL_VIEW("te");
static const struct shoal_view name_type = SHOAL_VIEW("content-type");
static const struct shoal_view name_timeout = SHOAL_VIEW("grpc-timeout");
static const struct shoal_view name_encoding = SHOAL_VIEW("grpc-encoding");
static const struct shoal_view name_accept = SHOAL_VIEW("grpc-accept-encoding");
static const struct shoal_view name_agent = SHOAL_VIEW("user-agent");
static const struct shoal_view trailers = SHOAL_VIEW("trailers");
static const struct shoal_view type_grpc = SHOAL_VIEW("application/grpc");

enum {
    OWN_FIELDS = 6,
    COPIED = 1024,           /* requests up to here are packed where they are kept */
    REPLAY_MAX = 256 * 1024, /* of a call with a stream, kept for another one */
};

/* Keeping */

static size_t kept_size(const struct rpc_request *out)
{
    return out->first.size + shoal_buf_size(&out->kept);
}

static void forget(struct rpc_request *out)
{
    out->replayable = false;
    out->first = shoal_view(NULL, 0);
    shoal__buf_fini(&out->kept);
}

void shoal__rpc_commit(struct shoal_rpc *rpc)
{
    if (rpc->out.replayable)
        forget(&rpc->out);
}

/* What a stream has may be forgotten. */
static void keep_little(struct rpc_request *out)
{
    if (kept_size(out) > REPLAY_MAX)
        forget(out);
}

/* Keeps what waits for a stream. */
static int hoard(struct shoal_rpc *rpc, struct shoal_buf *frame)
{
    const struct shoal__session_limits *limits = &rpc->channel->limits;
    struct rpc_request *out = &rpc->out;
    size_t size = kept_size(out) + shoal_buf_size(frame);
    if (limits->out_max > 0 && out->said_any && size > limits->out_max)
        return -SHOAL_EFULL;
    shoal_buf_move(&out->kept, frame);
    out->choked = out->choked || size > limits->out_high;
    return size > limits->out_high ? 1 : 0;
}

/* A stream that is about to close takes nothing any more; whether the call goes on, on another one,
 * is told when it has. Until then what would be sent there is only kept. */
static int pass_over_closing(const struct rpc_request *out, int rc)
{
    return rc == -SHOAL_EPIPE && out->replayable ? 0 : rc;
}

/* Sends a frame on the stream, and keeps it as long as that makes sense. */
static int write_frame(struct shoal_rpc *rpc, struct shoal_buf *frame)
{
    struct rpc_request *out = &rpc->out;
    struct shoal_buf copy;
    shoal__buf_init(&copy);
    if (out->replayable && shoal_buf_share(&copy, frame, shoal_buf_size(frame)) < 0)
        forget(out);
    int rc = pass_over_closing(out, shoal__stream_write_buf(rpc->stream, frame));
    if (rc >= 0 && out->replayable)
        shoal_buf_move(&out->kept, &copy);
    shoal__buf_fini(&copy);
    keep_little(out);
    out->choked = out->choked || rc == 1;
    return rc;
}

/* The same with a small one, which is copied. */
static int write_small(struct shoal_rpc *rpc, struct shoal_view frame)
{
    struct rpc_request *out = &rpc->out;
    int rc = pass_over_closing(out, shoal__stream_write(rpc->stream, frame));
    if (rc >= 0 && out->replayable && shoal_buf_append(&out->kept, frame.data, frame.size) < 0)
        forget(out);
    keep_little(out);
    out->choked = out->choked || rc == 1;
    return rc;
}

/* Frames */

static size_t size_of(const struct shoal_rpc *rpc, const void *request)
{
    return rpc->input ? protobuf_c_message_get_packed_size(request)
                      : ((const struct shoal_view *)request)->size;
}

static void pack(const struct shoal_rpc *rpc, const void *request, size_t size, char *out)
{
    const struct shoal_view *bytes = request;
    if (rpc->input)
        protobuf_c_message_pack(request, (uint8_t *)out);
    else if (size > 0)
        memcpy(out, bytes->data, size);
}

/* Sends or keeps a frame of malloc's, which is taken or freed. */
static int push_frame(struct shoal_rpc *rpc, char *frame, size_t size)
{
    struct shoal_buf buf;
    shoal__buf_init(&buf);
    int rc = shoal__grpc_frame_lend(&buf, frame, size);
    if (rc < 0)
        return rc;
    rc = rpc->stream ? write_frame(rpc, &buf) : hoard(rpc, &buf);
    shoal__buf_fini(&buf);
    return rc;
}

static int push_plain(struct shoal_rpc *rpc, const void *request, size_t size)
{
    char *frame = malloc(SHOAL__GRPC_PREFIX + size);
    if (!frame)
        return -SHOAL_ENOMEM;
    shoal__grpc_prefix_write((uint8_t *)frame, false, (uint32_t)size);
    pack(rpc, request, size, frame + SHOAL__GRPC_PREFIX);
    return push_frame(rpc, frame, SHOAL__GRPC_PREFIX + size);
}

/* The first one, small, before there is a stream: nothing but memory of the call's. */
static int push_first(struct shoal_rpc *rpc, const void *request, size_t size)
{
    char *frame = shoal__arena_alloc(&rpc->arena, SHOAL__GRPC_PREFIX + size);
    if (!frame)
        return -SHOAL_ENOMEM;
    shoal__grpc_prefix_write((uint8_t *)frame, false, (uint32_t)size);
    pack(rpc, request, size, frame + SHOAL__GRPC_PREFIX);
    rpc->out.first = shoal_view(frame, SHOAL__GRPC_PREFIX + size);
    return 0;
}

static int push_small(struct shoal_rpc *rpc, const void *request, size_t size)
{
    char frame[SHOAL__GRPC_PREFIX + COPIED];
    shoal__grpc_prefix_write((uint8_t *)frame, false, (uint32_t)size);
    pack(rpc, request, size, frame + SHOAL__GRPC_PREFIX);
    return write_small(rpc, shoal_view(frame, SHOAL__GRPC_PREFIX + size));
}

static int compress(struct shoal_rpc *rpc, struct shoal_view plain)
{
    struct shoal__grpc_codec *codec = shoal__rpc_codec(rpc->channel->local);
    char *frame;
    size_t size;
    int rc = shoal__grpc_deflate_frame(codec, rpc->out.encoding, plain, &frame, &size);
    return rc < 0 ? rc : push_frame(rpc, frame, size);
}

static int push_compressed(struct shoal_rpc *rpc, const void *request, size_t size)
{
    const struct shoal_view *bytes = request;
    if (!rpc->input)
        return compress(rpc, *bytes);
    char *plain = malloc(size + 1); /* an empty message as well */
    if (!plain)
        return -SHOAL_ENOMEM;
    pack(rpc, request, size, plain);
    int rc = compress(rpc, shoal_view(plain, size));
    free(plain);
    return rc;
}

int shoal__rpc_push(struct shoal_rpc *rpc, const void *request)
{
    if (rpc->input && ((const ProtobufCMessage *)request)->descriptor != rpc->input)
        return -SHOAL_EINVAL;
    size_t size = size_of(rpc, request);
    uint32_t most = rpc->channel->cfg.max_request;
    if (size > (most > 0 ? most : UINT32_MAX))
        return -SHOAL_EOVERFLOW;
    int rc;
    if (rpc->out.compress && rpc->out.encoding != SHOAL__GRPC_IDENTITY)
        rc = push_compressed(rpc, request, size);
    else if (rpc->stream && size <= COPIED)
        rc = push_small(rpc, request, size);
    else if (!rpc->out.said_any && size <= COPIED)
        rc = push_first(rpc, request, size);
    else
        rc = push_plain(rpc, request, size);
    if (rc >= 0)
        rpc->out.said_any = true;
    return rc;
}

int shoal__rpc_push_end(struct shoal_rpc *rpc)
{
    int rc = rpc->stream ? shoal__stream_end(rpc->stream, NULL, 0) : 0;
    rc = pass_over_closing(&rpc->out, rc);
    if (rc == 0)
        rpc->out.said_all = true;
    return rc;
}

/* The head */

struct fields {
    struct shoal__http_field *items;
    size_t count;
};

static void put(struct fields *fields, struct shoal_view name, struct shoal_view value)
{
    fields->items[fields->count++] = (struct shoal__http_field){name, value};
}

/* The fields in the call's arena, gRPC's own first; for every attempt in the same place. */
static bool make_fields(struct shoal_rpc *rpc, struct shoal_view timeout, struct fields *out)
{
    const struct shoal__http_fields *metadata = &rpc->out.metadata;
    if (!rpc->out.fields)
        rpc->out.fields = shoal__arena_alloc(&rpc->arena, (metadata->count + OWN_FIELDS) *
                                                              sizeof(*rpc->out.fields));
    struct fields fields = {rpc->out.fields, 0};
    if (!fields.items)
        return false;
    put(&fields, name_te, trailers);
    put(&fields, name_type, type_grpc);
    put(&fields, name_agent, rpc->channel->user_agent);
    put(&fields, name_accept, shoal__grpc_all_encodings);
    if (rpc->out.encoding != SHOAL__GRPC_IDENTITY)
        put(&fields, name_encoding, shoal__grpc_encoding_name(rpc->out.encoding));
    if (timeout.size > 0)
        put(&fields, name_timeout, timeout);
    for (uint32_t i = 0; i < metadata->count; i++)
        fields.items[fields.count++] = metadata->items[i];
    *out = fields;
    return true;
}

static int open_stream(struct shoal_rpc *rpc, const struct shoal__grpc_link *link)
{
    static const struct shoal_view schemes[] = {SHOAL_VIEW("http"), SHOAL_VIEW("https")};
    static const struct shoal_view post = SHOAL_VIEW("POST");
    char digits[SHOAL__GRPC_TIMEOUT_MAX];
    int64_t left_ns = shoal__rpc_left_ns(rpc);
    struct shoal_view timeout = shoal_view(NULL, 0);
    if (left_ns != INT64_MAX)
        timeout = shoal__grpc_timeout_format(left_ns, digits);
    struct fields fields;
    if (!make_fields(rpc, timeout, &fields))
        return -SHOAL_ENOMEM;
    struct shoal__head head = {
        .method = post,
        .scheme = schemes[link->target->tls],
        .authority = link->target->authority,
        .path = rpc->path,
        .fields = fields.items,
        .field_count = fields.count,
        .content_length = -1,
    };
    return shoal__session_open(link->http, &head, false, &shoal__rpc_stream_events, rpc,
                               &rpc->stream);
}

/* Sends what was kept, and the end where all has been said. */
static int send_kept(struct shoal_rpc *rpc)
{
    struct rpc_request *out = &rpc->out;
    struct shoal_buf rest;
    shoal__buf_init(&rest);
    int rc = out->first.size > 0 ? shoal__stream_write(rpc->stream, out->first) : 0;
    if (rc >= 0 && !shoal__buf_is_empty(&out->kept)) {
        rc = shoal_buf_share(&rest, &out->kept, shoal_buf_size(&out->kept));
        if (rc == 0)
            rc = shoal__stream_write_buf(rpc->stream, &rest);
        shoal__buf_fini(&rest);
    }
    int ended = rc >= 0 && out->said_all ? shoal__stream_end(rpc->stream, NULL, 0) : 0;
    return ended < 0 ? ended : rc;
}

int shoal__rpc_send_head(struct shoal_rpc *rpc, struct shoal__grpc_link *link)
{
    struct rpc_request *out = &rpc->out;
    int rc = open_stream(rpc, link);
    if (rc < 0)
        return rc;
    shoal__list_remove(&rpc->waiting);
    rpc->st = RPC_OPEN;
    rpc->link = link;
    rc = send_kept(rpc);
    if (rc < 0)
        return rc == -SHOAL_EFULL ? -SHOAL_ENOMEM : rc;
    keep_little(out);
    if (rc == 0 && out->choked) {
        out->drained = true;
        shoal__rpc_schedule(rpc);
    }
    out->choked = out->choked || rc == 1;
    return 0;
}
