/* SPDX-License-Identifier: BSD-3-Clause */
/* The greeter's client on a loop: a hundred calls at once on one connection. */
#include <grpc/examples/helloworld.shoal.h>

#include "example.h"

enum { CALLS = 100 };

static const char *url = "tcp://127.0.0.1:50051";
static struct shoal_grpc_channel *channel;
static int left = CALLS;

static void greeted(struct shoal_rpc *rpc, int status, void *arg)
{
    struct shoal_loop *loop = arg;
    const Helloworld__HelloReply *reply = helloworld__greeter__say_hello__rpc_reply(rpc);
    if (status == SHOAL_GRPC_OK)
        puts(reply->message);
    else
        fprintf(stderr, "%s: %s\n", shoal_grpc_status_name(status), shoal_rpc_text(rpc));
    if (--left == 0)
        shoal_server_request_drain(shoal_loop_server(loop));
}

static int call_all(struct shoal_loop *loop)
{
    char name[32];
    Helloworld__HelloRequest request = HELLOWORLD__HELLO_REQUEST__INIT;
    struct shoal_rpc_cfg cfg = {.done = greeted, .arg = loop};
    request.name = name;
    int rc = shoal_grpc_channel_create(loop, url, NULL, &channel);
    for (int i = 0; rc == 0 && i < CALLS; i++) {
        snprintf(name, sizeof(name), "number %d", i);
        rc = helloworld__greeter__say_hello__rpc_start(channel, &request, &cfg, NULL);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct shoal_server_cfg cfg = example_cfg();
    struct shoal_server *server = NULL;
    cfg.loops = 1;
    cfg.on_running = NULL;
    cfg.on_loop_start = call_all;
    url = argc > 1 ? argv[1] : url;
    return shoal_server_create(&cfg, &server) < 0 || example_run(server);
}
