/* SPDX-License-Identifier: BSD-3-Clause */
/* A program outside the tree, in which a server is made, started, stopped and freed. */
#include <shoal/shoal.h>

int main(void)
{
    static const struct shoal_service service = {.name = "sink"};
    struct shoal_server *server = NULL;
    bool served = shoal_server_create(NULL, &server) == 0 &&
                  shoal_listen(server, "tcp://127.0.0.1:0", &service, NULL, NULL) == 0 &&
                  shoal_server_start(server) == 0 && shoal_server_stop(server) == 0;
    return shoal_server_destroy(&server) == 0 && served ? 0 : 1;
}
