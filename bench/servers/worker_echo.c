/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An echo by way of Shoal's worker pool: what a loop receives a worker sends back to the loop,
 * which answers. One loop and one worker, so that a connection's answers keep their order.
 */
#include <shoal/shoal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message on its way. Owned by whoever holds it: the pool from submit to done. */
struct trip {
    struct shoal_work work;
    struct shoal_loop *loop;
    shoal_conn_id id;
    size_t size;
    char bytes[];
};

static void run(struct shoal_work *work)
{
    (void)work;
}

static void done(struct shoal_work *work, int status)
{
    struct trip *trip = (struct trip *)work;
    struct shoal_conn *conn = shoal_conn_find(trip->loop, trip->id);
    if (conn != NULL && status == 0)
        shoal_conn_write(conn, trip->bytes, trip->size);
    free(trip);
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct trip *trip = malloc(sizeof *trip + in.size);
    if (trip == NULL)
        return in.size;
    *trip = (struct trip){.work = {.run = run, .done = done},
                          .loop = shoal_conn_loop(conn),
                          .id = shoal_conn_get_id(conn),
                          .size = in.size};
    memcpy(trip->bytes, in.data, in.size);
    if (shoal_pool_submit(shoal_server_pool(shoal_conn_server(conn)), trip->loop, &trip->work) < 0)
        free(trip);
    return in.size;
}

static struct shoal_listener *listener;

static void tell_port(struct shoal_server *server)
{
    (void)server;
    fprintf(stderr, "msg=listening url=%s\n", shoal_listener_url(listener));
}

int main(void)
{
    static const struct shoal_service echo = {.name = "echo", .on_data = on_data};
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = 1;
    cfg.workers = 1;
    cfg.pool_capacity = 65536;
    cfg.on_running = tell_port;
    struct shoal_server *server = NULL;
    if (shoal_server_create(&cfg, &server) < 0 ||
        shoal_listen(server, "tcp://127.0.0.1:0", &echo, NULL, &listener) < 0)
        return 71;
    return shoal_run(server, NULL) < 0;
}
