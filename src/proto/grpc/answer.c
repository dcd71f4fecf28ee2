/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a call says: a head with the initial metadata, replies, and trailers with the status; or one
 * head with everything, where there is nothing but a status. Handlers in the pool say theirs into
 * an answer of their work's, which the loop then takes over.
 */
#include <stdlib.h>

#include <shoal/error.h>

#include "proto/grpc/call_priv.h"

static const struct shoal_view name_encoding = SHOAL_VIEW("grpc-encoding");
static const struct shoal_view name_accept = SHOAL_VIEW("grpc-accept-encoding");
static const struct shoal_view name_status = SHOAL_VIEW("grpc-status");
static const struct shoal_view name_message = SHOAL_VIEW("grpc-message");
static const struct shoal_view name_details = SHOAL_VIEW("grpc-status-details-bin");
static const struct shoal_view name_allow = SHOAL_VIEW("allow");
static const struct shoal__usual_fields usual_grpc = {.type = SHOAL_VIEW("application/grpc")};
static const struct shoal_view only_post = SHOAL_VIEW("POST");

enum {
    OWN_FIELDS = 6, /* of gRPC's own, at most, in a head or in trailers */
    COPIED = 1024,  /* replies up to here are packed on the stack and copied by the stream */
};

/* Fields to be sent. */
struct fields {
    struct shoal__http_field *items;
    size_t count;
};

static void put(struct fields *fields, struct shoal_view name, struct shoal_view value)
{
    fields->items[fields->count++] = (struct shoal__http_field){name, value};
}

static void put_all(struct fields *fields, const struct shoal__http_fields *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        fields->items[fields->count++] = list->items[i];
}

static int send_fields(struct shoal__stream *stream, unsigned status, const struct fields *fields,
                       bool end)
{
    struct shoal__head head = {.status = status,
                               .fields = fields->items,
                               .field_count = fields->count,
                               .content_length = -1,
                               .usual = status == 200 ? &usual_grpc : NULL};
    return shoal__stream_send_head(stream, &head, end);
}

/* Refusals */

static void ignore_close(struct shoal__stream *stream, uint32_t error)
{
    (void)stream;
    (void)error;
}

static const struct shoal__stream_events refused_events = {.on_close = ignore_close};

static void refuse(struct shoal__stream *stream, unsigned status, const struct fields *fields,
                   bool end)
{
    stream->events = &refused_events;
    if (send_fields(stream, status, fields, true) < 0)
        shoal__stream_reset(stream, SHOAL__H2_INTERNAL_ERROR);
    else if (!end)
        shoal__stream_reset(stream, SHOAL__H2_NO_ERROR);
}

void shoal__grpc_refuse_http(struct shoal__stream *stream, unsigned status, bool end)
{
    struct shoal__http_field items[1];
    struct fields fields = {items, 0};
    if (status == 405)
        put(&fields, name_allow, only_post);
    refuse(stream, status, &fields, end);
}

void shoal__grpc_refuse(struct shoal__stream *stream, const struct shoal__grpc_error *error,
                        bool end)
{
    struct shoal__http_field items[OWN_FIELDS];
    struct fields fields = {items, 0};
    put(&fields, name_accept, shoal__grpc_all_encodings);
    put(&fields, name_status, shoal__grpc_status_digits(error->status));
    put(&fields, name_message, shoal_view_of(error->text)); /* ours are plain ASCII */
    refuse(stream, 200, &fields, end);
}

/* The head */

struct grpc_answer *shoal__grpc_answer_of(const struct shoal_grpc_call *call)
{
    if (!shoal__grpc_is_owner(call))
        return shoal__grpc_work_answer(call);
    return (struct grpc_answer *)(uintptr_t)&call->answer;
}

static bool allot(struct shoal_grpc_call *call, struct fields *fields, size_t count)
{
    size_t size = (count + OWN_FIELDS) * sizeof(*fields->items);
    *fields = (struct fields){shoal__arena_alloc(call->arena, size), 0};
    return fields->items != NULL;
}

/* What to call it where the call takes nothing: its end was its handler's doing, or not. */
static int closed_code(const struct shoal_grpc_call *call)
{
    return call->st == GRPC_CALL_FINISHED && !call->by_library ? -SHOAL_ESTATE : -SHOAL_EPIPE;
}

/* What we read is told once per connection; a call that is refused for its encoding is told again.
 */
