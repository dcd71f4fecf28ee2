/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig: made, asked so often, taken apart. Everything that goes wrong ends the program. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include <shoal/server.h>

#include "net/conn.h"
#include "runtime/loop.h"

enum {
    TURNS_MAX = 64,  /* in which an answer has to come */
    COUNT_MAX = 4000 /* what fits through a wire in its life */
};

_Noreturn void rig_fail(const char *what)
{
    fprintf(stderr, "cost: %s\n", what);
    exit(1);
}

struct rig *rig_of(const struct shoal_conn *conn)
{
    return shoal_conn_data(conn);
}

/* The client */

void rig_feed_frame(struct rig *rig, uint8_t type, uint8_t flags, uint32_t stream,
                    const void *payload, uint8_t size)
{
    const uint8_t head[] = {0,
                            0,
                            size,
                            type,
                            flags,
                            (uint8_t)(stream >> 24),
                            (uint8_t)(stream >> 16),
                            (uint8_t)(stream >> 8),
                            (uint8_t)stream};
    memwire_feed(&rig->wire, head, sizeof(head));
    memwire_feed(&rig->wire, payload, size);
}

void rig_begin_http2(struct rig *rig)
{
    memwire_feed_text(&rig->wire, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    rig_feed_frame(rig, FRAME_SETTINGS, 0, 0, "", 0);
    rig_feed_frame(rig, FRAME_WINDOW_UPDATE, 0, 0, "\x3f\xff\0\0", 4);
}

/* The server */

const struct shoal_view rig_greeting = SHOAL_VIEW("Hello, world!\n");

static void hello(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_reply_view(req, 200, "text/plain", rig_greeting);
}

static void make_endpoint(struct rig *rig)
{
    struct shoal__session_limits limits = SHOAL__SESSION_LIMITS_INIT;
    struct shoal_http_app *app = shoal_http_app_create(rig->server);
    if (!app || shoal_http_route(app, "GET", "/hello", hello, NULL) < 0)
        rig_fail("no application");
    rig->endpoint = (struct shoal__http_endpoint){.app = app, .limits = limits};
}

static void start(struct rig *rig)
{
    struct shoal__clock clock = fakeclock_start(&rig->time, 5 * SHOAL__NS_PER_S);
    if (shoal_server_create(NULL, &rig->server) < 0 ||
        shoal__loop_create(rig->server, 0, &clock, &rig->loop) < 0)
        rig_fail("no loop");
    shoal__loop_adopt(rig->loop);
    make_endpoint(rig);
    memwire_init(&rig->wire, rig->loop);
}

static void connect_wire(struct rig *rig, const struct shoal_service *service)
{
    const struct shoal_limits limits = SHOAL_LIMITS_INIT;
    const struct shoal__address peer = {.family = AF_UNSPEC};
    struct shoal__transport transport = memwire_transport(&rig->wire);
    struct shoal__shared_limits *shared = shoal__limits_create(&limits);
    if (!shared || shoal__conn_create(rig->loop, &transport, service, shared, &peer, false,
                                      &rig->wire.conn) < 0)
        rig_fail("no connection");
    shoal__limits_unref(&shared);
    shoal_conn_set_data(rig->wire.conn, rig);
}

/* Turns the loop until something was written. */
static void wait_for_output(struct rig *rig, size_t written)
{
    for (int i = 0; i < TURNS_MAX && rig->wire.written == written; i++)
        shoal__loop_turn(rig->loop, false);
    if (rig->wire.written == written)
        rig_fail("no answer");
}

static void serve(struct rig *rig, const struct kind *kind, uint32_t count)
{
    connect_wire(rig, kind->service);
    if (kind->begin) {
        kind->begin(rig);
        wait_for_output(rig, 0);
    }
    for (uint32_t i = 0; i < count;) {
        size_t written = rig->wire.written;
        do
            kind->ask(rig, i++);
        while (i % kind->batch != 0 && i < count);
        wait_for_output(rig, written);
    }
}

static void stop(struct rig *rig)
{
    rig->loop->layer->force(rig->loop->layer);
    shoal__loop_turn(rig->loop, false);
    shoal__loop_turn(rig->loop, false);
    shoal__loop_finish(rig->loop);
    shoal__loop_abandon(rig->loop);
    shoal__loop_destroy(&rig->loop);
    shoal_server_destroy(&rig->server);
    memwire_fini(&rig->wire);
}

int rig_main(int argc, char **argv, const struct kind *kinds, size_t kind_count)
{
    const struct kind *kind = NULL;
    for (size_t i = 0; argc == 3 && i < kind_count; i++)
        kind = strcmp(kinds[i].name, argv[1]) == 0 ? &kinds[i] : kind;
    long count = kind ? strtol(argv[2], NULL, 10) : 0;
    if (count < 1 || count > COUNT_MAX)
        rig_fail("usage: KIND COUNT");
    struct rig rig;
    start(&rig);
    serve(&rig, kind, (uint32_t)count);
    stop(&rig);
    return 0;
}
