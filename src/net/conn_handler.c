/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a handler may ask of its connection, or tell it, at any time: pausing, holding, and facts.
 */
#include <sys/socket.h>

#include "net/conn_priv.h"

void shoal_conn_pause(struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    conn->paused = true;
}

void shoal__conn_go_on_reading(struct shoal_conn *conn)
{
    conn->kept_ms = conn->active_ms = shoal__conn_now(conn);
    shoal_conn_again(conn);
    shoal__conn_arm(conn);
}

void shoal_conn_resume(struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    if (!conn->paused)
        return;
    conn->paused = false;
    shoal__conn_go_on_reading(conn);
}

bool shoal_conn_paused(const struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    return conn->paused;
}

void shoal_conn_again(struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    conn->offer = true;
    shoal__conn_mark_ready(conn);
}

void shoal_conn_hold(struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    SHOAL_ASSERT(conn->holds < UINT16_MAX);
    conn->holds++;
}

void shoal_conn_release(struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    SHOAL_ASSERT(conn->holds > 0);
    if (--conn->holds > 0 || conn->state != SHOAL__CONN_OPEN)
        return;
    conn->active_ms = conn->kept_ms = shoal__conn_now(conn);
    if (conn->finishing)
        shoal__conn_finish(conn);
    else if (conn->draining)
        shoal__conn_mark_ready(conn);
    else
        shoal__conn_arm(conn);
}

void shoal__conn_finish(struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    conn->finishing = true;
    if (conn->holds == 0)
        shoal_conn_close_for(conn, SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_PEER);
}

/* Accessors */

void *shoal_conn_data(const struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    return conn->data;
}

void shoal_conn_set_data(struct shoal_conn *conn, void *data)
{
    SHOAL__ASSERT_CONN(conn);
    conn->data = data;
}

void *shoal_conn_arg(const struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    return conn->service->arg;
}

struct shoal_loop *shoal_conn_loop(const struct shoal_conn *conn)
{
    return conn->net->loop;
}

struct shoal_server *shoal_conn_server(const struct shoal_conn *conn)
{
    return conn->net->loop->server;
}

int shoal_conn_error(const struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    return conn->error;
}

char *shoal_conn_peer(const struct shoal_conn *conn, char *out, size_t size)
{
    SHOAL__ASSERT_CONN(conn);
    return shoal__address_print(&conn->peer, out, size);
}

char *shoal_conn_local(const struct shoal_conn *conn, char *out, size_t size)
{
    SHOAL__ASSERT_CONN(conn);
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof(name);
    if (conn->transport.fd >= 0)
        (void)getsockname(conn->transport.fd, (struct sockaddr *)&name, &length);
    struct shoal__address address = shoal__address_from((struct sockaddr *)&name, length);
    return shoal__address_print(&address, out, size);
}

void *shoal__conn_driver(const struct shoal_conn *conn)
{
    return conn->driver;
}

void shoal__conn_set_driver(struct shoal_conn *conn, void *driver)
{
    SHOAL__ASSERT_CONN(conn);
    conn->driver = driver;
}

const struct shoal_service *shoal__conn_service(const struct shoal_conn *conn)
{
    return conn->service;
}

void shoal__conn_set_service(struct shoal_conn *conn, const struct shoal_service *service)
{
    SHOAL__ASSERT_CONN(conn);
    conn->service = service;
    shoal_conn_again(conn);
}

bool shoal__conn_closing(const struct shoal_conn *conn)
{
    return conn->state > SHOAL__CONN_OPEN;
}

struct shoal__transport *shoal__conn_transport(struct shoal_conn *conn)
{
    return &conn->transport;
}

const struct shoal__address *shoal__conn_address(const struct shoal_conn *conn)
{
    return &conn->peer;
}

void shoal__conn_read_on(struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    conn->reads_on = true;
}

void shoal__conn_set_error(struct shoal_conn *conn, int error)
{
    SHOAL__ASSERT_CONN(conn);
    conn->error = (int16_t)error;
}
