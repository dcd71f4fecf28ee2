/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A conversation during which every single allocation fails in turn, and then all from there on:
 * it may fail, but it leaks nothing, tells each stream's end once, and does not crash.
 */
#include "http2_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/failmalloc.h"

static struct peer client, server;

static void answer(struct peer *peer, struct shoal__stream *stream, const struct shoal__head *head,
                   bool end)
{
    static char body[3000];
    const struct shoal__http_field trailers[] = {{SHOAL_VIEW("a"), SHOAL_VIEW("b")}};
    (void)peer;
    (void)head;
    (void)end;
    if (send_status(stream, 200, false) < 0 ||
        shoal__stream_write(stream, shoal_view("x", 1)) < 0 ||
        shoal__stream_write(stream, shoal_view(body, sizeof(body))) < 0 ||
        shoal__stream_end(stream, trailers, 1) < 0)
        shoal__stream_reset(stream, SHOAL__H2_INTERNAL_ERROR);
}

/* The memory is between the engines and the allocator only: the wire may not fail. */
static bool carry(struct peer *from, struct peer *to)
{
    static char bytes[1 << 16];
    size_t size = shoal_buf_copy_out(&from->out, bytes, sizeof(bytes));
    shoal_buf_consume(&from->out, size);
    if (size > 0)
        (void)shoal__http2_recv(to->engine, shoal_view(bytes, size), 0);
    return size > 0;
}

static unsigned converse(void)
{
    struct shoal__stream *stream;
    unsigned opened = 0;
    for (int i = 0; i < 3; i++)
        if (ask_rc(&client, i ? "GET" : "POST", "/", i > 0, &stream) == 0)
            opened++;
    bool moved = true;
    while (moved) {
        (void)peer_flush(&client);
        moved = carry(&client, &server);
        (void)peer_flush(&server);
        moved = carry(&server, &client) || moved;
    }
    shoal__session_shutdown(server.session);
    (void)peer_flush(&server);
    return opened;
}

static void run_with_failures(void (*arm)(long), long k)
{
    peer_init(&client);
    peer_init(&server);
    server.on_request = answer;
    client.quiet = true;
    arm(k);
    unsigned opened = 0;
    if (peer_try_open(&client, SHOAL__HTTP_CLIENT) == 0 &&
        peer_try_open(&server, SHOAL__HTTP_SERVER) == 0)
        opened = converse();
    peer_close(&client);
    peer_close(&server);
    failmalloc_off();
    assert_int_equal(client.closes, opened);
    assert_int_equal(server.closes, server.requests);
}

static void sweep(void (*arm)(long))
{
    long k = 0;
    do
        run_with_failures(arm, ++k);
    while (failmalloc_failures() > 0);
    assert_true(k > 30); /* it did run into allocations */
}

static void any_one_allocation_may_fail(void **state)
{
    (void)state;
    sweep(failmalloc_at);
}

static void all_allocations_from_any_one_on_may_fail(void **state)
{
    (void)state;
    sweep(failmalloc_from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_one_allocation_may_fail),
        cmocka_unit_test(all_allocations_from_any_one_on_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
