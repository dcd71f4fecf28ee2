/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What nghttp2 reports: its callbacks, turned into the seam's events and into charges against the
 * budget of useless work. They run inside shoal__http2_recv() and shoal__http2_send().
 *
 * A charge that cannot be paid ends the session; where that happens on reading, the callback fails
 * and nghttp2 reads no further.
 */
#include "proto/http2/http2_priv.h"

static int charge(struct shoal__http2_engine *engine, enum shoal__useless_kind kind)
{
    return shoal__http2_charge(engine, kind) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* Frames as they begin, whatever nghttp2 makes of them later */

static int begin_data(struct shoal__http2_engine *engine, const nghttp2_frame_hd *head)
{
    engine->chunks = 0;
    struct http2_stream *stream = shoal__http2_stream_find(engine, head->stream_id);
    if (!stream || stream->dead)
        return charge(engine, USELESS_IGNORED);
    bool empty = head->length == 0 && !(head->flags & NGHTTP2_FLAG_END_STREAM);
    return empty ? charge(engine, USELESS_EMPTY_DATA) : 0;
}

/* A new request is charged by what is wrong with it; a block for what is no more was decoded for
 * nothing. */
static int begin_headers(struct shoal__http2_engine *engine, const nghttp2_frame_hd *head)
{
    bool is_new = engine->session.role == SHOAL__HTTP_SERVER &&
                  head->stream_id > nghttp2_session_get_last_proc_stream_id(engine->nghttp2);
    bool known = is_new || shoal__http2_stream_find(engine, head->stream_id);
    return known ? 0 : charge(engine, USELESS_IGNORED);
}

static int begin_reset(struct shoal__http2_engine *engine, const nghttp2_frame_hd *head)
{
    struct http2_stream *stream = shoal__http2_stream_find(engine, head->stream_id);
    return charge(engine, stream && !stream->dead ? USELESS_PEER_RESET : USELESS_STRAY_RESET);
}

static int begin_ping(struct shoal__http2_engine *engine, const nghttp2_frame_hd *head)
{
    bool awaited =
        (head->flags & NGHTTP2_FLAG_ACK) && (engine->pings > 0 || engine->life == HTTP2_NOTICED);
    return awaited ? 0 : charge(engine, USELESS_PING);
}

static int on_begin_frame(nghttp2_session *nghttp2, const nghttp2_frame_hd *head, void *user)
{
    (void)nghttp2;
    struct shoal__http2_engine *engine = user;
    engine->input.reported++;
    switch (head->type) {
    case NGHTTP2_DATA:
        return begin_data(user, head);
    case NGHTTP2_HEADERS:
        return begin_headers(user, head);
    case NGHTTP2_PUSH_PROMISE: /* ends the session by itself */
        return 0;
    case NGHTTP2_RST_STREAM:
        return begin_reset(user, head);
    case NGHTTP2_SETTINGS: /* nghttp2 takes no acknowledgement that it does not wait for */
        return head->flags & NGHTTP2_FLAG_ACK ? 0 : charge(user, USELESS_SETTINGS);
    case NGHTTP2_PING:
        return begin_ping(user, head);
    case NGHTTP2_GOAWAY:
        return charge(user, USELESS_GOAWAY);
    case NGHTTP2_WINDOW_UPDATE:
        return charge(user, USELESS_WINDOW_UPDATE);
    case NGHTTP2_CONTINUATION:
        return charge(user, USELESS_CONTINUATION);
    case NGHTTP2_PRIORITY:
    case NGHTTP2_PRIORITY_UPDATE:
        return charge(user, USELESS_PRIORITY);
    default:
        return charge(user, USELESS_IGNORED);
    }
}

/* Field blocks */

static struct http2_stream *stream_for_block(struct shoal__http2_engine *engine,
                                             const nghttp2_frame *frame)
{
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return shoal__http2_stream_find(engine, frame->hd.stream_id);
    struct http2_stream *stream = shoal__http2_stream_create(engine, frame->hd.stream_id);
    if (stream)
        (void)nghttp2_session_set_stream_user_data(engine->nghttp2, stream->id, stream);
    return stream;
}

static enum http2_block_kind kind_of(const struct shoal__http2_engine *engine,
                                     const nghttp2_frame *frame)
{
    if (engine->session.role == SHOAL__HTTP_CLIENT)
        return HTTP2_RESPONSE_BLOCK;
    bool is_head = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    return is_head ? HTTP2_REQUEST_BLOCK : HTTP2_TRAILER_BLOCK;
}

static int on_begin_headers(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user)
{
    (void)nghttp2;
    struct http2_stream *stream = stream_for_block(user, frame);
    if (stream)
        stream->block = shoal__http2_block_create(&stream->arena, kind_of(user, frame));
    return stream && stream->block ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *nghttp2, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *user)
{
    (void)nghttp2;
    (void)flags;
    struct shoal__http2_engine *engine = user;
    struct http2_stream *stream = shoal__http2_stream_find(engine, frame->hd.stream_id);
    if (!stream || !stream->block)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    int rc = shoal__http2_block_add(stream->block, &stream->arena, engine->limits, name, value);
    return rc == 0 ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Of a response: nghttp2 would drop the field and go on, but a message with such a field is
 * malformed. */
static int on_invalid_header(nghttp2_session *nghttp2, const nghttp2_frame *frame,
                             nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *user)
{
    (void)name;
    (void)value;
    (void)flags;
    (void)user;
    (void)nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                    NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Whole messages */

/* A request that is none, or that ends before its body does, is given up. */
static bool check_block(struct http2_stream *stream, bool end)
{
    const struct http2_block *block = stream->block;
    bool is_head = block->kind == HTTP2_REQUEST_BLOCK;
    bool good = !block->malformed && (is_head ? shoal__http2_head_is_whole(block) : end);
    if (good && is_head)
        stream->in_left = block->head.content_length;
    if (good && !(end && stream->in_left > 0))
        return true;
    shoal__http2_stream_reset(stream, SHOAL__H2_PROTOCOL_ERROR, false);
    return false;
}

static void follow_priority(const struct http2_stream *stream)
{
    const struct http2_block *block = stream->block;
    const struct shoal__http_field *field =
        shoal__http_field_find(block->fields, block->count, shoal_view("priority", 8));
    nghttp2_extpri priority = shoal__http2_priority_of(field->value);
    (void)nghttp2_session_change_extpri_stream_priority(http2_engine_of(stream)->nghttp2,
                                                        stream->id, &priority, 0);
}

static void request_came(struct http2_stream *stream, bool end)
{
    struct shoal__http2_engine *engine = http2_engine_of(stream);
    unsigned status = shoal__http2_request_check(stream->block, engine->limits);
    if (stream->block->has_priority)
        follow_priority(stream);
    if (status != 0) {
        (void)shoal__http2_charge(engine, USELESS_MALFORMED);
        shoal__http2_stream_refuse(stream, status);
        return;
    }
    shoal__http2_stream_announce(stream);
    engine->session.events->on_request(&stream->stream, &stream->block->head, end);
}

static void response_came(struct http2_stream *stream, bool end)
{
    const struct shoal__stream_events *events = stream->stream.events;
    if (stream->block->too_large) {
        shoal__http2_stream_reset(stream, SHOAL__H2_ENHANCE_YOUR_CALM, false);
        return;
    }
    stream->head_came = stream->block->head.status >= 200;
    if (events->on_head)
        events->on_head(&stream->stream, &stream->block->head, end);
}

static void tell_end(struct http2_stream *stream, const struct http2_block *trailers)
{
    const struct shoal__stream_events *events = stream->stream.events;
    if (!stream->announced || stream->dead || stream->reset_after || !events->on_end)
        return;
    if (trailers)
        events->on_end(&stream->stream, trailers->fields, trailers->count);
    else
        events->on_end(&stream->stream, NULL, 0);
}

static void trailers_came(struct http2_stream *stream)
{
    if (stream->block->too_large)
        shoal__http2_stream_reset(stream, SHOAL__H2_ENHANCE_YOUR_CALM, false);
    tell_end(stream, stream->block);
}

/* The peer's side is over. The answer to a client is what makes its traffic useful. */
static void note_end(struct http2_stream *stream)
{
    struct shoal__http2_engine *engine = http2_engine_of(stream);
    stream->in_ended = true;
    if (engine->session.role == SHOAL__HTTP_CLIENT)
        shoal__useless_work_earn(&engine->useless, SHOAL__USELESS_PER_ANSWER);
}

static void headers_came(struct shoal__http2_engine *engine, const nghttp2_frame *frame)
{
    struct http2_stream *stream = shoal__http2_stream_find(engine, frame->hd.stream_id);
    if (!stream || stream->dead)
        return;
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (end)
        note_end(stream);
    if (stream->block->kind != HTTP2_RESPONSE_BLOCK && !check_block(stream, end))
        return;
    if (shoal__http2_block_finish(stream->block, &stream->arena) < 0)
        shoal__http2_stream_reset(stream, SHOAL__H2_INTERNAL_ERROR, true);
    else if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        request_came(stream, end);
    else if (engine->session.role == SHOAL__HTTP_CLIENT && !stream->head_came)
        response_came(stream, end);
    else
        trailers_came(stream);
}

/* A short body must not be taken for a whole one. */
static void body_ended(struct http2_stream *stream)
{
    note_end(stream);
    if (stream->in_left > 0)
        shoal__http2_stream_reset(stream, SHOAL__H2_PROTOCOL_ERROR, false);
    tell_end(stream, NULL);
}

static void data_came(struct shoal__http2_engine *engine, const nghttp2_frame *frame)
{
    struct http2_stream *stream = shoal__http2_stream_find(engine, frame->hd.stream_id);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        if (stream)
            body_ended(stream);
    } else if (engine->chunks == 0 && frame->hd.length > 0) { /* it was all padding */
        (void)shoal__http2_charge(engine, USELESS_EMPTY_DATA);
    }
}

static bool wants_data(const struct http2_stream *stream)
{
    return stream->announced && !stream->dead && !stream->reset_after &&
           stream->stream.events->on_data;
}

/* Counts it against what the request's head announced; a longer body is given up. */
static bool is_announced(struct http2_stream *stream, size_t size)
{
    if (stream->in_left < 0)
        return true;
    bool fits = size <= (uint64_t)stream->in_left;
    if (fits)
        stream->in_left -= (int64_t)size;
    else
        shoal__http2_stream_reset(stream, SHOAL__H2_PROTOCOL_ERROR, false);
    return fits;
}

static int on_data(nghttp2_session *nghttp2, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user)
{
    (void)flags;
    struct shoal__http2_engine *engine = user;
    struct http2_stream *stream = shoal__http2_stream_find(engine, id);
    engine->chunks++;
    if (!stream || stream->dead || !is_announced(stream, size) || !wants_data(stream))
        return nghttp2_session_consume(nghttp2, id, size) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;

    shoal__useless_work_earn_bytes(&engine->useless, size);
    stream->unconsumed += size;
    stream->moved_in_ms = engine->now_ms;
    stream->stream.events->on_data(&stream->stream, shoal_view(data, size));
    return 0;
}

static void ping_came(struct shoal__http2_engine *engine, const nghttp2_frame *frame)
{
    const struct shoal__session_events *events = engine->session.events;
    if (frame->hd.flags & NGHTTP2_FLAG_ACK)
        shoal__http2_pong(engine, frame->ping.opaque_data);
    else if (events->on_ping && !events->on_ping(&engine->session))
        shoal__http2_end(engine, SHOAL__H2_ENHANCE_YOUR_CALM, shoal_view_of("too_many_pings"));
}

static void goaway_came(struct shoal__http2_engine *engine, const nghttp2_frame *frame)
{
    const struct shoal__session_events *events = engine->session.events;
    const nghttp2_goaway *goaway = &frame->goaway;
    engine->peer_leaves = true;
    if (goaway->error_code != NGHTTP2_NO_ERROR)
        engine->error = goaway->error_code;
    if (events->on_goaway)
        events->on_goaway(&engine->session, (uint64_t)goaway->last_stream_id, goaway->error_code,
                          shoal_view(goaway->opaque_data, goaway->opaque_data_len));
}

static void settings_came(struct shoal__http2_engine *engine, const nghttp2_frame *frame)
{
    const struct shoal__session_events *events = engine->session.events;
    bool first = !engine->settled && !(frame->hd.flags & NGHTTP2_FLAG_ACK);
    engine->settled = engine->settled || first;
    if (first && engine->session.role == SHOAL__HTTP_CLIENT && events->on_settings)
        events->on_settings(&engine->session);
    shoal__http2_tell_room(engine);
}

static int on_frame(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user)
{
    (void)nghttp2;
    struct shoal__http2_engine *engine = user;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        data_came(engine, frame);
        break;
    case NGHTTP2_HEADERS:
        headers_came(engine, frame);
        break;
    case NGHTTP2_PING:
        ping_came(engine, frame);
        break;
    case NGHTTP2_GOAWAY:
        goaway_came(engine, frame);
        break;
    case NGHTTP2_SETTINGS:
        settings_came(engine, frame);
        break;
    default:
        break;
    }
    return engine->life == HTTP2_ENDING ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* What has been sent */

static void reset_sent(struct shoal__http2_engine *engine, const nghttp2_frame *frame)
{
    struct http2_stream *stream = shoal__http2_stream_find(engine, frame->hd.stream_id);
    if (stream && stream->reset_ours)
        return;
    bool refused = frame->rst_stream.error_code == NGHTTP2_REFUSED_STREAM;
    (void)shoal__http2_charge(engine, refused ? USELESS_REFUSED : USELESS_PROVOKED_RESET);
}

static void end_sent(struct shoal__http2_engine *engine, int32_t id)
{
    struct http2_stream *stream = shoal__http2_stream_find(engine, id);
    if (!stream)
        return;
    if (stream->announced && engine->session.role == SHOAL__HTTP_SERVER)
        shoal__useless_work_earn(&engine->useless, SHOAL__USELESS_PER_ANSWER);
    shoal__http2_stream_out_sent(stream);
}

static void goaway_sent(struct shoal__http2_engine *engine, const nghttp2_goaway *goaway)
{
    if (goaway->error_code != NGHTTP2_NO_ERROR) /* ours, or one that nghttp2 found */
        engine->error = goaway->error_code;
    if (engine->life == HTTP2_ENDING)
        shoal__http2_go(engine, HTTP2_OVER);
}

static void head_sent(struct shoal__http2_engine *engine, int32_t id)
{
    struct http2_stream *stream = shoal__http2_stream_find(engine, id);
    if (stream)
        stream->head_left = true;
}

static int on_frame_sent(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user)
{
    (void)nghttp2;
    struct shoal__http2_engine *engine = user;
    bool carries_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    engine->session.sent += carries_end || frame->hd.type == NGHTTP2_WINDOW_UPDATE;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        reset_sent(engine, frame);
    else if (frame->hd.type == NGHTTP2_GOAWAY)
        goaway_sent(engine, &frame->goaway);
    if (frame->hd.type == NGHTTP2_HEADERS && engine->session.role == SHOAL__HTTP_CLIENT)
        head_sent(engine, frame->hd.stream_id);
    if (carries_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        end_sent(engine, frame->hd.stream_id);
    return 0;
}

/* A head that nghttp2 could not send (above 64 KiB, say) would leave the peer waiting; one that it
 * may not send any more, because the peer leaves, is as good as refused. */
static int on_frame_not_sent(nghttp2_session *nghttp2, const nghttp2_frame *frame, int error,
                             void *user)
{
    (void)nghttp2;
    struct http2_stream *stream = shoal__http2_stream_find(user, frame->hd.stream_id);
    bool closing = error == NGHTTP2_ERR_STREAM_CLOSING || error == NGHTTP2_ERR_STREAM_CLOSED;
    if (stream && error == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED)
        stream->refused = true;
    else if (frame->hd.type == NGHTTP2_HEADERS && stream && !closing)
        shoal__http2_stream_reset(stream, SHOAL__H2_INTERNAL_ERROR, true);
    return 0;
}

static int on_stream_close(nghttp2_session *nghttp2, int32_t id, uint32_t error, void *user)
{
    (void)nghttp2;
    struct shoal__http2_engine *engine = user;
    struct http2_stream *stream = shoal__http2_stream_find(engine, id);
    if (stream)
        shoal__http2_stream_close(stream, error);
    shoal__http2_tell_room(engine);
    return 0;
}

nghttp2_session_callbacks *shoal__http2_make_callbacks(void)
{
    nghttp2_session_callbacks *made;
    if (nghttp2_session_callbacks_new(&made) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_frame_callback(made, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(made, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(made, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
    nghttp2_session_callbacks_set_send_data_callback(made, shoal__http2_send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(made, on_frame_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, on_stream_close);
    return made;
}
