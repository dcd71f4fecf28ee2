/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counting is a sum; looking for the largest goes over all connections of the loop, but only when
 * the sum is too large, and what it closes was at least an even part of it.
 */
#include "net/backlog.h"

#include "base/buf.h"
#include "base/log.h"
#include "net/conn_priv.h"
#include "runtime/server.h"

/* What closing it would give back. */
struct holder {
    struct shoal_conn *conn;
    struct shoal__backlog *backlog; /* NULL: none */
    size_t bytes;
};

static size_t kept_by(const struct shoal_conn *conn)
{
    return conn->output ? shoal__buf_memory(conn->output) : 0;
}

static void choose_larger(struct holder *largest, struct holder other)
{
    if (other.bytes > largest->bytes)
        *largest = other;
}

static void consider(struct shoal_conn *conn, void *arg)
{
    choose_larger(arg, (struct holder){conn, NULL, kept_by(conn)});
}

static struct holder find_largest(struct shoal__net_loop *net)
{
    struct holder largest = {0};
    shoal__net_loop_each(net, consider, &largest);
    SHOAL_LIST_FOREACH(node, &net->backlogs)
    {
        struct shoal__backlog *backlog = SHOAL_CONTAINER_OF(node, struct shoal__backlog, node);
        choose_larger(&largest, (struct holder){backlog->conn, backlog,
                                                backlog->bytes + kept_by(backlog->conn)});
    }
    return largest;
}

static void set_bytes(struct shoal__net_loop *net, struct shoal__backlog *backlog, size_t bytes)
{
    if (backlog->bytes == 0 && bytes > 0)
        shoal__list_push_back(&net->backlogs, &backlog->node);
    else if (backlog->bytes > 0 && bytes == 0)
        shoal__list_remove(&backlog->node);
    shoal__backlog_count(net, backlog->bytes, bytes);
    backlog->bytes = bytes;
}

void shoal__backlog_count(struct shoal__net_loop *net, size_t before, size_t after)
{
    net->output_bytes = net->output_bytes - before + after;
}

static void cut(struct shoal__net_loop *net, struct holder *holder)
{
    shoal__log(net->loop->server ? shoal__server_log(net->loop->server) : NULL, SHOAL_LOG_WARN,
               "msg=\"too much output waits: closing whoever holds most\" loop=%u share=%zu",
               net->loop->index, net->output_share);
    if (holder->backlog)
        set_bytes(net, holder->backlog, 0);
    shoal__conn_close_now(holder->conn, SHOAL_CLOSED_SLOW_READER, true);
}

void shoal__backlog_check(struct shoal__net_loop *net)
{
    while (net->output_bytes > net->output_share) {
        struct holder largest = find_largest(net);
        if (!largest.conn)
            return;
        cut(net, &largest);
    }
}

void shoal__backlog_set(struct shoal_conn *conn, struct shoal__backlog *backlog, size_t bytes)
{
    SHOAL__ASSERT_CONN(conn);
    if (bytes == backlog->bytes)
        return;
    bool closed = conn->state == SHOAL__CONN_CLOSED; /* it is going to be given back */
    size_t grown = bytes > backlog->bytes ? bytes - backlog->bytes : 0;
    backlog->conn = conn;
    set_bytes(conn->net, backlog, closed ? 0 : bytes);
    if (grown > 0)
        shoal__backlog_check(conn->net);
}
