/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Outgoing connections. shoal_connect() makes a pending connection and an *attempt*, which looks
 * the name up, tries one address after the other and gives the socket that it ends with to the
 * connection, with TLS on it where the URL says so. The attempt lives on the connection's loop and
 * ends with success, with the last address's failure, or when the connection is closed: by its
 * owner, by its deadline (conn.c has it) or because the loop ends.
 *
 *     LOOKING UP ──► CONNECTING ──► attached
 *                     │  ▲   │
 *                     │  └───┘ the next address; or the same again: a full Unix queue
 *                     └─────► failed
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <shoal/conn.h>
#include <shoal/error.h>

#include "base/cfg.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/net_server.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "runtime/loop.h"

enum {
    FULL_QUEUE_FIRST_MS = 1,
    FULL_QUEUE_MAX_MS = 100,
};

/* Owned by itself; its loop's thread only; freed when it has attached, failed or been cancelled. */
struct attempt {
    struct shoal_conn *conn;
    struct shoal_loop *loop;
    struct shoal__resolution *resolution; /* NULL: not looking up */
    struct shoal__address source;         /* AF_UNSPEC: the kernel's choice */
    struct shoal__addresses addresses;
    unsigned next; /* the address after the one that is tried */
    struct sockaddr_un path;
    int fd;                   /* of the address that is tried; -1: none */
    int error;                /* of the first address, until the next turn */
    struct event event;       /* the socket is connected, or has failed */
    bool waiting;             /* the event is added */
    struct shoal_timer again; /* a failure to tell, or the full queue of a Unix socket */
    int64_t again_ms;
    struct shoal_tls *tls; /* a reference; NULL: plain */
    char host[];           /* whom TLS means to reach */
};

static void close_socket(struct attempt *attempt)
{
    if (attempt->waiting)
        event_del(&attempt->event);
    attempt->waiting = false;
    if (attempt->fd >= 0)
        close(attempt->fd);
    attempt->fd = -1;
}

static void free_attempt(struct attempt *attempt)
{
    shoal__resolution_abandon(&attempt->resolution);
    shoal_timer_stop(&attempt->again);
    close_socket(attempt);
    shoal_tls_unref(&attempt->tls);
    free(attempt);
}

/* The connection was closed. */
static void cancel(void *arg, struct shoal_conn *conn)
{
    (void)conn;
    free_attempt(arg);
}

static void fail(struct attempt *attempt, int error)
{
    struct shoal_conn *conn = attempt->conn;
    free_attempt(attempt);
    shoal__conn_fail(conn, SHOAL_CLOSED_CONNECT, error);
}

static void succeed(struct attempt *attempt)
{
    struct shoal_conn *conn = attempt->conn;
    struct shoal__address peer = attempt->addresses.list[attempt->next - 1];
    struct shoal__transport transport = {.ops = &shoal__transport_plain, .fd = attempt->fd};
    if (attempt->tls &&
        shoal__tls_transport(attempt->tls, attempt->fd, attempt->host, &transport) < 0) {
        fail(attempt, -SHOAL_ENOMEM);
        return;
    }
    attempt->fd = -1;
    free_attempt(attempt);
    shoal__conn_attach(conn, &transport, &peer);
}

/* One address */

static socklen_t name_of(const struct attempt *attempt, struct sockaddr_storage *out)
{
    const struct shoal__address *target = &attempt->addresses.list[attempt->next - 1];
    if (target->family != AF_UNIX)
        return shoal__address_to(target, out);
    memcpy(out, &attempt->path, sizeof(attempt->path));
    return sizeof(attempt->path);
}

/* The port is left to connect(), which may use one again that is in use towards another peer;
 * bind() would need a port of its own for each connection and run out of them early. */
static int bind_source(int fd, const struct shoal__address *source)
{
    struct sockaddr_storage name;
    socklen_t size = shoal__address_to(source, &name);
    int on = 1;
    if (size == 0)
        return 0;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    return bind(fd, (struct sockaddr *)&name, size) < 0 ? -errno : 0;
}

/* Makes the socket for the next address. */
static int open_socket(struct attempt *attempt)
{
    int on = 1;
    sa_family_t family = attempt->addresses.list[attempt->next++].family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int rc = bind_source(fd, &attempt->source);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    attempt->fd = fd;
    return 0;
}

static void writable_cb(evutil_socket_t fd, short what, void *arg);

