/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streams of the HTTP/2 engine: the stream_ops of the seam, and how body gets out. What is written
 * waits in the stream; nghttp2 asks for it when the windows have room (read_data), and then hands
 * it over without a copy (shoal__http2_send_data). While there is nothing to send, nghttp2's data
 * item is deferred and resumed by the next write.
 *
 * A reset is asked of nghttp2 and the stream ends, with on_close, when nghttp2 says so; in between
 * it is dead.
 */
#include "proto/http2/http2_priv.h"

#include "base/assert.h"

enum {
    FRAME_HEAD = 9,         /* RFC 9113 §4.1 */
    BRIEF_MAX = 512,        /* bytes of a body that are kept in the arena */
    DRIBBLE_MAX = 64,       /* a frame of less, with more waiting, is the peer's doing */
    SMALL_RESPONSE = 65536, /* what is longer shares the connection with others */
    SESSION_HIGH = 4,       /* times a stream's high mark: then all writers should stop */
};

static const struct shoal__stream_ops stream_ops;

static struct http2_stream *stream_of(const struct shoal__stream *stream)
{
    return (struct http2_stream *)(uintptr_t)stream;
}

/* Life */

struct http2_stream *shoal__http2_stream_look_up(struct shoal__http2_engine *engine, int32_t id)
{
    return engine->recent = nghttp2_session_get_stream_user_data(engine->nghttp2, id);
}

struct http2_stream *shoal__http2_stream_create(struct shoal__http2_engine *engine, int32_t id)
{
    struct http2_stream *self = shoal__http2_alloc(engine->shared, sizeof(*self));
    if (!self)
        return NULL;
    *self = (struct http2_stream){
        .stream = {.ops = &stream_ops,
                   .session = &engine->session,
                   .arena = &self->arena,
                   .serial = (uint64_t)id},
        .id = id,
        .in_left = -1,
        .moved_in_ms = engine->now_ms,
        .moved_out_ms = engine->now_ms,
    };
    shoal__arena_init(&self->arena, &engine->shared->chunks);
    shoal__list_push_back(&engine->streams, &self->node);
    return self;
}

void shoal__http2_stream_discard(struct http2_stream *self)
{
    if (http2_engine_of(self)->recent == self)
        http2_engine_of(self)->recent = NULL;
    shoal__list_remove(&self->node);
    shoal__buf_fini(&self->out);
    shoal__arena_fini(&self->arena);
    shoal__http2_free(http2_engine_of(self)->shared, self);
}

void shoal__http2_stream_announce(struct http2_stream *self)
{
    struct shoal__session *session = self->stream.session;
    self->announced = true;
    if (session->open_streams++ == 0 && session->events->on_idle)
        session->events->on_idle(session, false);
}

/* A stream is well over where the response is whole; an early NO_ERROR cuts it all the same. What
 * the peer has never heard of it has not processed. */
static uint32_t error_of_close(const struct http2_stream *self, uint32_t error)
{
    bool server = self->stream.session->role == SHOAL__HTTP_SERVER;
    bool gone = self->stream.session->gone;
    bool response_whole = server ? self->out_sent : self->in_ended;
    if (self->refused || (gone && !server && !self->head_left))
        return SHOAL__H2_REFUSED_STREAM;
    if (response_whole && (server || error == SHOAL__H2_NO_ERROR))
        return SHOAL__H2_NO_ERROR;
    if (error == SHOAL__H2_NO_ERROR)
        return server || gone ? SHOAL__H2_CANCEL : SHOAL__H2_PROTOCOL_ERROR;
    return error;
}

static void drop_output(struct http2_stream *self)
{
    struct shoal__http2_engine *engine = http2_engine_of(self);
    engine->out_memory -= self->brief.size + shoal__buf_memory(&self->out);
    self->brief.size = 0;
    shoal__buf_fini(&self->out);
    if (self->choked)
        engine->choked--;
    self->choked = false;
}

