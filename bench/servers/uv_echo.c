/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libuv's echo: one loop, a buffer for all connections, and uv_try_write() with what it does not
 * take copied into a write request, which is how libuv's users write fast servers.
 */
#include "listen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* What the kernel did not take. Owned by libuv until written_cb(). */
struct rest {
    uv_write_t request;
    char bytes[];
};

static char buffer[BENCH_READ_BYTES];

static void closed_cb(uv_handle_t *client)
{
    free(client);
}

static void drop(uv_stream_t *client)
{
    if (!uv_is_closing((uv_handle_t *)client))
        uv_close((uv_handle_t *)client, closed_cb);
}

static void lend_buffer_cb(uv_handle_t *client, size_t wanted, uv_buf_t *out_buffer)
{
    (void)client, (void)wanted;
    *out_buffer = uv_buf_init(buffer, sizeof buffer);
}

static void read_cb(uv_stream_t *client, ssize_t got, const uv_buf_t *data);

/* Only now is more read: a client that does not read is not read from either. */
static void written_cb(uv_write_t *request, int status)
{
    uv_stream_t *client = request->handle;
    free(request);
    if (status < 0 || uv_read_start(client, lend_buffer_cb, read_cb) < 0)
        drop(client);
}

static void write_rest(uv_stream_t *client, const char *data, size_t size)
{
    struct rest *rest = malloc(sizeof *rest + size);
    if (rest == NULL) {
        drop(client);
        return;
    }
    memcpy(rest->bytes, data, size);
    uv_buf_t bytes = uv_buf_init(rest->bytes, (unsigned)size);
    uv_read_stop(client);
    if (uv_write(&rest->request, client, &bytes, 1, written_cb) < 0) {
        free(rest);
        drop(client);
    }
}

static void read_cb(uv_stream_t *client, ssize_t got, const uv_buf_t *data)
{
    if (got == 0)
        return;
    if (got < 0) {
        drop(client);
        return;
    }
    uv_buf_t bytes = uv_buf_init(data->base, (unsigned)got);
    int written = uv_try_write(client, &bytes, 1);
    if (written < 0 && written != UV_EAGAIN)
        drop(client);
    else if (written < got)
        write_rest(client, data->base + (written > 0 ? written : 0),
                   (size_t)(got - (written > 0 ? written : 0)));
}

static void accept_cb(uv_stream_t *listener, int status)
{
    uv_tcp_t *client = status < 0 ? NULL : malloc(sizeof *client);
    if (client == NULL)
        return;
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) < 0) {
        drop((uv_stream_t *)client);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t *)client, lend_buffer_cb, read_cb);
}

int main(int argc, char **argv)
{
    uv_tcp_t listener;
    int fd = bench_listen(argc, argv);
    uv_loop_t *loop = uv_default_loop();
    if (loop == NULL || uv_tcp_init(loop, &listener) < 0 || uv_tcp_open(&listener, fd) < 0 ||
        uv_listen((uv_stream_t *)&listener, SOMAXCONN, accept_cb) < 0) {
        fprintf(stderr, "uv_echo: libuv does not start\n");
        return 71;
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}
