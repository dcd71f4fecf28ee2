/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SQLite blocks, so it is stepped by the worker pool: each piece of work makes one batch of rows,
 * its `done` writes the batch on the loop and submits the next piece, unless the client must read
 * first. One piece of a query is under way at a time, so nothing is shared between threads.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>

#include "rows.h"

enum { BATCH_ROWS = 256 };

struct sqlite_query {
    struct rows_query query;
    struct shoal_work work;
    struct shoal_loop *loop;
    struct shoal_buf *batch;
    sqlite3 *db;
    sqlite3_stmt *statement;
    int step;
    bool working;
};

static struct sqlite_query *of_work(struct shoal_work *work)
{
    return (struct sqlite_query *)((char *)work - offsetof(struct sqlite_query, work));
}

static void destroy(struct sqlite_query *q)
{
    sqlite3_finalize(q->statement);
    sqlite3_close(q->db);
    shoal_buf_destroy(&q->batch);
    free(q);
}

/* On a worker's thread. */
static void step(struct shoal_work *work)
{
    struct sqlite_query *q = of_work(work);
    for (int i = 0; i < BATCH_ROWS && !shoal_work_cancelled(work); i++) {
        q->step = sqlite3_step(q->statement);
        if (q->step != SQLITE_ROW)
            return;
        if (shoal_buf_printf(q->batch, "%lld, %s\r\n", sqlite3_column_int64(q->statement, 0),
                             (const char *)sqlite3_column_text(q->statement, 1)) < 0)
            q->step = SQLITE_NOMEM;
        q->query.total++;
    }
}

static void resume(struct rows_query *query)
{
    struct sqlite_query *q = (struct sqlite_query *)query;
    if (q->working)
        return;
    struct shoal_pool *pool = shoal_server_pool(shoal_loop_server(q->loop));
    int rc = shoal_pool_submit(pool, q->loop, &q->work);
    q->working = rc == 0;
    if (rc < 0) {
        rows_finished(query, shoal_strerror(rc));
        destroy(q);
    }
}

/* Back on the loop. */
static void stepped(struct shoal_work *work, int status)
{
    struct sqlite_query *q = of_work(work);
    q->working = false;
    if (!q->query.conn) {
        destroy(q);
        return;
    }
    int full = shoal_conn_write_buf(q->query.conn, q->batch);
    if (status < 0 || q->step != SQLITE_ROW) {
        const char *error = status < 0 ? shoal_strerror(status) : sqlite3_errstr(q->step);
        rows_finished(&q->query, status == 0 && q->step == SQLITE_DONE ? NULL : error);
        destroy(q);
    } else if (full == 0) {
        resume(&q->query);
    }
}

static struct rows_query *start(struct shoal_conn *conn, long count, const char *url)
{
    static const char sql[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                              "SELECT i, 'row ' || i FROM n LIMIT ?";
    struct sqlite_query *q = calloc(1, sizeof(*q));
    if (!q)
        return NULL;
    q->query = (struct rows_query){&rows_sqlite, conn, 0};
    q->work.run = step;
    q->work.done = stepped;
    q->loop = shoal_conn_loop(conn);
    q->batch = shoal_buf_create();
    if (!q->batch || sqlite3_open(url ? url : ":memory:", &q->db) != SQLITE_OK ||
        sqlite3_prepare_v2(q->db, sql, -1, &q->statement, NULL) != SQLITE_OK ||
        sqlite3_bind_int64(q->statement, 1, count) != SQLITE_OK ||
        shoal_pool_submit(shoal_server_pool(shoal_conn_server(conn)), q->loop, &q->work) < 0) {
        destroy(q);
        return NULL;
    }
    q->working = true;
    return &q->query;
}

static void cancel(struct rows_query *query)
{
    struct sqlite_query *q = (struct sqlite_query *)query;
    if (q->working) {
        sqlite3_interrupt(q->db); /* the one call that SQLite allows from another thread */
        shoal_work_cancel(&q->work);
    } else {
        destroy(q);
    }
}

const struct rows_database rows_sqlite = {start, resume, cancel};
