/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the stream seam costs: the same requests, 32 at once on one connection as h2load sends them,
 * answered by the smallest server that can be made of nghttp2 on a connection of ours, by Shoal's
 * HTTP/2 streams without the layer above, and by a handler.
 *
 *     seam nghttp2|stream|handler COUNT
 */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "net/conn.h"
#include "proto/http2/http2_driver.h"
#include "rig.h"

enum { AT_ONCE = 32, DATE_SIZE = 29 };

static const char date[] = "Sat, 21 Nov 2026 12:00:00 GMT";

/* The client: after the first request all fields are in the dynamic table. */

static void ask(struct rig *rig, uint32_t number)
{
    static const char first[] = "\x82\x86\x41\x0elocalhost:1234\x44\x06/hello\x7a\x0eh2load "
                                "nghttp2";
    static const char others[] = "\x82\x86\xc0\xbf\xbe";
    const char *fields = number == 0 ? first : others;
    size_t size = number == 0 ? sizeof(first) - 1 : sizeof(others) - 1;
    rig_feed_frame(rig, FRAME_HEADERS, FLAG_END_STREAM | FLAG_END_HEADERS, 2 * number + 1, fields,
                   (uint8_t)size);
}

/* nghttp2 alone */

struct bare_stream {
    bool is_get, is_hello;
};

static int bare_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)user;
    struct bare_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
}

static int bare_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                       size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                       void *user)
{
    (void)flags;
    (void)user;
    struct bare_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (name_size == 7 && memcmp(name, ":method", 7) == 0)
        stream->is_get = value_size == 3 && memcmp(value, "GET", 3) == 0;
    else if (name_size == 5 && memcmp(name, ":path", 5) == 0)
        stream->is_hello = value_size == 6 && memcmp(value, "/hello", 6) == 0;
    return 0;
}

static ssize_t bare_read(nghttp2_session *session, int32_t id, uint8_t *room, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)id;
    (void)size;
    (void)source;
    (void)user;
    memcpy(room, rig_greeting.data, rig_greeting.size);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)rig_greeting.size;
}

static nghttp2_nv bare_field(const char *name, size_t name_size, const char *value,
                             size_t value_size)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .value = (uint8_t *)(uintptr_t)value,
                        .namelen = name_size,
                        .valuelen = value_size,
                        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

static int bare_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)user;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    int32_t id = frame->hd.stream_id;
    const struct bare_stream *stream = nghttp2_session_get_stream_user_data(session, id);
    const nghttp2_nv fields[] = {
        bare_field(":status", 7, stream->is_get && stream->is_hello ? "200" : "404", 3),
        bare_field("content-length", 14, "14", 2),
        bare_field("content-type", 12, "text/plain", 10),
        bare_field("date", 4, date, DATE_SIZE),
    };
    const nghttp2_data_provider body = {.read_callback = bare_read};
    return nghttp2_submit_response(session, id, fields, 4, &body);
}

static int bare_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    (void)error;
    (void)user;
    free(nghttp2_session_get_stream_user_data(session, id));
    return 0;
}

static nghttp2_session *bare_create(void)
{
    nghttp2_session *session;
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        rig_fail("no nghttp2 callbacks");
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, bare_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, bare_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, bare_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, bare_close);
    if (nghttp2_session_server_new(&session, callbacks, NULL) != 0 ||
        nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0) != 0)
        rig_fail("no nghttp2 session");
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

static size_t bare_on_data(struct shoal_conn *conn, struct shoal_view in)
{
    nghttp2_session *session = shoal__conn_driver(conn);
    if (!session)
        shoal__conn_set_driver(conn, session = bare_create());
    if (nghttp2_session_mem_recv(session, (const uint8_t *)in.data, in.size) < 0)
        rig_fail("nghttp2 does not understand");
    const uint8_t *out;
    for (ssize_t size; (size = nghttp2_session_mem_send(session, &out)) > 0;)
        shoal_conn_write(conn, out, (size_t)size);
    return in.size;
}

static void bare_on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)reason;
    nghttp2_session_del(shoal__conn_driver(conn));
}

static const struct shoal_service bare_service = {
    .name = "bare", .on_data = bare_on_data, .on_close = bare_on_close};

/* The stream seam */

static void stream_close(struct shoal__stream *stream, uint32_t error)
{
    (void)stream;
    (void)error;
}

static const struct shoal__stream_events stream_events = {.on_close = stream_close};

static void stream_request(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    (void)end;
    bool found = shoal_view_equal(head->method, shoal_view("GET", 3)) &&
                 shoal_view_equal(head->path, shoal_view("/hello", 6));
    const struct shoal__http_field fields[] = {
        {SHOAL_VIEW("content-type"), SHOAL_VIEW("text/plain")},
        {SHOAL_VIEW("date"), {date, DATE_SIZE}},
    };
    const struct shoal__head answer = {.status = found ? 200 : 404,
                                       .fields = fields,
                                       .field_count = 2,
                                       .content_length = (int64_t)rig_greeting.size};
    stream->events = &stream_events;
    if (shoal__stream_send_head(stream, &answer, false) < 0 ||
        shoal__stream_write(stream, rig_greeting) < 0 || shoal__stream_end(stream, NULL, 0) < 0)
        rig_fail("the stream takes no answer");
}

static const struct shoal__session_events session_events = {.on_request = stream_request};

static size_t start_http2(struct shoal_conn *conn, struct shoal_view in,
                          const struct shoal__session_events *events)
{
    struct shoal__http_endpoint *endpoint = &rig_of(conn)->endpoint;
    if (shoal__http2_start(conn, SHOAL__HTTP_SERVER, events, endpoint, &endpoint->limits, NULL) < 0)
        rig_fail("no HTTP/2 session");
    return shoal__http2_on_data(conn, in);
}

static size_t stream_on_data(struct shoal_conn *conn, struct shoal_view in)
{
    return start_http2(conn, in, &session_events);
}

static const struct shoal_service stream_service = {.name = "stream", .on_data = stream_on_data};

/* The handler */

static size_t handler_on_data(struct shoal_conn *conn, struct shoal_view in)
{
    return start_http2(conn, in, &shoal__http_server_events);
}

static const struct shoal_service handler_service = {.name = "handler", .on_data = handler_on_data};

static const struct kind kinds[] = {
    {"nghttp2", &bare_service, AT_ONCE, rig_begin_http2, ask},
    {"stream", &stream_service, AT_ONCE, rig_begin_http2, ask},
    {"handler", &handler_service, AT_ONCE, rig_begin_http2, ask},
};

int main(int argc, char **argv)
{
    return rig_main(argc, argv, kinds, sizeof(kinds) / sizeof(kinds[0]));
}