/* Bytes that will never be consumed no longer count against the connection's window. */
static void return_window(struct http2_stream *self)
{
    if (self->unconsumed > 0)
        (void)nghttp2_session_consume_connection(http2_engine_of(self)->nghttp2, self->unconsumed);
    self->unconsumed = 0;
}

void shoal__http2_stream_close(struct http2_stream *self, uint32_t error)
{
    struct shoal__session *session = self->stream.session;
    self->dead = true;
    drop_output(self);
    return_window(self);
    shoal__list_remove(&self->node);
    bool last = false;
    if (self->announced) {
        last = --session->open_streams == 0;
        self->stream.events->on_close(&self->stream, error_of_close(self, error));
    }
    shoal__http2_stream_discard(self);
    if (last && session->events->on_idle)
        session->events->on_idle(session, true);
}

void shoal__http2_stream_reset(struct http2_stream *self, uint32_t error, bool ours)
{
    struct shoal__http2_engine *engine = http2_engine_of(self);
    if (self->dead)
        return;
    self->dead = true;
    self->reset_ours = ours;
    drop_output(self);
    return_window(self);
    if (nghttp2_submit_rst_stream(engine->nghttp2, NGHTTP2_FLAG_NONE, self->id, error) != 0)
        shoal__http2_end(engine, SHOAL__H2_INTERNAL_ERROR, shoal_view(NULL, 0));
    shoal__http2_poke(engine);
}

void shoal__http2_stream_out_sent(struct http2_stream *self)
{
    self->out_sent = true;
    if (self->reset_after && !self->in_ended)
        shoal__http2_stream_reset(self, SHOAL__H2_NO_ERROR, true);
}

static void op_reset(struct shoal__stream *stream, uint32_t error)
{
    struct http2_stream *self = stream_of(stream);
    bool end_waits = self->state == HTTP2_OUT_ENDED && !self->out_sent;
    if (error == SHOAL__H2_NO_ERROR && end_waits) {
        self->reset_after = true;
        return_window(self);
        return;
    }
    shoal__http2_stream_reset(self, error, true);
}

/* Heads */

static bool takes_output(const struct http2_stream *self)
{
    return !self->dead && http2_engine_of(self)->life < HTTP2_ENDING;
}

static int error_of_nghttp2(int rc)
{
    return rc == NGHTTP2_ERR_NOMEM ? -SHOAL_ENOMEM : -SHOAL_EPIPE;
}

static bool has_data(const struct http2_stream *self)
{
    return shoal__http2_stream_pending(self) > 0;
}

/* nghttp2_data_source_read_callback: how much of the body goes into the next frame. */
static ssize_t read_data(nghttp2_session *nghttp2, int32_t id, uint8_t *room, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)room;
    (void)user;
    struct http2_stream *self = source->ptr;
    size_t waiting = shoal__http2_stream_pending(self);
    if (self->dead || (waiting == 0 && self->state != HTTP2_OUT_ENDED)) {
        self->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }

    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (waiting > size)
        return (ssize_t)size;
    if (self->state == HTTP2_OUT_ENDED)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (self->state != HTTP2_OUT_ENDED || self->trailer_count == 0)
        return (ssize_t)waiting;
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    int rc = nghttp2_submit_trailer(nghttp2, id, self->trailers, self->trailer_count);
    return rc == 0 ? (ssize_t)waiting : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/*
 * nghttp2 serves responses of one urgency one after the other. That is best for small ones; a
 * long one, or one without an end, would hold up those behind it, so it takes turns, unless the
 * client has said what it wants.
 */
static void take_turns(const struct http2_stream *self, const struct shoal__head *head)
{
    if (self->block->has_priority ||
        (head->content_length >= 0 && head->content_length <= SMALL_RESPONSE))
        return;
    nghttp2_extpri priority = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
    (void)nghttp2_session_change_extpri_stream_priority(http2_engine_of(self)->nghttp2, self->id,
                                                        &priority, 0);
}

