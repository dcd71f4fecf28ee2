/* SPDX-License-Identifier: BSD-3-Clause */
/* The one computation of the opening handshake, RFC 6455 §4.2.2. */
#ifndef SHOAL_PROTO_WEBSOCKET_HANDSHAKE_H
#define SHOAL_PROTO_WEBSOCKET_HANDSHAKE_H

#include <stdbool.h>

#include <shoal/view.h>

enum { SHOAL__WEBSOCKET_ACCEPT_SIZE = 29 }; /* 28 characters and a NUL */

/*
 * Writes the Sec-WebSocket-Accept that answers this Sec-WebSocket-Key. False where the key is not
 * 16 bytes in base64. Thread: any.
 */
bool shoal__websocket_accept_key(struct shoal_view key, char out[SHOAL__WEBSOCKET_ACCEPT_SIZE]);

#endif
