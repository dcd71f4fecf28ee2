/* SPDX-License-Identifier: BSD-3-Clause */
/* The test's side of a channel; see rpc_rig.h. */
#include "rpc_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "proto/grpc/framing.h"

/* Notes */

void rpc_rig_note(struct rpc_rig *rig, const char *format, ...)
{
    size_t at = strlen(rig->notes);
    va_list args;
    if (at > 0)
        at += (size_t)snprintf(rig->notes + at, sizeof(rig->notes) - at, " ");
    va_start(args, format);
    vsnprintf(rig->notes + at, sizeof(rig->notes) - at, format, args);
    va_end(args);
}

const char *rpc_rig_notes(struct rpc_rig *rig)
{
    static char notes[sizeof(rig->notes)];
    memcpy(notes, rig->notes, sizeof(notes));
    rig->notes[0] = '\0';
    return notes;
}

/* Streams */

static struct rpc_stream *stream_of(const struct shoal__stream *stream)
{
    return (struct rpc_stream *)(uintptr_t)stream;
}

static struct rpc_session *session_of(const struct shoal__session *http)
{
    return (struct rpc_session *)(uintptr_t)http;
}

static int write_view(struct shoal__stream *stream, struct shoal_view data)
{
    struct rpc_stream *self = stream_of(stream);
    int rc = session_of(stream->session)->rig->write_rc;
    if (self->was_reset || rc < 0)
        return self->was_reset ? -SHOAL_EPIPE : rc;
    assert_false(self->ended);
    if (self->body_size + data.size <= sizeof(self->body))
        memcpy(self->body + self->body_size, data.data, data.size);
    self->body_size += data.size;
    return rc;
}

static int write_buf(struct shoal__stream *stream, struct shoal_buf *data)
{
    static char bytes[1 << 20];
    size_t size = shoal_buf_copy_out(data, bytes, sizeof(bytes));
    int rc = write_view(stream, shoal_view(bytes, size));
    if (rc >= 0)
        shoal_buf_consume(data, size);
    return rc;
}

static int end_stream(struct shoal__stream *stream, const struct shoal__http_field *trailers,
                      size_t count)
{
    (void)trailers;
    int rc = session_of(stream->session)->rig->end_rc;
    assert_int_equal(count, 0);
    assert_false(stream_of(stream)->ended);
    stream_of(stream)->ended = rc == 0;
    return rc;
}

static size_t pending(const struct shoal__stream *stream)
{
    return session_of(stream->session)->rig->pending;
}

static void consume(struct shoal__stream *stream, size_t size)
{
    stream_of(stream)->consumed += size;
}

static void reset(struct shoal__stream *stream, uint32_t error)
{
    struct rpc_stream *self = stream_of(stream);
    if (!self->was_reset)
        self->reset_error = error;
    self->was_reset = true;
}

static const struct shoal__stream_ops stream_ops = {
    .write = write_view,
    .write_buf = write_buf,
    .end = end_stream,
    .pending = pending,
    .consume = consume,
    .reset = reset,
};

/* Sessions */

static void note_head(struct rpc_stream *self, const struct shoal__head *head)
{
    assert_true(shoal_view_equal(head->method, shoal_view_of("POST")));
    snprintf(self->path, sizeof(self->path), "%.*s", (int)head->path.size, head->path.data);
    snprintf(self->authority, sizeof(self->authority), "%.*s", (int)head->authority.size,
             head->authority.data);
    snprintf(self->scheme, sizeof(self->scheme), "%.*s", (int)head->scheme.size, head->scheme.data);
    for (size_t i = 0; i < head->field_count; i++) {
        const struct shoal__http_field *field = &head->fields[i];
        size_t at = strlen(self->fields);
        snprintf(self->fields + at, sizeof(self->fields) - at, "%.*s: %.*s\n",
                 (int)field->name.size, field->name.data, (int)field->value.size,
                 field->value.data);
    }
}

static int open_stream(struct shoal__session *http, const struct shoal__head *head, bool end,
                       const struct shoal__stream_events *events, void *user,
                       struct shoal__stream **out_stream)
{
    struct rpc_rig *rig = session_of(http)->rig;
    assert_true(session_of(http)->open && !end && rig->stream_count < RPC_STREAMS);
    if (http->open_streams >= rig->room)
        return -SHOAL_EFULL;
    struct rpc_stream *self = &rig->streams[rig->stream_count++];
    memset(self, 0, sizeof(*self));
    self->open = true;
    shoal__arena_init(&self->arena, &rig->chunks);
    self->stream = (struct shoal__stream){.ops = &stream_ops,
                                          .events = events,
                                          .session = http,
                                          .arena = &self->arena,
                                          .user = user,
                                          .serial = rig->stream_count};
    note_head(self, head);
    if (http->open_streams++ == 0)
        http->events->on_idle(http, false);
    *out_stream = &self->stream;
    return 0;
}

