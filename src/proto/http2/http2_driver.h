/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP/2 on a connection: joins the engine to net. What the streams below offer upward is the seam
 * of proto/http/stream.h.
 */
#ifndef SHOAL_PROTO_HTTP2_HTTP2_DRIVER_H
#define SHOAL_PROTO_HTTP2_HTTP2_DRIVER_H

#include <shoal/conn.h>

#include "proto/http/stream.h"

/*
 * Makes the connection an HTTP/2 session: sets its service and driver, and sends SETTINGS. The
 * peer's preface is the session's input. `limits` and `events` are borrowed for the session's life;
 * `user` is the layer above's. The session ends with its connection, after events->on_close.
 * Returns 0 or -SHOAL_ENOMEM with the connection as it was. Thread: owner.
 */
int shoal__http2_start(struct shoal_conn *conn, enum shoal__http_role role,
                       const struct shoal__session_events *events, void *user,
                       const struct shoal__session_limits *limits,
                       struct shoal__session **out_session);

/* The session's on_data, for whoever has looked at the first bytes of a connection to find out
 * that they are HTTP/2. Returns the bytes consumed. Thread: owner. */
size_t shoal__http2_on_data(struct shoal_conn *conn, struct shoal_view in);

#endif
