/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line driver: the one file that knows both the line engine and connections. It offers what a
 * connection received to the engine, hands the lines to the line service, and sees to turns, pause,
 * errors and the end. All of it runs on the connection's loop, except shoal_listen_line().
 *
 *     connection ── driver pointer ──► line_conn { engine, service }
 *     listener ──── raw service ─────► line_listener, which leads to the line service
 *
 * A line is delivered in place: its bytes are the loop's own read buffer, in which the first byte
 * of the line's end is overwritten by the NUL that C string functions want.
 */
#include "proto/line/line_driver.h"

#include <stdlib.h>

#include <shoal/error.h>

#include "base/cfg.h"
#include "base/list.h"
#include "net/conn.h"
#include "proto/line/line_engine.h"
#include "runtime/server.h"

enum { DEFAULT_MAX_LINE = 8192, DEFAULT_LINES_PER_TURN = 64 };

/* The longest line that can be asked for: its end, and a NUL, must still be countable. */
#define LARGEST_MAX_LINE ((size_t)1 << 30)

/* One connection's part of the driver; owned by the connection, freed after its on_close. */
struct line_conn {
    const struct shoal_line_service *service;
    struct shoal__line_engine engine;
};

/*
 * The raw service behind one listener: connections find their line service by its `arg`. A part of
 * the server, for living as long as that; it has nothing to open or close.
 */
struct line_listener {
    struct shoal__part part;
    struct shoal_server *server;
    struct shoal_service raw;
};

static size_t max_line_of(const struct shoal_line_service *service)
{
    size_t max = service->max_line ? service->max_line : DEFAULT_MAX_LINE;
    return max < LARGEST_MAX_LINE ? max : LARGEST_MAX_LINE;
}

static unsigned lines_per_turn_of(const struct shoal_line_service *service)
{
    return service->lines_per_turn ? service->lines_per_turn : DEFAULT_LINES_PER_TURN;
}

static struct line_conn *line_conn_create(const struct shoal_line_service *service)
{
    struct line_conn *self = malloc(sizeof(*self));
    if (!self)
        return NULL;
    self->service = service;
    shoal__line_init(&self->engine, max_line_of(service), service->allow_nul);
    return self;
}

static struct line_conn *line_conn_of(const struct shoal_conn *conn)
{
    return shoal__conn_driver(conn);
}

void *shoal_line_arg(const struct shoal_conn *conn)
{
    return line_conn_of(conn)->service->arg;
}

/* A connection made by shoal_connect_line() has its part already. */
static void on_open(struct shoal_conn *conn)
{
    struct line_conn *self = line_conn_of(conn);
    if (!self) {
        self = line_conn_create(shoal_conn_arg(conn));
        shoal__conn_set_driver(conn, self);
    }
    if (!self)
        shoal_conn_close_for(conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
    else if (self->service->on_open)
        self->service->on_open(conn);
}

/* The peer broke the protocol: the service may say so, and that is the last thing it says. */
static void refuse_line(struct shoal_conn *conn, enum shoal__line_step step)
{
    const struct shoal_line_service *service = line_conn_of(conn)->service;
    if (service->on_error)
        service->on_error(conn, step == SHOAL__LINE_HAS_NUL ? SHOAL_LINE_NUL : SHOAL_LINE_TOO_LONG);
    shoal_conn_close_for(conn, SHOAL_CLOSE_LINGER, SHOAL_CLOSED_PROTOCOL);
}

/* Delivers the line that the engine found, or acts on its error. False where there was neither. */
static bool act_on(struct shoal_conn *conn, enum shoal__line_step step,
                   const struct shoal__line *line)
{
    if (step == SHOAL__LINE_MORE)
        return false;
    if (step != SHOAL__LINE_READY) {
        refuse_line(conn, step);
        return true;
    }
    shoal__conn_writable(line->text)[line->text.size] = '\0';
    line_conn_of(conn)->service->on_line(conn, line->text);
    return true;
}

static bool takes_lines(const struct shoal_conn *conn)
{
    return !shoal__conn_closing(conn) && !shoal_conn_paused(conn);
}

/* Delivers up to `most` lines from the front of `in`. Returns how many bytes they took. */
static size_t deliver_lines(struct shoal_conn *conn, struct shoal_view in, unsigned most)
{
    struct line_conn *self = line_conn_of(conn);
    size_t used = 0;
    unsigned lines = 0;
    while (used < in.size && lines < most && takes_lines(conn)) {
        struct shoal__line line = {.taken = 0};
        enum shoal__line_step step =
            shoal__line_next(&self->engine, shoal_view_from(in, used), &line);
        if (!act_on(conn, step, &line))
            return used;
        used += line.taken;
        lines++;
    }
    if (used < in.size && takes_lines(conn))
        shoal_conn_again(conn);
    return used;
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    const struct shoal_line_service *service = line_conn_of(conn)->service;
    size_t used = deliver_lines(conn, in, lines_per_turn_of(service));
    if (service->on_turn && !shoal__conn_closing(conn))
        service->on_turn(conn, used < in.size);
    return used;
}

/* Every whole line was offered before; what is left is the beginning of one that stays short. */
static void on_end(struct shoal_conn *conn, struct shoal_view rest)
{
    struct line_conn *self = line_conn_of(conn);
    struct shoal__line line;
    act_on(conn, shoal__line_last(&self->engine, rest, &line), &line);
    if (shoal__conn_closing(conn))
        return;
    if (self->service->on_end)
        self->service->on_end(conn);
    shoal__conn_finish(conn);
}

static void on_drained(struct shoal_conn *conn)
{
    const struct shoal_line_service *service = line_conn_of(conn)->service;
    if (service->on_drained)
        service->on_drained(conn);
}

/* Without a line_conn the connection ended for want of memory, before the service knew of it. */
static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    struct line_conn *self = line_conn_of(conn);
    if (!self)
        return;
    if (self->service->on_close)
        self->service->on_close(conn, reason);
    shoal__conn_set_driver(conn, NULL);
    free(self);
}