static int submit_response(struct http2_stream *self, const struct shoal__head *head, bool end,
                           const nghttp2_nv *nva, size_t count)
{
    nghttp2_session *nghttp2 = http2_engine_of(self)->nghttp2;
    if (end)
        return nghttp2_submit_response(nghttp2, self->id, nva, count, NULL);
    take_turns(self, head);
    nghttp2_data_provider body = {.source.ptr = self, .read_callback = read_data};
    return nghttp2_submit_response(nghttp2, self->id, nva, count, &body);
}

static int op_send_head(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    struct http2_stream *self = stream_of(stream);
    struct shoal__http2_engine *engine = http2_engine_of(self);
    if (!takes_output(self))
        return -SHOAL_EPIPE;
    if (self->state != HTTP2_OUT_HEAD)
        return -SHOAL_ESTATE;

    nghttp2_nv *nva;
    size_t count;
    int rc =
        shoal__http2_make_nva(head, head->fields, head->field_count, &self->arena, &nva, &count);
    if (rc < 0)
        return rc;
    bool interim = head->status < 200;
    rc = interim ? nghttp2_submit_headers(engine->nghttp2, NGHTTP2_FLAG_NONE, self->id, NULL, nva,
                                          count, NULL)
                 : submit_response(self, head, end, nva, count);
    if (rc < 0)
        return error_of_nghttp2(rc);
    if (!interim)
        self->state = end ? HTTP2_OUT_ENDED : HTTP2_OUT_BODY;
    shoal__http2_poke(engine);
    return 0;
}

void shoal__http2_stream_refuse(struct http2_stream *self, unsigned status)
{
    struct shoal__head head = {.status = status, .content_length = 0};
    if (op_send_head(&self->stream, &head, true) < 0)
        shoal__http2_stream_reset(self, SHOAL__H2_INTERNAL_ERROR, false);
    else
        self->reset_after = true;
}

static int32_t submit_request(struct http2_stream *self, bool end, const nghttp2_nv *nva,
                              size_t count)
{
    nghttp2_data_provider body = {.source.ptr = self, .read_callback = read_data};
    return nghttp2_submit_request(http2_engine_of(self)->nghttp2, NULL, nva, count,
                                  end ? NULL : &body, self);
}

static int open_stream(struct http2_stream *self, const struct shoal__head *head, bool end)
{
    nghttp2_nv *nva;
    size_t count;
    int rc =
        shoal__http2_make_nva(head, head->fields, head->field_count, &self->arena, &nva, &count);
    if (rc < 0)
        return rc;
    int32_t id = submit_request(self, end, nva, count);
    if (id < 0)
        return error_of_nghttp2(id);
    self->id = id;
    self->stream.serial = (uint64_t)id;
    self->state = end ? HTTP2_OUT_ENDED : HTTP2_OUT_BODY;
    return 0;
}

int shoal__http2_stream_open(struct shoal__session *session, const struct shoal__head *head,
                             bool end, const struct shoal__stream_events *events, void *user,
                             struct shoal__stream **out_stream)
{
    struct shoal__http2_engine *engine = (struct shoal__http2_engine *)session;
    if (engine->life != HTTP2_STAYING || engine->peer_leaves ||
        !nghttp2_session_check_request_allowed(engine->nghttp2))
        return -SHOAL_ESTOPPED;
    if (shoal__session_room(session) == 0) {
        engine->wants_room = true;
        return -SHOAL_EFULL;
    }

    struct http2_stream *self = shoal__http2_stream_create(engine, 0);
    if (!self)
        return -SHOAL_ENOMEM;
    int rc = open_stream(self, head, end);
    if (rc < 0) {
        shoal__http2_stream_discard(self);
        return rc;
    }
    self->stream.events = events;
    self->stream.user = user;
    shoal__http2_stream_announce(self);
    shoal__http2_poke(engine);
    *out_stream = &self->stream;
    return 0;
}

/* Body */

size_t shoal__http2_stream_pending(const struct http2_stream *self)
{
    return self->brief.size + self->out.size;
}

static size_t op_pending(const struct shoal__stream *stream)
{
    return shoal__http2_stream_pending(stream_of(stream));
}

