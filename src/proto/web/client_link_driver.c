/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Origins and their links: which fetch goes to which connection, when a new one is made, which idle
 * ones are kept.
 *
 * Fetches of an origin are served in order. To an origin that speaks HTTP/2, or may, one connection
 * is made and then, only where that is full, another one; else as many as fetches wait, up to the
 * limit. Where connecting fails and no other link is left, all that waits fails with it.
 */
#include <stdio.h>
#include <stdlib.h>

#include <shoal/error.h>

#include "net/conn.h"
#include "proto/http1/http1_driver.h"
#include "proto/http2/http2_driver.h"
#include "proto/web/client_driver.h"
#include "proto/web/client_url.h"
#include "proto/web/connect_driver.h"

enum {
    URL_FRAME = 16,     /* around host and port in what is connected to */
    LONGEST_HOST = 512, /* no name is longer than 255 */
};

static void dispatch(struct client_origin *origin);

/* Origins */

static struct client_origin *origin_of_node(struct shoal__hashmap_node *node)
{
    return SHOAL_CONTAINER_OF(node, struct client_origin, node);
}

static struct client_origin *create_origin(struct shoal_http_client *client, const char *key,
                                           bool tls)
{
    size_t size = strlen(key);
    struct client_origin *origin = calloc(1, sizeof(*origin) + size + 1);
    if (!origin)
        return NULL;
    memcpy(origin->url, key, size);
    origin->node.key = shoal_view(origin->url, size);
    origin->client = client;
    origin->multiplexes = tls ? !client->cfg.no_http2 : client->cfg.prior_knowledge;
    shoal__list_init(&origin->links);
    shoal__list_init(&origin->waiting);
    shoal__hashmap_put(&client->origins, &origin->node);
    return origin;
}

/* The key of an origin is the URL that is connected to, in small letters. */
static bool print_key(const struct shoal__client_url *url, char *key, size_t size)
{
    int n = snprintf(key, size, "%s://%.*s:%u", url->tls ? "tls" : "tcp", (int)url->host.size,
                     url->host.data, url->port);
    for (char *at = key; *at; at++)
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at | 0x20) : *at;
    return n > 0 && (size_t)n < size;
}

static struct client_origin *get_origin(struct shoal_http_client *client,
                                        const struct shoal__client_url *url)
{
    char key[LONGEST_HOST + URL_FRAME];
    if (!print_key(url, key, sizeof(key)))
        return NULL;
    struct shoal__hashmap_node *node = shoal__hashmap_get(&client->origins, shoal_view_of(key));
    return node ? origin_of_node(node) : create_origin(client, key, url->tls);
}

static void let_origin_go(struct client_origin *origin)
{
    if (origin->link_count > 0 || origin->waiting_count > 0)
        return;
    shoal__hashmap_remove(&origin->client->origins, &origin->node);
    free(origin);
}

static struct shoal_fetch *first_waiting(const struct client_origin *origin)
{
    struct shoal__list *node = shoal__list_first(&origin->waiting);
    return node ? SHOAL_CONTAINER_OF(node, struct shoal_fetch, waiting) : NULL;
}

static void fail_waiting(struct client_origin *origin, int status)
{
    for (struct shoal_fetch *fetch; (fetch = first_waiting(origin));)
        shoal__fetch_finish(fetch, status);
}

void shoal__client_dequeue(struct shoal_fetch *fetch)
{
    if (shoal__list_is_empty(&fetch->waiting))
        return;
    shoal__list_remove(&fetch->waiting);
    fetch->origin->waiting_count--;
}

/* Idle links */

static void note_busy(struct client_link *link)
{
    if (shoal__list_is_empty(&link->idle_node))
        return;
    shoal__list_remove(&link->idle_node);
    link->origin->client->idle_count--;
}

static void part(struct client_link *link)
{
    link->leaving = true;
    note_busy(link);
    shoal__session_shutdown(link->session);
}

static void note_idle(struct client_link *link)
{
    struct shoal_http_client *client = link->origin->client;
    if (link->leaving || !shoal__list_is_empty(&link->idle_node))
        return;
    shoal__list_push_back(&client->idle, &link->idle_node);
    client->idle_count++;
    if (client->idle_count > client->cfg.max_idle)
        part(SHOAL_CONTAINER_OF(shoal__list_first(&client->idle), struct client_link, idle_node));
}

static void part_from_idle(struct client_origin *origin)
{
    SHOAL_LIST_FOREACH(node, &origin->links)
    {
        struct client_link *link = SHOAL_CONTAINER_OF(node, struct client_link, node);
        if (!shoal__list_is_empty(&link->idle_node))
            part(link);
    }
}

/* Links that end */

static void free_link(struct client_link *link)
{
    struct shoal_http_client *client = link->origin->client;
    note_busy(link);
    shoal__list_remove(&link->node);
    link->origin->link_count--;
    client->links--;
    free(link);
}

/* The link is over; with `failure` it has never been open. */
static void end_link(struct client_link *link, int failure)
{
    struct client_origin *origin = link->origin;
    struct shoal_http_client *client = origin->client;
    if (!link->session)
        origin->connecting--;
    free_link(link);
    if (failure < 0 && origin->link_count == 0)
        fail_waiting(origin, failure);
    dispatch(origin);
    let_origin_go(origin);
    shoal__client_let_go(client);
}

/* Links as sessions */

static void on_goaway(struct shoal__session *session, uint64_t last, uint32_t error,
                      struct shoal_view debug)
{
    (void)last;
    (void)error;
    (void)debug;
    struct client_link *link = session->user;
    link->leaving = true;
    note_busy(link);
}

