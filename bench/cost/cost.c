/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cost model's program: serves COUNT requests of one kind over a wire in memory, on a loop that
 * is turned by hand and a clock that stands still, so that the same build executes the same
 * instructions every time. bench/cost/run counts them under valgrind for two counts; the difference
 * is what requests cost, without start and end.
 *
 *     cost echo|http1|http2|grpc|grpc50 COUNT
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include <shoal/grpc.h>
#include <shoal/http.h>
#include <shoal/server.h>

#include <shoal/v1/echo.pb-c.h>

#include "net/conn.h"
#include "proto/grpc/endpoint.h"
#include "proto/http/app.h"
#include "proto/http1/http1_driver.h"
#include "proto/http2/http2_driver.h"
#include "runtime/loop.h"
#include "support/fakeclock.h"
#include "support/memwire.h"

enum {
    TURNS_MAX = 64,  /* in which an answer has to come */
    COUNT_MAX = 4000 /* what fits through a wire in its life */
};

/* One server, one loop and one connection, all on main's thread. */
struct rig {
    struct fakeclock time;
    struct shoal_server *server;
    struct shoal_loop *loop;
    struct memwire wire;
    struct shoal__http_endpoint endpoint;
    struct shoal__grpc_endpoint grpc_endpoint;
};

/* One kind of request. */
struct kind {
    const char *name;
    const struct shoal_service *service;
    uint32_t batch;                                /* requests that come together */
    void (*begin)(struct rig *rig);                /* the client's first bytes; may be NULL */
    void (*ask)(struct rig *rig, uint32_t number); /* feeds request `number`, from 0 */
};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "cost: %s\n", what);
    exit(1);
}

/* Echo */

static size_t echo(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_write_view(conn, in);
    return in.size;
}

static const struct shoal_service echo_service = {.name = "echo", .on_data = echo};

static void ask_echo(struct rig *rig, uint32_t number)
{
    (void)number;
    static const char message[64] = "sixty-four bytes, as the small messages of the other suites";
    memwire_feed(&rig->wire, message, sizeof(message));
}

/* HTTP: GET /hello */

static void hello(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_reply_view(req, 200, "text/plain", shoal_view_of("Hello, world!\n"));
}

static struct rig *rig_of(const struct shoal_conn *conn)
{
    return shoal_conn_data(conn);
}

static size_t start_http1(struct shoal_conn *conn, struct shoal_view in)
{
    struct shoal__session *session;
    struct shoal__http_endpoint *endpoint = &rig_of(conn)->endpoint;
    if (shoal__http1_start(conn, SHOAL__HTTP_SERVER, &shoal__http_server_events, endpoint,
                           &endpoint->limits, &session) < 0)
        fail("no HTTP/1 session");
    return shoal__http1_on_data(conn, in);
}

static size_t start_http2(struct shoal_conn *conn, struct shoal_view in)
{
    struct shoal__session *session;
    struct shoal__http_endpoint *endpoint = &rig_of(conn)->endpoint;
    if (shoal__http2_start(conn, SHOAL__HTTP_SERVER, &shoal__http_server_events, endpoint,
                           &endpoint->limits, &session) < 0)
        fail("no HTTP/2 session");
    return shoal__http2_on_data(conn, in);
}

static const struct shoal_service http1_service = {.name = "http", .on_data = start_http1};
static const struct shoal_service http2_service = {.name = "http", .on_data = start_http2};

static void ask_http1(struct rig *rig, uint32_t number)
{
    (void)number;
    memwire_feed_text(&rig->wire, "GET /hello HTTP/1.1\r\nHost: localhost:8080\r\n"
                                  "User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n");
}