static void put_encodings(struct shoal__grpc_session *session, struct fields *fields)
{
    if (!session->told_encodings)
        put(fields, name_accept, shoal__grpc_all_encodings);
    session->told_encodings = true;
}

int shoal_grpc_send_initial(struct shoal_grpc_call *call)
{
    if (call->st != GRPC_CALL_OPEN)
        return closed_code(call);
    if (call->answer.head_sent)
        return -SHOAL_ESTATE;
    struct fields fields;
    if (!allot(call, &fields, call->answer.initial.count))
        return -SHOAL_ENOMEM;
    put_encodings(call->session, &fields);
    if (call->answer.negotiated && call->accepted != SHOAL__GRPC_IDENTITY)
        put(&fields, name_encoding, shoal__grpc_encoding_name(call->accepted));
    put_all(&fields, &call->answer.initial);
    int rc = send_fields(call->stream, 200, &fields, false);
    if (rc == 0)
        call->answer.head_sent = true;
    return rc;
}

static int ensure_head(struct shoal_grpc_call *call)
{
    if (call->st != GRPC_CALL_OPEN)
        return closed_code(call);
    return call->answer.head_sent ? 0 : shoal_grpc_send_initial(call);
}

/* Metadata and status to come */

int shoal_grpc_add_initial(struct shoal_grpc_call *call, const char *name, struct shoal_view value)
{
    struct grpc_answer *answer = shoal__grpc_answer_of(call);
    if (answer->head_sent)
        return -SHOAL_ESTATE;
    return shoal__grpc_metadata_add(&answer->initial, answer->arena, shoal_view_of(name), value);
}

int shoal_grpc_add_trailing(struct shoal_grpc_call *call, const char *name, struct shoal_view value)
{
    struct grpc_answer *answer = shoal__grpc_answer_of(call);
    if (answer == &call->answer && call->st != GRPC_CALL_OPEN)
        return -SHOAL_ESTATE;
    return shoal__grpc_metadata_add(&answer->trailing, answer->arena, shoal_view_of(name), value);
}

void shoal_grpc_compress(struct shoal_grpc_call *call, bool on)
{
    struct grpc_answer *answer = shoal__grpc_answer_of(call);
    answer->compress = on;
    answer->negotiated = answer->negotiated || !answer->head_sent;
}

static void set_text(struct shoal_grpc_call *call, const char *format, va_list args)
{
    struct grpc_answer *answer = shoal__grpc_answer_of(call);
    char *text = shoal__arena_vprintf(answer->arena, format, args);
    answer->text = text ? shoal_view_of(text) : shoal_view(NULL, 0);
}

int shoal_grpc_fail(struct shoal_grpc_call *call, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_text(call, format, args);
    va_end(args);
    return status;
}

int shoal_grpc_fail_with(struct shoal_grpc_call *call, int status, struct shoal_view details,
                         const char *format, ...)
{
    struct grpc_answer *answer = shoal__grpc_answer_of(call);
    char *copy = shoal__arena_strdup(answer->arena, details);
    answer->details = copy ? shoal_view(copy, details.size) : shoal_view(NULL, 0);
    va_list args;
    va_start(args, format);
    set_text(call, format, args);
    va_end(args);
    return status;
}

/* Copies what the work's memory holds; nothing, most of the time. */
static int take_over(struct shoal__arena *arena, struct shoal_view text, struct shoal_view *out)
{
    if (text.size == 0)
        return 0;
    char *copy = shoal__arena_strdup(arena, text);
    if (!copy)
        return -SHOAL_ENOMEM;
    *out = shoal_view(copy, text.size);
    return 0;
}

int shoal__grpc_merge(struct shoal_grpc_call *call, const struct grpc_answer *answer)
{
    struct grpc_answer *own = &call->answer;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && !call->answer.head_sent && i < answer->initial.count; i++)
        rc = shoal__http_fields_add(&own->initial, own->arena, answer->initial.items[i].name,
                                    answer->initial.items[i].value);
    for (uint32_t i = 0; rc == 0 && i < answer->trailing.count; i++)
        rc = shoal__http_fields_add(&own->trailing, own->arena, answer->trailing.items[i].name,
                                    answer->trailing.items[i].value);
    own->compress = answer->compress;
    own->negotiated = answer->negotiated;
    if (rc == 0)
        rc = take_over(own->arena, answer->text, &own->text);
    if (rc == 0)
        rc = take_over(own->arena, answer->details, &own->details);
    return rc;
}