static void on_room(struct shoal__session *session)
{
    struct client_link *link = session->user;
    dispatch(link->origin);
}

static void on_session_idle(struct shoal__session *session, bool idle)
{
    struct client_link *link = session->user;
    if (idle)
        dispatch(link->origin);
    if (session->open_streams == 0)
        note_idle(link);
    else
        note_busy(link);
}

static void on_session_close(struct shoal__session *session, uint32_t error)
{
    (void)error;
    end_link(session->user, 0);
}

static const struct shoal__session_events session_events = {
    .on_goaway = on_goaway,
    .on_room = on_room,
    .on_idle = on_session_idle,
    .on_close = on_session_close,
};

/* Links that begin */

static void on_open(struct shoal_conn *conn)
{
    struct client_link *link = shoal_conn_data(conn);
    struct client_origin *origin = link->origin;
    bool http2 = shoal__connect_chose_http2(conn, origin->client->cfg.prior_knowledge);
    struct shoal__session *session;
    int rc = (http2 ? shoal__http2_start : shoal__http1_start)(
        conn, SHOAL__HTTP_CLIENT, &session_events, link, &origin->client->limits, &session);
    if (rc < 0) {
        shoal_conn_close_for(conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
        return;
    }
    origin->connecting--;
    origin->multiplexes = http2;
    link->session = session;
    dispatch(origin);
    if (session->open_streams == 0)
        note_idle(link);
}

static void on_failed(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    end_link(shoal_conn_data(conn), shoal__connect_failure(conn, reason));
}

static const struct shoal_service link_service = {
    .name = "http client", .on_open = on_open, .on_close = on_failed};

static int connect_link(struct client_link *link)
{
    struct client_origin *origin = link->origin;
    struct shoal_http_client *client = origin->client;
    struct shoal_connect_cfg cfg = SHOAL_CONNECT_CFG_INIT;
    cfg.limits = &client->conn_limits;
    cfg.tls = client->tls;
    cfg.data = link;
    return shoal_connect(client->loop, origin->url, &link_service, &cfg, &link->conn);
}

static int open_link(struct client_origin *origin)
{
    struct client_link *link = calloc(1, sizeof(*link));
    if (!link)
        return -SHOAL_ENOMEM;
    link->origin = origin;
    shoal__list_init(&link->idle_node);
    int rc = connect_link(link);
    if (rc < 0) {
        free(link);
        return rc;
    }
    shoal__list_push_front(&origin->links, &link->node);
    origin->link_count++;
    origin->connecting++;
    origin->client->links++;
    return 0;
}

/* Who goes where */

/* Gives the fetch to a link. False where none takes it now. */
static bool find_link(struct client_origin *origin, struct shoal_fetch *fetch)
{
    SHOAL_LIST_FOREACH(node, &origin->links)
    {
        struct client_link *link = SHOAL_CONTAINER_OF(node, struct client_link, node);
        if (!link->session || link->leaving)
            continue;
        int rc = shoal__fetch_begin(fetch, link);
        if (rc == -SHOAL_ESTOPPED)
            link->leaving = true;
        else if (rc != -SHOAL_EFULL && rc < 0)
            shoal__fetch_finish(fetch, rc);
        if (rc != -SHOAL_ESTOPPED && rc != -SHOAL_EFULL)
            return true;
    }
    return false;
}

static bool wants_link(const struct client_origin *origin)
{
    unsigned most = origin->client->cfg.max_per_origin;
    if (origin->link_count >= (most ? most : 1) || origin->waiting_count == 0)
        return false;
    return origin->connecting < (origin->multiplexes ? 1 : origin->waiting_count);
}

static void dispatch(struct client_origin *origin)
{
    struct shoal_fetch *fetch;
    while ((fetch = first_waiting(origin)) && find_link(origin, fetch))
        continue;
    int rc = 0;
    while (rc == 0 && wants_link(origin))
        rc = shoal__client_is_closing(origin->client) ? -SHOAL_ESTOPPED : open_link(origin);
    if (rc < 0 && origin->link_count == 0)
        fail_waiting(origin, rc);
}

int shoal__client_enqueue(struct shoal_fetch *fetch, const struct shoal__client_url *url)
{
    struct client_origin *origin = get_origin(fetch->client, url);
    if (!origin)
        return -SHOAL_ENOMEM;
    fetch->origin = origin;
    fetch->state = FETCH_WAITING;
    shoal__list_push_back(&origin->waiting, &fetch->waiting);
    origin->waiting_count++;
    dispatch(origin);
    let_origin_go(origin);
    return 0;
}

void shoal__client_enqueue_again(struct shoal_fetch *fetch)
{
    struct client_origin *origin = fetch->origin;
    fetch->state = FETCH_WAITING;
    shoal__list_push_front(&origin->waiting, &fetch->waiting);
    origin->waiting_count++;
    part_from_idle(origin);
    dispatch(origin);
}

/* A server that still works for us is to see that we have gone, not only that we say no more. */
static void close_links(struct client_origin *origin)
{
    SHOAL_LIST_FOREACH(node, &origin->links)
    {
        struct client_link *link = SHOAL_CONTAINER_OF(node, struct client_link, node);
        bool busy = link->session && link->session->open_streams > 0;
        shoal_conn_close(link->conn, busy ? SHOAL_CLOSE_ABORT : SHOAL_CLOSE_FLUSH);
    }
}

void shoal__client_close_links(struct shoal_http_client *client)
{
    struct shoal__hashmap_node *node = NULL;
    while ((node = shoal__hashmap_next(&client->origins, node)))
        close_links(origin_of_node(node));
}
