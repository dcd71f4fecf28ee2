/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * evhttp, unchanged, on every loop of Shoal: one instance per event base, all listening on the
 * same port by SO_REUSEPORT. Anything written for libevent can live on a Shoal loop like this.
 */
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/listener.h>

#include <shoal/libevent.h>

#include "example.h"

static unsigned short port = 8081;

static void hello(struct evhttp_request *request, void *arg)
{
    struct evbuffer *body = evbuffer_new();
    if (!body)
        return;
    evbuffer_add_printf(body, "hello from loop %u\n", shoal_loop_index(arg));
    evhttp_send_reply(request, HTTP_OK, "OK", body);
    evbuffer_free(body);
}

static int on_loop_start(struct shoal_loop *loop)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct event_base *base = shoal_loop_base(loop);
    struct evhttp *http = evhttp_new(base);
    if (!http)
        return -SHOAL_ENOMEM;
    struct evconnlistener *listener = evconnlistener_new_bind(
        base, NULL, NULL,
        LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE | LEV_OPT_REUSEABLE_PORT,
        -1, (struct sockaddr *)&address, sizeof(address));
    if (!listener || !evhttp_bind_listener(http, listener)) {
        if (listener)
            evconnlistener_free(listener);
        evhttp_free(http);
        return -EADDRINUSE;
    }
    evhttp_set_gencb(http, hello, loop);
    shoal_loop_set_data(loop, http);
    return 0;
}

static void on_loop_exit(struct shoal_loop *loop)
{
    evhttp_free(shoal_loop_data(loop));
}

static void on_running(struct shoal_server *server)
{
    (void)server;
    fprintf(stderr, "listening on http://127.0.0.1:%u\n", port);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        port = (unsigned short)strtoul(argv[1], NULL, 10);
    struct shoal_server_cfg cfg = example_cfg();
    cfg.on_loop_start = on_loop_start;
    cfg.on_loop_exit = on_loop_exit;
    cfg.on_running = on_running;
    struct shoal_server *server = NULL;
    if (shoal_server_create(&cfg, &server) < 0)
        return 1;
    return example_run(server);
}
