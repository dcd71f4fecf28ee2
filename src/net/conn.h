/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections as protocol drivers, listeners and connect see them; the application's view is
 * shoal/conn.h. The struct itself is in conn_priv.h.
 */
#ifndef SHOAL_NET_CONN_H
#define SHOAL_NET_CONN_H

#include <shoal/conn.h>

#include "net/address.h"
#include "net/transport.h"

/* Limits shared by all connections of a listener; refcounted, atomically. */
struct shoal__shared_limits {
    struct shoal_limits limits;
    _Atomic unsigned refs;
};
struct shoal__shared_limits *shoal__limits_create(const struct shoal_limits *limits);
void shoal__limits_unref(struct shoal__shared_limits **limits);

/*
 * Makes a connection on this loop from a transport, and begins its life: handshake, on_open, and
 * so on, from the next turn's events on; for an accepted one on_open comes before this returns.
 * `limits` is referenced. With `accepted` it counts in shoal__server_connections() (the caller has
 * incremented that; closing gives it back).
 * Returns 0 and takes the transport, or -SHOAL_ENOMEM with nothing taken. A NULL out_conn is
 * allowed. Thread: owner.
 */
int shoal__conn_create(struct shoal_loop *loop, const struct shoal__transport *transport,
                       const struct shoal_service *service, struct shoal__shared_limits *limits,
                       const struct shoal__address *peer, bool accepted,
                       struct shoal_conn **out_conn);

/*
 * A connection that has no transport yet (shoal_connect): it collects output and has deadlines.
 * _attach() gives it one (a socket whose connect has succeeded) and goes on as above; _fail()
 * closes it with reason and error. `cancel(arg)` is called once if it is closed before either.
 * Thread: owner.
 */
int shoal__conn_create_pending(struct shoal_loop *loop, const struct shoal_service *service,
                               struct shoal__shared_limits *limits,
                               void (*cancel)(void *arg, struct shoal_conn *conn), void *arg,
                               struct shoal_conn **out_conn);
int shoal__conn_attach(struct shoal_conn *conn, const struct shoal__transport *transport,
                       const struct shoal__address *peer);
void shoal__conn_fail(struct shoal_conn *conn, enum shoal_close_reason reason, int error);

/*
 * The protocol driver's own pointer, beside the application's data. NULL at first. The driver
 * frees it in its service's on_close. Thread: owner.
 */
void *shoal__conn_driver(const struct shoal_conn *conn);
void shoal__conn_set_driver(struct shoal_conn *conn, void *driver);

/* Replaces the service (protocol chosen by ALPN or preface); takes effect for the next callback;
 * kept input is offered to the new one. Thread: owner. */
void shoal__conn_set_service(struct shoal_conn *conn, const struct shoal_service *service);
const struct shoal_service *shoal__conn_service(const struct shoal_conn *conn);

/* True from shoal_conn_close() on, in every way: a driver stops delivering. Thread: owner. */
bool shoal__conn_closing(const struct shoal_conn *conn);

/* The transport, for TLS facts. Thread: owner. */
struct shoal__transport *shoal__conn_transport(struct shoal_conn *conn);
const struct shoal__address *shoal__conn_address(const struct shoal_conn *conn);

/*
 * Closes (flush) as soon as the output is flushed and nothing is held, now or later: what a service
 * without on_end gets by itself, for a driver's on_end. Thread: owner.
 */
void shoal__conn_finish(struct shoal_conn *conn);

/* Has input read also while the output is above its high mark: for a client, whose peer may be
 * waiting for it to read before it reads itself. Thread: owner. */
void shoal__conn_read_on(struct shoal_conn *conn);

/* Bytes of output that wait in memory: shoal_conn_pending() without file ranges. Thread: owner. */
size_t shoal__conn_pending_memory(const struct shoal_conn *conn);

/* Records an error behind the close that follows. Thread: owner. */
void shoal__conn_set_error(struct shoal_conn *conn, int error);

/* For transports without a descriptor: some of SHOAL__WATCH_* holds now. Thread: owner. */
void shoal__conn_ready(struct shoal_conn *conn, unsigned what);

/*
 * What on_data is given may be written to by a protocol driver (a NUL behind a line), and one more
 * byte behind its end. This takes the const away. Thread: owner, inside on_data.
 */
static inline char *shoal__conn_writable(struct shoal_view in)
{
    return (char *)(uintptr_t)in.data;
}

#endif
