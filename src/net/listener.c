/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners: what shoal_listen() adds to a server. A listener is a part of the server; at each
 * start it makes its sockets and gives each to an intake, and it knows why that failed well enough
 * to say what to do. The certificates of a tls:// URL are read at each start, and again on reload.
 *
 * Where the intakes are:
 *     one loop                      on it; connections stay there
 *     REUSEPORT, TCP                one per loop and address; connections stay where they are taken
 *     REUSEPORT, Unix and fd        on loop 0, which hands off in turn (the kernel spreads neither)
 *     ROUND_ROBIN, LEAST_OF_TWO     on the acceptor's thread, which hands off
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shoal/error.h>
#include <shoal/server.h>
#include <shoal/tls.h>

#include "base/cfg.h"
#include "base/list.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/intake.h"
#include "net/listen_socket.h"
#include "net/resolver.h"
#include "net/spread.h"
#include "net/tls.h"
#include "net/tls_query.h"
#include "runtime/server.h"

enum {
    DEFAULT_BATCH = 16,
    DEFAULT_UNIX_MODE = 0600,
    SHARED_PORT_TRIES = 8,
    REAL_URL_EXTRA = 32, /* "[::]" for no host, and five digits of port */
};

/*
 * Belongs to its server. Changes only on the control thread, but for `taking`; while loops run
 * they read `plan`. Dies with the server.
 */
struct shoal_listener {
    struct shoal__part part; /* first: the server knows us by it */
    struct shoal_server *server;
    const struct shoal_service *service;
    struct shoal__shared_limits *limits;
    struct shoal_listen_cfg cfg;
    struct shoal__tls_query *tls_query; /* of a tls:// URL with files */
    struct shoal__url url;              /* its views point into `text` */

    /* While open. */
    struct shoal_tls *tls; /* a reference; NULL: plain */
    struct shoal__intake_plan plan;
    struct shoal__spread spread;
    struct shoal__unix_file file;
    struct shoal__intake *intakes;
    unsigned count;
    unsigned members;        /* sockets for each address */
    _Atomic unsigned taking; /* intakes that have not ended */

    const char *url_now; /* `text`, or `real` while open */
    char *real;          /* behind `text` in the same allocation */
    char text[];
};

static bool is_tcp(const struct shoal__url *url)
{
    return url->scheme == SHOAL__URL_TCP || url->scheme == SHOAL__URL_TLS;
}

const char *shoal_listener_url(const struct shoal_listener *listener)
{
    return listener->url_now;
}

/* Saying what went wrong */

enum { ANY_SCHEME = -1 };

/* What to do about it; "" where we do not know better than the reader. */
static const struct advice {
    int scheme;
    int code;
    const char *text;
} advices[] = {
    {SHOAL__URL_TCP, EACCES, "; ports below 1024 need root or CAP_NET_BIND_SERVICE"},
    {SHOAL__URL_TCP, EADDRNOTAVAIL, "; no interface has this address: see ip address"},
    {SHOAL__URL_TCP, SHOAL_ERESOLVE, "; check the name: getent ahosts NAME"},
    {SHOAL__URL_UNIX, EADDRINUSE, "; another process listens there: stop it or take another path"},
    {SHOAL__URL_UNIX, EEXIST, "; that file is not a stream socket: remove it or take another path"},
    {SHOAL__URL_UNIX, ENAMETOOLONG, "; a socket's path has at most 107 bytes: take a shorter one"},
    {SHOAL__URL_UNIX, ENOENT, "; its directory does not exist: create it"},
    {SHOAL__URL_UNIX, EACCES, "; check who may write to its directory and to the socket there"},
    {SHOAL__URL_FD, EBADF, "; no such descriptor is open: pass a listening socket"},
    {SHOAL__URL_FD, ENOTSOCK, "; it is not a socket: pass a listening stream socket"},
    {SHOAL__URL_FD, EINVAL, "; it does not listen: pass a listening stream socket"},
    {ANY_SCHEME, EMFILE, "; raise the limit of descriptors: ulimit -n"},
    {ANY_SCHEME, ENFILE, "; the whole machine is out of descriptors: see fs.file-max"},
};

