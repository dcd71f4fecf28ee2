/* SPDX-License-Identifier: BSD-3-Clause */
/* Greeter: gRPC's hello, world. A unary method is a function from request to reply. */
#include <grpc/examples/helloworld.pb-c.h>

#include "example.h"

static int say_hello(struct shoal_grpc_call *call, const void *request, void *reply)
{
    const Helloworld__HelloRequest *hello = request;
    Helloworld__HelloReply *answer = reply;
    answer->message = shoal_grpc_printf(call, "Hello, %s!", hello->name);
    return answer->message ? SHOAL_GRPC_OK : SHOAL_GRPC_RESOURCE_EXHAUSTED;
}

int main(int argc, char **argv)
{
    struct shoal_server_cfg cfg = example_cfg();
    struct shoal_server *server = NULL;
    if (shoal_server_create(&cfg, &server) < 0)
        return 1;
    struct shoal_grpc *grpc = shoal_grpc_create(server);
    shoal_grpc_unary(grpc, &helloworld__greeter__descriptor, "SayHello", say_hello, NULL, NULL);
    shoal_grpc_health(grpc);
    shoal_listen_grpc(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:50051", grpc, NULL,
                      &example_listener);
    return example_run(server);
}
