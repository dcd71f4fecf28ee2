/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the layer above sends on an HTTP/1 stream: heads through the writer, bodies counted or
 * chunked, the end. Everything goes to the connection at once; what is written in one callback is
 * one system call there, so there is nothing to gather here.
 */
#include <time.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "base/buf.h"
#include "net/conn.h"
#include "proto/http1/http1_session_driver.h"

enum {
    SMALL_HEAD = 1024, /* heads up to here are put together on the stack */
    FRAMING = 64,      /* of a part of a body, and of its end: must still fit under the cap */
};

static struct http1_session *session_of(const struct http1_exchange *exchange)
{
    return shoal__http1_session_of(exchange->stream.session);
}

static struct shoal_conn *conn_of(const struct http1_exchange *exchange)
{
    return exchange->stream.session->conn;
}

struct shoal_view shoal__http1_date(struct http1_local *local, int64_t now_ms)
{
    if (now_ms / 1000 != local->date_s) {
        time_t now = time(NULL);
        struct tm utc;
        gmtime_r(&now, &utc);
        local->date_s = now_ms / 1000;
        (void)strftime(local->date, sizeof(local->date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    }
    return shoal_view(local->date, strlen(local->date));
}

/* Room for a head: on the stack where it is small, else in the exchange's arena. */
static char *head_room(struct http1_exchange *exchange, char *small, size_t bound)
{
    return bound <= SMALL_HEAD ? small : shoal__arena_alloc(&exchange->arena, bound);
}

static int send_response_head(struct http1_exchange *exchange,
                              const struct http1_response_head *head)
{
    char small[SMALL_HEAD];
    size_t bound = shoal__http1_response_bound(head);
    char *room = head_room(exchange, small, bound);
    size_t size = 0;
    int rc = room ? shoal__http1_response_write(head, room, bound, &size) : -SHOAL_ENOMEM;
    if (rc == 0)
        rc = shoal_conn_write(conn_of(exchange), room, size);
    return rc < 0 ? rc : 0;
}

/* How the body of a response will be framed, RFC 9112 §6. */
static enum http1_framing frame_response(struct http1_exchange *exchange,
                                         const struct shoal__head *head, bool end)
{
    bool bodiless = head->status == 204 || head->status == 304;
    exchange->no_content = exchange->asked == HTTP1_HEAD || bodiless;
    exchange->chunked = false;
    exchange->out_left = end ? 0 : head->content_length;
    if (bodiless)
        return HTTP1_NO_BODY;
    if (head->content_length >= 0 || (end && exchange->asked != HTTP1_HEAD))
        return HTTP1_COUNTED;
    if (exchange->asked == HTTP1_HEAD)
        return HTTP1_NO_BODY;
    exchange->chunked = exchange->minor > 0;
    if (!exchange->chunked)
        exchange->keep_alive = false; /* the end of the connection is the end of the body */
    return exchange->chunked ? HTTP1_CHUNKED : HTTP1_UNTIL_CLOSE;
}

static enum http1_persistence persistence(const struct http1_exchange *exchange)
{
    if (!exchange->keep_alive)
        return HTTP1_SAY_CLOSE;
    return exchange->minor == 0 ? HTTP1_SAY_KEEP_ALIVE : HTTP1_DEFAULT_PERSISTENCE;
}

static void sent(struct http1_exchange *exchange)
{
    exchange->output = HTTP1_OUTPUT_SENT;
    shoal__http1_touch(session_of(exchange));
}

static int send_interim(struct http1_exchange *exchange, const struct shoal__head *head)
{
    if (exchange->minor == 0)
        return 0; /* HTTP/1.0 does not know them */
    if (head->status == 100)
        exchange->expects_100 = false;
    struct http1_response_head response = {
        .head = {.fields = head->fields, .field_count = head->field_count}, .status = head->status};
    return send_response_head(exchange, &response);
}

static int send_head(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    struct http1_exchange *exchange = shoal__http1_exchange_of(stream);
    struct http1_session *session = session_of(exchange);
    if (exchange->reset)
        return -SHOAL_EPIPE;
    if (exchange->output != HTTP1_OUTPUT_AWAITING)
        return -SHOAL_ESTATE;
    if (head->status < 200 && head->status != 101)
        return send_interim(exchange, head);

    bool last = session->shutting || (session->peer_ended && !session->more);
    if (last || exchange->expects_100)
        exchange->keep_alive = false; /* who was not told to go on may send a body or may not */
    struct http1_response_head response = {
        .head = {.fields = head->fields, .field_count = head->field_count},
        .status = head->status,
        .usual = head->usual,
        .date = shoal__http1_date(session->local,
                                  shoal_loop_now_ms(shoal_conn_loop(conn_of(exchange)))),
    };
    response.head.framing = frame_response(exchange, head, end);
    if (response.head.framing == HTTP1_COUNTED)
        response.head.content_length =
            head->content_length > 0 ? (uint64_t)head->content_length : 0;
    response.head.persistence = persistence(exchange);
    int rc = send_response_head(exchange, &response);
    if (rc < 0)
        return rc;
    exchange->output = HTTP1_OUTPUT_BODY;
    if (end)
        sent(exchange);
    return 0;
}

int shoal__http1_send_request(struct http1_exchange *exchange, const struct shoal__head *head,
                              bool end)
{
    char small[SMALL_HEAD];
    struct http1_request_head request = {
        .head = {.fields = head->fields,
                 .field_count = head->field_count,
                 .framing = end                         ? HTTP1_NO_BODY
                            : head->content_length >= 0 ? HTTP1_COUNTED
                                                        : HTTP1_CHUNKED},
        .method = head->method,
        .target = head->path,
        .host = head->authority,
    };
    if (head->content_length > 0)
        request.head.content_length = (uint64_t)head->content_length;
    exchange->chunked = request.head.framing == HTTP1_CHUNKED;
    exchange->out_left = end ? 0 : head->content_length;
    size_t bound = shoal__http1_request_bound(&request);
    char *room = head_room(exchange, small, bound);
    size_t size = 0;
    int rc = room ? shoal__http1_request_write(&request, room, bound, &size) : -SHOAL_ENOMEM;
    if (rc == 0)
        rc = shoal_conn_write(conn_of(exchange), room, size);
    if (rc < 0)
        return rc;
    exchange->output = end ? HTTP1_OUTPUT_SENT : HTTP1_OUTPUT_BODY;
    return 0;
}

/* Whether `size` bytes of body may be sent now, of which `memory` are not of a file. 0, or what the
 * call returns instead. */
static int may_write(const struct http1_exchange *exchange, size_t size, size_t memory)
{
    const struct shoal__session_limits *limits = session_of(exchange)->limits;
    if (exchange->reset)
        return -SHOAL_EPIPE;
    if (exchange->output != HTTP1_OUTPUT_BODY)
        return -SHOAL_ESTATE;
    if (exchange->out_left >= 0 && size > (uint64_t)exchange->out_left)
        return -SHOAL_EOVERFLOW;
    if (limits->out_max > 0 &&
        shoal__conn_pending_memory(conn_of(exchange)) + memory + FRAMING > limits->out_max)
        return -SHOAL_EFULL;
    return 0;
}

static int write_chunk_head(struct http1_exchange *exchange, size_t size)
{
    char head[SHOAL_HTTP1_CHUNK_HEAD_MAX];
    if (!exchange->chunked)
        return 0;
    return shoal_conn_write(conn_of(exchange), head, shoal__http1_chunk_write(size, head));
}

/* Behind the data: the chunk's end, and the count of what was promised. A failure after the
 * chunk's head went out leaves a stream that cannot go on. */
static int wrote(struct http1_exchange *exchange, size_t size, int rc)
{
    if (rc >= 0 && exchange->chunked)
        rc = shoal_conn_write(conn_of(exchange), SHOAL_HTTP1_CHUNK_END, 2);
    if (rc < 0) {
        if (exchange->chunked)
            shoal__stream_reset(&exchange->stream, SHOAL__H2_INTERNAL_ERROR);
        return rc;
    }
    if (exchange->out_left >= 0)
        exchange->out_left -= (int64_t)size;
    return rc;
}

static int write_view(struct shoal__stream *stream, struct shoal_view data)
{
    struct http1_exchange *exchange = shoal__http1_exchange_of(stream);
    int rc = may_write(exchange, data.size, data.size);
    if (rc < 0 || data.size == 0)
        return rc;
    if (exchange->no_content)
        return 0;
    rc = write_chunk_head(exchange, data.size);
    if (rc >= 0)
        rc = shoal_conn_write_view(conn_of(exchange), data);
    return wrote(exchange, data.size, rc);
}

static int write_buf(struct shoal__stream *stream, struct shoal_buf *data)
{
    struct http1_exchange *exchange = shoal__http1_exchange_of(stream);
    size_t size = shoal_buf_size(data);
    int rc = may_write(exchange, size, shoal__buf_memory(data));
    if (rc < 0 || size == 0)
        return rc;
    if (exchange->no_content) {
        shoal_buf_consume(data, size);
        return 0;
    }
    rc = write_chunk_head(exchange, size);
    if (rc >= 0)
        rc = shoal_conn_write_buf(conn_of(exchange), data);
    return wrote(exchange, size, rc);
}

static int end_chunked(struct http1_exchange *exchange, const struct shoal__http_field *trailers,
                       size_t count)
{
    char small[SMALL_HEAD];
    size_t bound = shoal__http1_trailers_bound(trailers, count);
    char *room = head_room(exchange, small, bound);
    size_t size = 0;
    int rc =
        room ? shoal__http1_trailers_write(trailers, count, room, bound, &size) : -SHOAL_ENOMEM;
    return rc < 0 ? rc : shoal_conn_write(conn_of(exchange), room, size);
}

static int end(struct shoal__stream *stream, const struct shoal__http_field *trailers, size_t count)
{
    struct http1_exchange *exchange = shoal__http1_exchange_of(stream);
    if (exchange->reset)
        return -SHOAL_EPIPE;
    if (exchange->output != HTTP1_OUTPUT_BODY)
        return -SHOAL_ESTATE;
    if (exchange->out_left > 0 && !exchange->no_content) {
        shoal__stream_reset(stream, SHOAL__H2_INTERNAL_ERROR); /* never a short body as a whole */
        return -SHOAL_EINVAL;
    }
    int rc = exchange->chunked ? end_chunked(exchange, trailers, count) : 0;
    if (rc < 0)
        return rc;
    sent(exchange);
    return 0;
}

static size_t pending(const struct shoal__stream *stream)
{
    return shoal_conn_pending(stream->session->conn);
}

static void consume(struct shoal__stream *stream, size_t size)
{
    struct http1_exchange *exchange = shoal__http1_exchange_of(stream);
    exchange->unconsumed -= (uint32_t)(size < exchange->unconsumed ? size : exchange->unconsumed);
    if (exchange->held_back &&
        exchange->unconsumed <= session_of(exchange)->limits->stream_window / 2)
        shoal__http1_read_on(session_of(exchange));
}

static void reset(struct shoal__stream *stream, uint32_t error)
{
    struct http1_exchange *exchange = shoal__http1_exchange_of(stream);
    if (exchange->reset || exchange->over)
        return;
    if (error == SHOAL__H2_NO_ERROR && exchange->output == HTTP1_OUTPUT_SENT) {
        if (exchange->input == HTTP1_INPUT_READING)
            exchange->input = HTTP1_INPUT_DROPPING;
    } else {
        exchange->reset = true;
        exchange->error = error;
    }
    shoal__http1_touch(session_of(exchange));
}

static int upgrade(struct shoal__stream *stream, const struct shoal__head *head,
                   const struct shoal_service *service)
{
    struct http1_exchange *exchange = shoal__http1_exchange_of(stream);
    if (exchange->reset)
        return -SHOAL_EPIPE;
    if (exchange->output != HTTP1_OUTPUT_AWAITING || exchange->input != HTTP1_INPUT_READ ||
        exchange->minor == 0)
        return -SHOAL_ESTATE;
    struct http1_response_head response = {
        .head = {.fields = head->fields,
                 .field_count = head->field_count,
                 .framing = HTTP1_NO_BODY,
                 .persistence = HTTP1_SAY_UPGRADE},
        .status = 101,
    };
    int rc = send_response_head(exchange, &response);
    if (rc < 0)
        return rc;
    exchange->output = HTTP1_OUTPUT_SENT;
    session_of(exchange)->next_service = service;
    shoal__http1_touch(session_of(exchange));
    return 0;
}

const struct shoal__stream_ops shoal__http1_stream_ops = {
    .send_head = send_head,
    .write = write_view,
    .write_buf = write_buf,
    .end = end,
    .pending = pending,
    .consume = consume,
    .reset = reset,
    .upgrade = upgrade,
};