/* Replies */

int shoal__grpc_pack(const ProtobufCMessage *reply, size_t size, char **out)
{
    char *frame = malloc(SHOAL__GRPC_PREFIX + size);
    if (!frame)
        return -SHOAL_ENOMEM;
    shoal__grpc_prefix_write((uint8_t *)frame, false, (uint32_t)size);
    protobuf_c_message_pack(reply, (uint8_t *)frame + SHOAL__GRPC_PREFIX);
    *out = frame;
    return 0;
}

/* Sends a frame of malloc's, which is taken or freed. */
static int send_frame(struct shoal_grpc_call *call, char *frame, size_t size)
{
    struct shoal_buf buf;
    shoal__buf_init(&buf);
    int rc = shoal__grpc_frame_lend(&buf, frame, size);
    if (rc < 0)
        return rc;
    rc = shoal__stream_write_buf(call->stream, &buf);
    shoal__buf_fini(&buf);
    return rc;
}

static int send_small(struct shoal_grpc_call *call, const ProtobufCMessage *reply, size_t size)
{
    uint8_t frame[SHOAL__GRPC_PREFIX + COPIED];
    shoal__grpc_prefix_write(frame, false, (uint32_t)size);
    protobuf_c_message_pack(reply, frame + SHOAL__GRPC_PREFIX);
    return shoal__stream_write(call->stream, shoal_view(frame, SHOAL__GRPC_PREFIX + size));
}

static int send_large(struct shoal_grpc_call *call, const ProtobufCMessage *reply, size_t size)
{
    char *frame;
    int rc = shoal__grpc_pack(reply, size, &frame);
    return rc < 0 ? rc : send_frame(call, frame, SHOAL__GRPC_PREFIX + size);
}

static int send_compressed(struct shoal_grpc_call *call, const char *plain, size_t size)
{
    struct shoal__grpc_codec *codec = shoal__grpc_local_codec(call->session->local);
    char *frame;
    size_t frame_size;
    int rc = shoal__grpc_deflate_frame(codec, call->accepted, shoal_view(plain, size), &frame,
                                       &frame_size);
    return rc < 0 ? rc : send_frame(call, frame, frame_size);
}

static int pack_and_compress(struct shoal_grpc_call *call, const ProtobufCMessage *reply,
                             size_t size)
{
    char *plain;
    int rc = shoal__grpc_pack(reply, size, &plain);
    if (rc < 0)
        return rc;
    rc = send_compressed(call, plain + SHOAL__GRPC_PREFIX, size);
    free(plain);
    return rc;
}

static bool compresses(const struct shoal_grpc_call *call)
{
    return call->answer.compress && call->answer.negotiated &&
           call->accepted != SHOAL__GRPC_IDENTITY;
}

static int send_now(struct shoal_grpc_call *call, const ProtobufCMessage *reply, size_t size)
{
    int rc = ensure_head(call);
    if (rc < 0)
        return rc;
    if (compresses(call))
        rc = pack_and_compress(call, reply, size);
    else if (size <= COPIED)
        rc = send_small(call, reply, size);
    else
        rc = send_large(call, reply, size);
    return rc;
}

int shoal_grpc_send(struct shoal_grpc_call *call, const void *reply)
{
    const ProtobufCMessage *message = reply;
    struct grpc_answer *answer = shoal__grpc_answer_of(call);
    if (message->descriptor != call->method->output)
        return -SHOAL_EINVAL;
    if (shoal__grpc_one_reply(call->method) && answer->replies > 0)
        return -SHOAL_ESTATE;
    size_t size = protobuf_c_message_get_packed_size(message);
    uint32_t most = call->session->endpoint->cfg.max_reply;
    if (size > (most > 0 ? most : UINT32_MAX))
        return -SHOAL_EOVERFLOW;
    int rc = answer == &call->answer ? send_now(call, message, size)
                                     : shoal__grpc_work_send(call, message, size);
    if (rc >= 0)
        answer->replies++;
    return rc;
}

/* A frame that a piece of work has packed is taken apart only to be compressed. */
static int send_brief(struct shoal_grpc_call *call, struct shoal_view brief)
{
    if (!compresses(call))
        return shoal__stream_write(call->stream, brief);
    return send_compressed(call, brief.data + SHOAL__GRPC_PREFIX, brief.size - SHOAL__GRPC_PREFIX);
}

