/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the cost model's programs share: one server, one loop and one connection over a wire in
 * memory, on main's thread. The loop is turned by hand and the clock stands still, so that the same
 * build executes the same instructions every time.
 */
#ifndef SHOAL_BENCH_COST_RIG_H
#define SHOAL_BENCH_COST_RIG_H

#include <stdint.h>

#include <shoal/http.h>

#include "proto/http/app.h"
#include "support/fakeclock.h"
#include "support/memwire.h"

/* The rig, whose connection has it as its data. GET /hello is routed in the endpoint. */
struct rig {
    struct fakeclock time;
    struct shoal_server *server;
    struct shoal_loop *loop;
    struct memwire wire;
    struct shoal__http_endpoint endpoint;
};

/* One kind of request. */
struct kind {
    const char *name;
    const struct shoal_service *service;
    uint32_t batch;                                /* requests that come together */
    void (*begin)(struct rig *rig);                /* the client's first bytes; may be NULL */
    void (*ask)(struct rig *rig, uint32_t number); /* feeds request `number`, from 0 */
};

enum { FRAME_DATA = 0, FRAME_HEADERS = 1, FRAME_SETTINGS = 4, FRAME_WINDOW_UPDATE = 8 };
enum { FLAG_END_STREAM = 1, FLAG_END_HEADERS = 4 };

/* What all routes and handlers of the rig answer. */
extern const struct shoal_view rig_greeting;

/* Says what went wrong, and exits. */
_Noreturn void rig_fail(const char *what);

/* The rig of its connection. */
struct rig *rig_of(const struct shoal_conn *conn);

/* A whole frame of at most 255 bytes, from the client (RFC 9113 §4.1). */
void rig_feed_frame(struct rig *rig, uint8_t type, uint8_t flags, uint32_t stream,
                    const void *payload, uint8_t size);

/* The beginning of an HTTP/2 client: preface, settings and all the window there is. */
void rig_begin_http2(struct rig *rig);

/* The whole of main(): NAME COUNT makes so many requests of the kind of that name, and has each
 * batch answered. */
int rig_main(int argc, char **argv, const struct kind *kinds, size_t kind_count);

#endif