static int check_write(const struct http2_stream *self, size_t memory)
{
    const struct shoal__http2_engine *engine = http2_engine_of(self);
    if (!takes_output(self))
        return -SHOAL_EPIPE;
    if (self->state != HTTP2_OUT_BODY)
        return -SHOAL_ESTATE;
    size_t most = engine->limits->out_max;
    bool full = most > 0 && (engine->out_memory > most || memory > most - engine->out_memory);
    return full ? -SHOAL_EFULL : 0;
}

static bool session_is_high(const struct shoal__http2_engine *engine)
{
    return engine->out_memory > (size_t)engine->limits->out_high * SESSION_HIGH;
}

static void resume(struct http2_stream *self)
{
    struct shoal__http2_engine *engine = http2_engine_of(self);
    if (self->deferred)
        (void)nghttp2_session_resume_data(engine->nghttp2, self->id);
    self->deferred = false;
    shoal__http2_poke(engine);
}

/* Data has been added: `memory` bytes of it are not of a file. */
static int note_written(struct http2_stream *self, size_t memory, bool was_empty)
{
    struct shoal__http2_engine *engine = http2_engine_of(self);
    if (was_empty)
        self->moved_out_ms = engine->now_ms;
    engine->out_memory += memory;
    resume(self);
    bool high = shoal__http2_stream_pending(self) > engine->limits->out_high;
    if (!high && !session_is_high(engine))
        return 0;
    if (!self->choked)
        engine->choked++;
    self->choked = true;
    return 1;
}

static bool keep_brief(struct http2_stream *self, struct shoal_view data)
{
    char *copy = shoal__arena_alloc(&self->arena, data.size);
    if (!copy)
        return false;
    memcpy(copy, data.data, data.size);
    self->brief = shoal_view(copy, data.size);
    self->has_brief = true;
    return true;
}

static int op_write(struct shoal__stream *stream, struct shoal_view data)
{
    struct http2_stream *self = stream_of(stream);
    int rc = check_write(self, data.size);
    if (rc < 0 || data.size == 0)
        return rc;
    bool was_empty = !has_data(self);
    bool brief = data.size <= BRIEF_MAX && was_empty && !self->has_brief;
    if (brief && !keep_brief(self, data))
        return -SHOAL_ENOMEM;
    if (!brief && shoal_buf_append(&self->out, data.data, data.size) < 0)
        return -SHOAL_ENOMEM;
    return note_written(self, data.size, was_empty);
}

static int op_write_buf(struct shoal__stream *stream, struct shoal_buf *data)
{
    struct http2_stream *self = stream_of(stream);
    size_t memory = shoal__buf_memory(data);
    int rc = check_write(self, memory);
    if (rc < 0 || data->size == 0)
        return rc;
    bool was_empty = !has_data(self);
    shoal_buf_move(&self->out, data);
    return note_written(self, memory, was_empty);
}

static int op_end(struct shoal__stream *stream, const struct shoal__http_field *trailers,
                  size_t trailer_count)
{
    struct http2_stream *self = stream_of(stream);
    if (!takes_output(self))
        return -SHOAL_EPIPE;
    if (self->state != HTTP2_OUT_BODY)
        return -SHOAL_ESTATE;
    int rc = trailer_count > 0 ? shoal__http2_make_nva(NULL, trailers, trailer_count, &self->arena,
                                                       &self->trailers, &self->trailer_count)
                               : 0;
    if (rc < 0)
        return rc;
    self->state = HTTP2_OUT_ENDED;
    resume(self);
    return 0;
}

static int write_body(struct http2_stream *self, size_t size)
{
    struct shoal__http2_engine *engine = http2_engine_of(self);
    size_t brief = self->brief.size < size ? self->brief.size : size;
    int rc = 0;
    if (brief > 0)
        rc = engine->output->write(engine->output_arg, shoal_view(self->brief.data, brief));
    self->brief = shoal_view_from(self->brief, brief);
    engine->out_memory -= brief;

    size_t memory = shoal__buf_memory(&self->out);
    if (rc >= 0 && size > brief)
        rc = engine->output->write_body(engine->output_arg, &self->out, size - brief);
    engine->out_memory -= memory - shoal__buf_memory(&self->out);
    return rc;
}

