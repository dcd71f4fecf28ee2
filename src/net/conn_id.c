/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections by id: what other threads may do. An id names the loop, and everything that is done
 * by id is a task posted there; only on the loop is it known whether the connection still lives.
 */
#include <stdlib.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "net/conn_priv.h"
#include "runtime/server.h"

enum { LOOP_BITS = 32 - SHOAL__ID_SLOT_BITS };

shoal_conn_id shoal_conn_get_id(const struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    return (uint64_t)conn->generation << 32 |
           (uint64_t)conn->net->loop->index << SHOAL__ID_SLOT_BITS | conn->slot;
}

static unsigned loop_of(shoal_conn_id id)
{
    return (unsigned)(id >> SHOAL__ID_SLOT_BITS) & ((1u << LOOP_BITS) - 1);
}

struct shoal_conn *shoal_conn_find(struct shoal_loop *loop, shoal_conn_id id)
{
    SHOAL__ASSERT_OWNER(loop);
    if (!loop->layer || loop_of(id) != loop->index)
        return NULL;
    return shoal__net_loop_find(shoal__net_loop_get(loop), id & (SHOAL__ID_SLOTS - 1),
                                (uint32_t)(id >> 32));
}

struct shoal_loop *shoal_server_loop_of(struct shoal_server *server, shoal_conn_id id)
{
    return shoal_server_loop(server, loop_of(id));
}

/* One call on its way. Made by the caller's thread, freed on the loop's. */
struct errand {
    struct shoal_task task;
    shoal_conn_id id;
    shoal_conn_fn *fn;
    void *arg;
    struct shoal_buf *buf;
    enum shoal_close how;
};

static void run_errand(struct shoal_loop *loop, void *arg)
{
    struct errand *errand = arg;
    struct shoal_conn *conn = shoal_conn_find(loop, errand->id);
    if (!conn)
        shoal__count(&loop->counters.stale_ids, 1);
    if (errand->fn)
        errand->fn(conn, errand->arg);
    else if (conn && errand->buf)
        (void)shoal_conn_write_buf(conn, errand->buf);
    else if (conn)
        shoal_conn_close(conn, errand->how);
    shoal_buf_destroy(&errand->buf);
    free(errand);
}

/* Posts the errand, or frees it; its buffer is the caller's again then. */
static int post_errand(struct shoal_server *server, struct errand *errand)
{
    struct shoal_loop *loop = shoal__server_pin_loop(server, loop_of(errand->id));
    errand->task = (struct shoal_task)SHOAL_TASK(run_errand, errand);
    int rc = loop ? shoal_post(loop, &errand->task) : -SHOAL_ESTOPPED;
    shoal__server_unpin_loop(server);
    if (rc < 0)
        free(errand);
    return rc;
}

static struct errand *create_errand(shoal_conn_id id)
{
    struct errand *errand = calloc(1, sizeof(*errand));
    if (errand)
        errand->id = id;
    return errand;
}

int shoal_send_buf(struct shoal_server *server, shoal_conn_id id, struct shoal_buf **buf)
{
    struct errand *errand = create_errand(id);
    if (!errand)
        return -SHOAL_ENOMEM;
    errand->buf = *buf;
    int rc = post_errand(server, errand);
    if (rc == 0)
        *buf = NULL;
    return rc;
}

int shoal_send(struct shoal_server *server, shoal_conn_id id, const void *data, size_t size)
{
    struct shoal_buf *buf = shoal_buf_create();
    if (!buf)
        return -SHOAL_ENOMEM;
    int rc = shoal_buf_append(buf, data, size);
    if (rc == 0)
        rc = shoal_send_buf(server, id, &buf);
    shoal_buf_destroy(&buf);
    return rc;
}

int shoal_close(struct shoal_server *server, shoal_conn_id id, enum shoal_close how)
{
    struct errand *errand = create_errand(id);
    if (!errand)
        return -SHOAL_ENOMEM;
    errand->how = how;
    return post_errand(server, errand);
}

int shoal_call_conn(struct shoal_server *server, shoal_conn_id id, shoal_conn_fn *fn, void *arg)
{
    struct errand *errand = create_errand(id);
    if (!errand)
        return -SHOAL_ENOMEM;
    errand->fn = fn;
    errand->arg = arg;
    return post_errand(server, errand);
}

struct visit {
    shoal_conn_fn *fn;
    void *arg;
};

static void visit_open(struct shoal_conn *conn, void *arg)
{
    const struct visit *visit = arg;
    if (conn->state == SHOAL__CONN_OPEN)
        visit->fn(conn, visit->arg);
}

void shoal_loop_each_conn(struct shoal_loop *loop, shoal_conn_fn *fn, void *arg)
{
    SHOAL__ASSERT_OWNER(loop);
    struct visit visit = {fn, arg};
    if (loop->layer)
        shoal__net_loop_each(shoal__net_loop_get(loop), visit_open, &visit);
}
