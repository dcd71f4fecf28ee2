/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig: the driver on a wire, and a layer above that takes notes. */
#include "driver_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "support/failmalloc.h"

struct driver_rig rig;

static void note(const char *format, ...) SHOAL_PRINTF(1, 2);

static void note(const char *format, ...)
{
    if (rig.silent)
        return;
    size_t room = sizeof(rig.notes) - rig.notes_size;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(rig.notes + rig.notes_size, room, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < room);
    rig.notes_size += (size_t)n;
}

static const char *gap(void)
{
    return rig.notes_size ? " " : "";
}

/* What the layer above is told */

static void on_head(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    note("%s{%u%s}", gap(), head->status, end || head->status < 200 ? "" : " ...");
    if (rig.on_head)
        rig.on_head(stream, head, end);
}

static void on_data(struct shoal__stream *stream, struct shoal_view data)
{
    assert_true(data.size > 0);
    rig.bytes += data.size;
    if (!rig.quiet)
        note("%s(%.*s)", gap(), (int)data.size, data.data);
    if (rig.on_data)
        rig.on_data(stream, data);
    if (!rig.hoards)
        shoal__stream_consume(stream, data.size);
}

static void on_end(struct shoal__stream *stream, const struct shoal__http_field *trailers,
                   size_t count)
{
    note("%s[", gap());
    for (size_t i = 0; i < count; i++)
        note("%s%.*s: %.*s", i ? ", " : "", (int)trailers[i].name.size, trailers[i].name.data,
             (int)trailers[i].value.size, trailers[i].value.data);
    note("]");
    if (rig.on_end)
        rig.on_end(stream);
}

static void on_drained(struct shoal__stream *stream)
{
    note("%sdrained", gap());
    if (rig.on_drained)
        rig.on_drained(stream);
}

static void on_closed(struct shoal__stream *stream, uint32_t error)
{
    rig.closes++;
    note("%sclosed:%u", gap(), error);
    if (rig.on_closed)
        rig.on_closed(stream);
    rig.stream = NULL;
}

static const struct shoal__stream_events stream_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_close = on_closed,
};

static void on_request(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    assert_null(rig.stream);
    stream->events = &stream_events;
    rig.stream = stream;
    rig.requests++;
    note("%s<%.*s %.*s%s>", gap(), (int)head->method.size, head->method.data, (int)head->path.size,
         head->path.data, end ? "" : " ...");
    if (rig.on_request)
        rig.on_request(stream, head, end);
}

static void on_refused(const struct shoal__session *session, unsigned status, struct shoal_view in)
{
    assert_ptr_equal(session, rig.session);
    rig.refused = status;
    snprintf(rig.refused_in, sizeof(rig.refused_in), "%.*s", (int)in.size, in.data);
}

static void on_idle(struct shoal__session *session, bool idle)
{
    assert_ptr_equal(session, rig.session);
    note("%s%s", gap(), idle ? "idle" : "busy");
}

static void on_over(struct shoal__session *session, uint32_t error)
{
    assert_ptr_equal(session, rig.session);
    assert_null(rig.stream);
    assert_int_equal(++rig.overs, 1);
    note("%sover:%u", gap(), error);
    rig.session = NULL;
}

static void on_room(struct shoal__session *session)
{
    assert_int_equal(shoal__session_room(session), 1);
}

static const struct shoal__session_events session_events = {
    .on_request = on_request,
    .on_refused = on_refused,
    .on_room = on_room,
    .on_idle = on_idle,
    .on_close = on_over,
};

/* Life */

static int setup(void **state, enum shoal__http_role role)
{
    connbench_start(state);
    rig = (struct driver_rig){.bench = *state,
                              .conn_limits = connrig_no_limits,
                              .limits = SHOAL__SESSION_LIMITS_INIT,
                              .role = role};
    return 0;
}

int rig_setup_server(void **state)
{
    return setup(state, SHOAL__HTTP_SERVER);
}

int rig_setup_client(void **state)
{
    return setup(state, SHOAL__HTTP_CLIENT);
}

int rig_teardown(void **state)
{
    bool began = rig.session != NULL;
    failmalloc_off();
    rig.on_closed = NULL;
    connbench_stop(state);
    assert_null(rig.session);
    assert_null(rig.stream);
    assert_true(!began || rig.overs == 1);
    return 0;
}