/* A small body goes out in one piece with its frame's head: there are many of them. */
static int write_frame(struct http2_stream *self, const uint8_t *head, size_t size)
{
    const struct shoal__http2_engine *engine = http2_engine_of(self);
    char whole[FRAME_HEAD + BRIEF_MAX];
    if (size == 0 || size > self->brief.size) {
        int rc = engine->output->write(engine->output_arg, shoal_view(head, FRAME_HEAD));
        return rc < 0 ? rc : write_body(self, size);
    }
    memcpy(whole, head, FRAME_HEAD);
    memcpy(whole + FRAME_HEAD, self->brief.data, size);
    self->brief = shoal_view_from(self->brief, size);
    http2_engine_of(self)->out_memory -= size;
    return engine->output->write(engine->output_arg, shoal_view(whole, FRAME_HEAD + size));
}

/* A frame of data is worth something, unless the peer's window made it tiny. */
static void account_for_sent(struct http2_stream *self, size_t size)
{
    struct shoal__http2_engine *engine = http2_engine_of(self);
    self->moved_out_ms = engine->now_ms;
    shoal__useless_work_earn_bytes(&engine->useless, size);
    if (size < DRIBBLE_MAX && has_data(self))
        (void)shoal__http2_charge(engine, USELESS_DRIBBLE);
    else if (size > 0)
        shoal__useless_work_earn(&engine->useless, SHOAL__USELESS_PER_DATA);
}

int shoal__http2_send_data(nghttp2_session *nghttp2, nghttp2_frame *frame, const uint8_t *head,
                           size_t size, nghttp2_data_source *source, void *user)
{
    (void)nghttp2;
    struct shoal__http2_engine *engine = user;
    struct http2_stream *self = source->ptr;
    if (self->dead)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    SHOAL_ASSERT(frame->data.padlen == 0); /* only a callback that we do not set would pad */

    int rc = write_frame(self, head, size);
    if (rc < 0) {
        engine->failure = rc;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    account_for_sent(self, size);
    engine->sent += FRAME_HEAD + size;
    return engine->sent >= engine->most ? NGHTTP2_ERR_PAUSE : 0;
}

bool shoal__http2_tell_drained(struct shoal__http2_engine *engine)
{
    if (engine->choked == 0 || session_is_high(engine))
        return false;
    bool told = false;
    SHOAL_LIST_FOREACH_SAFE(node, &engine->streams)
    {
        struct http2_stream *self = SHOAL_CONTAINER_OF(node, struct http2_stream, node);
        if (!self->choked || shoal__http2_stream_pending(self) > engine->limits->out_low)
            continue;
        self->choked = false;
        engine->choked--;
        told = true;
        if (self->announced && self->stream.events->on_drained)
            self->stream.events->on_drained(&self->stream);
    }
    return told;
}

/* The peer may send as much again; of a stream that it has ended only the connection's window
 * counts. */
static void op_consume(struct shoal__stream *stream, size_t size)
{
    struct http2_stream *self = stream_of(stream);
    struct shoal__http2_engine *engine = http2_engine_of(self);
    if (size > self->unconsumed)
        size = self->unconsumed;
    if (size == 0)
        return;
    self->unconsumed -= size;
    self->moved_in_ms = engine->now_ms;
    if (self->in_ended)
        (void)nghttp2_session_consume_connection(engine->nghttp2, size);
    else
        (void)nghttp2_session_consume(engine->nghttp2, self->id, size);
    shoal__http2_poke(engine);
}

static const struct shoal__stream_ops stream_ops = {
    .send_head = op_send_head,
    .write = op_write,
    .write_buf = op_write_buf,
    .end = op_end,
    .pending = op_pending,
    .consume = op_consume,
    .reset = op_reset,
};
