/* SPDX-License-Identifier: BSD-3-Clause */
/* The greeter's client: a gRPC call that blocks, for programs without a loop. */
#include <stdio.h>

#include <grpc/examples/helloworld.shoal.h>

#include <shoal/shoal.h>

int main(int argc, char **argv)
{
    Helloworld__HelloRequest request = HELLOWORLD__HELLO_REQUEST__INIT;
    request.name = argc > 2 ? argv[2] : "world";
    struct shoal_rpc_cfg cfg = {.deadline_ms = 5000};
    struct shoal_grpc_client *client = NULL;
    struct shoal_grpc_result *result = NULL;
    if (shoal_grpc_client_open(argc > 1 ? argv[1] : "tcp://127.0.0.1:50051", NULL, &client) < 0)
        return 1;
    int status = helloworld__greeter__say_hello__client_call(client, &request, &cfg, &result);
    if (status == SHOAL_GRPC_OK)
        puts(helloworld__greeter__say_hello__result_reply(result)->message);
    else
        fprintf(stderr, "%s: %s\n", shoal_grpc_status_name(status), result ? result->text : "");
    shoal_grpc_result_free(&result);
    shoal_grpc_client_close(&client);
    return status != SHOAL_GRPC_OK;
}
