/* SPDX-License-Identifier: BSD-3-Clause */
/* A line server: each line comes back upside down; "bye" ends the connection. */
#include "example.h"

static void on_line(struct shoal_conn *conn, struct shoal_view line)
{
    if (shoal_view_equal(line, shoal_view_of("bye"))) {
        shoal_conn_printf(conn, "bye\r\n");
        shoal_conn_close(conn, SHOAL_CLOSE_FLUSH);
        return;
    }
    for (size_t i = line.size; i > 0; i--)
        shoal_conn_write(conn, &line.data[i - 1], 1);
    shoal_conn_write(conn, "\r\n", 2);
}

int main(int argc, char **argv)
{
    static const struct shoal_line_service reverse = {
        .name = "reverse", .max_line = 1024, .on_line = on_line};
    struct shoal_server_cfg cfg = example_cfg();
    struct shoal_server *server = NULL;
    if (shoal_server_create(&cfg, &server) < 0)
        return 1;
    shoal_listen_line(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:5556", &reverse, NULL,
                      &example_listener);
    return example_run(server);
}