static const char *advice_for(const struct shoal__url *url, int code)
{
    enum shoal__url_scheme scheme = is_tcp(url) ? SHOAL__URL_TCP : url->scheme;
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
        if ((advices[i].scheme == ANY_SCHEME || advices[i].scheme == (int)scheme) &&
            advices[i].code == -code)
            return advices[i].text;
    }
    return "";
}

static int fail(struct shoal_listener *listener, int code)
{
    char in_use[64] = "";
    if (is_tcp(&listener->url) && code == -EADDRINUSE)
        snprintf(in_use, sizeof(in_use), "; see who holds it: ss -ltnp 'sport = :%u'",
                 listener->url.port);
    return shoal__server_fail(listener->server, code, "cannot listen on %s: %s (%s)%s%s",
                              listener->text, shoal_strerror(code), shoal_strerrorname(code),
                              in_use, in_use[0] ? "" : advice_for(&listener->url, code));
}

/* Sockets */

static struct shoal_loop *loop_for(const struct shoal_listener *listener, unsigned member)
{
    struct shoal_loop *acceptor =
        listener->plan.spread ? shoal__server_acceptor(listener->server) : NULL;
    return acceptor ? acceptor : shoal_server_loop(listener->server, member);
}

/* Gives a descriptor, which is taken in any case, to a new intake. */
static int add_intake(struct shoal_listener *listener, int fd, unsigned member)
{
    struct shoal__intake *intake = &listener->intakes[listener->count];
    int rc = shoal__intake_open(intake, &listener->plan, loop_for(listener, member), fd,
                                is_tcp(&listener->url));
    if (rc < 0)
        close(fd);
    else
        listener->count++;
    return rc;
}

static void close_intakes(struct shoal_listener *listener)
{
    for (unsigned i = 0; i < listener->count; i++)
        shoal__intake_close(&listener->intakes[i]);
    listener->count = 0;
}

/* Learns the port that the kernel has picked; closes the socket where it cannot be learnt. */
static int learn_port(int fd, struct shoal__address *address)
{
    struct shoal__address bound;
    int rc = shoal__tcp_address(fd, &bound);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    address->port = bound.port;
    return fd;
}

/* Binds all members of an address's group; a port of 0 is filled in with the one that the first
 * of them was given. */
static int bind_group(struct shoal_listener *listener, struct shoal__address *address)
{
    bool v6_only = listener->cfg.v6_only;
    bool group = listener->members > 1;
    int rc = group && address->port != 0 ? shoal__tcp_probe(address, v6_only) : 0;
    for (unsigned member = 0; rc == 0 && member < listener->members; member++) {
        int fd = shoal__tcp_bind(address, v6_only, group);
        if (fd >= 0 && address->port == 0)
            fd = learn_port(fd, address);
        rc = fd < 0 ? fd : add_intake(listener, fd, member);
    }
    return rc;
}

/* The machine does not have this address, or not its family. */
static bool is_absent(int code)
{
    return code == -EADDRNOTAVAIL || code == -EAFNOSUPPORT;
}

/* Binds every address of a name, except those that this machine does not have; all of them on one
 * port. */
static int bind_addresses(struct shoal_listener *listener, const struct shoal__addresses *addresses)
{
    uint16_t port = listener->url.port;
    int absent = 0;
    for (unsigned i = 0; i < addresses->count; i++) {
        struct shoal__address address = addresses->list[i];
        address.port = port;
        int rc = bind_group(listener, &address);
        if (is_absent(rc))
            absent = rc;
        else if (rc < 0)
            return rc;
        else
            port = address.port;
    }
    return listener->count > 0 ? 0 : absent;
}

static int find_addresses(const struct shoal_listener *listener, struct shoal__addresses *out)
{
    const struct shoal__url *url = &listener->url;
    *out = (struct shoal__addresses){.count = 1};
    if (url->host.size == 0) {
        out->list[0].family = AF_INET6; /* the wildcard, which takes IPv4 as well */
        return 0;
    }
    if (shoal__address_numeric(url->host, url->port, &out->list[0]))
        return 0;
    return shoal__resolve(url->host, url->port, true, out);
}