static int wait_writable(struct attempt *attempt)
{
    if (event_assign(&attempt->event, attempt->loop->base, attempt->fd, EV_WRITE, writable_cb,
                     attempt) < 0 ||
        event_add(&attempt->event, NULL) < 0)
        return -SHOAL_ENOMEM;
    attempt->waiting = true;
    return 0;
}

/* A Unix socket does not wait in the peer's queue, it is told that the queue is full. */
static int try_again_later(struct attempt *attempt)
{
    attempt->again_ms = attempt->again_ms == 0 ? FULL_QUEUE_FIRST_MS : attempt->again_ms * 2;
    if (attempt->again_ms > FULL_QUEUE_MAX_MS)
        attempt->again_ms = FULL_QUEUE_MAX_MS;
    return shoal_timer_start(attempt->loop, &attempt->again, attempt->again_ms);
}

/* Connects the socket. 0: the answer will come; negative: this address has failed. */
static int connect_socket(struct attempt *attempt)
{
    struct sockaddr_storage name;
    socklen_t size = name_of(attempt, &name);
    int rc = connect(attempt->fd, (struct sockaddr *)&name, size) < 0 ? -errno : 0;
    if (rc == 0 || rc == -EINPROGRESS)
        return wait_writable(attempt);
    if (rc == -EAGAIN && name.ss_family == AF_UNIX)
        return try_again_later(attempt);
    return rc;
}

/* The attempt as a whole */

/* Goes on with the next address, after `error` of the one before. Ends the attempt after the
 * last. */
static void try_next(struct attempt *attempt, int error)
{
    while (error < 0 && attempt->next < attempt->addresses.count) {
        close_socket(attempt);
        error = open_socket(attempt);
        if (error == 0)
            error = connect_socket(attempt);
    }
    if (error < 0)
        fail(attempt, error);
}

/* A socket that finds nobody at a local port of the ephemeral range may be given that very port
 * and meet itself: to TCP a connection, to everybody else nobody there. */
static bool met_itself(const struct attempt *attempt)
{
    const struct shoal__address *peer = &attempt->addresses.list[attempt->next - 1];
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    if (peer->family == AF_UNIX || getsockname(attempt->fd, (struct sockaddr *)&name, &size) < 0)
        return false;
    struct shoal__address self = shoal__address_from((struct sockaddr *)&name, size);
    return self.port == peer->port && memcmp(self.ip, peer->ip, sizeof(self.ip)) == 0;
}

static int outcome(const struct attempt *attempt)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    return error == 0 && met_itself(attempt) ? -ECONNREFUSED : -error;
}

static void writable_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct attempt *attempt = arg;
    shoal__loop_enter(attempt->loop, NULL, "connect");
    attempt->waiting = false;
    int rc = outcome(attempt);
    if (rc == 0)
        succeed(attempt);
    else
        try_next(attempt, rc);
}

static void again_cb(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct attempt *attempt = arg;
    int rc = attempt->error < 0 ? attempt->error : connect_socket(attempt);
    if (rc < 0)
        try_next(attempt, rc);
}

static void resolved(void *arg, int error, const struct shoal__addresses *addresses)
{
    struct attempt *attempt = arg;
    attempt->resolution = NULL;
    if (error == 0)
        attempt->addresses = *addresses;
    try_next(attempt, error == 0 ? -SHOAL_ERESOLVE : error);
}

/* The call */

static int parse_source(const char *text, struct shoal__address *out)
{
    *out = (struct shoal__address){.family = AF_UNSPEC};
    if (!text || shoal__address_numeric(shoal_view_of(text), 0, out))
        return 0;
    return -SHOAL_EURL;
}

static int check_url(const char *text, const struct shoal__address *source, struct shoal__url *url)
{
    int rc = shoal__url_parse(text, url);
    if (rc < 0)
        return rc;
    bool good = url->query.size == 0;
    if (url->scheme == SHOAL__URL_TCP || url->scheme == SHOAL__URL_TLS)
        good = good && url->host.size > 0 && url->port != 0;
    else
        good = good && url->scheme == SHOAL__URL_UNIX && source->family == AF_UNSPEC &&
               url->path.size < sizeof(((struct sockaddr_un *)0)->sun_path);
    return good ? 0 : -SHOAL_EURL;
}

