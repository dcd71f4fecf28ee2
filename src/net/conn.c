/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a connection: creation, states, closing. Reading is in conn_in.c, writing in
 * conn_out.c, deadlines in conn_deadline.c, the handler's other calls in conn_handler.c, and calls
 * from other threads in conn_id.c.
 *
 * A state changes in set_state() only. Closing never frees: the object waits on the loop's dirty
 * list for the end of the turn, where on_close is called and the memory goes.
 */
#include "net/conn.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <shoal/buf.h>
#include <shoal/error.h>
#include <shoal/stats.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "net/backlog.h"
#include "net/conn_priv.h"
#include "net/limits.h"
#include "runtime/server.h"

enum { DRAIN_READS = 4 }; /* 256 KiB of input that came before a drain are still answered */

static const char *const reason_names[] = {
#define REASON_NAME(NAME, name, meaning) #name,
    SHOAL_CLOSE_REASON_TABLE(REASON_NAME)
#undef REASON_NAME
};

const char *shoal_close_reason_name(enum shoal_close_reason reason)
{
    return (unsigned)reason < SHOAL_CLOSE_REASONS ? reason_names[reason] : "unknown";
}

uint32_t shoal__conn_now(const struct shoal_conn *conn)
{
    return (uint32_t)(shoal__loop_now_ns(conn->net->loop) / 1000000);
}

static void set_state(struct shoal_conn *conn, enum shoal__conn_st state)
{
    conn->state = (uint8_t)state;
}

/* Limits */

struct shoal__shared_limits *shoal__limits_create(const struct shoal_limits *limits)
{
    static const struct shoal_limits defaults = SHOAL_LIMITS_INIT;
    struct shoal__shared_limits *shared = malloc(sizeof(*shared));
    if (!shared)
        return NULL;
    shared->limits = defaults;
    SHOAL__CFG_READ(&shared->limits, limits);
    atomic_init(&shared->refs, 1);
    return shared;
}

static struct shoal__shared_limits *limits_ref(struct shoal__shared_limits *limits)
{
    atomic_fetch_add_explicit(&limits->refs, 1, memory_order_relaxed);
    return limits;
}

void shoal__limits_unref(struct shoal__shared_limits **limits)
{
    if (!*limits)
        return;
    if (atomic_fetch_sub_explicit(&(*limits)->refs, 1, memory_order_acq_rel) == 1)
        free(*limits);
    *limits = NULL;
}

int shoal_conn_set_limits(struct shoal_conn *conn, const struct shoal_limits *limits)
{
    SHOAL__ASSERT_CONN(conn);
    struct shoal__shared_limits *own = shoal__limits_create(limits);
    if (!own)
        return -SHOAL_ENOMEM;
    shoal__limits_unref(&conn->limits);
    conn->limits = own;
    shoal__conn_arm(conn);
    return 0;
}

/* Lists */

void shoal__conn_mark_dirty(struct shoal_conn *conn)
{
    if (conn->in_dirty)
        return;
    conn->in_dirty = true;
    conn->dirty_next = conn->net->dirty;
    conn->net->dirty = conn;
}

void shoal__conn_mark_ready(struct shoal_conn *conn)
{
    if (conn->in_ready || conn->state == SHOAL__CONN_CLOSED)
        return;
    conn->in_ready = true;
    conn->ready_next = conn->net->ready;
    conn->net->ready = conn;
}

/* Readiness */

static void io_cb(evutil_socket_t fd, short what, void *arg);

static unsigned wanted_by_open(const struct shoal_conn *conn)
{
    unsigned what = 0;
    if (shoal__conn_may_read(conn))
        what |= conn->read_wants;
    if (conn->output || (conn->end_asked && !conn->end_done))
        what |= conn->write_wants;
    bool quiet = what == 0 && !conn->saw_end && conn->transport.fd >= 0;
    return quiet && conn->net->has_edges ? SHOAL__WATCH_RESET : what;
}

static unsigned wanted(const struct shoal_conn *conn)
{
    switch ((enum shoal__conn_st)conn->state) {
    case SHOAL__CONN_HANDSHAKE:
        return conn->in_ready ? 0 : conn->write_wants; /* its turn comes without an event */
    case SHOAL__CONN_ENDING:
        return conn->write_wants;
    case SHOAL__CONN_OPEN:
        return wanted_by_open(conn);
    case SHOAL__CONN_FLUSHING:
        return conn->output ? conn->write_wants : 0;
    case SHOAL__CONN_LINGERING:
        return conn->read_wants;
    case SHOAL__CONN_PENDING:
    case SHOAL__CONN_CLOSED:
        break;
    }
    return 0;
}

