/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PostgreSQL through libpq's asynchronous calls, on the loop itself: one libevent event follows
 * the descriptor through connecting, sending and single rows. While the client must read first
 * the event is simply not armed, and PostgreSQL waits.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include <shoal/libevent.h>

#include "rows.h"

struct pg_query {
    struct rows_query query;
    PGconn *pg;
    struct event *event;
    PostgresPollingStatusType connecting;
    char count[24];
};

/* PQcancel blocks, so it is the pool's. */
struct pg_cancel {
    struct shoal_work work;
    PGcancel *cancel;
};

static void destroy(struct pg_query *q)
{
    if (q->event)
        event_free(q->event);
    PQfinish(q->pg);
    free(q);
}

static void finish(struct pg_query *q, const char *error)
{
    rows_finished(&q->query, error);
    destroy(q);
}

static void on_ready(evutil_socket_t fd, short what, void *arg);

static void await(struct pg_query *q, short what)
{
    struct event_base *base = shoal_loop_base(shoal_conn_loop(q->query.conn));
    if (q->event)
        event_free(q->event);
    q->event = event_new(base, PQsocket(q->pg), what, on_ready, q);
    if (!q->event || event_add(q->event, NULL) < 0)
        finish(q, "out of memory");
}

static void read_rows(struct pg_query *q)
{
    if (!PQconsumeInput(q->pg)) {
        finish(q, PQerrorMessage(q->pg));
        return;
    }
    int full = 0;
    while (full == 0 && !PQisBusy(q->pg)) {
        PGresult *row = PQgetResult(q->pg);
        ExecStatusType status = row ? PQresultStatus(row) : PGRES_EMPTY_QUERY;
        if (status == PGRES_SINGLE_TUPLE) {
            full = shoal_conn_printf(q->query.conn, "%s, %s\r\n", PQgetvalue(row, 0, 0),
                                     PQgetvalue(row, 0, 1));
            q->query.total++;
        }
        PQclear(row);
        if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK) {
            finish(q, row ? PQerrorMessage(q->pg) : NULL);
            return;
        }
    }
    if (full == 0)
        await(q, EV_READ);
}

static void connect_on(struct pg_query *q)
{
    static const char sql[] = "SELECT i, 'row ' || i "
                              "FROM (SELECT generate_series(1, $1::int) AS i) AS n";
    const char *values[] = {q->count};
    q->connecting = PQconnectPoll(q->pg);
    if (q->connecting == PGRES_POLLING_FAILED) {
        finish(q, PQerrorMessage(q->pg));
    } else if (q->connecting != PGRES_POLLING_OK) {
        await(q, q->connecting == PGRES_POLLING_READING ? EV_READ : EV_WRITE);
    } else if (!PQsendQueryParams(q->pg, sql, 1, NULL, values, NULL, NULL, 0) ||
               !PQsetSingleRowMode(q->pg)) {
        finish(q, PQerrorMessage(q->pg));
    } else {
        await(q, EV_READ);
    }
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct pg_query *q = arg;
    if (q->connecting == PGRES_POLLING_OK)
        read_rows(q);
    else
        connect_on(q);
}

static struct rows_query *start(struct shoal_conn *conn, long count, const char *url)
{
    struct pg_query *q = calloc(1, sizeof(*q));
    if (!q)
        return NULL;
    q->query = (struct rows_query){&rows_postgres, conn, 0};
    snprintf(q->count, sizeof(q->count), "%ld", count);
    q->pg = PQconnectStart(url);
    q->connecting = PGRES_POLLING_WRITING;
    struct event_base *base = shoal_loop_base(shoal_conn_loop(conn));
    if (q->pg && PQstatus(q->pg) != CONNECTION_BAD)
        q->event = event_new(base, PQsocket(q->pg), EV_WRITE, on_ready, q);
    if (!q->event || event_add(q->event, NULL) < 0) {
        destroy(q);
        return NULL;
    }
    return &q->query;
}

static void resume(struct rows_query *query)
{
    read_rows((struct pg_query *)query);
}

static void run_cancel(struct shoal_work *work)
{
    char error[256];
    PQcancel(((struct pg_cancel *)work)->cancel, error, sizeof(error));
}

static void cancelled(struct shoal_work *work, int status)
{
    (void)status;
    PQfreeCancel(((struct pg_cancel *)work)->cancel);
    free(work);
}

static void cancel(struct rows_query *query)
{
    struct pg_query *q = (struct pg_query *)query;
    struct shoal_loop *loop = shoal_loop_current();
    struct pg_cancel *c = calloc(1, sizeof(*c));
    if (c) {
        c->work.run = run_cancel;
        c->work.done = cancelled;
        c->cancel = PQgetCancel(q->pg);
        if (shoal_pool_submit(shoal_server_pool(shoal_loop_server(loop)), loop, &c->work) < 0)
            cancelled(&c->work, 0);
    }
    destroy(q);
}

const struct rows_database rows_postgres = {start, resume, cancel};
