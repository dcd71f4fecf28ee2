/* SPDX-License-Identifier: BSD-3-Clause */
/* The seam between the server (main.c) and the two databases it can ask. */
#ifndef ROWS_H
#define ROWS_H

#include <shoal/shoal.h>

/*
 * A query under way; each database has its own struct with this first. It writes rows to its
 * connection until a write says "above the high mark", and goes on when resumed. When all rows are
 * written it calls rows_finished(); it frees itself.
 */
struct rows_query {
    const struct rows_database *database;
    struct shoal_conn *conn; /* NULL once the client has left */
    long total;
};

struct rows_database {
    /* Starts a query for the numbers 1 to `count`; NULL where it cannot. */
    struct rows_query *(*start)(struct shoal_conn *conn, long count, const char *url);
    void (*resume)(struct rows_query *query);
    /* The client has left: stop the database's work too. */
    void (*cancel)(struct rows_query *query);
};

extern const struct rows_database rows_sqlite;
extern const struct rows_database rows_postgres;

/* The query has written its last row, or failed (`error` is not NULL). It may free itself then. */
void rows_finished(struct rows_query *query, const char *error);

#endif
