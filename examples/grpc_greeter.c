/* SPDX-License-Identifier: BSD-3-Clause */
/* Greeter: gRPC's hello, world. A unary method is a function from request to reply. */
#include <grpc/examples/helloworld.shoal.h>

#include "example.h"

static int say_hello(struct shoal_grpc_call *call, const Helloworld__HelloRequest *request,
                     Helloworld__HelloReply *reply)
{
    reply->message = shoal_grpc_printf(call, "Hello, %s!", request->name);
    return reply->message ? SHOAL_GRPC_OK : SHOAL_GRPC_RESOURCE_EXHAUSTED;
}

static const struct helloworld__greeter_handlers greeter = {.say_hello = say_hello};

int main(int argc, char **argv)
{
    struct shoal_server_cfg cfg = example_cfg();
    struct shoal_server *server = NULL;
    if (shoal_server_create(&cfg, &server) < 0)
        return 1;
    struct shoal_grpc *grpc = shoal_grpc_create(server);
    helloworld__greeter_register(grpc, &greeter, NULL, NULL);
    shoal_grpc_health(grpc);
    shoal_listen_grpc(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:50051", grpc, NULL,
                      &example_listener);
    return example_run(server);
}
