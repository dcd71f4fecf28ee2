/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Work that blocks, handed to the pool and answered later: each line is a number of milliseconds
 * to sleep. The loop serves everybody else meanwhile; the client may be gone when the answer is
 * ready, which the id finds out.
 */
#include <stdlib.h>
#include <time.h>

#include "example.h"

struct nap {
    struct shoal_work work;
    struct shoal_loop *loop;
    shoal_conn_id id;
    long ms;
};

/* On a worker's thread: may block, may not touch the connection. */
static void sleep_now(struct shoal_work *work)
{
    struct nap *nap = (struct nap *)work;
    struct timespec time = {nap->ms / 1000, nap->ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Back on the loop. */
static void slept(struct shoal_work *work, int status)
{
    struct nap *nap = (struct nap *)work;
    struct shoal_conn *conn = shoal_conn_find(nap->loop, nap->id);
    if (conn) {
        shoal_conn_printf(conn, status == 0 ? "slept %ld ms\r\n" : "did not sleep %ld ms\r\n",
                          nap->ms);
        shoal_conn_resume(conn);
        shoal_conn_release(conn);
    }
    free(nap);
}

static void on_line(struct shoal_conn *conn, struct shoal_view line)
{
    struct nap *nap = calloc(1, sizeof(*nap));
    if (!nap)
        return;
    nap->work.run = sleep_now;
    nap->work.done = slept;
    nap->loop = shoal_conn_loop(conn);
    nap->id = shoal_conn_get_id(conn);
    nap->ms = strtol(line.data, NULL, 10);

    struct shoal_pool *pool = shoal_server_pool(shoal_conn_server(conn));
    if (shoal_pool_submit(pool, nap->loop, &nap->work) < 0) {
        shoal_conn_printf(conn, "busy, try again\r\n");
        free(nap);
        return;
    }
    shoal_conn_pause(conn); /* this client's next line waits for this answer */
    shoal_conn_hold(conn);  /* half-close and drain wait for it too */
}

int main(int argc, char **argv)
{
    static const struct shoal_line_service nap = {.name = "nap", .on_line = on_line};
    struct shoal_server_cfg cfg = example_cfg();
    struct shoal_server *server = NULL;
    if (shoal_server_create(&cfg, &server) < 0)
        return 1;
    shoal_listen_line(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:5557", &nap, NULL,
                      &example_listener);
    return example_run(server);
}
