/* SPDX-License-Identifier: BSD-3-Clause */
/* Echo: every byte that comes goes back. The smallest server there is. */
#include "example.h"

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_write_view(conn, in); /* not copied: the span is sent when we return */
    return in.size;
}

int main(int argc, char **argv)
{
    static const struct shoal_service echo = {.name = "echo", .on_data = on_data};
    struct shoal_server_cfg cfg = example_cfg();
    struct shoal_server *server = NULL;
    if (shoal_server_create(&cfg, &server) < 0)
        return 1;
    shoal_listen(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:5555", &echo, NULL,
                 &example_listener);
    return example_run(server);
}
