/* SPDX-License-Identifier: BSD-3-Clause */
/* The test's side of the stream seam; see grpc_rig.h. */
#include "grpc_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "proto/grpc/framing.h"

static struct rig_stream *rig_stream_of(struct shoal__stream *stream)
{
    return (struct rig_stream *)stream;
}

static void note_fields(struct rig_stream *self, const struct shoal__http_field *fields,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = strlen(self->fields);
        snprintf(self->fields + at, sizeof(self->fields) - at, "%.*s: %.*s\n",
                 (int)fields[i].name.size, fields[i].name.data, (int)fields[i].value.size,
                 fields[i].value.data ? fields[i].value.data : "");
    }
    const char *status = grpc_rig_field(self, "grpc-status");
    self->grpc_status = status ? atoi(status) : -1;
}

static int send_head(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    struct rig_stream *self = rig_stream_of(stream);
    if (self->was_reset)
        return -SHOAL_EPIPE;
    assert_int_equal(self->status, 0);
    self->status = head->status;
    self->ended = end;
    if (head->usual)
        note_fields(
            self, &(struct shoal__http_field){shoal_view_of("content-type"), head->usual->type}, 1);
    note_fields(self, head->fields, head->field_count);
    return 0;
}

static int take_body(struct rig_stream *self, const void *bytes, size_t size)
{
    assert_true(self->status != 0 && !self->ended);
    assert_true(self->body_size + size <= sizeof(self->body));
    memcpy(self->body + self->body_size, bytes, size);
    self->body_size += size;
    return self->write_rc;
}

static int write_view(struct shoal__stream *stream, struct shoal_view data)
{
    struct rig_stream *self = rig_stream_of(stream);
    if (self->was_reset || self->write_rc < 0)
        return self->was_reset ? -SHOAL_EPIPE : self->write_rc;
    return take_body(self, data.data, data.size);
}

static int write_buf(struct shoal__stream *stream, struct shoal_buf *data)
{
    struct rig_stream *self = rig_stream_of(stream);
    char bytes[sizeof(self->body)];
    size_t size = shoal_buf_copy_out(data, bytes, sizeof(bytes));
    int rc = write_view(stream, shoal_view(bytes, size));
    if (rc >= 0)
        shoal_buf_consume(data, size);
    return rc;
}

static int end_stream(struct shoal__stream *stream, const struct shoal__http_field *trailers,
                      size_t count)
{
    struct rig_stream *self = rig_stream_of(stream);
    if (self->was_reset)
        return -SHOAL_EPIPE;
    assert_true(self->status != 0 && !self->ended);
    self->ended = true;
    note_fields(self, trailers, count);
    return 0;
}

static size_t pending(const struct shoal__stream *stream)
{
    (void)stream;
    return 0;
}

static void consume(struct shoal__stream *stream, size_t size)
{
    rig_stream_of(stream)->consumed += size;
}

static void reset(struct shoal__stream *stream, uint32_t error)
{
    struct rig_stream *self = rig_stream_of(stream);
    if (!self->was_reset)
        self->reset_error = error;
    self->was_reset = true;
}

static const struct shoal__stream_ops stream_ops = {
    .send_head = send_head,
    .write = write_view,
    .write_buf = write_buf,
    .end = end_stream,
    .pending = pending,
    .consume = consume,
    .reset = reset,
};

/* The session */

static struct grpc_rig *rig_of(struct shoal__session *session)
{
    return (struct grpc_rig *)((char *)session - offsetof(struct grpc_rig, session));
}

static void shut_session(struct shoal__session *session)
{
    rig_of(session)->session_shut = true;
}

static void close_session(struct shoal__session *session, uint32_t error, struct shoal_view debug)
{
    (void)error;
    (void)debug;
    rig_of(session)->session_closed = true;
}

static const struct shoal__session_ops session_ops = {.shutdown = shut_session,
                                                      .close = close_session};

int grpc_rig_try_start(struct grpc_rig *rig)
{
    static const struct shoal_grpc_cfg defaults = SHOAL_GRPC_CFG_INIT;
    memset(rig, 0, sizeof(*rig));
    int rc = connrig_try_start(&rig->rig);
    if (rc < 0)
        return rc;
    rig->grpc = shoal_grpc_create(rig->rig.server);
    rig->endpoint.grpc = rig->grpc;
    rig->endpoint.cfg = defaults;
    rig->endpoint.cfg.max_idle_ms = 0;
    struct shoal__grpc_session *session =
        rig->grpc ? shoal__grpc_session_create(rig->rig.loop, &rig->endpoint) : NULL;
    if (!session) {
        connrig_stop(&rig->rig);
        return -SHOAL_ENOMEM;
    }
    shoal__blocks_init(&rig->chunks, 2048, 16);
    rig->session = (struct shoal__session){.ops = &session_ops,
                                           .events = &shoal__grpc_server_events,
                                           .user = session,
                                           .role = SHOAL__HTTP_SERVER,
                                           .version = SHOAL__HTTP_2};
    shoal__grpc_session_begin(session, &rig->session);
    return 0;
}

