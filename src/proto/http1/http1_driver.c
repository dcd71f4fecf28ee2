/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What comes on an HTTP/1 connection: heads and bodies read by the engine and told to the layer
 * above, and the session's life. Input that belongs to a later request stays with the connection
 * until the exchange under way is over.
 *
 * Callbacks of the layer above may end, reset or close anything; what follows from that is done by
 * settle() when the last of them has returned.
 */
#include "proto/http1/http1_driver.h"

#include <stdio.h>
#include <stdlib.h>

#include <shoal/error.h>
#include <shoal/tls.h>

#include "net/conn.h"
#include "proto/http1/http1_session_driver.h"

enum {
    CHUNK_BYTES = 2048,
    KEPT_BLOCKS = 256,
    PIPELINED = 64 * 1024,    /* input of later requests kept while an answer is awaited */
    DROPPED_MAX = 256 * 1024, /* body dropped to keep a connection; beyond it is closed */
    SLOWEST_BODY = 100,       /* bytes a second */
    FAREWELL_MS = 100,        /* a drained idle connection may still bring one request */
};

static const struct shoal_service http1_service;
static const struct shoal__session_ops http1_session_ops;

/* What a loop's sessions share */

static void destroy_local(struct shoal__loop_local *base)
{
    struct http1_local *local = (struct http1_local *)base;
    shoal__blocks_fini(&local->exchanges);
    shoal__blocks_fini(&local->chunks);
    free(local->fields);
    free(local);
}

static struct shoal__loop_local *create_local(void)
{
    struct http1_local *local = calloc(1, sizeof(*local));
    if (!local)
        return NULL;
    local->local.destroy = destroy_local;
    local->date_s = -1;
    shoal__blocks_init(&local->exchanges, sizeof(struct http1_exchange), KEPT_BLOCKS);
    shoal__blocks_init(&local->chunks, CHUNK_BYTES, KEPT_BLOCKS);
    return &local->local;
}

/* The loop's local with room for that many fields, or NULL. */
static struct http1_local *local_of(struct shoal_loop *loop, uint32_t max_fields)
{
    static const char key;
    struct http1_local *local = (struct http1_local *)shoal__loop_local(loop, &key, create_local);
    if (!local || local->field_room >= max_fields)
        return local;
    struct shoal__http_field *fields = realloc(local->fields, max_fields * sizeof(*fields));
    if (!fields)
        return NULL;
    local->fields = fields;
    local->field_room = max_fields;
    return local;
}

static struct http1_session *session_on(const struct shoal_conn *conn)
{
    return shoal__conn_driver(conn);
}

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

static bool is_server(const struct http1_session *session)
{
    return session->base.role == SHOAL__HTTP_SERVER;
}

/* Exchanges */

static void on_body_timer(struct shoal_timer *timer, void *arg);
static void on_settle_task(struct shoal_loop *loop, void *arg);

static struct http1_exchange *begin_exchange(struct http1_session *session)
{
    struct http1_exchange *exchange = shoal__blocks_take(&session->local->exchanges);
    if (!exchange)
        return NULL;
    *exchange = (struct http1_exchange){.pool = session->local, .out_left = -1};
    shoal__arena_init(&exchange->arena, &session->local->chunks);
    exchange->stream = (struct shoal__stream){.ops = &shoal__http1_stream_ops,
                                              .session = &session->base,
                                              .arena = &exchange->arena,
                                              .serial = ++session->serials};
    shoal_timer_init(&exchange->body_timer, on_body_timer, exchange);
    exchange->settle_task = (struct shoal_task)SHOAL_TASK(on_settle_task, exchange);
    session->exchange = exchange;
    return exchange;
}

static void free_exchange(struct http1_exchange *exchange)
{
    shoal__arena_fini(&exchange->arena);
    shoal__blocks_give(&exchange->pool->exchanges, exchange);
}

/* Takes the exchange off its session; a settle task that is on its way frees it. */
static void release_exchange(struct http1_session *session)
{
    struct http1_exchange *exchange = session->exchange;
    session->exchange = NULL;
    shoal_timer_stop(&exchange->body_timer);
    if (exchange->held_back && !session->full)
        shoal_conn_resume(session->base.conn);
    if (exchange->holds)
        shoal_conn_release(session->base.conn);
    if (exchange->settling)
        exchange->orphan = true;
    else
        free_exchange(exchange);
}

