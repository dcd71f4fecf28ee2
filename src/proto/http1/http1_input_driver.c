/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What comes on an HTTP/1 connection: heads and bodies read by the engine and told to the layer
 * above, step by step. Input that belongs to a later request stays with the connection until the
 * exchange under way is over.
 */
#include <shoal/error.h>
#include <shoal/tls.h>

#include "net/conn.h"
#include "proto/http1/http1_session_driver.h"

enum {
    PIPELINED = 64 * 1024,    /* input of later requests kept while an answer is awaited */
    DROPPED_MAX = 256 * 1024, /* body dropped to keep a connection; beyond it is closed */
};

static struct http1_limits engine_limits(const struct http1_session *session)
{
    const struct shoal__session_limits *limits = session->limits;
    return (struct http1_limits){
        .target_bytes = limits->max_target,
        .field_bytes = limits->max_fields_bytes,
        .head_bytes = limits->max_fields_bytes + limits->max_target,
        .field_count = limits->max_fields,
    };
}

/* Requests */

static bool has_tls(const struct http1_session *session)
{
    struct shoal_tls_info info;
    return shoal_conn_tls_info(session->base.conn, &info);
}

/* Path and query as one; an absolute-form target may have none. */
static struct shoal_view path_of(const struct http1_request *request)
{
    if (request->form != HTTP1_ABSOLUTE_FORM)
        return request->target;
    if (request->query.data == NULL)
        return request->path;
    const char *end = request->query.data + request->query.size;
    bool together = request->path.data + request->path.size + 1 == request->query.data;
    return together ? shoal_view(request->path.data, (size_t)(end - request->path.data))
                    : request->path;
}

static void tell_request(struct http1_session *session, const struct http1_request *request)
{
    struct http1_exchange *exchange = session->exchange;
    static const struct shoal_view schemes[] = {SHOAL_VIEW("http"), SHOAL_VIEW("https")};
    struct shoal__head head = {
        .method = request->method_name,
        .scheme = schemes[has_tls(session)],
        .authority = request->host,
        .path = path_of(request),
        .fields = request->head.fields,
        .field_count = request->head.field_count,
        .content_length =
            request->head.framing == HTTP1_CHUNKED ? -1 : (int64_t)request->head.content_length,
    };
    session->base.version = request->head.minor ? SHOAL__HTTP_1_1 : SHOAL__HTTP_1_0;
    session->base.open_streams = 1;
    shoal_conn_hold(session->base.conn);
    exchange->holds = true;
    shoal__http1_tell_idle(session, false);
    session->calls++;
    session->base.events->on_request(&exchange->stream, &head, exchange->input == HTTP1_INPUT_READ);
    session->calls--;
}

static void tell_refused(const struct http1_session *session, struct shoal_view in)
{
    const struct shoal__session *base = &session->base;
    unsigned status = shoal__http1_refusal_status(session->exchange->parser.refusal);
    if (base->events->on_refused)
        base->events->on_refused(base, status, in);
}

static size_t read_request(struct http1_session *session, struct shoal_view in, bool *out_go_on)
{
    struct http1_exchange *exchange = session->exchange;
    struct http1_limits limits = engine_limits(session);
    struct http1_request request = {.head.fields = session->local->fields};
    switch (shoal__http1_request_parse(&exchange->parser, in, &limits, &request)) {
    case HTTP1_REFUSED:
        tell_refused(session, in);
        shoal__http1_refuse(session);
        *out_go_on = false;
        return in.size;
    case HTTP1_DONE:
        break;
    default:
        *out_go_on = false;
        return 0;
    }
    bool bodiless = request.head.framing == HTTP1_NO_BODY ||
                    (request.head.framing == HTTP1_COUNTED && request.head.content_length == 0);
    exchange->input = bodiless ? HTTP1_INPUT_READ : HTTP1_INPUT_READING;
    exchange->asked = (uint8_t)request.method;
    exchange->minor = request.head.minor;
    exchange->keep_alive = request.head.keep_alive;
    exchange->expects_100 = request.expects_continue && !bodiless;
    if (!bodiless)
        shoal__http1_watch_body(session);
    tell_request(session, &request);
    return request.head.size;
}

/* Responses */

