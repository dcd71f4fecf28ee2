/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Write marks: a line with a number gets that many numbered lines back, as fast as the client
 * reads and no faster. The writer stops when a write says that the high mark is passed and goes on
 * when on_drained says that the low one is reached, so a slow client costs a few kilobytes.
 */
#include <stdlib.h>

#include "example.h"

struct job {
    unsigned long next, last;
};

static void write_on(struct shoal_conn *conn)
{
    struct job *job = shoal_conn_data(conn);
    while (job->next < job->last) {
        if (shoal_conn_printf(conn, "line %lu of %lu\n", ++job->next, job->last) != 0)
            return; /* above the high mark (or closed): on_drained goes on */
    }
    shoal_conn_resume(conn); /* done: the next line, please */
}

static void on_open(struct shoal_conn *conn)
{
    shoal_conn_set_data(conn, calloc(1, sizeof(struct job)));
    if (!shoal_conn_data(conn))
        shoal_conn_close(conn, SHOAL_CLOSE_NOW);
}

static void on_line(struct shoal_conn *conn, struct shoal_view line)
{
    struct job *job = shoal_conn_data(conn);
    *job = (struct job){0, strtoul(line.data, NULL, 10)};
    shoal_conn_pause(conn);
    write_on(conn);
}

static void on_drained(struct shoal_conn *conn)
{
    write_on(conn);
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    fprintf(stderr, "closed: %s\n", shoal_close_reason_name(reason));
    free(shoal_conn_data(conn));
}

int main(int argc, char **argv)
{
    static const struct shoal_line_service lines = {.name = "lines",
                                                    .on_open = on_open,
                                                    .on_line = on_line,
                                                    .on_drained = on_drained,
                                                    .on_close = on_close};
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    limits.out_high = 16 * 1024;
    limits.out_low = 4 * 1024;
    struct shoal_listen_cfg listen = SHOAL_LISTEN_CFG_INIT;
    listen.limits = &limits;
    struct shoal_server_cfg cfg = example_cfg();
    struct shoal_server *server = NULL;
    if (shoal_server_create(&cfg, &server) < 0)
        return 1;
    shoal_listen_line(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:5558", &lines, &listen,
                      &example_listener);
    return example_run(server);
}
