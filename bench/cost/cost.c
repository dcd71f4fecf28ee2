/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cost model's program: serves COUNT requests of one kind in the rig. bench/cost/run counts the
 * instructions under valgrind for two counts; the difference is what requests cost, without start
 * and end.
 *
 *     cost echo|http1|http2|grpc|grpc50 COUNT
 */
#include <shoal/grpc.h>

#include <shoal/v1/echo.pb-c.h>

#include "net/conn.h"
#include "proto/grpc/endpoint.h"
#include "proto/http1/http1_driver.h"
#include "proto/http2/http2_driver.h"
#include "rig.h"

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

static size_t start_http1(struct shoal_conn *conn, struct shoal_view in)
{
    struct shoal__session *session;
    struct shoal__http_endpoint *endpoint = &rig_of(conn)->endpoint;
    if (shoal__http1_start(conn, SHOAL__HTTP_SERVER, &shoal__http_server_events, endpoint,
                           &endpoint->limits, &session) < 0)
        rig_fail("no HTTP/1 session");
    return shoal__http1_on_data(conn, in);
}

static size_t start_http2(struct shoal_conn *conn, struct shoal_view in)
{
    struct shoal__session *session;
    struct shoal__http_endpoint *endpoint = &rig_of(conn)->endpoint;
    if (shoal__http2_start(conn, SHOAL__HTTP_SERVER, &shoal__http_server_events, endpoint,
                           &endpoint->limits, &session) < 0)
        rig_fail("no HTTP/2 session");
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

static void ask_http2(struct rig *rig, uint32_t number)
{
    /* :method GET, :scheme http, :path /hello, :authority x; nothing for the dynamic table. */
    static const char fields[] = "\x82\x86\x04\x06/hello\x01\x01x";
    rig_feed_frame(rig, FRAME_HEADERS, FLAG_END_STREAM | FLAG_END_HEADERS, 2 * number + 1, fields,
                   sizeof(fields) - 1);
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

static struct shoal__grpc_endpoint grpc_endpoint;

static void begin_grpc(struct rig *rig)
{
    const struct shoal_grpc_cfg cfg = SHOAL_GRPC_CFG_INIT;
    struct shoal__session_limits limits = SHOAL__SESSION_LIMITS_INIT;
    struct shoal_grpc *grpc = shoal_grpc_create(rig->server);
    if (!grpc ||
        shoal_grpc_unary(grpc, &shoal__v1__echo__descriptor, "Unary", echo_message, NULL, NULL) < 0)
        rig_fail("no gRPC services");
    grpc_endpoint = (struct shoal__grpc_endpoint){.grpc = grpc, .cfg = cfg, .limits = limits};
    rig_begin_http2(rig);
}

static size_t start_grpc(struct shoal_conn *conn, struct shoal_view in)
{
    struct shoal__session *session;
    struct shoal__grpc_endpoint *endpoint = &grpc_endpoint;
    struct shoal__grpc_session *grpc = shoal__grpc_session_create(shoal_conn_loop(conn), endpoint);
    if (!grpc || shoal__http2_start(conn, SHOAL__HTTP_SERVER, &shoal__grpc_server_events, grpc,
                                    &endpoint->limits, &session) < 0)
        rig_fail("no gRPC session");
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
        rig_feed_frame(rig, FRAME_HEADERS, FLAG_END_HEADERS, stream, first, sizeof(first) - 1);
    else
        rig_feed_frame(rig, FRAME_HEADERS, FLAG_END_HEADERS, stream, others, sizeof(others) - 1);
    rig_feed_frame(rig, FRAME_DATA, FLAG_END_STREAM, stream, message, sizeof(message));
}

static const struct kind kinds[] = {
    {"echo", &echo_service, 1, NULL, ask_echo},
    {"http1", &http1_service, 1, NULL, ask_http1},
    {"http2", &http2_service, 1, rig_begin_http2, ask_http2},
    {"grpc", &grpc_service, 1, begin_grpc, ask_grpc},
    {"grpc50", &grpc_service, 50, begin_grpc, ask_grpc},
};

int main(int argc, char **argv)
{
    return rig_main(argc, argv, kinds, sizeof(kinds) / sizeof(kinds[0]));
}