static int ping(struct shoal__session *http)
{
    rpc_rig_note(session_of(http)->rig, "ping");
    return session_of(http)->rig->ping_rc;
}

static void shut_session(struct shoal__session *http)
{
    rpc_rig_note(session_of(http)->rig, "shutdown");
}

static const struct shoal__session_ops session_ops = {
    .open = open_stream, .ping = ping, .shutdown = shut_session};

/* The connector */

static struct rpc_rig *rig_of(struct shoal__grpc_connector *connector)
{
    return (struct rpc_rig *)((char *)connector - offsetof(struct rpc_rig, connector));
}

static int connect_link(struct shoal__grpc_connector *connector, struct shoal__grpc_link *link)
{
    struct rpc_rig *rig = rig_of(connector);
    rpc_rig_note(rig, "connect(%s)", link->target->url);
    if (rig->connect_rc < 0)
        return rig->connect_rc;
    assert_true(rig->session_count < RPC_SESSIONS);
    struct rpc_session *self = &rig->sessions[rig->session_count++];
    *self = (struct rpc_session){.rig = rig, .link = link};
    return 0;
}

static void abort_link(struct shoal__grpc_connector *connector, struct shoal__grpc_link *link)
{
    (void)link;
    rpc_rig_note(rig_of(connector), "abort");
}

static void destroy_connector(struct shoal__grpc_connector *connector)
{
    rig_of(connector)->destroyed = true;
}

static const struct shoal__grpc_connector_ops connector_ops = {
    .connect = connect_link, .abort = abort_link, .destroy = destroy_connector};

/* Life */

static int make_channel(struct rpc_rig *rig, const char *urls,
                        const struct shoal_grpc_channel_cfg *cfg)
{
    struct shoal_grpc_channel_cfg all;
    assert_true(shoal__grpc_channel_cfg_complete(cfg, &all));
    rig->connector.ops = &connector_ops;
    return shoal__grpc_channel_create(rig->rig.loop, urls, &all, &rig->connector, &rig->channel);
}

int rpc_rig_try_start(struct rpc_rig *rig, const char *urls,
                      const struct shoal_grpc_channel_cfg *cfg)
{
    memset(rig, 0, sizeof(*rig));
    int rc = connrig_try_start(&rig->rig);
    if (rc < 0)
        return rc;
    rig->room = RPC_STREAMS;
    shoal__blocks_init(&rig->chunks, 2048, 16);
    rc = make_channel(rig, urls, cfg);
    if (rc < 0) {
        shoal__blocks_fini(&rig->chunks);
        connrig_stop(&rig->rig);
    }
    return rc;
}

static void lose_all(struct rpc_rig *rig)
{
    for (unsigned i = 0; i < rig->session_count; i++) {
        struct rpc_session *session = &rig->sessions[i];
        if (session->open)
            rpc_rig_loses(rig, i, false);
        else if (session->link)
            shoal__grpc_link_failed(session->link, -SHOAL_ESTOPPED, NULL);
        session->link = NULL;
    }
}

static void end_channel(struct rpc_rig *rig)
{
    shoal_grpc_channel_destroy(&rig->channel);
    connrig_run(&rig->rig);
    lose_all(rig);
    connrig_run(&rig->rig);
}

void rpc_rig_end(struct rpc_rig *rig)
{
    end_channel(rig);
    assert_true(rig->destroyed);
    connrig_stop(&rig->rig);
    shoal__blocks_fini(&rig->chunks);
}

void rpc_rig_channel(struct rpc_rig *rig, const char *urls,
                     const struct shoal_grpc_channel_cfg *cfg)
{
    end_channel(rig);
    rig->session_count = rig->stream_count = 0;
    assert_int_equal(make_channel(rig, urls, cfg), 0);
    rpc_rig_notes(rig);
}

int rpc_rig_start(void **state)
{
    struct rpc_rig *rig = calloc(1, sizeof(*rig));
    assert_int_equal(rpc_rig_try_start(rig, "tcp://a:1", NULL), 0);
    *state = rig;
    return 0;
}

int rpc_rig_stop(void **state)
{
    rpc_rig_end(*state);
    free(*state);
    return 0;
}

/* Connections */

static struct rpc_session *last_session(struct rpc_rig *rig)
{
    assert_true(rig->session_count > 0);
    return &rig->sessions[rig->session_count - 1];
}

