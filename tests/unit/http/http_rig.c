/* SPDX-License-Identifier: BSD-3-Clause */
/* The test's side of the stream seam: it takes notes of what is sent. */
#include "http_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "proto/http/fields.h"

static struct rig_stream *rig_stream_of(struct shoal__stream *stream)
{
    return (struct rig_stream *)stream;
}

static void write_fields(char *out, size_t size, const struct shoal__http_field *fields,
                         size_t count)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%.*s: %.*s\n", (int)fields[i].name.size,
                               fields[i].name.data, (int)fields[i].value.size,
                               fields[i].value.data ? fields[i].value.data : "");
}

/* What is usual, and then the others. */
static void write_head(struct rig_stream *self, const struct shoal__head *head)
{
    struct shoal__http_field all[128];
    size_t count = 0;
    const struct shoal__usual_fields none = {0}, *usual = head->usual ? head->usual : &none;
    if (usual->type.size > 0)
        all[count++] = (struct shoal__http_field){SHOAL_VIEW("Content-Type"), usual->type};
    if (usual->server.size > 0)
        all[count++] = (struct shoal__http_field){SHOAL_VIEW("Server"), usual->server};
    if (usual->date.size > 0)
        all[count++] = (struct shoal__http_field){SHOAL_VIEW("Date"), usual->date};
    for (size_t i = 0; i < head->field_count; i++)
        all[count++] = head->fields[i];
    write_fields(self->head, sizeof(self->head), all, count);
}

static int send_head(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    struct rig_stream *self = rig_stream_of(stream);
    if (self->was_reset)
        return -SHOAL_EPIPE;
    if (self->send_head_rc)
        return self->send_head_rc;
    if (self->status)
        return -SHOAL_ESTATE;
    write_head(self, head);
    if (head->status < 200) {
        size_t used = strlen(self->interim);
        snprintf(self->interim + used, sizeof(self->interim) - used, "%s%u", used ? " " : "",
                 head->status);
        return 0;
    }
    self->status = head->status;
    self->length = head->content_length;
    self->ended = end;
    return 0;
}

static int may_write(const struct rig_stream *self)
{
    if (self->was_reset)
        return -SHOAL_EPIPE;
    if (self->write_rc < 0)
        return self->write_rc;
    return self->status && !self->ended ? 0 : -SHOAL_ESTATE;
}

static int write_view(struct shoal__stream *stream, struct shoal_view data)
{
    struct rig_stream *self = rig_stream_of(stream);
    int rc = may_write(self);
    if (rc < 0)
        return rc;
    assert_true(self->body_size + data.size <= sizeof(self->body));
    if (data.size > 0)
        memcpy(self->body + self->body_size, data.data, data.size);
    self->body_size += data.size;
    return self->write_rc;
}

static int write_buf(struct shoal__stream *stream, struct shoal_buf *data)
{
    struct rig_stream *self = rig_stream_of(stream);
    int rc = may_write(self);
    if (rc < 0)
        return rc;
    size_t size = shoal_buf_size(data);
    assert_true(self->body_size + size <= sizeof(self->body));
    shoal_buf_copy_out(data, self->body + self->body_size, size);
    shoal_buf_consume(data, size);
    self->body_size += size;
    return self->write_rc;
}

static int end_stream(struct shoal__stream *stream, const struct shoal__http_field *trailers,
                      size_t count)
{
    struct rig_stream *self = rig_stream_of(stream);
    if (self->was_reset)
        return -SHOAL_EPIPE;
    if (self->end_rc)
        return self->end_rc;
    if (!self->status || self->ended)
        return -SHOAL_ESTATE;
    write_fields(self->trailers, sizeof(self->trailers), trailers, count);
    self->ended = true;
    return 0;
}

