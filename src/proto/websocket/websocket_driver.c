/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The WebSocket driver: the opening handshake on a request, and then messages between the engine
 * and the service. All of it runs on the connection's loop.
 *
 *     connection ── driver pointer ──► websocket { engine, service, the message being put together
 * } loop ──────── local ───────────► the raw service of each WebSocket service that is in use
 *
 * How it ends:
 *
 *              our close                  theirs, or its deadline
 *     OPEN ──────────────► CLOSING ──────────────────────────────► OVER (the connection closes)
 *       └──────────────────────────────────────────────────────────►┘
 *         their close (answered), an error of theirs (told), the connection's end
 */
#include "proto/websocket/websocket_driver.h"

#include <stdlib.h>

#include <shoal/error.h>

#include "base/list.h"
#include "base/utf8.h"
#include "net/conn.h"
#include "proto/http/fields.h"
#include "proto/websocket/websocket_engine.h"
#include "proto/websocket/websocket_handshake.h"
#include "runtime/loop.h"

enum {
    DEFAULT_MAX_MESSAGE = 1024 * 1024,
    DEFAULT_PING_MS = 30000,
    CLOSE_MS = 5000,      /* for the peer's answer to our close */
    EVENTS_PER_TURN = 64, /* then other connections have their turn */
    FIRST_ROOM = 1024,    /* of a message that comes in pieces */
    KEPT_ROOM = 4 * 1024, /* what is kept of it for the next one */
    REASON_MAX = 123,
};

enum websocket_st {
    WEBSOCKET_OPEN,    /* messages go both ways */
    WEBSOCKET_CLOSING, /* waits for the peer's close, or its deadline */
    WEBSOCKET_OVER,    /* the connection is closing */
};

/* Owned by the connection, freed after its on_close. */
struct websocket {
    struct shoal_conn *conn;
    const struct shoal_websocket_service *service;
    enum websocket_st st;
    unsigned code; /* for on_close */
    uint8_t reason_size;
    bool heard; /* something came since the last ping */
    char reason[REASON_MAX];
    struct shoal_timer timer; /* OPEN: the next ping; CLOSING: the deadline */
    char *message;            /* pieces of one that has not ended */
    size_t message_size;
    size_t message_room;
    struct shoal__websocket_engine engine;
};

static struct websocket *websocket_of(const struct shoal_conn *conn)
{
    return shoal__conn_driver(conn);
}

void *shoal_websocket_arg(const struct shoal_conn *conn)
{
    return websocket_of(conn)->service->arg;
}

static int64_t ping_ms_of(const struct shoal_websocket_service *service)
{
    return service->ping_ms != 0 ? service->ping_ms : DEFAULT_PING_MS;
}

/* Sending */

