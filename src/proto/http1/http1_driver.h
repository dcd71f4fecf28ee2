/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP/1 on a connection: joins the engine (parser, body, writer) to net, and offers the stream
 * seam of proto/http/stream.h. One exchange (a request and its response) is under way at a time;
 * pipelined requests wait in the connection's kept input, so answers are in order by construction.
 */
#ifndef SHOAL_PROTO_HTTP1_HTTP1_DRIVER_H
#define SHOAL_PROTO_HTTP1_HTTP1_DRIVER_H

#include <shoal/conn.h>

#include "proto/http/stream.h"

/*
 * Makes the connection an HTTP/1 session: sets its service and driver. `limits` and `events` are
 * borrowed for the session's life; `user` is the layer above's. The session ends with its
 * connection, after events->on_close.
 * Returns 0 or -SHOAL_ENOMEM with the connection as it was. Thread: owner.
 */
int shoal__http1_start(struct shoal_conn *conn, enum shoal__http_role role,
                       const struct shoal__session_events *events, void *user,
                       const struct shoal__session_limits *limits,
                       struct shoal__session **out_session);

/* The session's on_data, for whoever has looked at the first bytes of a connection to find out
 * that they are HTTP/1. Returns the bytes consumed. Thread: owner. */
size_t shoal__http1_on_data(struct shoal_conn *conn, struct shoal_view in);

#endif