static void start_session(struct shoal_conn *conn)
{
    int rc = shoal__http1_start(conn, rig.role, &session_events, &rig, &rig.limits, &rig.session);
    assert_true(rc == 0 || rig.hopeful);
    if (rc < 0)
        shoal_conn_close_for(conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
}

void rig_open(void)
{
    rig.bench->recorder.open = start_session;
    rig.bench->conn =
        connrig_open(&rig.bench->rig, &rig.bench->wire, &rig.bench->recorder, &rig.conn_limits);
    assert_true(rig.bench->conn || rig.hopeful);
    rig_run();
}

/* The peer */

void rig_feed_bytes(const void *bytes, size_t size)
{
    memwire_feed(&rig.bench->wire, bytes, size);
    rig_run();
}

void rig_feed(const char *text)
{
    rig_feed_bytes(text, strlen(text));
}

void rig_end(void)
{
    connbench_end(rig.bench);
}

void rig_break(int error)
{
    memwire_break(&rig.bench->wire, error);
    rig_run();
}

void rig_run(void)
{
    connrig_run(&rig.bench->rig);
}

void rig_pass_ms(int64_t ms)
{
    connrig_pass_ms(&rig.bench->rig, ms);
}

/* What there is to see */

const char *rig_output(void)
{
    static char text[1 << 16];
    struct shoal_view out = shoal_view_from(memwire_output(&rig.bench->wire), rig.shown);
    rig.shown += out.size;
    size_t size = 0;
    for (size_t i = 0; i < out.size; i++) {
        if (out.size - i > 6 && memcmp(out.data + i, "Date: ", 6) == 0) {
            i = (size_t)((char *)memchr(out.data + i, '\n', out.size - i) - out.data);
            continue;
        }
        bool line_end = out.data[i] == '\r' && i + 1 < out.size && out.data[i + 1] == '\n';
        assert_true(size < sizeof(text) - 1);
        text[size++] = line_end ? '|' : out.data[i];
        i += line_end;
    }
    text[size] = '\0';
    return text;
}

const char *rig_notes(void)
{
    static char text[sizeof(rig.notes)];
    memcpy(text, rig.notes, rig.notes_size);
    text[rig.notes_size] = '\0';
    rig.notes_size = 0;
    return text;
}

bool rig_is_closed(void)
{
    return rig.bench->wire.closes > 0;
}

uint64_t rig_closed_for(enum shoal_close_reason reason)
{
    return atomic_load_explicit(&rig.bench->rig.loop->counters.closed[reason],
                                memory_order_relaxed);
}

/* Answers */

int rig_send_head(struct shoal__stream *stream, unsigned status, int64_t length, bool end)
{
    struct shoal__head head = {.status = status, .content_length = length};
    return shoal__stream_send_head(stream, &head, end);
}

int rig_write(struct shoal__stream *stream, const char *text)
{
    return shoal__stream_write(stream, shoal_view_of(text));
}

int rig_end_stream(struct shoal__stream *stream)
{
    return shoal__stream_end(stream, NULL, 0);
}

void rig_reply(struct shoal__stream *stream, unsigned status, const char *body)
{
    assert_int_equal(rig_send_head(stream, status, (int64_t)strlen(body), false), 0);
    assert_in_range(rig_write(stream, body), 0, 1);
    assert_int_equal(rig_end_stream(stream), 0);
}

void rig_reply_empty(struct shoal__stream *stream, unsigned status)
{
    assert_int_equal(rig_send_head(stream, status, 0, true), 0);
}

void rig_hello(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    (void)head;
    (void)end;
    rig_reply(stream, 200, "hello");
}

static void echo_data(struct shoal__stream *stream, struct shoal_view data)
{
    assert_in_range(shoal__stream_write(stream, data), 0, 1);
}

static void echo_end(struct shoal__stream *stream)
{
    assert_int_equal(rig_end_stream(stream), 0);
}

void rig_echo(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    rig.on_data = echo_data;
    rig.on_end = echo_end;
    assert_int_equal(rig_send_head(stream, 200, head->content_length, end), 0);
}

void rig_say_path(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    char path[64];
    (void)end;
    snprintf(path, sizeof(path), "%.*s", (int)head->path.size, head->path.data);
    rig_reply(stream, 200, path);
}

int rig_ask_rc(const char *method, const char *path, int64_t length, bool end)
{
    struct shoal__head head = {.method = shoal_view_of(method),
                               .scheme = shoal_view_of("http"),
                               .authority = shoal_view_of("host"),
                               .path = shoal_view_of(path),
                               .content_length = length};
    return shoal__session_open(rig.session, &head, end, &stream_events, &rig, &rig.stream);
}

struct shoal__stream *rig_ask(const char *method, const char *path, int64_t length, bool end)
{
    assert_int_equal(rig_ask_rc(method, path, length, end), 0);
    rig_run();
    return rig.stream;
}