static size_t pending(const struct shoal__stream *stream)
{
    return ((const struct rig_stream *)stream)->pending;
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

static int upgrade(struct shoal__stream *stream, const struct shoal__head *head,
                   const struct shoal_service *service)
{
    (void)service;
    struct rig_stream *self = rig_stream_of(stream);
    write_fields(self->head, sizeof(self->head), head->fields, head->field_count);
    self->upgrades++;
    return self->send_head_rc;
}

static const struct shoal__stream_ops stream_ops = {
    .send_head = send_head,
    .write = write_view,
    .write_buf = write_buf,
    .end = end_stream,
    .pending = pending,
    .consume = consume,
    .reset = reset,
    .upgrade = upgrade,
};

/* The rig */

int http_rig_try_start(struct http_rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    int rc = connrig_try_start(&rig->rig);
    if (rc < 0)
        return rc;
    rig->app = shoal_http_app_create(rig->rig.server);
    if (!rig->app) {
        connrig_stop(&rig->rig);
        return -SHOAL_ENOMEM;
    }
    shoal__blocks_init(&rig->chunks, 2048, 16);
    rig->endpoint.app = rig->app;
    rig->session = (struct shoal__session){
        .events = &shoal__http_server_events,
        .user = &rig->endpoint,
        .role = SHOAL__HTTP_SERVER,
        .version = SHOAL__HTTP_1_1,
    };
    return 0;
}

void http_rig_end(struct http_rig *rig)
{
    for (size_t i = 0; i < RIG_STREAMS; i++) {
        if (rig->streams[i].open)
            http_rig_close(&rig->streams[i], SHOAL__H2_CANCEL);
    }
    shoal__blocks_fini(&rig->chunks);
    connrig_stop(&rig->rig);
}

int http_rig_start(void **state)
{
    struct http_rig *rig = calloc(1, sizeof(*rig));
    assert_int_equal(http_rig_try_start(rig), 0);
    memwire_init(&rig->wire, rig->rig.loop);
    recorder_init(&rig->recorder);
    rig->conn = connrig_open(&rig->rig, &rig->wire, &rig->recorder, NULL);
    rig->session.conn = rig->conn;
    *state = rig;
    return 0;
}

int http_rig_stop(void **state)
{
    struct http_rig *rig = *state;
    http_rig_end(rig);
    memwire_fini(&rig->wire);
    free(rig);
    return 0;
}

void http_rig_route(struct http_rig *rig, const char *method, const char *pattern,
                    shoal_http_handler_fn *handler, void *arg)
{
    assert_int_equal(shoal_http_route(rig->app, method, pattern, handler, arg), 0);
}

/* Requests */

static struct rig_stream *take_stream(struct http_rig *rig)
{
    size_t i = 0;
    while (i < RIG_STREAMS && rig->streams[i].open)
        i++;
    assert_true(i < RIG_STREAMS);
    struct rig_stream *self = &rig->streams[i];
    memset(self, 0, sizeof(*self));
    self->open = true;
    shoal__arena_init(&self->arena, &rig->chunks);
    self->stream = (struct shoal__stream){
        .ops = &stream_ops, .session = &rig->session, .arena = &self->arena, .serial = i + 1};
    return self;
}

/* Copies text to where it is overwritten after on_request. */
static struct shoal_view lend(struct http_rig *rig, const char *text, size_t size)
{
    assert_true(rig->head_size + size <= sizeof(rig->head_bytes));
    char *copy = rig->head_bytes + rig->head_size;
    memcpy(copy, text, size);
    rig->head_size += size;
    return shoal_view(copy, size);
}

static size_t lend_fields(struct http_rig *rig, const char *text, struct shoal__http_field *fields)
{
    size_t count = 0;
    while (text && *text) {
        const char *colon = strstr(text, ": ");
        const char *end = strchr(text, '\n');
        assert_true(colon && end && count < RIG_FIELDS);
        fields[count].name = lend(rig, text, (size_t)(colon - text));
        fields[count].value = lend(rig, colon + 2, (size_t)(end - colon - 2));
        text = end + 1;
        count++;
    }
    return count;
}

static struct rig_stream *tell_request(struct http_rig *rig, const char *method, const char *target,
                                       const char *fields, int64_t length, bool end)
{
    struct rig_stream *self = take_stream(rig);
    struct shoal__http_field list[RIG_FIELDS];
    rig->head_size = 0;
    struct shoal__head head = {
        .method = lend(rig, method, strlen(method)),
        .authority = lend(rig, "example.org:80", 14),
        .path = lend(rig, target, strlen(target)),
        .fields = list,
        .field_count = lend_fields(rig, fields, list),
        .content_length = length,
    };
    rig->session.events->on_request(&self->stream, &head, end);
    memset(rig->head_bytes, '#', sizeof(rig->head_bytes));
    memset(list, 0, sizeof(list));
    return self;
}

struct rig_stream *http_rig_ask(struct http_rig *rig, const char *method, const char *target,
                                const char *fields)
{
    return tell_request(rig, method, target, fields, 0, true);
}

struct rig_stream *http_rig_get(struct http_rig *rig, const char *target)
{
    return http_rig_ask(rig, "GET", target, NULL);
}

struct rig_stream *http_rig_post(struct http_rig *rig, const char *target, const char *fields,
                                 int64_t length)
{
    return tell_request(rig, "POST", target, fields, length, false);
}

void http_rig_data(struct rig_stream *stream, const char *text)
{
    char piece[8192];
    size_t size = strlen(text);
    assert_true(size <= sizeof(piece));
    memcpy(piece, text, size);
    stream->stream.events->on_data(&stream->stream, shoal_view(piece, size));
    memset(piece, '#', sizeof(piece));
}

void http_rig_ends(struct rig_stream *stream)
{
    stream->stream.events->on_end(&stream->stream, NULL, 0);
}

void http_rig_ends_with(struct rig_stream *stream, const char *name, const char *value)
{
    struct shoal__http_field *field = shoal__arena_alloc(&stream->arena, sizeof(*field));
    *field = (struct shoal__http_field){shoal_view_of(name), shoal_view_of(value)};
    stream->stream.events->on_end(&stream->stream, field, 1);
}

void http_rig_close(struct rig_stream *stream, uint32_t error)
{
    stream->stream.events->on_close(&stream->stream, error);
    shoal__arena_fini(&stream->arena);
    stream->open = false;
}

const char *http_rig_field(const struct rig_stream *stream, const char *name)
{
    static char value[512];
    size_t size = strlen(name);
    for (const char *at = stream->head; *at; at = strchr(at, '\n') + 1) {
        if (strncmp(at, name, size) == 0 && at[size] == ':') {
            const char *start = at + size + 2;
            snprintf(value, sizeof(value), "%.*s", (int)(strchr(at, '\n') - start), start);
            return value;
        }
    }
    return NULL;
}
