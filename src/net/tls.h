/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS as a transport (net/transport.h): OpenSSL directly on the descriptor. tls_context.c holds
 * what is shared by connections (certificates, tickets, reload), tls.c what one connection does.
 */
#ifndef SHOAL_NET_TLS_H
#define SHOAL_NET_TLS_H

#include <shoal/tls.h>

#include "net/transport.h"

/*
 * Fills *out with a TLS transport over the connected socket `fd`. `host` is whom a client means to
 * reach (SNI and verification), NULL for a server. Returns 0, and the transport owns the
 * descriptor, or -SHOAL_ENOMEM with nothing taken. Thread: owner of the connection to be.
 */
int shoal__tls_transport(struct shoal_tls *tls, int fd, const char *host,
                         struct shoal__transport *out);

/* True for a transport of this kind whose handshake is done and that is not closed, with its facts
 * in *out_info. Thread: owner. */
bool shoal__tls_info(const struct shoal__transport *transport, struct shoal_tls_info *out_info);

/* True for settings made for connecting. Thread: any. */
bool shoal__tls_is_client(const struct shoal_tls *tls);

#endif
