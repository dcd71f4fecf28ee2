/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chat across loops: what one client says, all hear, whichever loop they live on. The line becomes
 * one buffer per loop; each loop is sent a task, and there every connection shares the buffer's
 * segments.
 */
#include <stdlib.h>

#include "example.h"

struct message {
    struct shoal_task task;
    struct shoal_buf *text;
};

static void hear(struct shoal_conn *conn, void *arg)
{
    const struct shoal_buf *text = arg;
    struct shoal_buf *copy = shoal_buf_create();
    if (copy && shoal_buf_share(copy, text, shoal_buf_size(text)) == 0)
        (void)shoal_conn_write_buf(conn, copy); /* who reads too slowly is cut by the hard cap */
    shoal_buf_destroy(&copy);
}

static void spread(struct shoal_loop *loop, void *arg)
{
    struct message *message = arg;
    shoal_loop_each_conn(loop, hear, message->text);
    shoal_buf_destroy(&message->text);
    free(message);
}

static void send_to(struct shoal_loop *loop, const char *peer, const char *line)
{
    struct message *message = calloc(1, sizeof(*message));
    if (!message)
        return;
    message->task = (struct shoal_task)SHOAL_TASK(spread, message);
    message->text = shoal_buf_create();
    if (message->text && shoal_buf_printf(message->text, "%s: %s\r\n", peer, line) == 0 &&
        shoal_post(loop, &message->task) == 0)
        return;
    shoal_buf_destroy(&message->text);
    free(message);
}

static void on_line(struct shoal_conn *conn, struct shoal_view line)
{
    char peer[SHOAL_ADDRESS_MAX];
    struct shoal_server *server = shoal_conn_server(conn);
    shoal_conn_peer(conn, peer, sizeof(peer));
    for (unsigned i = 0; i < shoal_server_loops(server); i++)
        send_to(shoal_server_loop(server, i), peer, line.data);
}

int main(int argc, char **argv)
{
    static const struct shoal_line_service chat = {.name = "chat", .on_line = on_line};
    struct shoal_server_cfg cfg = example_cfg();
    struct shoal_server *server = NULL;
    if (shoal_server_create(&cfg, &server) < 0)
        return 1;
    shoal_listen_line(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:5559", &chat, NULL,
                      &example_listener);
    return example_run(server);
}
