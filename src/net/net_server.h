/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all connections of one server share: the tally of source addresses, the resolver, and the
 * TLS settings of those that are made without any. It hangs on the server as its net state, is made
 * on first use and dies with the server.
 */
#ifndef SHOAL_NET_NET_SERVER_H
#define SHOAL_NET_NET_SERVER_H

#include "net/resolver.h"
#include "runtime/server.h"

struct shoal__counts;
struct shoal_tls;

struct shoal__net_server {
    struct shoal__server_net base; /* first: the server knows us by it */
    struct shoal__counts *per_address;
    struct shoal__resolver resolver;
    _Atomic(struct shoal_tls *) client_tls; /* made by the first tls:// connect that needs it */
};

/* The server's state, made on first use. NULL where memory is out; never NULL again once it was
 * there. Thread: any. */
struct shoal__net_server *shoal__net_server_get(struct shoal_server *server);

/* TLS settings for a client: the system's trust. Borrowed; made on first use. Returns 0 or what
 * shoal_tls_create() failed with. Thread: any. */
int shoal__net_server_client_tls(struct shoal_server *server, struct shoal_tls **out_tls);

#endif
