/* SPDX-License-Identifier: BSD-3-Clause */
/* A program outside the tree with a service of its own, which is started and stopped. */
#include <shoal/shoal.h>

#include "greeting.shoal.h"

static int greet(struct shoal_grpc_call *call, const Outside__Name *name, Outside__Greeting *reply)
{
    reply->text = shoal_grpc_printf(call, "Hello, %s!", name->name);
    return reply->text ? SHOAL_GRPC_OK : SHOAL_GRPC_RESOURCE_EXHAUSTED;
}

static int greet_one(struct shoal_grpc_call *call, const Outside__Name *name)
{
    Outside__Greeting greeting = OUTSIDE__GREETING__INIT;
    int status = greet(call, name, &greeting);
    if (status != SHOAL_GRPC_OK)
        return status;
    return outside__greeter__greet_all__send(call, &greeting) < 0 ? SHOAL_GRPC_RESOURCE_EXHAUSTED
                                                                  : SHOAL_GRPC_LATER;
}

static const struct outside__greeter_handlers greeter = {
    .greet = greet,
    .greet_all = {.on_message = greet_one},
};

int main(void)
{
    struct shoal_server *server = NULL;
    if (shoal_server_create(NULL, &server) < 0)
        return 1;
    struct shoal_grpc *grpc = shoal_grpc_create(server);
    bool served = outside__greeter_register(grpc, &greeter, NULL, NULL) == 0 &&
                  shoal_listen_grpc(server, "tcp://127.0.0.1:0", grpc, NULL, NULL) == 0 &&
                  shoal_server_start(server) == 0 && shoal_server_stop(server) == 0;
    return shoal_server_destroy(&server) == 0 && served ? 0 : 1;
}