void grpc_rig_end(struct grpc_rig *rig)
{
    for (size_t i = 0; i < RIG_STREAMS; i++) {
        if (rig->streams[i].open)
            grpc_rig_close(&rig->streams[i], SHOAL__H2_CANCEL);
    }
    rig->session.events->on_close(&rig->session, SHOAL__H2_NO_ERROR);
    shoal__blocks_fini(&rig->chunks);
    connrig_stop(&rig->rig);
}

int grpc_rig_start(void **state)
{
    struct grpc_rig *rig = calloc(1, sizeof(*rig));
    assert_int_equal(grpc_rig_try_start(rig), 0);
    *state = rig;
    return 0;
}

int grpc_rig_stop(void **state)
{
    grpc_rig_end(*state);
    free(*state);
    return 0;
}

/* Calls */

static struct rig_stream *take_stream(struct grpc_rig *rig)
{
    size_t i = 0;
    while (i < RIG_STREAMS && rig->streams[i].open)
        i++;
    assert_true(i < RIG_STREAMS);
    struct rig_stream *self = &rig->streams[i];
    memset(self, 0, sizeof(*self));
    self->open = true;
    self->grpc_status = -1;
    shoal__arena_init(&self->arena, &rig->chunks);
    self->stream = (struct shoal__stream){
        .ops = &stream_ops, .session = &rig->session, .arena = &self->arena, .serial = i + 1};
    return self;
}

struct rig_stream *grpc_rig_call(struct grpc_rig *rig, const char *path, const char *const *fields)
{
    struct rig_stream *self = take_stream(rig);
    struct shoal__http_field list[16] = {
        {shoal_view_of("te"), shoal_view_of("trailers")},
        {shoal_view_of("content-type"), shoal_view_of("application/grpc")},
    };
    size_t count = 2;
    for (; fields && *fields; fields += 2)
        list[count++] =
            (struct shoal__http_field){shoal_view_of(fields[0]), shoal_view_of(fields[1])};
    struct shoal__head head = {.method = shoal_view_of("POST"),
                               .authority = shoal_view_of("example.org"),
                               .path = shoal_view_of(path),
                               .fields = list,
                               .field_count = count,
                               .content_length = -1};
    rig->session.open_streams++;
    rig->session.events->on_request(&self->stream, &head, false);
    return self;
}

void grpc_rig_bytes(struct rig_stream *stream, const void *bytes, size_t size)
{
    char piece[4096];
    assert_true(size <= sizeof(piece));
    memcpy(piece, bytes, size);
    if (stream->stream.events->on_data && !stream->was_reset)
        stream->stream.events->on_data(&stream->stream, shoal_view(piece, size));
    memset(piece, '#', sizeof(piece)); /* a view is borrowed only */
}

void grpc_rig_send(struct rig_stream *stream, const char *label)
{
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    uint8_t frame[1024];
    parcel.label = (char *)(uintptr_t)label;
    size_t size = parcels__parcel__pack(&parcel, frame + SHOAL__GRPC_PREFIX);
    shoal__grpc_prefix_write(frame, false, (uint32_t)size);
    grpc_rig_bytes(stream, frame, SHOAL__GRPC_PREFIX + size);
}

void grpc_rig_ends(struct rig_stream *stream)
{
    if (stream->stream.events->on_end && !stream->was_reset)
        stream->stream.events->on_end(&stream->stream, NULL, 0);
}

void grpc_rig_ask(struct rig_stream *stream, const char *label)
{
    grpc_rig_send(stream, label);
    grpc_rig_ends(stream);
}

void grpc_rig_close(struct rig_stream *stream, uint32_t error)
{
    stream->open = false;
    stream->stream.session->open_streams--;
    stream->stream.events->on_close(&stream->stream, error);
    shoal__arena_fini(&stream->arena);
}

const char *grpc_rig_replies(const struct rig_stream *stream)
{
    static char labels[1024];
    struct shoal__grpc_reader reader = {0};
    struct shoal_view in = shoal_view(stream->body, stream->body_size);
    labels[0] = '\0';
    while (in.size > 0) {
        struct shoal__grpc_message message;
        bool whole;
        assert_null(shoal__grpc_read(&reader, &in, 0, &whole, &message));
        assert_true(whole && !message.compressed);
        Parcels__Parcel *parcel = parcels__parcel__unpack(NULL, message.payload.size,
                                                          (const uint8_t *)message.payload.data);
        assert_non_null(parcel);
        size_t at = strlen(labels);
        snprintf(labels + at, sizeof(labels) - at, "%s%s", at ? " " : "", parcel->label);
        parcels__parcel__free_unpacked(parcel, NULL);
    }
    return labels;
}

const char *grpc_rig_field(const struct rig_stream *stream, const char *name)
{
    static char value[1024];
    const size_t size = strlen(name);
    for (const char *line = stream->fields; *line; line = strchr(line, '\n') + 1) {
        if (strncmp(line, name, size) != 0 || line[size] != ':')
            continue;
        snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + size + 2, "\n"),
                 line + size + 2);
        return value;
    }
    return NULL;
}
