/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The echo service: every byte goes back. The span is written as it lies in the loop's buffer and
 * counts as consumed; a peer that does not read is paused by the connection itself.
 */
#include "host.h"

static size_t echo(struct shoal_conn *conn, struct shoal_view in)
{
    if (shoal_conn_write_view(conn, in) < 0)
        shoal_conn_close_for(conn, SHOAL_CLOSE_ABORT, SHOAL_CLOSED_MEMORY);
    return in.size;
}

static const struct shoal_service raw = {.name = "echo", .on_data = echo};

static int listen_echo(struct host *host, const char *url, const struct shoal_listen_cfg *cfg,
                       struct shoal_listener **out_listener)
{
    return shoal_listen(host->server, url, &raw, cfg, out_listener);
}

const struct service echo_service = {
    .name = "echo",
    .default_url = "tcp://127.0.0.1:5555",
    .try_with = "echo hello | ",
    .listen = listen_echo,
};