void rpc_rig_opens(struct rpc_rig *rig)
{
    struct rpc_session *self = last_session(rig);
    self->http = (struct shoal__session){.ops = &session_ops,
                                         .events = &shoal__grpc_client_events,
                                         .user = self->link,
                                         .role = SHOAL__HTTP_CLIENT,
                                         .version = SHOAL__HTTP_2};
    self->open = true;
    shoal__grpc_link_opened(self->link, &self->http);
}

void rpc_rig_settles(struct rpc_rig *rig)
{
    struct rpc_session *self = last_session(rig);
    self->http.events->on_settings(&self->http);
}

void rpc_rig_ready(struct rpc_rig *rig)
{
    rpc_rig_opens(rig);
    rpc_rig_settles(rig);
}

void rpc_rig_fails(struct rpc_rig *rig, int error)
{
    struct rpc_session *self = last_session(rig);
    struct shoal__grpc_link *link = self->link;
    self->link = NULL;
    shoal__grpc_link_failed(link, error, NULL);
}

/* Streams that the session's end brings with it are told before others may take their place. */
static void close_streams(struct rpc_rig *rig, struct rpc_session *session, uint64_t last,
                          uint32_t error)
{
    unsigned count = rig->stream_count;
    for (unsigned i = 0; i < count; i++) {
        struct rpc_stream *stream = &rig->streams[i];
        if (stream->open && stream->stream.session == &session->http &&
            stream->stream.serial > last)
            rpc_rig_close(stream, error);
    }
}

void rpc_rig_loses(struct rpc_rig *rig, unsigned session, bool unsent)
{
    struct rpc_session *self = &rig->sessions[session];
    self->http.gone = true;
    self->open = false;
    close_streams(rig, self, 0, unsent ? SHOAL__H2_REFUSED_STREAM : SHOAL__H2_CANCEL);
    self->link = NULL;
    self->http.events->on_close(&self->http, SHOAL__H2_NO_ERROR);
}

void rpc_rig_goaway(struct rpc_rig *rig, unsigned session, uint64_t last, uint32_t error,
                    const char *debug)
{
    struct rpc_session *self = &rig->sessions[session];
    self->http.events->on_goaway(&self->http, last, error, shoal_view_of(debug));
    close_streams(rig, self, last, SHOAL__H2_REFUSED_STREAM);
}

/* Requests */

struct rpc_stream *rpc_rig_last(struct rpc_rig *rig)
{
    assert_true(rig->stream_count > 0);
    return &rig->streams[rig->stream_count - 1];
}