/* A frame that was not written whole leaves a stream that cannot go on. */
static int send_frame(struct websocket *self, enum shoal__websocket_opcode opcode,
                      struct shoal_view payload)
{
    char head[SHOAL__WEBSOCKET_HEAD_MAX];
    size_t size = shoal__websocket_head_write(opcode, true, payload.size, NULL, head);
    int rc = shoal_conn_write(self->conn, head, size);
    if (rc < 0 || payload.size == 0)
        return rc;
    rc = shoal_conn_write_view(self->conn, payload);
    if (rc == -SHOAL_ENOMEM)
        shoal_conn_close_for(self->conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
    return rc == -SHOAL_ENOMEM ? -SHOAL_EPIPE : rc;
}

int shoal_websocket_send(struct shoal_conn *conn, enum shoal_websocket_kind kind,
                         struct shoal_view message)
{
    struct websocket *self = websocket_of(conn);
    bool text = kind == SHOAL_WEBSOCKET_TEXT;
    if (!self || self->st != WEBSOCKET_OPEN)
        return -SHOAL_EPIPE;
    if (text && !shoal__utf8_is_valid(message))
        return -SHOAL_EINVAL;
    return send_frame(self, text ? SHOAL__WEBSOCKET_OP_TEXT : SHOAL__WEBSOCKET_OP_BINARY, message);
}

/* A close with code and reason; NO_CODE sends none. */
static int send_close(struct websocket *self, unsigned code, struct shoal_view reason)
{
    char payload[2 + REASON_MAX] = {(char)(uint8_t)(code >> 8), (char)(uint8_t)code};
    size_t size = code == SHOAL_WEBSOCKET_NO_CODE ? 0 : 2 + reason.size;
    if (reason.size > 0)
        memcpy(payload + 2, reason.data, reason.size);
    return send_frame(self, SHOAL__WEBSOCKET_OP_CLOSE, shoal_view(payload, size));
}

/* Closing */

/* Remembers what on_close will tell. */
static void note_close(struct websocket *self, unsigned code, struct shoal_view reason)
{
    self->code = code;
    self->reason_size = (uint8_t)(reason.size < REASON_MAX ? reason.size : REASON_MAX);
    if (self->reason_size > 0)
        memcpy(self->reason, reason.data, self->reason_size);
}

static void finish(struct websocket *self, enum shoal_close how, enum shoal_close_reason reason)
{
    self->st = WEBSOCKET_OVER;
    shoal_timer_stop(&self->timer);
    shoal_conn_close_for(self->conn, how, reason);
}

static bool is_reason(struct shoal_view reason)
{
    return reason.size <= REASON_MAX && shoal__utf8_is_valid(reason);
}

int shoal_websocket_close(struct shoal_conn *conn, unsigned code, const char *reason)
{
    struct websocket *self = websocket_of(conn);
    struct shoal_view view = shoal_view_of(reason ? reason : "");
    if (!self || self->st != WEBSOCKET_OPEN)
        return -SHOAL_EPIPE;
    if (!shoal__websocket_is_code(code) || !is_reason(view))
        return -SHOAL_EINVAL;
    int rc = shoal_timer_start(shoal_conn_loop(conn), &self->timer, CLOSE_MS);
    if (rc == 0)
        rc = send_close(self, code, view);
    if (rc < 0)
        return rc;
    self->st = WEBSOCKET_CLOSING;
    shoal_conn_resume(conn); /* or the answer would never be seen */
    return 0;
}

static void on_peer_close(struct websocket *self, const struct shoal__websocket_event *event)
{
    bool ours_first = self->st == WEBSOCKET_CLOSING;
    note_close(self, event->code, event->bytes);
    if (!ours_first)
        (void)send_close(self, event->code, shoal_view(NULL, 0));
    finish(self, SHOAL_CLOSE_FLUSH, ours_first ? SHOAL_CLOSED_LOCAL : SHOAL_CLOSED_PEER);
}

static void on_error(struct websocket *self, unsigned code)
{
    note_close(self, code, shoal_view(NULL, 0));
    if (self->st == WEBSOCKET_OPEN)
        (void)send_close(self, code, shoal_view(NULL, 0));
    finish(self, SHOAL_CLOSE_LINGER, SHOAL_CLOSED_PROTOCOL);
}

/* The timer */

static void on_timer(struct shoal_timer *timer, void *arg)
{
    struct websocket *self = arg;
    if (self->st == WEBSOCKET_CLOSING) {
        finish(self, SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_LOCAL);
        return;
    }
    if (!self->heard) {
        finish(self, SHOAL_CLOSE_NOW, SHOAL_CLOSED_IDLE);
        return;
    }
    /* Who does not read the input cannot hear anything either. */
    self->heard = shoal_conn_paused(self->conn);
    (void)send_frame(self, SHOAL__WEBSOCKET_OP_PING, shoal_view(NULL, 0));
    if (shoal_timer_start(shoal_conn_loop(self->conn), timer, ping_ms_of(self->service)) < 0)
        finish(self, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
}

/* Receiving */

static bool make_room(struct websocket *self, size_t needed)
{
    if (needed <= self->message_room)
        return true;
    size_t room = self->message_room ? self->message_room : FIRST_ROOM;
    while (room < needed)
        room *= 2;
    char *grown = realloc(self->message, room);
    if (!grown)
        return false;
    self->message = grown;
    self->message_room = room;
    return true;
}

static void forget_message(struct websocket *self)
{
    self->message_size = 0;
    if (self->message_room <= KEPT_ROOM)
        return;
    free(self->message);
    self->message = NULL;
    self->message_room = 0;
}

static void deliver(struct websocket *self, bool text, struct shoal_view message)
{
    if (self->st == WEBSOCKET_OPEN && self->service->on_message)
        self->service->on_message(self->conn, text ? SHOAL_WEBSOCKET_TEXT : SHOAL_WEBSOCKET_BINARY,
                                  message);
}

/* A message that came in one piece is delivered where it lies. */
static void on_piece(struct websocket *self, const struct shoal__websocket_event *event)
{
    if (event->first && event->last) {
        deliver(self, event->text, event->bytes);
        return;
    }
    if (!make_room(self, self->message_size + event->bytes.size)) {
        finish(self, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
        return;
    }
    if (event->bytes.size > 0)
        memcpy(self->message + self->message_size, event->bytes.data, event->bytes.size);
    self->message_size += event->bytes.size;
    if (event->last) {
        deliver(self, event->text, shoal_view(self->message, self->message_size));
        forget_message(self);
    }
}

static void act_on(struct websocket *self, enum shoal__websocket_step step,
                   const struct shoal__websocket_event *event)
{
    switch (step) {
    case SHOAL__WEBSOCKET_DATA:
        on_piece(self, event);
        return;
    case SHOAL__WEBSOCKET_PING:
        if (self->st == WEBSOCKET_OPEN)
            (void)send_frame(self, SHOAL__WEBSOCKET_OP_PONG, event->bytes);
        return;
    case SHOAL__WEBSOCKET_CLOSE:
        on_peer_close(self, event);
        return;
    case SHOAL__WEBSOCKET_ERROR:
        on_error(self, event->code);
        return;
    case SHOAL__WEBSOCKET_PONG:
    case SHOAL__WEBSOCKET_MORE:
        return;
    }
}

static bool takes_input(const struct websocket *self)
{
    return self->st != WEBSOCKET_OVER && !shoal__conn_closing(self->conn) &&
           !shoal_conn_paused(self->conn);
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct websocket *self = websocket_of(conn);
    size_t used = 0;
    self->heard = true;
    for (unsigned events = 0; used < in.size && events < EVENTS_PER_TURN && takes_input(self);
         events++) {
        struct shoal__websocket_event event;
        char *at = shoal__conn_writable(shoal_view_from(in, used));
        enum shoal__websocket_step step =
            shoal__websocket_next(&self->engine, at, in.size - used, &event);
        used += event.taken;
        act_on(self, step, &event);
    }
    if (used < in.size && takes_input(self))
        shoal_conn_again(conn);
    return used;
}

/* The connection's other callbacks */

static struct websocket *websocket_create(struct shoal_conn *conn)
{
    struct websocket *self = malloc(sizeof(*self));
    if (!self)
        return NULL;
    const struct shoal_websocket_service *service = shoal_conn_arg(conn);
    *self = (struct websocket){
        .conn = conn, .service = service, .code = SHOAL_WEBSOCKET_ABNORMAL, .heard = true};
    shoal__websocket_init(&self->engine, SHOAL__WEBSOCKET_SERVER,
                          service->max_message ? service->max_message : DEFAULT_MAX_MESSAGE);
    shoal_timer_init(&self->timer, on_timer, self);
    int64_t ping_ms = ping_ms_of(service);
    if (ping_ms > 0 && shoal_timer_start(shoal_conn_loop(conn), &self->timer, ping_ms) < 0) {
        free(self);
        return NULL;
    }
    return self;
}

static void on_open(struct shoal_conn *conn)
{
    struct websocket *self = websocket_create(conn);
    shoal__conn_set_driver(conn, self);
    if (!self) {
        shoal_conn_close_for(conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
        return;
    }
    if (self->service->on_open)
        self->service->on_open(conn);
}

/* Without a close it is ABNORMAL, whatever the peer meant by it. */
static void on_end(struct shoal_conn *conn, struct shoal_view rest)
{
    (void)rest;
    finish(websocket_of(conn), SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_PEER);
}

static void on_drained(struct shoal_conn *conn)
{
    const struct websocket *self = websocket_of(conn);
    if (self->st == WEBSOCKET_OPEN && self->service->on_drained)
        self->service->on_drained(conn);
}

static void on_server_drain(struct shoal_conn *conn)
{
    struct websocket *self = websocket_of(conn);
    if (self->st == WEBSOCKET_OPEN && shoal_websocket_close(conn, SHOAL_WEBSOCKET_GOING_AWAY, NULL))
        finish(self, SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_DRAINED);
}

/* Without a websocket the connection ended for want of memory, before the service knew of it. */
static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    struct websocket *self = websocket_of(conn);
    (void)reason;
    if (!self)
        return;
    self->st = WEBSOCKET_OVER;
    shoal_timer_stop(&self->timer);
    if (self->service->on_close)
        self->service->on_close(conn, self->code, shoal_view(self->reason, self->reason_size));
    shoal__conn_set_driver(conn, NULL);
    free(self->message);
    free(self);
}

static const struct shoal_service raw_service = {
    .name = "websocket",
    .on_open = on_open,
    .on_data = on_data,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_server_drain = on_server_drain,
    .on_close = on_close,
};

struct shoal_service shoal__websocket_raw_service(const struct shoal_websocket_service *service)
{
    struct shoal_service raw = raw_service;
    raw.arg = (void *)(uintptr_t)service;
    if (service->name)
        raw.name = service->name;
    return raw;
}

/* Raw services: a loop keeps one for each WebSocket service it has seen, for as long as its
 * connections live */

struct raw {
    struct shoal__link link;
    struct shoal_service service;
};

struct raws {
    struct shoal__loop_local local;
    struct shoal__queue all;
};

static const char raws_key;

static void raws_destroy(struct shoal__loop_local *local)
{
    struct raws *raws = SHOAL_CONTAINER_OF(local, struct raws, local);
    struct shoal__link *link;
    while ((link = shoal__queue_pop(&raws->all)))
        free(SHOAL_CONTAINER_OF(link, struct raw, link));
    free(raws);
}

static struct shoal__loop_local *raws_create(void)
{
    struct raws *raws = calloc(1, sizeof(*raws));
    if (!raws)
        return NULL;
    raws->local.destroy = raws_destroy;
    return &raws->local;
}

static const struct shoal_service *raw_of(struct shoal_loop *loop,
                                          const struct shoal_websocket_service *service)
{
    struct shoal__loop_local *local = shoal__loop_local(loop, &raws_key, raws_create);
    if (!local)
        return NULL;
    struct raws *raws = SHOAL_CONTAINER_OF(local, struct raws, local);
    for (struct shoal__link *link = raws->all.first; link; link = link->next) {
        struct raw *known = SHOAL_CONTAINER_OF(link, struct raw, link);
        if (known->service.arg == service)
            return &known->service;
    }
    struct raw *raw = malloc(sizeof(*raw));
    if (!raw)
        return NULL;
    raw->service = shoal__websocket_raw_service(service);
    shoal__queue_push(&raws->all, &raw->link);
    return &raw->service;
}

/* The opening handshake, RFC 6455 §4.2 */

static struct shoal_view word(const char *text)
{
    return shoal_view_of(text);
}

static bool asks_for_websocket(const struct shoal_http_request *req)
{
    return shoal_http_version(req) == 11 && strcmp(shoal_http_method(req), "GET") == 0 &&
           shoal__http_list_has(shoal_http_field(req, "connection"), word("upgrade")) &&
           shoal__http_list_has(shoal_http_field(req, "upgrade"), word("websocket"));
}

/* Answers that we cannot, and says what we could. */
static int refuse(struct shoal_http_request *req, unsigned status, const char *why)
{
    int rc = status == 426 ? shoal_http_set(req, "Sec-WebSocket-Version", "13") : 0;
    if (rc == 0)
        rc = shoal_http_reply(req, status, "text/plain", "%s\n", why);
    return rc < 0 ? rc : -SHOAL_EPROTOCOL;
}

const char *shoal_websocket_protocol(const struct shoal_http_request *req,
                                     const struct shoal_websocket_service *service)
{
    struct shoal_view offered = shoal_http_field(req, "sec-websocket-protocol");
    for (size_t i = 0; offered.size > 0 && service->protocols && service->protocols[i]; i++) {
        if (shoal__http_list_has(offered, word(service->protocols[i])))
            return service->protocols[i];
    }
    return NULL;
}

static int upgrade(struct shoal_http_request *req, const struct shoal_websocket_service *service,
                   const char *accept)
{
    const struct shoal_service *raw = raw_of(shoal_http_loop(req), service);
    const char *protocol = shoal_websocket_protocol(req, service);
    int rc = raw ? shoal_http_set(req, "Sec-WebSocket-Accept", accept) : -SHOAL_ENOMEM;
    if (rc == 0 && protocol)
        rc = shoal_http_set(req, "Sec-WebSocket-Protocol", protocol);
    return rc < 0 ? rc : shoal_http_upgrade(req, "websocket", raw);
}

int shoal_websocket_accept(struct shoal_http_request *req,
                           const struct shoal_websocket_service *service)
{
    char accept[SHOAL__WEBSOCKET_ACCEPT_SIZE];
    if (!asks_for_websocket(req))
        return refuse(req, 400, "This is for WebSocket over HTTP/1.1.");
    if (!shoal_view_equal(shoal_http_field(req, "sec-websocket-version"), word("13")))
        return refuse(req, 426, "Only version 13 of WebSocket is known here.");
    if (!shoal__websocket_accept_key(shoal_http_field(req, "sec-websocket-key"), accept))
        return refuse(req, 400, "Sec-WebSocket-Key is missing or malformed.");
    return upgrade(req, service, accept);
}
