/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * evhttp_hello PORT FILE: libevent's own HTTP server, answering /hello by a handler and /100k with
 * FILE. It is used as well as its interface allows: the greeting is lent, not copied; the file is
 * opened once and goes out by sendfile; Nagle's algorithm is off. One event base, one thread: more
 * evhttp cannot use for one listener, as connections cannot be handed to another base.
 */
#include "listen.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>

enum { IDLE_S = 600 };

static const char greeting[] = "Hello, world!\n";

static void set_plain_text(struct evhttp_request *req)
{
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "text/plain");
}

static void hello(struct evhttp_request *req, void *arg)
{
    (void)arg;
    set_plain_text(req);
    evbuffer_add_reference(evhttp_request_get_output_buffer(req), greeting, sizeof greeting - 1,
                           NULL, NULL);
    evhttp_send_reply(req, HTTP_OK, "OK", NULL);
}

static void send_file(struct evhttp_request *req, void *arg)
{
    struct evbuffer *body = evhttp_request_get_output_buffer(req);
    set_plain_text(req);
    evbuffer_set_flags(body, EVBUFFER_FLAG_DRAINS_TO_FD); /* it may hold a file, for sendfile */
    evbuffer_add_file_segment(body, arg, 0, -1);
    evhttp_send_reply(req, HTTP_OK, "OK", NULL);
}

int main(int argc, char **argv)
{
    struct evbuffer_file_segment *file = evbuffer_file_segment_new(
        bench_open(argc > 2 ? argv[2] : ""), 0, -1, EVBUF_FS_DISABLE_LOCKING);
    int fd = bench_listen(argc, argv);
    bench_no_delay(fd); /* accepted sockets inherit it */
    struct event_base *base = event_base_new();
    struct evhttp *http = base ? evhttp_new(base) : NULL;
    if (file == NULL || http == NULL || evhttp_set_cb(http, "/hello", hello, NULL) != 0 ||
        evhttp_set_cb(http, "/100k", send_file, file) != 0 ||
        evhttp_accept_socket_with_handle(http, fd) == NULL) {
        fprintf(stderr, "evhttp_hello: libevent does not start\n");
        return 71;
    }
    evhttp_set_timeout(http, IDLE_S);
    return event_base_dispatch(base);
}
