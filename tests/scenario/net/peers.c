/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients by plain system calls, and a look at the process's own descriptors. */
#include "peers.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <shoal/conn.h>
#include <shoal/error.h>

#include "net/address.h"

enum { WAIT_S = 10 };

static size_t echo(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_write_view(conn, in);
    return in.size;
}

const struct shoal_service echo_service = {.name = "echo", .on_data = echo};

struct shoal_server_cfg server_cfg(unsigned loops, enum shoal_accept accept)
{
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = loops;
    cfg.workers = 0;
    cfg.accept = accept;
    return cfg;
}

struct shoal_server *make_server(const struct shoal_server_cfg *cfg)
{
    struct shoal_server *server = NULL;
    assert_int_equal(shoal_server_create(cfg, &server), 0);
    return server;
}

struct shoal_listener *listen_on(struct shoal_server *server, const char *url,
                                 const struct shoal_listen_cfg *cfg)
{
    struct shoal_listener *listener = NULL;
    assert_int_equal(shoal_listen(server, url, &echo_service, cfg, &listener), 0);
    return listener;
}

void start(struct shoal_server *server)
{
    if (shoal_server_start(server) < 0)
        fail_msg("%s", shoal_server_error(server));
}

struct shoal_server *serve(unsigned loops, enum shoal_accept accept, const char *url,
                           struct shoal_listener **out_listener)
{
    struct shoal_server_cfg cfg = server_cfg(loops, accept);
    struct shoal_server *server = make_server(&cfg);
    *out_listener = listen_on(server, url, NULL);
    start(server);
    return server;
}

void destroy(struct shoal_server **server)
{
    assert_int_equal(shoal_server_destroy(server), 0);
    assert_null(*server);
}

uint16_t port_of(const struct shoal_listener *listener)
{
    struct shoal__url url;
    assert_int_equal(shoal__url_parse(shoal_listener_url(listener), &url), 0);
    assert_int_not_equal(url.port, 0);
    return url.port;
}

struct shoal_stats stats_of(struct shoal_server *server)
{
    struct shoal_stats stats;
    shoal_server_stats(server, &stats);
    return stats;
}

static int socket_with_deadline(int family)
{
    struct timeval deadline = {.tv_sec = WAIT_S};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
    return fd;
}

static socklen_t name_of(const char *host, uint16_t port, struct sockaddr_storage *out)
{
    struct shoal__address address;
    assert_true(shoal__address_numeric(shoal_view_of(host), port, &address));
    return shoal__address_to(&address, out);
}

int try_dial(const char *host, uint16_t port, const char *source)
{
    struct sockaddr_storage name;
    socklen_t size = name_of(host, port, &name);
    int fd = socket_with_deadline(name.ss_family);
    if (source) {
        struct sockaddr_storage from;
        socklen_t from_size = name_of(source, 0, &from);
        assert_int_equal(bind(fd, (struct sockaddr *)&from, from_size), 0);
    }
    if (connect(fd, (struct sockaddr *)&name, size) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

int dial(uint16_t port)
{
    int fd = try_dial("127.0.0.1", port, NULL);
    if (fd < 0)
        fail_msg("connect: %s", strerror(-fd));
    return fd;
}

int dial_unix(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket_with_deadline(AF_UNIX);
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

bool echoes(int fd)
{
    char byte = 0;
    return send(fd, "x", 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1 && byte == 'x';
}

bool ends(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

void wait_until(bool (*holds)(void *arg), void *arg)
{
    for (int i = 0; i < WAIT_S * 500; i++) {
        if (holds(arg))
            return;
        poll(NULL, 0, 2);
    }
    fail_msg("waited %d s in vain", WAIT_S);
}

/* Calls `fn` for each open descriptor until it returns true; -1 where it never does. */
static int find_descriptor(bool (*fn)(int fd, void *arg), void *arg)
{
    int found = -1;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    for (struct dirent *entry; found < 0 && (entry = readdir(directory));) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(directory) && fn(fd, arg))
            found = fd;
    }
    closedir(directory);
    return found;
}

static bool count_one(int fd, void *arg)
{
    (void)fd;
    ++*(unsigned *)arg;
    return false;
}

unsigned descriptors(void)
{
    unsigned count = 0;
    find_descriptor(count_one, &count);
    return count;
}

struct wanted {
    uint16_t port;
    unsigned n;
};

static uint16_t port_of_name(int fd, int (*get)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    if (get(fd, (struct sockaddr *)&name, &size) < 0)
        return 0;
    return shoal__address_from((struct sockaddr *)&name, size).port;
}

static bool listens_on(int fd, void *arg)
{
    struct wanted *wanted = arg;
    int listens = 0;
    socklen_t size = sizeof(listens);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens &&
           port_of_name(fd, getsockname) == wanted->port && wanted->n-- == 0;
}

int listening_descriptor(uint16_t port, unsigned n)
{
    struct wanted wanted = {port, n};
    return find_descriptor(listens_on, &wanted);
}

static bool has_peer(int fd, void *arg)
{
    return port_of_name(fd, getpeername) == *(uint16_t *)arg;
}

int accepted_descriptor(int client)
{
    uint16_t port = port_of_name(client, getsockname);
    return find_descriptor(has_peer, &port);
}