static size_t read_response(struct http1_session *session, struct shoal_view in, bool *out_go_on)
{
    struct http1_exchange *exchange = session->exchange;
    struct http1_limits limits = engine_limits(session);
    struct http1_response response = {.head.fields = session->local->fields};
    switch (shoal__http1_response_parse(&exchange->parser, in, &limits,
                                        (enum http1_method)exchange->asked, &response)) {
    case HTTP1_REFUSED:
        shoal__http1_refuse(session);
        *out_go_on = false;
        return in.size;
    case HTTP1_DONE:
        break;
    default:
        *out_go_on = false;
        return 0;
    }
    bool interim = response.status < 200 && response.status != 101;
    bool bodiless = response.head.framing == HTTP1_NO_BODY ||
                    (response.head.framing == HTTP1_COUNTED && response.head.content_length == 0);
    struct shoal__head head = {
        .status = response.status,
        .fields = response.head.fields,
        .field_count = response.head.field_count,
        .content_length =
            response.head.framing == HTTP1_COUNTED ? (int64_t)response.head.content_length : -1,
    };
    session->base.version = response.head.minor ? SHOAL__HTTP_1_1 : SHOAL__HTTP_1_0;
    if (interim) {
        exchange->parser = (struct http1_parser){0};
    } else {
        exchange->input = bodiless ? HTTP1_INPUT_READ : HTTP1_INPUT_READING;
        exchange->keep_alive = response.head.keep_alive && !response.switches;
        if (!bodiless)
            shoal__http1_watch_body(session);
    }
    session->calls++;
    if (exchange->stream.events->on_head)
        exchange->stream.events->on_head(&exchange->stream, &head, !interim && bodiless);
    session->calls--;
    return response.head.size;
}

/* Bodies */

static void tell_data(struct http1_session *session, struct shoal_view data)
{
    struct http1_exchange *exchange = session->exchange;
    exchange->since_check += (uint32_t)data.size;
    exchange->expects_100 = false; /* it has not waited */
    if (exchange->input == HTTP1_INPUT_DROPPING || !exchange->stream.events->on_data) {
        exchange->dropped += data.size;
        if (exchange->input == HTTP1_INPUT_DROPPING && exchange->dropped > DROPPED_MAX)
            exchange->keep_alive = false;
        return;
    }
    exchange->unconsumed += (uint32_t)data.size;
    session->calls++;
    exchange->stream.events->on_data(&exchange->stream, data);
    session->calls--;
    if (exchange->unconsumed >= session->limits->stream_window && !exchange->reset) {
        exchange->held_back = true;
        shoal_timer_stop(&exchange->body_timer);
        shoal_conn_pause(session->base.conn);
    }
}

/* Trailers point into the input; the layer above may keep them as long as the stream. */
static struct shoal__http_field *keep_trailers(struct http1_exchange *exchange,
                                               const struct http1_part *part)
{
    struct shoal__http_field *kept =
        shoal__arena_alloc(&exchange->arena, part->trailer_count * sizeof(*kept));
    for (uint32_t i = 0; kept && i < part->trailer_count; i++) {
        const struct shoal__http_field *field = &part->trailers[i];
        char *name = shoal__arena_strdup(&exchange->arena, field->name);
        char *value = shoal__arena_strdup(&exchange->arena, field->value);
        if (!name || !value)
            return NULL;
        kept[i] = (struct shoal__http_field){shoal_view(name, field->name.size),
                                             shoal_view(value, field->value.size)};
    }
    return kept;
}

static void tell_end(struct http1_session *session, const struct http1_part *part)
{
    struct http1_exchange *exchange = session->exchange;
    bool wanted = exchange->input == HTTP1_INPUT_READING;
    exchange->input = HTTP1_INPUT_READ;
    shoal_timer_stop(&exchange->body_timer);
    bool gone = exchange->reset || shoal__conn_closing(session->base.conn);
    if (!wanted || gone || !exchange->stream.events->on_end)
        return;
    struct shoal__http_field *trailers = NULL;
    if (part && part->trailer_count > 0) {
        trailers = keep_trailers(exchange, part);
        if (!trailers) {
            shoal__stream_reset(&exchange->stream, SHOAL__H2_INTERNAL_ERROR);
            return;
        }
    }
    session->calls++;
    exchange->stream.events->on_end(&exchange->stream, trailers,
                                    trailers ? part->trailer_count : 0);
    session->calls--;
}