static int watch_descriptor(struct shoal_conn *conn, unsigned what)
{
    short flags = EV_PERSIST;
    if (what & SHOAL__WATCH_READ)
        flags |= EV_READ;
    if (what & SHOAL__WATCH_RESET)
        flags |= EV_READ | EV_ET;
    if (what & SHOAL__WATCH_WRITE)
        flags |= EV_WRITE;
    if (conn->watching)
        event_del(&conn->event);
    conn->watching = 0;
    if (what == 0)
        return 0;
    if (event_assign(&conn->event, conn->net->loop->base, conn->transport.fd, flags, io_cb, conn) ||
        event_add(&conn->event, NULL))
        return -SHOAL_ENOMEM;
    return 0;
}

/* Registers for what the connection waits for now; nothing happens where that is unchanged. */
static void update_watch(struct shoal_conn *conn)
{
    unsigned what = wanted(conn);
    if (what == conn->watching)
        return;
    if (conn->transport.ops->watch) {
        conn->transport.ops->watch(&conn->transport, what);
    } else if (watch_descriptor(conn, what) < 0) {
        conn->error = -SHOAL_ENOMEM;
        shoal__conn_close_now(conn, SHOAL_CLOSED_MEMORY, false);
        return;
    }
    conn->watching = (uint8_t)what;
}

static void stop_watching(struct shoal_conn *conn)
{
    if (!conn->watching)
        return;
    if (conn->transport.ops->watch)
        conn->transport.ops->watch(&conn->transport, 0);
    else
        event_del(&conn->event);
    conn->watching = 0;
}

/* Callbacks */

static const char *service_name(const struct shoal_conn *conn)
{
    return conn->service->name ? conn->service->name : "raw";
}

void shoal__conn_enter(struct shoal_conn *conn, const char *callback)
{
    struct shoal__net_loop *net = conn->net;
    shoal__gather_close(net);
    net->gather.conn = conn;
    net->gather.in_callback = true;
    shoal__loop_enter(net->loop, service_name(conn), callback);
}

void shoal__conn_leave(struct shoal_conn *conn)
{
    shoal__gather_close(conn->net);
    shoal__conn_settle(conn);
}

/* The transport is ready: from here on the service is told what happens. */
static void opened(struct shoal_conn *conn)
{
    set_state(conn, SHOAL__CONN_OPEN);
    conn->write_wants = SHOAL__WATCH_WRITE;
    conn->opened_ms = conn->active_ms = conn->stall_ms = shoal__conn_now(conn);
    if (!conn->accepted)
        shoal__count(&conn->net->loop->counters.connected, 1);
    shoal__conn_arm(conn);
    if (conn->state != SHOAL__CONN_OPEN)
        return;
    conn->announced = true;
    if (conn->service->on_open) {
        shoal__conn_enter(conn, "on_open");
        conn->service->on_open(conn);
        shoal__conn_leave(conn);
    }
    if (conn->net->draining)
        shoal__conn_drain(conn, SHOAL_CLOSED_DRAINED);
}

void shoal__conn_handshake(struct shoal_conn *conn)
{
    int rc = conn->transport.ops->handshake(&conn->transport);
    if (rc == SHOAL__IO_WANT_READ || rc == SHOAL__IO_WANT_WRITE) {
        conn->write_wants = rc == SHOAL__IO_WANT_READ ? SHOAL__WATCH_READ : SHOAL__WATCH_WRITE;
    } else if (rc > 0) {
        opened(conn);
    } else {
        conn->error = (int16_t)rc;
        shoal__conn_close_now(conn, SHOAL_CLOSED_HANDSHAKE, false);
    }
}

/* Puts the connection behind the others that wait for a step of their handshake. */
static void wait_for_handshake(struct shoal_conn *conn)
{
    struct shoal__net_loop *net = conn->net;
    if (conn->in_ready)
        return;
    conn->in_ready = true;
    conn->ready_next = NULL;
    if (net->shaking)
        net->last_shaking->ready_next = conn;
    else
        net->shaking = conn;
    net->last_shaking = conn;
    shoal__loop_want_turn(net->loop);
}

void shoal__conn_shake_hands(struct shoal_conn *conn)
{
    if (conn->net->handshake_steps >= SHOAL__HANDSHAKE_STEPS) {
        wait_for_handshake(conn); /* a flood of these must not starve who is open */
        return;
    }
    conn->net->handshake_steps++;
    shoal__conn_handshake(conn);
}