/* True from on_request (or open) until on_close: the layer above knows of the stream. */
static bool is_live(const struct http1_exchange *exchange)
{
    return exchange->stream.events && !exchange->over;
}

static void tell_close(struct http1_session *session, uint32_t error)
{
    struct http1_exchange *exchange = session->exchange;
    if (!is_live(exchange))
        return;
    exchange->over = true;
    session->base.open_streams = 0;
    session->calls++;
    exchange->stream.events->on_close(&exchange->stream, error);
    session->calls--;
}

static void tell_idle(struct http1_session *session, bool idle)
{
    if (session->base.events->on_idle)
        session->base.events->on_idle(&session->base, idle);
}

static void watch_body(struct http1_session *session)
{
    struct http1_exchange *exchange = session->exchange;
    int64_t stall_ms = session->limits->read_stall_ms;
    exchange->since_check = 0;
    if (stall_ms > 0)
        (void)shoal_timer_start(shoal_conn_loop(session->base.conn), &exchange->body_timer,
                                stall_ms);
}

/* Refusing */

/* Answers for ourselves, before or instead of the layer above, and closes. */
static void answer(struct http1_session *session, unsigned status, const char *text)
{
    char head[256];
    size_t size = 0;
    struct shoal__http_field type = {SHOAL_VIEW("Content-Type"), SHOAL_VIEW("text/plain")};
    struct shoal_loop *loop = shoal_conn_loop(session->base.conn);
    struct http1_response_head response = {
        .head = {.fields = &type,
                 .field_count = 1,
                 .framing = HTTP1_COUNTED,
                 .content_length = strlen(text) + 1,
                 .persistence = HTTP1_SAY_CLOSE},
        .status = status,
        .date = shoal__http1_date(session->local, shoal_loop_now_ms(loop)),
    };
    if (shoal__http1_response_write(&response, head, sizeof(head), &size) == 0) {
        shoal_conn_write(session->base.conn, head, size);
        shoal_conn_printf(session->base.conn, "%s\n", text);
    }
}

/* Too large a head breaks no rule but ours. */
static uint32_t error_of(enum http1_refusal refusal)
{
    bool large =
        refusal == HTTP1_LARGE_FIELD || refusal == HTTP1_MANY_FIELDS || refusal == HTTP1_LARGE_HEAD;
    return large ? SHOAL__H2_ENHANCE_YOUR_CALM : SHOAL__H2_PROTOCOL_ERROR;
}

/* The peer broke the protocol, or was too slow: tell it if an answer is still possible, and go.
 * An answer that is whole already is still to arrive; one that is not must not look so. */
static void give_up(struct http1_session *session, unsigned status, const char *text)
{
    struct http1_exchange *exchange = session->exchange;
    bool cut_short = !is_server(session) || exchange->output == HTTP1_OUTPUT_BODY;
    if (is_server(session) && exchange->output == HTTP1_OUTPUT_AWAITING)
        answer(session, status, text);
    tell_close(session, error_of(exchange->parser.refusal));
    shoal_conn_close_for(session->base.conn, cut_short ? SHOAL_CLOSE_ABORT : SHOAL_CLOSE_LINGER,
                         SHOAL_CLOSED_PROTOCOL);
}

static void refuse(struct http1_session *session)
{
    enum http1_refusal refusal = session->exchange->parser.refusal;
    session->local->refused[refusal]++;
    give_up(session, shoal__http1_refusal_status(refusal), shoal__http1_refusal_text(refusal));
}

static void on_body_timer(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct http1_exchange *exchange = arg;
    struct http1_session *session = shoal__http1_session_of(exchange->stream.session);
    int64_t enough = session->limits->read_stall_ms * SLOWEST_BODY / 1000;
    if (exchange->since_check >= enough || exchange->expects_100) /* then it waits for us */
        watch_body(session);
    else
        give_up(session, 408, "the request's body came too slowly");
}

/* Settling */

static void end_session(struct http1_session *session, uint32_t error)
{
    if (session->base.events->on_close)
        session->base.events->on_close(&session->base, error);
    if (session->farewell)
        shoal_timer_stop(session->farewell);
    free(session->farewell);
    free(session);
}