static size_t read_body(struct http1_session *session, struct shoal_view in, bool *out_go_on)
{
    struct http1_exchange *exchange = session->exchange;
    struct http1_limits limits = engine_limits(session);
    struct http1_part part = {.trailers = session->local->fields};
    switch (shoal__http1_body_next(&exchange->parser, in, &limits, &part)) {
    case HTTP1_DATA:
        tell_data(session, part.data);
        if (exchange->parser.phase == HTTP1_AT_END) /* no byte needs to follow a counted body */
            tell_end(session, NULL);
        break;
    case HTTP1_DONE:
        tell_end(session, &part);
        break;
    case HTTP1_REFUSED:
        shoal__http1_refuse(session);
        *out_go_on = false;
        return in.size;
    case HTTP1_MORE:
        *out_go_on = false;
        break;
    }
    return part.consumed;
}

/* One step: a head, a part of a body, or nothing because an answer is awaited. */
static size_t step(struct http1_session *session, struct shoal_view in, bool *out_go_on)
{
    struct http1_exchange *exchange = session->exchange;
    if (!exchange) {
        if (!http1_is_server(session)) { /* an answer that nobody asked for */
            shoal_conn_close_for(session->base.conn, SHOAL_CLOSE_ABORT, SHOAL_CLOSED_PROTOCOL);
            *out_go_on = false;
            return in.size;
        }
        exchange = shoal__http1_begin(session);
        if (!exchange) {
            shoal_conn_close_for(session->base.conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
            *out_go_on = false;
            return in.size;
        }
    }
    switch ((enum http1_input)exchange->input) {
    case HTTP1_INPUT_HEAD:
        return http1_is_server(session) ? read_request(session, in, out_go_on)
                                        : read_response(session, in, out_go_on);
    case HTTP1_INPUT_READING:
    case HTTP1_INPUT_DROPPING:
        return read_body(session, in, out_go_on);
    case HTTP1_INPUT_READ:
        break;
    }
    *out_go_on = false;
    return 0;
}

/* Pipelined requests wait where answers do, or a reader that reads none would have us make more. */
static bool waits_for_output(const struct http1_session *session)
{
    return http1_is_server(session) && shoal_conn_write(session->base.conn, NULL, 0) == 1;
}

/* Nothing but empty lines has come of a request. */
static bool is_unbegun(const struct http1_session *session, struct shoal_view rest)
{
    const struct http1_exchange *exchange = session->exchange;
    return !exchange ||
           (http1_is_server(session) && exchange->input == HTTP1_INPUT_HEAD &&
            exchange->parser.phase == HTTP1_AT_START && exchange->parser.line == rest.size);
}

void shoal__http1_input_ended(struct http1_session *session, struct shoal_view rest)
{
    struct http1_exchange *exchange = session->exchange;
    if (is_unbegun(session, rest))
        shoal_conn_close_for(session->base.conn, SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_PEER);
    else if (exchange->input == HTTP1_INPUT_READ)
        return; /* half-closed: the answer is still owed, and then those to the rest */
    else if (exchange->input != HTTP1_INPUT_HEAD &&
             shoal__http1_body_eof(&exchange->parser) == HTTP1_DONE)
        tell_end(session, NULL);
    else if (http1_is_server(session))
        shoal__http1_give_up(session, 400, shoal__http1_refusal_text(HTTP1_TRUNCATED));
    else
        shoal__stream_reset(&exchange->stream, SHOAL__H2_CANCEL);
}

size_t shoal__http1_on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct http1_session *session = http1_session_on(conn);
    size_t used = 0;
    bool go_on = true;
    while (go_on && used < in.size) {
        used += step(session, shoal_view_from(in, used), &go_on);
        session->more = used < in.size;
        if (!shoal__http1_settle(session))
            return used; /* upgraded: the rest is the next service's */
        if (shoal__conn_closing(conn))
            return in.size;
        if (used < in.size && (shoal_conn_paused(conn) || waits_for_output(session)))
            return used;
        go_on = go_on || !session->exchange; /* it was what the rest had waited for */
    }
    bool waits = session->exchange && session->exchange->input == HTTP1_INPUT_READ;
    if (waits && in.size - used > PIPELINED) {
        session->full = true;
        shoal_conn_pause(conn);
    }
    if (session->peer_ended) {
        shoal__http1_input_ended(session, shoal_view_from(in, used));
        shoal__http1_settle(session);
    }
    return used;
}