static void io(struct shoal_conn *conn, unsigned ready)
{
    if (ready & conn->write_wants)
        conn->blocked = false;
    if (conn->state == SHOAL__CONN_HANDSHAKE)
        shoal__conn_shake_hands(conn);
    else if (conn->state == SHOAL__CONN_LINGERING)
        shoal__conn_discard(conn);
    else if (ready & conn->read_wants)
        shoal__conn_read(conn);
    shoal__conn_settle(conn);
}

/* Input waits, so the socket's error is asked for alone: a peer that has merely ended its side, or
 * sent more, must wait as well. */
static void look_for_reset(struct shoal_conn *conn)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(conn->transport.fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0)
        shoal__conn_broken(conn, -error);
}

static void io_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    struct shoal_conn *conn = arg;
    shoal__loop_enter(conn->net->loop, service_name(conn), "io");
    if (conn->watching == SHOAL__WATCH_RESET)
        look_for_reset(conn);
    else
        io(conn, ((what & EV_READ) ? SHOAL__WATCH_READ : 0u) |
                     ((what & EV_WRITE) ? SHOAL__WATCH_WRITE : 0u));
}

void shoal__conn_ready(struct shoal_conn *conn, unsigned what)
{
    SHOAL__ASSERT_CONN(conn);
    if (conn->watching & what)
        io(conn, conn->watching & what);
}

/* Creation */

static struct shoal_conn *take_conn(struct shoal_loop *loop, const struct shoal_service *service,
                                    struct shoal__shared_limits *limits, enum shoal__conn_st state)
{
    struct shoal__net_loop *net = shoal__net_loop_get(loop);
    struct shoal_conn *conn = net ? shoal__net_loop_take(net) : NULL;
    if (!conn)
        return NULL;
    conn->service = service;
    conn->limits = limits_ref(limits);
    conn->transport.fd = -1;
    conn->read_wants = SHOAL__WATCH_READ;
    conn->write_wants = SHOAL__WATCH_WRITE;
    conn->opened_ms = conn->active_ms = shoal__conn_now(conn);
    set_state(conn, state);
    if (shoal__conn_start_deadlines(conn) < 0) {
        shoal__limits_unref(&conn->limits);
        shoal__net_loop_give(conn);
        return NULL;
    }
    shoal__count(&loop->counters.open_connections, 1);
    return conn;
}

static void begin(struct shoal_conn *conn)
{
    if (conn->net->forcing)
        shoal__conn_close_now(conn, SHOAL_CLOSED_FORCED, false);
    else if (conn->state == SHOAL__CONN_HANDSHAKE)
        shoal__conn_shake_hands(conn);
    else
        opened(conn);
    if (conn->accepted && conn->state == SHOAL__CONN_OPEN)
        shoal__conn_read(conn); /* most clients speak first, and have by now */
    shoal__conn_settle(conn);
}

static enum shoal__conn_st first_state(const struct shoal__transport *transport)
{
    return transport->ops->handshake ? SHOAL__CONN_HANDSHAKE : SHOAL__CONN_OPEN;
}

int shoal__conn_create(struct shoal_loop *loop, const struct shoal__transport *transport,
                       const struct shoal_service *service, struct shoal__shared_limits *limits,
                       const struct shoal__address *peer, bool accepted,
                       struct shoal_conn **out_conn)
{
    SHOAL__ASSERT_OWNER(loop);
    struct shoal_conn *conn = take_conn(loop, service, limits, first_state(transport));
    if (!conn)
        return -SHOAL_ENOMEM;
    conn->transport = *transport;
    conn->peer = *peer;
    conn->accepted = accepted;
    conn->own_slot = accepted && shoal__server_cfg(loop->server)->max_per_address > 0;
    if (accepted)
        shoal__count(&loop->counters.accepted, 1);
    if (out_conn)
        *out_conn = conn;
    begin(conn);
    return 0;
}

int shoal__conn_create_pending(struct shoal_loop *loop, const struct shoal_service *service,
                               struct shoal__shared_limits *limits,
                               void (*cancel)(void *arg, struct shoal_conn *conn), void *arg,
                               struct shoal_conn **out_conn)
{
    SHOAL__ASSERT_OWNER(loop);
    struct shoal__pending *pending = malloc(sizeof(*pending));
    if (!pending)
        return -SHOAL_ENOMEM;
    *pending = (struct shoal__pending){cancel, arg};
    struct shoal_conn *conn = take_conn(loop, service, limits, SHOAL__CONN_PENDING);
    if (!conn) {
        free(pending);
        return -SHOAL_ENOMEM;
    }
    conn->transport.state = pending;
    conn->announced = true;
    *out_conn = conn;
    return 0;
}