/* The exchange is gone: hand the connection over, close it, or look for the next request. */
static bool after_exchange(struct http1_session *session, bool keep_alive, bool clean)
{
    struct shoal_conn *conn = session->base.conn;
    const struct shoal_service *next = session->next_service;
    if (next) {
        shoal__conn_set_driver(conn, NULL);
        shoal__conn_set_service(conn, next);
        end_session(session, SHOAL__H2_NO_ERROR);
        if (next->on_open)
            next->on_open(conn);
        return false;
    }
    bool last = session->shutting || (session->peer_ended && !session->more);
    if (!keep_alive || last) {
        shoal_conn_close_for(conn, clean ? SHOAL_CLOSE_FLUSH : SHOAL_CLOSE_LINGER,
                             session->shutting     ? SHOAL_CLOSED_DRAINED
                             : session->peer_ended ? SHOAL_CLOSED_PEER
                                                   : SHOAL_CLOSED_LOCAL);
        return true;
    }
    tell_idle(session, true);
    if (session->full) {
        session->full = false;
        shoal_conn_resume(conn);
    }
    if (!is_server(session) && session->base.events->on_room)
        session->base.events->on_room(&session->base);
    return true;
}

static void settle_reset(struct http1_session *session)
{
    uint32_t error = session->exchange->error;
    tell_close(session, error);
    shoal_conn_close(session->base.conn, SHOAL_CLOSE_ABORT);
}

/* Ends the exchange where it is complete. False where the session is gone with it. */
static bool settle(struct http1_session *session)
{
    struct http1_exchange *exchange = session->exchange;
    if (!exchange || session->calls > 0 || shoal__conn_closing(session->base.conn))
        return true;
    if (exchange->reset) {
        settle_reset(session);
        return true;
    }
    if (exchange->output != HTTP1_OUTPUT_SENT || exchange->input == HTTP1_INPUT_HEAD)
        return true;
    if (exchange->input == HTTP1_INPUT_READING && !is_server(session))
        return true;
    if (exchange->input == HTTP1_INPUT_READING)
        exchange->input = HTTP1_INPUT_DROPPING;
    if (exchange->input == HTTP1_INPUT_DROPPING && exchange->held_back)
        shoal__http1_read_on(session);
    tell_close(session, SHOAL__H2_NO_ERROR);
    bool keep_alive = exchange->keep_alive;
    if (exchange->input == HTTP1_INPUT_DROPPING && keep_alive)
        return true; /* until the rest of the body has gone by */
    bool clean = exchange->input == HTTP1_INPUT_READ;
    release_exchange(session);
    return after_exchange(session, keep_alive, clean);
}

static void on_settle_task(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    struct http1_exchange *exchange = arg;
    exchange->settling = false;
    if (exchange->orphan) {
        free_exchange(exchange);
        return;
    }
    struct http1_session *session = shoal__http1_session_of(exchange->stream.session);
    struct shoal_conn *conn = session->base.conn;
    if (settle(session) && !session->exchange)
        shoal_conn_again(conn); /* the next request may be here already */
}

void shoal__http1_touch(struct http1_session *session)
{
    struct http1_exchange *exchange = session->exchange;
    if (session->calls > 0 || exchange->settling)
        return;
    exchange->settling = true;
    shoal_defer(shoal_conn_loop(session->base.conn), &exchange->settle_task);
}

void shoal__http1_read_on(struct http1_session *session)
{
    session->exchange->held_back = false;
    if (session->exchange->input != HTTP1_INPUT_READ)
        watch_body(session);
    if (!session->full)
        shoal_conn_resume(session->base.conn);
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
    tell_idle(session, false);
    session->calls++;
    session->base.events->on_request(&exchange->stream, &head, exchange->input == HTTP1_INPUT_READ);
    session->calls--;
}