/* Makes the first socket, or asks for the name. */
static int prepare(struct attempt *attempt, const struct shoal__url *url)
{
    struct shoal__address *first = &attempt->addresses.list[0];
    if (url->scheme == SHOAL__URL_UNIX) {
        attempt->path.sun_family = AF_UNIX;
        memcpy(attempt->path.sun_path, url->path.data, url->path.size);
        first->family = AF_UNIX;
    } else if (!shoal__address_numeric(url->host, url->port, first)) {
        struct shoal__net_server *net = shoal__net_server_get(attempt->loop->server);
        return net ? shoal__resolver_ask(&net->resolver, attempt->loop, url->host, url->port,
                                         resolved, attempt, &attempt->resolution)
                   : -SHOAL_ENOMEM;
    }
    attempt->addresses.count = 1;
    return open_socket(attempt);
}

/* Certificates know neither the zone of an IPv6 address nor the dot that ends a full name. */
static void copy_host(struct attempt *attempt, struct shoal_view host)
{
    const char *zone = memchr(host.data, '%', host.size);
    size_t size = zone ? (size_t)(zone - host.data) : host.size;
    if (size > 1 && host.data[size - 1] == '.')
        size--;
    memcpy(attempt->host, host.data, size);
}

/* Whose settings the attempt takes: the caller's, or the server's own for clients. */
static int choose_tls(struct attempt *attempt, const struct shoal__url *url,
                      const struct shoal_connect_cfg *cfg)
{
    struct shoal_tls *tls = cfg->tls;
    if (url->scheme != SHOAL__URL_TLS)
        return 0;
    int rc = tls ? 0 : shoal__net_server_client_tls(attempt->loop->server, &tls);
    if (rc == 0 && !shoal__tls_is_client(tls))
        rc = -SHOAL_EINVAL;
    if (rc < 0)
        return rc;
    attempt->tls = shoal_tls_ref(tls);
    copy_host(attempt, url->host);
    return 0;
}

static int make_attempt(struct shoal_loop *loop, const struct shoal__url *url,
                        const struct shoal__address *source, const struct shoal_connect_cfg *cfg,
                        struct attempt **out_attempt)
{
    struct attempt *attempt = calloc(1, sizeof(*attempt) + url->host.size + 1);
    if (!attempt)
        return -SHOAL_ENOMEM;
    attempt->loop = loop;
    attempt->source = *source;
    attempt->fd = -1;
    shoal_timer_init(&attempt->again, again_cb, attempt);
    int rc = choose_tls(attempt, url, cfg);
    if (rc == 0)
        rc = prepare(attempt, url);
    if (rc < 0)
        free_attempt(attempt);
    else
        *out_attempt = attempt;
    return rc;
}

static int make_conn(struct attempt *attempt, const struct shoal_service *service,
                     const struct shoal_connect_cfg *cfg)
{
    struct shoal__shared_limits *limits = shoal__limits_create(cfg->limits);
    if (!limits)
        return -SHOAL_ENOMEM;
    int rc =
        shoal__conn_create_pending(attempt->loop, service, limits, cancel, attempt, &attempt->conn);
    shoal__limits_unref(&limits);
    if (rc == 0)
        shoal_conn_set_data(attempt->conn, cfg->data);
    return rc;
}

/* A failure waits for the next turn, so that the caller finds its connection open whatever happens
 * to the attempt. */
static void begin(struct attempt *attempt)
{
    attempt->error = connect_socket(attempt);
    if (attempt->error < 0 && shoal_timer_start(attempt->loop, &attempt->again, 0) < 0)
        try_next(attempt, attempt->error);
}

int shoal_connect(struct shoal_loop *loop, const char *url, const struct shoal_service *service,
                  const struct shoal_connect_cfg *cfg, struct shoal_conn **out_conn)
{
    SHOAL__ASSERT_OWNER(loop);
    struct shoal_connect_cfg full = SHOAL_CONNECT_CFG_INIT;
    SHOAL__CFG_READ(&full, cfg);
    struct shoal__address source;
    struct shoal__url parsed;
    int rc = parse_source(full.source, &source);
    if (rc == 0)
        rc = check_url(url, &source, &parsed);
    if (rc < 0)
        return rc;
    if (loop->draining)
        return -SHOAL_ESTOPPED;

    struct attempt *attempt;
    rc = make_attempt(loop, &parsed, &source, &full, &attempt);
    if (rc < 0)
        return rc;
    rc = make_conn(attempt, service, &full);
    if (rc < 0) {
        free_attempt(attempt);
        return rc;
    }
    if (out_conn)
        *out_conn = attempt->conn;
    if (attempt->fd >= 0)
        begin(attempt);
    return 0;
}
