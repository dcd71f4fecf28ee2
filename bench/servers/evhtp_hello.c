/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * evhtp_hello PORT FILE: libevhtp, answering /hello by a handler and /100k with FILE. It is used as
 * well as its interface allows: the greeting is lent, not copied; the file is opened once and goes
 * out by sendfile; Nagle's algorithm is off. One thread: with more (evhtp_use_threads) it hands
 * connections on as Shoal does, but the measurement gives every server one core.
 */
#include "listen.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <evhtp.h>
#include <stdio.h>

enum { IDLE_S = 600 };

static const char greeting[] = "Hello, world!\n";

static void set_plain_text(evhtp_request_t *req)
{
    evhtp_headers_add_header(req->headers_out,
                             evhtp_header_new("Content-Type", "text/plain", 0, 0));
}

static void hello(evhtp_request_t *req, void *arg)
{
    (void)arg;
    set_plain_text(req);
    evbuffer_add_reference(req->buffer_out, greeting, sizeof greeting - 1, NULL, NULL);
    evhtp_send_reply(req, EVHTP_RES_OK);
}

static void send_file(evhtp_request_t *req, void *arg)
{
    set_plain_text(req);
    evbuffer_set_flags(req->buffer_out, EVBUFFER_FLAG_DRAINS_TO_FD); /* it may hold a file */
    evbuffer_add_file_segment(req->buffer_out, arg, 0, -1);
    evhtp_send_reply(req, EVHTP_RES_OK);
}

int main(int argc, char **argv)
{
    struct evbuffer_file_segment *file = evbuffer_file_segment_new(
        bench_open(argc > 2 ? argv[2] : ""), 0, -1, EVBUF_FS_DISABLE_LOCKING);
    int fd = bench_listen(argc, argv);
    bench_no_delay(fd); /* accepted sockets inherit it */
    struct event_base *base = event_base_new();
    evhtp_t *http = base ? evhtp_new(base, NULL) : NULL;
    if (file == NULL || http == NULL || evhtp_set_cb(http, "/hello", hello, NULL) == NULL ||
        evhtp_set_cb(http, "/100k", send_file, file) == NULL ||
        evhtp_accept_socket(http, fd, SOMAXCONN) != 0) {
        fprintf(stderr, "evhtp_hello: libevhtp does not start\n");
        return 71;
    }
    evhtp_set_timeouts(http, &(struct timeval){.tv_sec = IDLE_S}, NULL);
    return event_base_dispatch(base);
}