static void forget_pending(struct shoal_conn *conn, bool tell)
{
    struct shoal__pending *pending = conn->transport.state;
    conn->transport.state = NULL;
    if (tell)
        pending->cancel(pending->arg, conn);
    free(pending);
}

int shoal__conn_attach(struct shoal_conn *conn, const struct shoal__transport *transport,
                       const struct shoal__address *peer)
{
    SHOAL__ASSERT_CONN(conn);
    SHOAL_ASSERT(conn->state == SHOAL__CONN_PENDING);
    forget_pending(conn, false);
    conn->transport = *transport;
    conn->peer = *peer;
    set_state(conn, first_state(transport));
    begin(conn);
    return 0;
}

void shoal__conn_fail(struct shoal_conn *conn, enum shoal_close_reason reason, int error)
{
    SHOAL__ASSERT_CONN(conn);
    SHOAL_ASSERT(conn->state == SHOAL__CONN_PENDING);
    forget_pending(conn, false);
    conn->error = (int16_t)error;
    shoal__conn_close_now(conn, reason, false);
}

/* Closing */

static void count_closed(const struct shoal_conn *conn)
{
    struct shoal_loop *loop = conn->net->loop;
    shoal__count(&loop->counters.closed[conn->reason], 1);
    shoal__count(&loop->counters.open_connections, UINT64_MAX);
    if (conn->accepted)
        atomic_fetch_sub_explicit(shoal__server_connections(loop->server), 1, memory_order_relaxed);
    if (conn->own_slot)
        shoal__address_slot_release(loop->server, &conn->peer);
    if (!conn->net->draining || !conn->announced)
        return;
    if (conn->reason == SHOAL_CLOSED_FORCED || conn->reason == SHOAL_CLOSED_WRITE_STALL)
        loop->drained_forced++;
    else if (conn->reason == SHOAL_CLOSED_DRAINED || conn->reason == SHOAL_CLOSED_LOCAL ||
             conn->reason == SHOAL_CLOSED_PEER || conn->reason == SHOAL_CLOSED_AGE)
        loop->drained_graceful++;
}

void shoal__conn_close_now(struct shoal_conn *conn, enum shoal_close_reason reason, bool reset)
{
    if (conn->state == SHOAL__CONN_CLOSED)
        return;
    bool pending = conn->state == SHOAL__CONN_PENDING;
    bool unfinished = conn->state == SHOAL__CONN_FLUSHING && conn->output;
    if (conn->state < SHOAL__CONN_FLUSHING || unfinished || reason == SHOAL_CLOSED_FORCED)
        conn->reason = (uint8_t)reason;
    set_state(conn, SHOAL__CONN_CLOSED);
    if (conn->output)
        shoal__backlog_count(conn->net, shoal__buf_memory(conn->output), 0);
    shoal_timer_stop(&conn->deadline);
    if (pending && conn->transport.state)
        forget_pending(conn, true);
    count_closed(conn); /* before the peer can see it */
    if (conn->transport.ops) {
        stop_watching(conn);
        conn->transport.ops->close(&conn->transport, reset);
    }
    shoal__conn_mark_dirty(conn);
}

void shoal__conn_broken(struct shoal_conn *conn, ssize_t error)
{
    bool reset = error == -ECONNRESET || error == -EPIPE || error == -ETIMEDOUT;
    conn->error = (int16_t)error;
    shoal__conn_close_now(conn, reset ? SHOAL_CLOSED_RESET : SHOAL_CLOSED_FAILED, !reset);
}

void shoal__conn_bury(struct shoal_conn *conn)
{
    if (conn->announced && conn->service->on_close) {
        shoal__loop_enter(conn->net->loop, service_name(conn), "on_close");
        conn->service->on_close(conn, conn->reason);
    }
    free(conn->input);
    shoal_buf_destroy(&conn->output);
    shoal__limits_unref(&conn->limits);
    shoal__net_loop_give(conn);
}

