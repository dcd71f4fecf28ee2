/* SPDX-License-Identifier: BSD-3-Clause */
/* A gRPC call through all layers, from bytes to bytes: what it allocates once things are warm. */
#include "proto/grpc/endpoint.h"
#include "proto/http2/http2_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <parcel.pb-c.h>

#include "support/connrig.h"
#include "support/failmalloc.h"

enum { DATA = 0, HEADERS = 1, SETTINGS = 4, END_STREAM = 1, END_HEADERS = 4, CALLS = 50 };

static struct shoal__grpc_endpoint endpoint;

static int echo(struct shoal_grpc_call *call, const void *request, void *reply)
{
    const Parcels__Parcel *asked = request;
    ((Parcels__Parcel *)reply)->label = shoal_grpc_printf(call, "%s!", asked->label);
    return SHOAL_GRPC_OK;
}

static void start_session(struct shoal_conn *conn)
{
    struct shoal__session *session;
    struct shoal__grpc_session *grpc = shoal__grpc_session_create(shoal_conn_loop(conn), &endpoint);
    assert_non_null(grpc);
    assert_int_equal(shoal__http2_start(conn, SHOAL__HTTP_SERVER, &shoal__grpc_server_events, grpc,
                                        &endpoint.limits, &session),
                     0);
    shoal__grpc_session_begin(grpc, session);
}

static int set_up(void **state)
{
    const struct shoal__session_limits limits = SHOAL__SESSION_LIMITS_INIT;
    const struct shoal_grpc_cfg cfg = SHOAL_GRPC_CFG_INIT;
    connbench_start(state);
    struct connbench *bench = *state;
    struct shoal_grpc *grpc = shoal_grpc_create(bench->rig.server);
    assert_int_equal(shoal_grpc_unary(grpc, &parcels__post__descriptor, "Unary", echo, NULL, NULL),
                     0);
    endpoint = (struct shoal__grpc_endpoint){.grpc = grpc, .cfg = cfg, .limits = limits};
    bench->recorder.open = start_session;
    connbench_open(bench, NULL);
    return 0;
}

/* The client */

static void feed_frame(struct connbench *bench, uint8_t kind, uint8_t flags, uint32_t stream,
                       struct shoal_view payload)
{
    const uint8_t head[9] = {0, 0, (uint8_t)payload.size,  kind,           flags,
                             0, 0, (uint8_t)(stream >> 8), (uint8_t)stream};
    memwire_feed(&bench->wire, head, sizeof(head));
    memwire_feed(&bench->wire, payload.data, payload.size);
}

static void feed_call(struct connbench *bench, uint32_t stream)
{
    /* :method POST and :scheme http; then literals that are not indexed: :path, :authority, te,
     * content-type, grpc-timeout and one of the application's. */
    static const struct shoal_view fields =
        SHOAL_VIEW("\x83\x86\x04\x13/parcels.Post/Unary\x01\x01x\0\x02te\x08trailers"
                   "\x0f\x10\x10"
                   "application/grpc\0\x0cgrpc-timeout\x02"
                   "5S\0\x03x-a\x05value");
    static const struct shoal_view message = SHOAL_VIEW("\0\0\0\0\7\x0a\5hello");
    feed_frame(bench, HEADERS, END_HEADERS, stream, fields);
    feed_frame(bench, DATA, END_STREAM, stream, message);
}

/* Many calls at once, and until their answers are out; `round` counts from 0. */
static void call_all(struct connbench *bench, uint32_t round)
{
    size_t before = bench->wire.written;
    for (uint32_t i = 0; i < CALLS; i++)
        feed_call(bench, 1 + 2 * (round * CALLS + i));
    connrig_run(&bench->rig);
    assert_true(bench->wire.written > before);
}

static size_t count_of(struct shoal_view text, const char *piece)
{
    size_t count = 0;
    for (const char *at = text.data, *end = text.data + text.size;
         (at = memmem(at, (size_t)(end - at), piece, strlen(piece))); at++)
        count++;
    return count;
}

static void small_unary_calls_allocate_nothing_in_any_layer_once_warm(void **state)
{
    struct connbench *bench = *state;
    memwire_feed_text(&bench->wire, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    feed_frame(bench, SETTINGS, 0, 0, shoal_view("", 0));
    call_all(bench, 0);
    call_all(bench, 1);
    failmalloc_from(1000000);
    call_all(bench, 2);
    call_all(bench, 3);
    call_all(bench, 4);
    long count = failmalloc_count();
    failmalloc_off();
    assert_int_equal(count, 0);
    assert_int_equal(count_of(memwire_output(&bench->wire), "hello!"), 5 * CALLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_unary_calls_allocate_nothing_in_any_layer_once_warm,
                                        set_up, connbench_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