const char *rpc_rig_requests(const struct rpc_stream *stream)
{
    static char labels[4096];
    struct shoal__grpc_reader reader = {0};
    struct shoal_view in = shoal_view(stream->body, stream->body_size);
    labels[0] = '\0';
    assert_true(stream->body_size <= sizeof(stream->body));
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

const char *rpc_rig_field(const struct rpc_stream *stream, const char *name)
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

/* Answers */

/* Fields in memory that is gone once they were told, as from a real session. */
struct told {
    char bytes[2048];
    struct shoal__http_field items[32];
    size_t count;
};

static void add(struct told *told, size_t *at, const char *name, const char *value)
{
    char *copy = told->bytes + *at;
    size_t name_size = strlen(name), value_size = strlen(value);
    assert_true(*at + name_size + value_size <= sizeof(told->bytes));
    memcpy(copy, name, name_size);
    memcpy(copy + name_size, value, value_size);
    *at += name_size + value_size;
    told->items[told->count++] = (struct shoal__http_field){
        shoal_view(copy, name_size), shoal_view(copy + name_size, value_size)};
}

static struct told *tell(const char *name, const char *value, const char *const *fields)
{
    struct told *told = calloc(1, sizeof(*told));
    size_t at = 0;
    if (name)
        add(told, &at, name, value);
    for (; fields && *fields; fields += 2)
        add(told, &at, fields[0], fields[1]);
    return told;
}

static void send_head(struct rpc_stream *stream, unsigned status, struct told *told, bool end)
{
    struct shoal__head head = {
        .status = status, .fields = told->items, .field_count = told->count, .content_length = -1};
    if (!stream->was_reset)
        stream->stream.events->on_head(&stream->stream, &head, end);
    free(told);
}

void rpc_rig_head(struct rpc_stream *stream, const char *const *fields)
{
    send_head(stream, 200, tell("content-type", "application/grpc", fields), false);
}

void rpc_rig_bare(struct rpc_stream *stream, unsigned status, const char *const *fields, bool end)
{
    send_head(stream, status, tell(NULL, NULL, fields), end);
}

void rpc_rig_bytes(struct rpc_stream *stream, const void *bytes, size_t size)
{
    char *piece = malloc(size + 1);
    memcpy(piece, bytes, size);
    if (!stream->was_reset)
        stream->stream.events->on_data(&stream->stream, shoal_view(piece, size));
    free(piece); /* a view is borrowed only */
}

void rpc_rig_reply(struct rpc_stream *stream, const char *label)
{
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    uint8_t frame[1024];
    parcel.label = (char *)(uintptr_t)label;
    size_t size = parcels__parcel__pack(&parcel, frame + SHOAL__GRPC_PREFIX);
    shoal__grpc_prefix_write(frame, false, (uint32_t)size);
    rpc_rig_bytes(stream, frame, SHOAL__GRPC_PREFIX + size);
}

void rpc_rig_status(struct rpc_stream *stream, const char *status, const char *const *fields)
{
    struct told *told = tell(status ? "grpc-status" : NULL, status, fields);
    if (!stream->was_reset)
        stream->stream.events->on_end(&stream->stream, told->items, told->count);
    free(told);
}

void rpc_rig_answer(struct rpc_stream *stream, const char *label)
{
    rpc_rig_head(stream, NULL);
    rpc_rig_reply(stream, label);
    rpc_rig_status(stream, "0", NULL);
    rpc_rig_close(stream, SHOAL__H2_NO_ERROR);
}

void rpc_rig_close(struct rpc_stream *stream, uint32_t error)
{
    struct shoal__session *http = stream->stream.session;
    stream->open = false;
    http->open_streams--;
    stream->stream.events->on_close(&stream->stream, error);
    shoal__arena_fini(&stream->arena);
    if (http->open_streams == 0 && session_of(http)->open)
        http->events->on_idle(http, true);
}

/* Calls */

static void on_initial(struct shoal_rpc *rpc, void *arg)
{
    (void)rpc;
    rpc_rig_note(arg, "initial");
}

static void on_reply(struct shoal_rpc *rpc, const void *reply, void *arg)
{
    (void)rpc;
    rpc_rig_note(arg, "reply(%s)", ((const Parcels__Parcel *)reply)->label);
}

static void on_drained(struct shoal_rpc *rpc, void *arg)
{
    (void)rpc;
    rpc_rig_note(arg, "drained");
}

static void on_done(struct shoal_rpc *rpc, int status, void *arg)
{
    const Parcels__Parcel *reply = shoal_rpc_reply(rpc);
    const char *text = shoal_rpc_text(rpc);
    rpc_rig_note(arg, "done(%s%s%s%s%s)", shoal_grpc_status_name(status), *text ? ": " : "", text,
                 reply ? " " : "", reply ? reply->label : "");
}

struct shoal_rpc_cfg rpc_rig_cfg(struct rpc_rig *rig, enum shoal_grpc_kind kind, const char *label)
{
    static const char *const methods[] = {[SHOAL_GRPC_UNARY] = "Unary",
                                          [SHOAL_GRPC_SERVER_STREAM] = "Spread",
                                          [SHOAL_GRPC_CLIENT_STREAM] = "Gather",
                                          [SHOAL_GRPC_BIDI] = "Chat"};
    static Parcels__Parcel request;
    bool one = kind == SHOAL_GRPC_UNARY || kind == SHOAL_GRPC_SERVER_STREAM;
    request = (Parcels__Parcel)PARCELS__PARCEL__INIT;
    request.label = (char *)(uintptr_t)label;
    return (struct shoal_rpc_cfg){.service = &parcels__post__descriptor,
                                  .method = methods[kind],
                                  .kind = kind,
                                  .request = one ? &request : NULL,
                                  .on_initial = on_initial,
                                  .on_reply = on_reply,
                                  .on_drained = on_drained,
                                  .done = on_done,
                                  .arg = rig};
}

struct shoal_rpc *rpc_rig_call(struct rpc_rig *rig, const struct shoal_rpc_cfg *cfg)
{
    struct shoal_rpc *rpc = NULL;
    int rc = shoal_rpc_start(rig->channel, cfg, &rpc);
    return rc == 0 ? rpc : NULL;
}

struct shoal_rpc *rpc_rig_ask(struct rpc_rig *rig, const char *label)
{
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, label);
    return rpc_rig_call(rig, &cfg);
}

int rpc_rig_send(struct shoal_rpc *rpc, const char *label)
{
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    parcel.label = (char *)(uintptr_t)label;
    return shoal_rpc_send(rpc, &parcel);
}