/* RFC 9113 §4.1 */
static void feed_frame(struct rig *rig, uint8_t type, uint8_t flags, uint32_t stream,
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

enum { DATA = 0, HEADERS = 1, SETTINGS = 4, WINDOW_UPDATE = 8 };
enum { END_STREAM = 1, END_HEADERS = 4, END_STREAM_AND_HEADERS = 5 };

static void begin_http2(struct rig *rig)
{
    memwire_feed_text(&rig->wire, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    feed_frame(rig, SETTINGS, 0, 0, "", 0);
    feed_frame(rig, WINDOW_UPDATE, 0, 0, "\x3f\xff\0\0", 4);
}

static void ask_http2(struct rig *rig, uint32_t number)
{
    /* :method GET, :scheme http, :path /hello, :authority x; nothing for the dynamic table. */
    static const char fields[] = "\x82\x86\x04\x06/hello\x01\x01x";
    feed_frame(rig, HEADERS, END_STREAM_AND_HEADERS, 2 * number + 1, fields, sizeof(fields) - 1);
}

/* gRPC: a unary call that echoes 64 bytes, its head as a client says it that has made calls before:
 * all of it is in HPACK's dynamic table. */

static int echo_message(struct shoal_grpc_call *call, const void *request, void *reply)
{
    (void)call;
    const Shoal__V1__EchoMessage *asked = request;
    ((Shoal__V1__EchoMessage *)reply)->payload = asked->payload;
    return SHOAL_GRPC_OK;
}

static size_t start_grpc(struct shoal_conn *conn, struct shoal_view in)
{
    struct shoal__session *session;
    struct shoal__grpc_endpoint *endpoint = &rig_of(conn)->grpc_endpoint;
    struct shoal__grpc_session *grpc = shoal__grpc_session_create(shoal_conn_loop(conn), endpoint);
    if (!grpc || shoal__http2_start(conn, SHOAL__HTTP_SERVER, &shoal__grpc_server_events, grpc,
                                    &endpoint->limits, &session) < 0)
        fail("no gRPC session");
    shoal__grpc_session_begin(grpc, session);
    return shoal__http2_on_data(conn, in);
}

static const struct shoal_service grpc_service = {.name = "grpc", .on_data = start_grpc};

static void ask_grpc(struct rig *rig, uint32_t number)
{
    /* :method POST and :scheme http are static; the others are indexed by the first request. */
    static const char first[] = "\x83\x86\x44\x14/shoal.v1.Echo/Unary\x41\x01x"
                                "\x40\x02te\x08trailers"
                                "\x5f\x10"
                                "application/grpc";
    static const char others[] = "\x83\x86\xc1\xc0\xbf\xbe";
    static const char message[5 + 66] =
        "\0\0\0\0\x42\x0a\x40"
        "sixty-four bytes, as the small messages of other suites are";
    uint32_t stream = 2 * number + 1;
    if (number == 0)
        feed_frame(rig, HEADERS, END_HEADERS, stream, first, sizeof(first) - 1);
    else
        feed_frame(rig, HEADERS, END_HEADERS, stream, others, sizeof(others) - 1);
    feed_frame(rig, DATA, END_STREAM, stream, message, sizeof(message));
}

/* The rig */

static const struct kind kinds[] = {
    {"echo", &echo_service, 1, NULL, ask_echo},
    {"http1", &http1_service, 1, NULL, ask_http1},
    {"http2", &http2_service, 1, begin_http2, ask_http2},
    {"grpc", &grpc_service, 1, begin_http2, ask_grpc},
    {"grpc50", &grpc_service, 50, begin_http2, ask_grpc},
};

static void make_grpc_endpoint(struct rig *rig)
{
    const struct shoal_grpc_cfg cfg = SHOAL_GRPC_CFG_INIT;
    struct shoal__session_limits limits = SHOAL__SESSION_LIMITS_INIT;
    struct shoal_grpc *grpc = shoal_grpc_create(rig->server);
    if (!grpc ||
        shoal_grpc_unary(grpc, &shoal__v1__echo__descriptor, "Unary", echo_message, NULL, NULL) < 0)
        fail("no gRPC services");
    rig->grpc_endpoint = (struct shoal__grpc_endpoint){.grpc = grpc, .cfg = cfg, .limits = limits};
}

static void make_endpoint(struct rig *rig)
{
    struct shoal__session_limits limits = SHOAL__SESSION_LIMITS_INIT;
    struct shoal_http_app *app = shoal_http_app_create(rig->server);
    if (!app || shoal_http_route(app, "GET", "/hello", hello, NULL) < 0)
        fail("no application");
    rig->endpoint = (struct shoal__http_endpoint){.app = app, .limits = limits};
}

static void start(struct rig *rig)
{
    struct shoal__clock clock = fakeclock_start(&rig->time, 5 * SHOAL__NS_PER_S);
    if (shoal_server_create(NULL, &rig->server) < 0 ||
        shoal__loop_create(rig->server, 0, &clock, &rig->loop) < 0)
        fail("no loop");
    shoal__loop_adopt(rig->loop);
    make_endpoint(rig);
    make_grpc_endpoint(rig);
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
        fail("no connection");
    shoal__limits_unref(&shared);
    shoal_conn_set_data(rig->wire.conn, rig);
}

/* Turns the loop until something was written. */
static void wait_for_output(struct rig *rig, size_t written)
{
    for (int i = 0; i < TURNS_MAX && rig->wire.written == written; i++)
        shoal__loop_turn(rig->loop, false);
    if (rig->wire.written == written)
        fail("no answer");
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

int main(int argc, char **argv)
{
    const struct kind *kind = NULL;
    for (size_t i = 0; argc == 3 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        kind = strcmp(kinds[i].name, argv[1]) == 0 ? &kinds[i] : kind;
    long count = kind ? strtol(argv[2], NULL, 10) : 0;
    if (count < 1 || count > COUNT_MAX)
        fail("usage: cost KIND COUNT");
    struct rig rig;
    start(&rig);
    serve(&rig, kind, (uint32_t)count);
    stop(&rig);
    return 0;
}