static int send_more(struct shoal_grpc_call *call, struct shoal_buf *more)
{
    struct iovec iov;
    int rc = 0;
    if (!compresses(call))
        return shoal__stream_write_buf(call->stream, more);
    while (rc >= 0 && shoal_buf_peek(more, &iov, 1) > 0) { /* each frame is a segment */
        rc = send_brief(call, shoal_view(iov.iov_base, iov.iov_len));
        shoal_buf_consume(more, iov.iov_len);
    }
    return rc;
}

int shoal__grpc_send_packed(struct shoal_grpc_call *call, struct shoal_view brief,
                            struct shoal_buf *more)
{
    if (brief.size == 0 && shoal__buf_is_empty(more))
        return 0;
    int rc = ensure_head(call);
    if (rc >= 0 && brief.size > 0)
        rc = send_brief(call, brief);
    if (rc >= 0 && !shoal__buf_is_empty(more))
        rc = send_more(call, more);
    return rc;
}

/* The end */

static bool put_text(struct shoal_grpc_call *call, struct fields *fields)
{
    struct shoal_view text = call->answer.text;
    if (text.size == 0)
        return true;
    size_t size = shoal__grpc_percent_size(text);
    char *encoded = shoal__arena_alloc(call->arena, size);
    if (!encoded)
        return false;
    shoal__grpc_percent_encode(text, encoded);
    put(fields, name_message, shoal_view(encoded, size));
    return true;
}

static bool put_details(struct shoal_grpc_call *call, struct fields *fields)
{
    struct shoal_view details = call->answer.details;
    if (details.size == 0)
        return true;
    size_t size = shoal__grpc_base64_size(details.size);
    char *encoded = shoal__arena_alloc(call->arena, size);
    if (!encoded)
        return false;
    shoal__grpc_base64_encode(details, encoded);
    put(fields, name_details, shoal_view(encoded, size));
    return true;
}

static int send_status(struct shoal_grpc_call *call, int status)
{
    const struct grpc_answer *answer = &call->answer;
    struct fields fields;
    if (!call->answer.head_sent && answer->initial.count > 0) {
        int rc = shoal_grpc_send_initial(call);
        if (rc < 0)
            return rc;
    }
    if (!allot(call, &fields, answer->trailing.count))
        return -SHOAL_ENOMEM;
    put(&fields, name_status, shoal__grpc_status_digits(status));
    if (!put_text(call, &fields) || !put_details(call, &fields))
        return -SHOAL_ENOMEM;
    put_all(&fields, &answer->trailing);
    if (call->answer.head_sent)
        return shoal__stream_end(call->stream, fields.items, fields.count);
    return send_fields(call->stream, 200, &fields, true);
}

static int end_call(struct shoal_grpc_call *call, int status)
{
    int rc = send_status(call, status);
    call->st = GRPC_CALL_FINISHED;
    call->status = status;
    shoal__grpc_deadline_stop(call);
    if (rc < 0)
        shoal__stream_reset(call->stream, SHOAL__H2_INTERNAL_ERROR);
    else if (!call->in.ended)
        shoal__stream_reset(call->stream, SHOAL__H2_NO_ERROR);
    shoal__grpc_advance(call); /* what waits is dropped */
    return rc;
}

int shoal_grpc_finish(struct shoal_grpc_call *call, int status)
{
    static const struct shoal_view forgotten = SHOAL_VIEW("method ended without its reply");
    if (!shoal__grpc_is_owner(call))
        return shoal__grpc_work_finish(call, status);
    if (call->st != GRPC_CALL_OPEN)
        return closed_code(call);
    bool lacks_reply = shoal__grpc_one_reply(call->method) && call->answer.replies == 0;
    if (status == SHOAL_GRPC_OK && lacks_reply) {
        call->answer.text = forgotten;
        status = SHOAL_GRPC_INTERNAL;
    }
    bool known = status >= SHOAL_GRPC_OK && status <= SHOAL_GRPC_UNAUTHENTICATED;
    (void)end_call(call, known ? status : SHOAL_GRPC_UNKNOWN);
    return 0;
}

void shoal__grpc_end_with(struct shoal_grpc_call *call, const struct shoal__grpc_error *error)
{
    if (call->st != GRPC_CALL_OPEN)
        return;
    call->by_library = true;
    call->answer.text = shoal_view_of(error->text);
    call->answer.details = shoal_view(NULL, 0);
    (void)end_call(call, error->status);
}
