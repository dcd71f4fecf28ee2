/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fish market's counter. A fisherman's lines add up to a catch, which is paid with one reply
 * when it ends:
 *
 *                     a line                          empty line, half-close,
 *     no catch ─────────────────────► catch open ──── or settled ────► paid (no catch)
 *                                      │      ▲
 *                                      └──────┘ more lines: the settle timer begins anew
 *
 * While a catch is open and will settle, an answer is owed: the connection is held, so that neither
 * a drain nor the idle timeout takes it away. Part of a line keeps the catch open, but not when
 * the server drains, for the rest may never come.
 */
#include <stdlib.h>

#include <shoal/line.h>

#include "board.h"
#include "host.h"
#include "market.h"

/* Owned by its connection, as shoal_conn_data(); dies in on_close. */
struct fisherman {
    struct shoal_conn *conn;
    struct shoal_timer settle;
    uint64_t lines; /* so far, whatever they were */
    uint64_t total; /* of the open catch */
    bool open;      /* a catch has begun */
    bool held;      /* the connection is, for the settle timer */
    bool fresh;     /* the catch grew in this turn */
    bool partial;   /* part of a line has come */
};

static struct fisherman *fisherman_of(const struct shoal_conn *conn)
{
    return shoal_conn_data(conn);
}

static void close_catch(struct fisherman *self)
{
    self->open = false;
    self->total = 0;
    shoal_timer_stop(&self->settle);
    if (self->held)
        shoal_conn_release(self->conn);
    self->held = false;
}

static void pay(struct fisherman *self)
{
    if (!self->open)
        return;
    shoal_conn_printf(self->conn, "%llu\r\n", (unsigned long long)self->total);
    close_catch(self);
}

static void wait_to_settle(struct fisherman *self)
{
    struct shoal_loop *loop = shoal_conn_loop(self->conn);
    int64_t settle_ms = host_of(loop)->options->settle_ms;
    if (settle_ms == 0)
        return;
    if (shoal_timer_start(loop, &self->settle, settle_ms) < 0) {
        shoal_conn_close_for(self->conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
        return;
    }
    if (!self->held)
        shoal_conn_hold(self->conn);
    self->held = true;
}

static void settle(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct fisherman *self = arg;
    if (self->partial && !shoal_server_draining(shoal_conn_server(self->conn)))
        wait_to_settle(self);
    else
        pay(self);
}

static void on_open(struct shoal_conn *conn)
{
    struct fisherman *self = calloc(1, sizeof(*self));
    if (!self) {
        shoal_conn_close_for(conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
        return;
    }
    self->conn = conn;
    shoal_timer_init(&self->settle, settle, self);
    shoal_conn_set_data(conn, self);
}

static bool take_offer(struct fisherman *self, struct shoal_view line)
{
    struct offer offer;
    return offer_parse(line, &offer) &&
           offer_add(&offer, board_prices(shoal_conn_loop(self->conn)), &self->total);
}

static void on_line(struct shoal_conn *conn, struct shoal_view line)
{
    struct fisherman *self = fisherman_of(conn);
    self->lines++;
    if (line.size == 0) {
        pay(self);
        return;
    }
    self->open = self->fresh = true;
    if (!take_offer(self, line))
        shoal_conn_printf(conn, "ERR line %llu: expected \"N pounds of FISH\"\r\n",
                          (unsigned long long)self->lines);
}

static void on_turn(struct shoal_conn *conn, bool partial)
{
    struct fisherman *self = fisherman_of(conn);
    self->partial = partial;
    if (self->open && self->fresh)
        wait_to_settle(self);
    self->fresh = false;
}

static void on_error(struct shoal_conn *conn, enum shoal_line_error error)
{
    (void)error; /* NUL bytes are allowed here: they only make a line that is no offer */
    struct fisherman *self = fisherman_of(conn);
    shoal_conn_printf(conn, "ERR line %llu: longer than 8192 bytes\r\n",
                      (unsigned long long)self->lines + 1);
    close_catch(self);
}

static void on_end(struct shoal_conn *conn)
{
    pay(fisherman_of(conn));
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)reason;
    struct fisherman *self = fisherman_of(conn);
    if (!self)
        return;
    shoal_timer_stop(&self->settle);
    free(self);
}

static const struct shoal_line_service counter = {
    .name = "fish",
    .max_line = 8192,
    .allow_nul = true,
    .on_open = on_open,
    .on_line = on_line,
    .on_turn = on_turn,
    .on_error = on_error,
    .on_end = on_end,
    .on_close = on_close,
};

static int listen_fish(struct host *host, const char *url, const struct shoal_listen_cfg *cfg,
                       struct shoal_listener **out_listener)
{
    return shoal_listen_line(host->server, url, &counter, cfg, out_listener);
}

const struct service fish_service = {
    .name = "fish",
    .default_url = "tcp://127.0.0.1:8080",
    .try_with = "echo 3 pounds of trout | ",
    .prepare = board_prepare,
    .listen = listen_fish,
};
