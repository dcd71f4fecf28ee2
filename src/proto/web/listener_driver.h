/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the listeners of HTTP and gRPC have in common: each is a part of its server, for living as
 * long as that, and has a raw service whose connections it makes sessions.
 */
#ifndef SHOAL_PROTO_WEB_LISTENER_DRIVER_H
#define SHOAL_PROTO_WEB_LISTENER_DRIVER_H

#include <shoal/conn.h>
#include <shoal/server.h>

#include "runtime/server.h"

/* Embedded in a listener's own struct, which lives on the heap. */
struct shoal__web_listener {
    struct shoal__part part;
    struct shoal_server *server;
    struct shoal_service raw; /* its arg is the listener's own struct */
    void (*destroy)(struct shoal__web_listener *self);
};

/*
 * Listens with a listener whose `server`, `raw` and `destroy` are set, and which is the server's
 * from here on: destroyed with it, or at once on failure. `cfg` is as given to the listener's
 * caller, or NULL; its limits are replaced, and where it has no ALPN names, they are `protocols`.
 * Returns as shoal_listen(). Thread: any, while the server does not run.
 */
int shoal__web_listen(struct shoal__web_listener *self, const char *url,
                      const struct shoal_listen_cfg *cfg, const struct shoal_limits *limits,
                      const char *const *protocols, struct shoal_listener **out_listener);

#endif
