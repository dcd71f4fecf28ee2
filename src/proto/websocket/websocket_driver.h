/* SPDX-License-Identifier: BSD-3-Clause */
/* The WebSocket driver as whoever makes connections by himself sees it: a raw service. */
#ifndef SHOAL_PROTO_WEBSOCKET_DRIVER_H
#define SHOAL_PROTO_WEBSOCKET_DRIVER_H

#include <shoal/websocket.h>

/*
 * The raw service that speaks WebSocket, as a server, for `service`, which it borrows as `arg`. It
 * begins behind the opening handshake. Keep the result in place while connections use it.
 * Thread: any.
 */
struct shoal_service shoal__websocket_raw_service(const struct shoal_websocket_service *service);

#endif
