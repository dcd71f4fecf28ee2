/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A reply streamed row by row from a database: "rows N" is answered with a header at once, each
 * row as it comes, and a footer with the total. Rows come no faster than the client reads, and a
 * client that leaves cancels its query. SQLite by default; a PostgreSQL URL as second argument
 * uses that.
 */
#include <stdlib.h>
#include <string.h>

#include "../example.h"
#include "rows.h"

static const struct rows_database *database = &rows_sqlite;
static const char *database_url;

void rows_finished(struct rows_query *query, const char *error)
{
    struct shoal_conn *conn = query->conn;
    if (!conn)
        return;
    shoal_conn_set_data(conn, NULL);
    if (error)
        shoal_conn_printf(conn, "error: %s\r\n", error);
    else
        shoal_conn_printf(conn, "-- %ld rows\r\n", query->total);
    shoal_conn_resume(conn);
    shoal_conn_release(conn);
}

static void on_line(struct shoal_conn *conn, struct shoal_view line)
{
    if (strncmp(line.data, "rows ", 5) != 0) {
        shoal_conn_printf(conn, "say: rows N\r\n");
        return;
    }
    shoal_conn_printf(conn, "-- number, text\r\n");
    shoal_conn_pause(conn);
    shoal_conn_hold(conn);
    struct rows_query *query = database->start(conn, strtol(line.data + 5, NULL, 10), database_url);
    shoal_conn_set_data(conn, query);
    if (!query) {
        shoal_conn_printf(conn, "error: the database cannot be asked\r\n");
        shoal_conn_resume(conn);
        shoal_conn_release(conn);
    }
}

static void on_drained(struct shoal_conn *conn)
{
    struct rows_query *query = shoal_conn_data(conn);
    if (query)
        query->database->resume(query);
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)reason;
    struct rows_query *query = shoal_conn_data(conn);
    if (!query)
        return;
    query->conn = NULL;
    query->database->cancel(query);
    fprintf(stderr, "the client has left: query cancelled\n");
}

int main(int argc, char **argv)
{
    static const struct shoal_line_service rows = {
        .name = "rows", .on_line = on_line, .on_drained = on_drained, .on_close = on_close};
    if (argc > 2) {
        database = &rows_postgres;
        database_url = argv[2];
    }
    struct shoal_server_cfg cfg = example_cfg();
    struct shoal_server *server = NULL;
    if (shoal_server_create(&cfg, &server) < 0)
        return 1;
    shoal_listen_line(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:5560", &rows, NULL,
                      &example_listener);
    return example_run(server);
}
