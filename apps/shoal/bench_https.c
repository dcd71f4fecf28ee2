/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The speaker of HTTP over TLS: it offers HTTP/2 and HTTP/1.1 by ALPN, or with --http1 the latter
 * only, and hands each connection over to the speaker of what the server has chosen. A server that
 * chooses nothing speaks HTTP/1.1 (RFC 7301 leaves it to us, RFC 9113 §3.2 does not).
 */
#include <shoal/tls.h>

#include "bench_link.h"
#include "bench_target.h"

static const struct bench_speaker *chosen(const struct shoal_conn *conn)
{
    struct shoal_tls_info info;
    bool is_h2 =
        shoal_conn_tls_info(conn, &info) && shoal_view_equal(info.alpn, shoal_view_of("h2"));
    return is_h2 ? &bench_h2_speaker : &bench_http_speaker;
}

static void on_open(struct shoal_conn *conn)
{
    struct bench_link *link = bench_link_of(conn);
    if (!link)
        return;
    link->speaker = chosen(conn);
    link->speaker->service->on_open(conn);
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct bench_link *link = bench_link_of(conn);
    return link ? link->speaker->service->on_data(conn, in) : in.size;
}

/* Of a connection that has not opened, too. */
static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    struct bench_link *link = bench_link_of(conn);
    if (link && link->speaker != &bench_https_speaker)
        link->speaker->service->on_close(conn, reason);
    else if (link)
        bench_link_closed(link, reason, false);
}

static const struct shoal_service client = {
    .name = "bench",
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};

const struct bench_speaker bench_https_speaker = {
    .name = "https",
    .talk_size = BENCH_WEB_TALK_MAX,
    .service = &client,
};