void shoal_conn_close_for(struct shoal_conn *conn, enum shoal_close how,
                          enum shoal_close_reason reason)
{
    SHOAL__ASSERT_CONN(conn);
    if (conn->state == SHOAL__CONN_CLOSED)
        return;
    bool closing = conn->state > SHOAL__CONN_OPEN;
    if (how >= SHOAL_CLOSE_NOW || conn->state < SHOAL__CONN_OPEN) {
        shoal__conn_close_now(conn, closing ? conn->reason : reason, how == SHOAL_CLOSE_ABORT);
        return;
    }
    if (closing)
        return;
    conn->reason = (uint8_t)reason;
    conn->close_how = (uint8_t)how;
    conn->stall_ms = shoal__conn_now(conn);
    set_state(conn, SHOAL__CONN_FLUSHING);
    shoal__conn_mark_dirty(conn);
    shoal__conn_arm(conn);
}

void shoal_conn_close(struct shoal_conn *conn, enum shoal_close how)
{
    shoal_conn_close_for(conn, how, SHOAL_CLOSED_LOCAL);
}

/* True where the kernel or the transport holds input: closing then would reset the peer, which
 * may cost it the answer that it has not read yet. */
static bool holds_input(struct shoal_conn *conn)
{
    if (conn->saw_end)
        return false;
    if (conn->transport.ops->pending && conn->transport.ops->pending(&conn->transport) > 0)
        return true;
    int unread = 0;
    return conn->transport.fd >= 0 && ioctl(conn->transport.fd, FIONREAD, &unread) == 0 &&
           unread > 0;
}

/* Shuts our side down. 1: done or hopeless; 0: waits for an event. */
static int shut_down(struct shoal_conn *conn)
{
    int rc = conn->end_done ? 1 : conn->transport.ops->shutdown(&conn->transport);
    if (rc == SHOAL__IO_WANT_READ || rc == SHOAL__IO_WANT_WRITE) {
        conn->write_wants = rc == SHOAL__IO_WANT_READ ? SHOAL__WATCH_READ : SHOAL__WATCH_WRITE;
        conn->blocked = true;
        return 0;
    }
    conn->end_done = true;
    return 1;
}

/* The output of a closing connection is out: tell the peer, then go or linger. */
static void go_on_closing(struct shoal_conn *conn)
{
    bool linger = !conn->saw_end && (conn->close_how == SHOAL_CLOSE_LINGER || holds_input(conn));
    if (!linger && conn->transport.ops->close_says_end) {
        shoal__conn_close_now(conn, conn->reason, false);
        return;
    }
    set_state(conn, SHOAL__CONN_ENDING);
    if (!shut_down(conn))
        return;
    if (!linger) {
        shoal__conn_close_now(conn, conn->reason, false);
        return;
    }
    set_state(conn, SHOAL__CONN_LINGERING);
    conn->read_wants = SHOAL__WATCH_READ;
    shoal__conn_discard(conn);
}

void shoal__conn_settle(struct shoal_conn *conn)
{
    bool flushing = conn->state == SHOAL__CONN_OPEN || conn->state == SHOAL__CONN_FLUSHING;
    if (flushing && conn->output && !conn->blocked && !shoal__conn_flush(conn))
        return;
    bool out = !conn->output && conn->net->gather.conn != conn;
    if (conn->state == SHOAL__CONN_OPEN && conn->end_asked && !conn->end_done && out)
        shut_down(conn);
    if ((conn->state == SHOAL__CONN_FLUSHING && out) ||
        (conn->state == SHOAL__CONN_ENDING && !conn->blocked))
        go_on_closing(conn);
    if (shoal__conn_has_hidden_input(conn))
        shoal__conn_mark_ready(conn);
    if (conn->state != SHOAL__CONN_CLOSED && conn->state != SHOAL__CONN_PENDING)
        update_watch(conn);
}

int shoal_conn_end(struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    if (conn->state > SHOAL__CONN_OPEN || conn->end_asked)
        return -SHOAL_EPIPE;
    conn->end_asked = true;
    shoal__conn_mark_dirty(conn);
    return 0;
}

/* Draining */

void shoal__conn_drain(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    if (conn->state < SHOAL__CONN_OPEN) {
        shoal__conn_close_now(conn, reason, false);
        return;
    }
    if (conn->state > SHOAL__CONN_OPEN)
        return;
    conn->drain_reason = (uint8_t)reason;
    if (conn->service->on_server_drain) {
        shoal__conn_enter(conn, "on_server_drain");
        conn->service->on_server_drain(conn);
        shoal__conn_leave(conn);
        return;
    }
    if (!conn->draining)
        conn->drain_reads = DRAIN_READS;
    conn->draining = true;
    shoal__conn_mark_ready(conn);
}