static int make_room(struct shoal_listener *listener, unsigned count)
{
    listener->intakes = calloc(count, sizeof(struct shoal__intake));
    return listener->intakes ? 0 : -SHOAL_ENOMEM;
}

static int bind_tcp(struct shoal_listener *listener)
{
    struct shoal__addresses addresses;
    int rc = find_addresses(listener, &addresses);
    if (rc == 0)
        rc = make_room(listener, addresses.count * listener->members);
    if (rc < 0)
        return rc;

    /* The port that the kernel picks for the first address may be taken on another one. */
    bool picked = listener->url.port == 0 && addresses.count > 1;
    for (int tries = picked ? SHARED_PORT_TRIES : 1; tries > 0; tries--) {
        rc = bind_addresses(listener, &addresses);
        if (rc != -EADDRINUSE)
            break;
        close_intakes(listener);
    }
    if (!is_absent(rc) || listener->url.host.size > 0 || listener->cfg.v6_only)
        return rc;
    addresses.list[0].family = AF_INET; /* a machine without IPv6 */
    return bind_addresses(listener, &addresses);
}

static int bind_one(struct shoal_listener *listener)
{
    int rc = make_room(listener, 1);
    if (rc < 0)
        return rc;
    const struct shoal__url *url = &listener->url;
    int fd = url->scheme == SHOAL__URL_FD
                 ? shoal__fd_adopt(url->fd)
                 : shoal__unix_bind(url->path, listener->cfg.unix_mode, &listener->file);
    return fd < 0 ? fd : add_intake(listener, fd, 0);
}

/* An inherited descriptor listens already, with its owner's backlog. */
static int listen_all(struct shoal_listener *listener)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && listener->url.scheme != SHOAL__URL_FD && i < listener->count;
         i++)
        rc = shoal__listen(listener->intakes[i].fd, listener->cfg.backlog);
    return rc;
}

/* Which loops */

static const _Atomic uint64_t *gauge_of(const struct shoal_loop *loop)
{
    return &loop->counters.open_connections;
}

static int make_spread(struct shoal_listener *listener, enum shoal__spread_by by, unsigned loops)
{
    int rc = shoal__spread_init(&listener->spread, by, loops);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < loops; i++) {
        struct shoal__lane *lane = &listener->spread.lanes[i];
        lane->loop = shoal_server_loop(listener->server, i);
        lane->open = gauge_of(lane->loop);
    }
    listener->plan.spread = &listener->spread;
    return 0;
}

static void intake_ended(void *arg)
{
    struct shoal_listener *listener = arg;
    if (atomic_fetch_sub_explicit(&listener->taking, 1, memory_order_acq_rel) == 1)
        shoal__server_part_ended(listener->server);
}

/* Decides where the intakes are; see the table at the top. */
static int make_plan(struct shoal_listener *listener)
{
    struct shoal_server *server = listener->server;
    enum shoal_accept mode = shoal__server_accept_mode(server);
    unsigned loops = shoal_server_loops(server);
    listener->members = 1;
    listener->plan = (struct shoal__intake_plan){.server = server,
                                                 .service = listener->service,
                                                 .limits = listener->limits,
                                                 .tls = listener->tls,
                                                 .url = listener->text,
                                                 .batch = listener->cfg.accept_batch,
                                                 .ended = intake_ended,
                                                 .arg = listener};
    if (loops == 1)
        return 0;
    if (mode == SHOAL_ACCEPT_REUSEPORT && is_tcp(&listener->url)) {
        listener->members = loops;
        return 0;
    }
    int rc = mode == SHOAL_ACCEPT_REUSEPORT ? 0 : shoal__server_need_acceptor(server);
    if (rc < 0)
        return rc;
    bool least = mode == SHOAL_ACCEPT_LEAST_OF_TWO;
    return make_spread(listener, least ? SHOAL__SPREAD_LEAST_OF_TWO : SHOAL__SPREAD_ROUND_ROBIN,
                       loops);
}

/* The part's life */

static struct shoal_listener *listener_of(struct shoal__part *part)
{
    return (struct shoal_listener *)part;
}