static const struct shoal_service raw_service = {
    .name = "line",
    .on_open = on_open,
    .on_data = on_data,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_close = on_close,
};

struct shoal_service shoal__line_raw_service(const struct shoal_line_service *service)
{
    struct shoal_service raw = raw_service;
    raw.arg = (void *)(uintptr_t)service;
    if (service->name)
        raw.name = service->name;
    return raw;
}

/* The limits as given, with room for the longest line and its end. */
static struct shoal_limits limits_for(const struct shoal_line_service *service,
                                      const struct shoal_limits *given)
{
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    SHOAL__CFG_READ(&limits, given);
    size_t needed = max_line_of(service) + 2;
    if (limits.max_input != 0 && limits.max_input < needed)
        limits.max_input = needed;
    return limits;
}

/* The listener as a part of the server */

static void destroy_part(struct shoal__part *part)
{
    free(SHOAL_CONTAINER_OF(part, struct line_listener, part));
}

static const struct shoal__part_ops part_ops = {.destroy = destroy_part};

int shoal_listen_line(struct shoal_server *server, const char *url,
                      const struct shoal_line_service *service, const struct shoal_listen_cfg *cfg,
                      struct shoal_listener **out_listener)
{
    struct line_listener *self = malloc(sizeof(*self));
    if (!self)
        return -SHOAL_ENOMEM;
    *self = (struct line_listener){
        .part.ops = &part_ops, .server = server, .raw = shoal__line_raw_service(service)};

    struct shoal_listen_cfg fitted = SHOAL_LISTEN_CFG_INIT;
    SHOAL__CFG_READ(&fitted, cfg);
    struct shoal_limits limits = limits_for(service, fitted.limits);
    fitted.limits = &limits;
    int rc = shoal_listen(server, url, &self->raw, &fitted, out_listener);
    if (rc < 0) {
        free(self);
        return rc;
    }
    shoal__server_add_part(server, &self->part);
    return 0;
}

int shoal_connect_line(struct shoal_loop *loop, const char *url,
                       const struct shoal_line_service *service,
                       const struct shoal_connect_cfg *cfg, struct shoal_conn **out_conn)
{
    struct line_conn *self = line_conn_create(service);
    if (!self)
        return -SHOAL_ENOMEM;

    struct shoal_connect_cfg fitted = SHOAL_CONNECT_CFG_INIT;
    SHOAL__CFG_READ(&fitted, cfg);
    struct shoal_limits limits = limits_for(service, fitted.limits);
    fitted.limits = &limits;
    struct shoal_conn *conn;
    int rc = shoal_connect(loop, url, &raw_service, &fitted, &conn);
    if (rc < 0) {
        free(self);
        return rc;
    }
    shoal__conn_set_driver(conn, self);
    if (out_conn)
        *out_conn = conn;
    return 0;
}
