/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection's deadlines: one timer, set to the earliest of those that hold in the connection's
 * state and moved only when an earlier one comes up. Progress merely notes the time; when the timer
 * fires it works out what is due now, looks once whether that has come in the meantime, and only
 * then acts.
 */
#include <shoal/error.h>

#include "net/conn_priv.h"

struct due {
    int32_t in_ms; /* INT32_MAX: never */
    enum shoal_close_reason reason;
};

enum { LONGEST_MS = 1 << 30 }; /* twelve days: 32-bit differences stay meaningful */

static void consider(struct due *due, uint32_t now, uint32_t since, int64_t limit_ms,
                     enum shoal_close_reason reason)
{
    if (limit_ms <= 0)
        return;
    uint32_t at = since + (uint32_t)(limit_ms < LONGEST_MS ? limit_ms : LONGEST_MS);
    int32_t in_ms = (int32_t)(at - now);
    if (in_ms < due->in_ms)
        *due = (struct due){in_ms, reason};
}

static void consider_open(const struct shoal_conn *conn, uint32_t now, struct due *due)
{
    const struct shoal_limits *limits = &conn->limits->limits;
    if (!conn->saw_input && !conn->saw_end)
        consider(due, now, conn->opened_ms, limits->first_byte_ms, SHOAL_CLOSED_FIRST_BYTE);
    if (conn->holds == 0)
        consider(due, now, conn->active_ms, limits->idle_ms, SHOAL_CLOSED_IDLE);
    if (conn->input && shoal__conn_may_read(conn) && conn->holds == 0)
        consider(due, now, conn->kept_ms, limits->read_stall_ms, SHOAL_CLOSED_READ_STALL);
    if (conn->output)
        consider(due, now, conn->stall_ms, limits->write_stall_ms, SHOAL_CLOSED_WRITE_STALL);
    if (!conn->aged)
        consider(due, now, conn->opened_ms, limits->age_ms, SHOAL_CLOSED_AGE);
}

static struct due earliest(const struct shoal_conn *conn)
{
    const struct shoal_limits *limits = &conn->limits->limits;
    struct due due = {INT32_MAX, SHOAL_CLOSED_IDLE};
    uint32_t now = shoal__conn_now(conn);
    switch ((enum shoal__conn_st)conn->state) {
    case SHOAL__CONN_PENDING:
        consider(&due, now, conn->opened_ms, limits->handshake_ms, SHOAL_CLOSED_CONNECT_TIMEOUT);
        break;
    case SHOAL__CONN_HANDSHAKE:
        consider(&due, now, conn->opened_ms, limits->handshake_ms, SHOAL_CLOSED_HANDSHAKE);
        break;
    case SHOAL__CONN_OPEN:
        consider_open(conn, now, &due);
        break;
    case SHOAL__CONN_FLUSHING:
    case SHOAL__CONN_ENDING:
    case SHOAL__CONN_LINGERING:
        consider(&due, now, conn->stall_ms, limits->flush_ms, conn->reason);
        break;
    case SHOAL__CONN_CLOSED:
        break;
    }
    return due;
}

static int arm_for(struct shoal_conn *conn, struct due due)
{
    if (due.in_ms == INT32_MAX)
        return 0;
    struct shoal_loop *loop = conn->net->loop;
    int64_t at = shoal__loop_now_ns(loop) + (int64_t)due.in_ms * 1000000;
    uint32_t slot = conn->deadline.slot_;
    if (slot != 0 && loop->timers.heap[slot - 1].deadline_ns <= at)
        return 0; /* it will look again when it fires */
    return shoal__loop_timer_at(loop, &conn->deadline, at);
}

void shoal__conn_arm(struct shoal_conn *conn)
{
    if (arm_for(conn, earliest(conn)) == 0)
        return;
    conn->error = -SHOAL_ENOMEM;
    shoal__conn_close_now(conn, SHOAL_CLOSED_MEMORY, false);
}

/* Looks once whether what the deadline waits for is there already: the loop may have been held up,
 * or the whole process stopped, while the peer did its part. */
static void look_again(struct shoal_conn *conn)
{
    conn->blocked = false; /* so that settling tries to write, or to shut down */
    if (conn->state == SHOAL__CONN_HANDSHAKE)
        shoal__conn_handshake(conn); /* whoever waits its turn is not late by its own fault */
    else if (conn->state == SHOAL__CONN_LINGERING)
        shoal__conn_discard(conn);
    else
        shoal__conn_read(conn);
    shoal__conn_settle(conn);
}

static void close_politely(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    if (conn->service->on_deadline) {
        shoal__conn_enter(conn, "on_deadline");
        conn->service->on_deadline(conn, reason);
        shoal__conn_leave(conn);
    }
    shoal_conn_close_for(conn, SHOAL_CLOSE_FLUSH, reason);
}

static void expire(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    if (conn->state == SHOAL__CONN_OPEN && reason == SHOAL_CLOSED_AGE) {
        conn->aged = true;
        shoal__conn_drain(conn, SHOAL_CLOSED_AGE);
        shoal__conn_arm(conn);
    } else if (conn->state == SHOAL__CONN_OPEN && reason != SHOAL_CLOSED_WRITE_STALL) {
        close_politely(conn, reason);
    } else if (conn->state >= SHOAL__CONN_OPEN && conn->output) {
        shoal__conn_close_now(conn, SHOAL_CLOSED_WRITE_STALL, true);
    } else {
        if (conn->state == SHOAL__CONN_PENDING)
            conn->error = -SHOAL_ETIMEDOUT;
        shoal__conn_close_now(conn, reason, false);
    }
}

static void deadline_passed(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct shoal_conn *conn = arg;
    struct due due = earliest(conn);
    if (due.in_ms <= 0) {
        look_again(conn);
        due = earliest(conn);
    }
    if (conn->state == SHOAL__CONN_CLOSED)
        return;
    if (due.in_ms <= 0)
        expire(conn, due.reason);
    else
        shoal__conn_arm(conn);
}

int shoal__conn_start_deadlines(struct shoal_conn *conn)
{
    shoal_timer_init(&conn->deadline, deadline_passed, conn);
    return arm_for(conn, earliest(conn));
}