/* The host as given, the wildcard spelled out, and the port that it became. */
static int show_real_url(struct shoal_listener *listener)
{
    const struct shoal__url *url = &listener->url;
    struct shoal__address address;
    char wildcard[REAL_URL_EXTRA];
    size_t size = strlen(listener->text) + REAL_URL_EXTRA;
    const char *scheme = url->scheme == SHOAL__URL_TLS ? "tls" : "tcp";
    int rc = is_tcp(url) ? shoal__tcp_address(listener->intakes[0].fd, &address) : 0;
    if (rc < 0 || !is_tcp(url))
        return rc;
    if (url->host.size == 0)
        snprintf(listener->real, size, "%s://%s", scheme,
                 shoal__address_print(&address, wildcard, sizeof(wildcard)));
    else
        snprintf(listener->real, size, url->ipv6_literal ? "%s://[%.*s]:%u" : "%s://%.*s:%u",
                 scheme, (int)url->host.size, url->host.data, address.port);
    listener->url_now = listener->real;
    return 0;
}

static void release(struct shoal_listener *listener)
{
    close_intakes(listener);
    shoal__unix_unlink(&listener->file);
    shoal__spread_fini(&listener->spread);
    shoal_tls_unref(&listener->tls);
    free(listener->intakes);
    listener->intakes = NULL;
    listener->url_now = listener->text;
}

/* Reads the files of a tls:// URL, before anything is bound, and tells why that fails. */
static int open_tls(struct shoal_listener *listener)
{
    char why[256];
    if (listener->cfg.tls)
        listener->tls = shoal_tls_ref(listener->cfg.tls);
    if (!listener->tls_query)
        return 0;
    int rc = shoal__tls_query_open(listener->tls_query, &listener->tls, why, sizeof(why));
    return rc < 0 ? shoal__server_fail(listener->server, rc, "cannot listen on %s: %s",
                                       listener->text, why)
                  : 0;
}

static int open_sockets(struct shoal_listener *listener)
{
    int rc = make_plan(listener);
    if (rc == 0)
        rc = is_tcp(&listener->url) ? bind_tcp(listener) : bind_one(listener);
    if (rc == 0)
        rc = listen_all(listener);
    if (rc == 0)
        rc = show_real_url(listener);
    return rc < 0 ? fail(listener, rc) : 0;
}

static int open_part(struct shoal__part *part, struct shoal_server *server)
{
    (void)server;
    struct shoal_listener *listener = listener_of(part);
    int rc = open_tls(listener);
    if (rc == 0)
        rc = open_sockets(listener);
    if (rc < 0)
        release(listener);
    return rc;
}

static void begin_part(struct shoal__part *part)
{
    struct shoal_listener *listener = listener_of(part);
    for (unsigned i = 0; i < listener->count; i++)
        shoal__intake_begin(&listener->intakes[i]);
}

/* The file of a Unix socket goes first, so that nobody comes after the last accept. */
static void end_part(struct shoal__part *part)
{
    struct shoal_listener *listener = listener_of(part);
    unsigned count = listener->count;
    shoal__unix_unlink(&listener->file);
    atomic_store_explicit(&listener->taking, count, memory_order_release);
    for (unsigned i = 0; i < count; i++)
        shoal__intake_end(&listener->intakes[i]);
}

static void close_part(struct shoal__part *part)
{
    release(listener_of(part));
}

static void destroy_part(struct shoal__part *part)
{
    struct shoal_listener *listener = listener_of(part);
    shoal__limits_unref(&listener->limits);
    shoal_tls_unref(&listener->cfg.tls);
    shoal__tls_query_destroy(&listener->tls_query);
    free(listener);
}

static const struct shoal__part_ops part_ops = {open_part, begin_part, end_part, close_part,
                                                destroy_part};

/* Adding one */

/* Tells now, and again at the next start. */
static int refuse(struct shoal_server *server, int code, const char *url, const char *why)
{
    shoal__server_spoil(server, code);
    return shoal__server_fail(server, code, "cannot listen on %s: %s (%s)", url, why,
                              shoal_strerrorname(code));
}