static size_t read_request(struct http1_session *session, struct shoal_view in, bool *out_go_on)
{
    struct http1_exchange *exchange = session->exchange;
    struct http1_limits limits = engine_limits(session);
    struct http1_request request = {.head.fields = session->local->fields};
    switch (shoal__http1_request_parse(&exchange->parser, in, &limits, &request)) {
    case HTTP1_REFUSED:
        refuse(session);
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
        watch_body(session);
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
        refuse(session);
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
            watch_body(session);
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
        refuse(session);
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
        if (!is_server(session)) { /* an answer that nobody asked for */
            shoal_conn_close_for(session->base.conn, SHOAL_CLOSE_ABORT, SHOAL_CLOSED_PROTOCOL);
            *out_go_on = false;
            return in.size;
        }
        exchange = begin_exchange(session);
        if (!exchange) {
            shoal_conn_close_for(session->base.conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
            *out_go_on = false;
            return in.size;
        }
    }
    switch ((enum http1_input)exchange->input) {
    case HTTP1_INPUT_HEAD:
        return is_server(session) ? read_request(session, in, out_go_on)
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
    return is_server(session) && shoal_conn_write(session->base.conn, NULL, 0) == 1;
}

/* Nothing but empty lines has come of a request. */
static bool is_unbegun(const struct http1_session *session, struct shoal_view rest)
{
    const struct http1_exchange *exchange = session->exchange;
    return !exchange ||
           (is_server(session) && exchange->input == HTTP1_INPUT_HEAD &&
            exchange->parser.phase == HTTP1_AT_START && exchange->parser.line == rest.size);
}

/* No more will come than `rest`, which has been read as far as it can be now. */
static void input_ended(struct http1_session *session, struct shoal_view rest)
{
    struct http1_exchange *exchange = session->exchange;
    if (is_unbegun(session, rest))
        shoal_conn_close_for(session->base.conn, SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_PEER);
    else if (exchange->input == HTTP1_INPUT_READ)
        return; /* half-closed: the answer is still owed, and then those to the rest */
    else if (exchange->input != HTTP1_INPUT_HEAD &&
             shoal__http1_body_eof(&exchange->parser) == HTTP1_DONE)
        tell_end(session, NULL);
    else if (is_server(session))
        give_up(session, 400, shoal__http1_refusal_text(HTTP1_TRUNCATED));
    else
        shoal__stream_reset(&exchange->stream, SHOAL__H2_CANCEL);
}

size_t shoal__http1_on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct http1_session *session = session_on(conn);
    size_t used = 0;
    bool go_on = true;
    while (go_on && used < in.size) {
        used += step(session, shoal_view_from(in, used), &go_on);
        session->more = used < in.size;
        if (!settle(session))
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
        input_ended(session, shoal_view_from(in, used));
        settle(session);
    }
    return used;
}

/* The connection's other callbacks */

static void on_end(struct shoal_conn *conn, struct shoal_view rest)
{
    struct http1_session *session = session_on(conn);
    session->peer_ended = true;
    session->more = rest.size > 0;
    input_ended(session, rest);
    settle(session);
}

static void on_drained(struct shoal_conn *conn)
{
    struct http1_session *session = session_on(conn);
    struct http1_exchange *exchange = session->exchange;
    if (exchange && is_live(exchange) && exchange->stream.events->on_drained) {
        session->calls++;
        exchange->stream.events->on_drained(&exchange->stream);
        session->calls--;
    }
    if (settle(session) && !session->exchange)
        shoal_conn_again(conn); /* the next request may be here already */
}

static void on_server_drain(struct shoal_conn *conn)
{
    shoal__session_shutdown(&session_on(conn)->base);
}

/* Between an upgrade and its hand-over: the next service was promised the connection, and may have
 * hung something on it. */
static void die_upgraded(struct shoal_conn *conn, const struct shoal_service *next,
                         enum shoal_close_reason reason)
{
    shoal__conn_set_service(conn, next);
    if (next->on_open)
        next->on_open(conn);
    if (next->on_close)
        next->on_close(conn, reason);
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    struct http1_session *session = session_on(conn);
    bool in_order = reason == SHOAL_CLOSED_LOCAL || reason == SHOAL_CLOSED_PEER ||
                    reason == SHOAL_CLOSED_DRAINED || reason == SHOAL_CLOSED_IDLE;
    if (session->exchange) {
        tell_close(session, session->exchange->reset ? session->exchange->error : SHOAL__H2_CANCEL);
        release_exchange(session);
    }
    const struct shoal_service *next = session->next_service;
    end_session(session, in_order ? SHOAL__H2_NO_ERROR : SHOAL__H2_CANCEL);
    if (next)
        die_upgraded(conn, next, reason);
}

static const struct shoal_service http1_service = {
    .name = "http1",
    .on_data = shoal__http1_on_data,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_server_drain = on_server_drain,
    .on_close = on_close,
};

/* The session's calls */

static size_t room(const struct shoal__session *base)
{
    const struct http1_session *session = (const struct http1_session *)base;
    bool open = !session->shutting && !session->peer_ended && !shoal__conn_closing(base->conn);
    return !session->exchange && open;
}

static enum http1_method method_of(struct shoal_view name)
{
#define METHOD_IS(method)                               \
    if (shoal_view_equal(name, shoal_view_of(#method))) \
        return HTTP1_##method;
    SHOAL_HTTP1_METHODS(METHOD_IS)
#undef METHOD_IS
    return HTTP1_OTHER;
}

static int open_stream(struct shoal__session *base, const struct shoal__head *head, bool end,
                       const struct shoal__stream_events *events, void *user,
                       struct shoal__stream **out_stream)
{
    struct http1_session *session = shoal__http1_session_of(base);
    if (session->shutting || session->peer_ended || shoal__conn_closing(base->conn))
        return -SHOAL_ESTOPPED;
    if (session->exchange)
        return -SHOAL_EFULL;
    struct http1_exchange *exchange = begin_exchange(session);
    if (!exchange)
        return -SHOAL_ENOMEM;
    exchange->minor = 1;
    exchange->asked = (uint8_t)method_of(head->method);
    int rc = shoal__http1_send_request(exchange, head, end);
    if (rc < 0) {
        release_exchange(session);
        return rc;
    }
    exchange->stream.events = events;
    exchange->stream.user = user;
    base->open_streams = 1;
    shoal_conn_hold(base->conn);
    exchange->holds = true;
    *out_stream = &exchange->stream;
    tell_idle(session, false);
    return 0;
}

static struct shoal__stream *find(const struct shoal__session *base, uint64_t serial)
{
    struct http1_exchange *exchange = ((const struct http1_session *)base)->exchange;
    return exchange && is_live(exchange) && exchange->stream.serial == serial ? &exchange->stream
                                                                              : NULL;
}

static int ping(struct shoal__session *base)
{
    (void)base;
    return -SHOAL_EINVAL;
}

static void on_farewell(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct http1_session *session = arg;
    if (!session->exchange)
        shoal_conn_close_for(session->base.conn, SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_DRAINED);
}

/* An idle connection waits a moment before it is closed: a request that is on its way is then
 * answered, with "Connection: close", instead of lost. */
static void shut(struct shoal__session *base)
{
    struct http1_session *session = shoal__http1_session_of(base);
    if (session->shutting)
        return;
    session->shutting = true;
    if (session->exchange)
        return;
    session->farewell = is_server(session) ? calloc(1, sizeof(*session->farewell)) : NULL;
    if (session->farewell) {
        shoal_timer_init(session->farewell, on_farewell, session);
        if (shoal_timer_start(shoal_conn_loop(base->conn), session->farewell, FAREWELL_MS) == 0)
            return;
    }
    shoal_conn_close_for(base->conn, SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_DRAINED);
}

static void close_session(struct shoal__session *base, uint32_t error, struct shoal_view debug)
{
    (void)debug;
    struct http1_session *session = shoal__http1_session_of(base);
    bool begun = session->exchange && session->exchange->output == HTTP1_OUTPUT_BODY;
    if (session->exchange && is_live(session->exchange)) {
        session->exchange->reset = true;
        session->exchange->error = error;
    }
    shoal_conn_close(base->conn, begun ? SHOAL_CLOSE_ABORT : SHOAL_CLOSE_FLUSH);
}

static const struct shoal__session_ops http1_session_ops = {
    .open = open_stream,
    .room = room,
    .find = find,
    .ping = ping,
    .shutdown = shut,
    .close = close_session,
};

int shoal__http1_start(struct shoal_conn *conn, enum shoal__http_role role,
                       const struct shoal__session_events *events, void *user,
                       const struct shoal__session_limits *limits,
                       struct shoal__session **out_session)
{
    struct http1_local *local = local_of(shoal_conn_loop(conn), limits->max_fields);
    struct http1_session *session = local ? calloc(1, sizeof(*session)) : NULL;
    if (!session)
        return -SHOAL_ENOMEM;
    session->base = (struct shoal__session){.ops = &http1_session_ops,
                                            .events = events,
                                            .conn = conn,
                                            .user = user,
                                            .role = role,
                                            .version = SHOAL__HTTP_1_1};
    session->limits = limits;
    session->local = local;
    shoal__conn_set_driver(conn, session);
    shoal__conn_set_service(conn, &http1_service);
    if (role == SHOAL__HTTP_CLIENT)
        shoal__conn_read_on(conn);
    if (out_session)
        *out_session = &session->base;
    return 0;
}
