/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bound on output that waits in memory, over all connections of a loop. The limits of one
 * connection do not bound what thousands hold that read nothing, so each loop counts what its
 * connections keep (conn_out.c) and what their drivers keep above them (backlogs), and when its
 * share of the server's max_output is exceeded closes whoever holds most. Loops do not look at each
 * other: those who crowd one loop do no harm to the connections of the others.
 *
 * What is counted lives as long as its connection is open: a closed one's memory goes at the end of
 * the turn.
 */
#ifndef SHOAL_NET_BACKLOG_H
#define SHOAL_NET_BACKLOG_H

#include <stddef.h>

#include "base/list.h"

struct shoal_conn;
struct shoal__net_loop;

/* Output of a connection that its driver keeps (streams whose windows are shut). Embedded and
 * zeroed by the driver; the connection's loop only; ends with shoal__backlog_set() to 0. */
struct shoal__backlog {
    struct shoal__list node; /* on the loop's list while bytes > 0 */
    struct shoal_conn *conn;
    size_t bytes;
};

/*
 * The driver of `conn` keeps so many bytes now. May close this connection or others; closing goes
 * on at the end of the turn, as always. Thread: owner.
 */
void shoal__backlog_set(struct shoal_conn *conn, struct shoal__backlog *backlog, size_t bytes);

/* What a connection itself keeps has changed from `before` to `after`. Thread: owner. */
void shoal__backlog_count(struct shoal__net_loop *net, size_t before, size_t after);

/* Closes those who hold most, as slow_reader, until the rest is within the share. Thread: owner. */
void shoal__backlog_check(struct shoal__net_loop *net);

#endif