static int check_url(struct shoal_server *server, const char *text, const struct shoal_tls *tls,
                     struct shoal__url *url)
{
    if (shoal__url_parse(text, url) < 0)
        return refuse(server, -SHOAL_EURL, text,
                      "malformed URL; write tcp://HOST:PORT, tls://HOST:PORT?cert=FILE&key=FILE, "
                      "unix:PATH or fd:NUMBER");
    if (url->query.size > 0 && (url->scheme != SHOAL__URL_TLS || tls))
        return refuse(server, -SHOAL_EURL, text,
                      "this kind of URL takes no options; drop the part after ?");
    if (tls && shoal__tls_is_client(tls))
        return refuse(server, -SHOAL_EINVAL, text, "its TLS settings are a client's");
    return 0;
}

static struct shoal_listen_cfg complete(const struct shoal_listen_cfg *cfg)
{
    struct shoal_listen_cfg full = SHOAL_LISTEN_CFG_INIT;
    SHOAL__CFG_READ(&full, cfg);
    if (full.unix_mode == 0)
        full.unix_mode = DEFAULT_UNIX_MODE;
    if (full.accept_batch == 0)
        full.accept_batch = DEFAULT_BATCH;
    return full;
}

static struct shoal_listener *make_listener(const char *url, const struct shoal_service *service,
                                            const struct shoal_listen_cfg *cfg)
{
    size_t text_size = strlen(url) + 1;
    struct shoal_listener *listener = calloc(1, sizeof(*listener) + 2 * text_size + REAL_URL_EXTRA);
    if (!listener)
        return NULL;
    listener->part.ops = &part_ops;
    listener->service = service;
    listener->cfg = *cfg;
    listener->limits = shoal__limits_create(cfg->limits);
    memcpy(listener->text, url, text_size);
    listener->real = listener->text + text_size;
    listener->url_now = listener->text;
    if (!listener->limits) {
        free(listener);
        return NULL;
    }
    listener->cfg.limits = NULL; /* the caller's; we have our copies */
    listener->cfg.alpn = NULL;
    if (cfg->tls)
        shoal_tls_ref(cfg->tls);
    shoal__url_parse(listener->text, &listener->url); /* again: its views point into the text */
    return listener;
}

int shoal_listen(struct shoal_server *server, const char *url, const struct shoal_service *service,
                 const struct shoal_listen_cfg *cfg, struct shoal_listener **out_listener)
{
    struct shoal_listen_cfg full = complete(cfg);
    struct shoal__tls_query *tls_query = NULL;
    struct shoal__url parsed;
    const char *why = "out of memory";
    if (shoal__server_is_running(server))
        return -SHOAL_ESTATE;
    int rc = check_url(server, url, full.tls, &parsed);
    if (rc < 0)
        return rc;
    if (parsed.scheme == SHOAL__URL_TLS && !full.tls)
        rc = shoal__tls_query_parse(parsed.query, full.alpn, &tls_query, &why);
    if (rc < 0)
        return refuse(server, rc, url, why);
    struct shoal_listener *listener = make_listener(url, service, &full);
    if (!listener) {
        shoal__tls_query_destroy(&tls_query);
        return refuse(server, -SHOAL_ENOMEM, url, why);
    }
    listener->server = server;
    listener->tls_query = tls_query;
    shoal__server_add_part(server, &listener->part);
    if (out_listener)
        *out_listener = listener;
    return 0;
}

/* Reloading */

struct reload {
    char *error;
    size_t error_size;
    int rc; /* of the first one that failed; how many there are, until then */
};

static void reload_part(struct shoal__part *part, void *arg)
{
    struct reload *reload = arg;
    if (part->ops != &part_ops || !listener_of(part)->tls)
        return;
    bool good = reload->rc >= 0;
    int rc = shoal_tls_reload(listener_of(part)->tls, good ? reload->error : NULL,
                              good ? reload->error_size : 0);
    if (good)
        reload->rc = rc < 0 ? rc : reload->rc + 1;
}

int shoal_server_reload_tls(struct shoal_server *server, char *error, size_t error_size)
{
    struct reload reload = {error, error_size, 0};
    shoal__server_each_part(server, reload_part, &reload);
    return reload.rc;
}
