/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening sockets on Linux. Options come before bind, where they count; those that accepted
 * sockets inherit (TCP_NODELAY) are set once here and not once for each connection.
 */
#include "net/listen_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_FLAGS (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int get_option(int fd, int level, int option, int *out_value)
{
    socklen_t size = sizeof(*out_value);
    return getsockopt(fd, level, option, out_value, &size) < 0 ? -errno : 0;
}

/* TCP */

static bool is_wildcard(const struct shoal__address *address)
{
    static const uint8_t any[16];
    return memcmp(address->ip, any, sizeof(any)) == 0;
}

static int set_tcp_options(int fd, const struct shoal__address *address, bool v6_only,
                           bool reuse_port)
{
    int rc = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && reuse_port)
        rc = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (rc == 0 && address->family == AF_INET6)
        rc = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only || !is_wildcard(address));
    if (rc == 0)
        rc = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return rc;
}

int shoal__tcp_bind(const struct shoal__address *address, bool v6_only, bool reuse_port)
{
    struct sockaddr_storage name;
    socklen_t size = shoal__address_to(address, &name);
    int fd = socket(address->family, SOCKET_FLAGS, 0);
    if (fd < 0)
        return -errno;
    int rc = set_tcp_options(fd, address, v6_only, reuse_port);
    if (rc == 0 && bind(fd, (struct sockaddr *)&name, size) < 0)
        rc = -errno;
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

int shoal__tcp_probe(const struct shoal__address *address, bool v6_only)
{
    int fd = shoal__tcp_bind(address, v6_only, false);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

int shoal__tcp_address(int fd, struct shoal__address *out)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    if (getsockname(fd, (struct sockaddr *)&name, &size) < 0)
        return -errno;
    *out = shoal__address_from((struct sockaddr *)&name, size);
    return 0;
}

/* Unix */

/* 0: somebody listens; -ECONNREFUSED: nobody does any more; or why we cannot tell. */
static int knock(const struct sockaddr_un *name)
{
    int fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
    if (fd < 0)
        return -errno;
    int rc = connect(fd, (const struct sockaddr *)name, sizeof(*name)) < 0 ? -errno : 0;
    close(fd);
    return rc == -EAGAIN ? 0 : rc; /* its queue is full */
}

/* Sees to it that nothing is where the socket's file is to be. */
static int clear_place(const struct sockaddr_un *name)
{
    struct stat status;
    if (lstat(name->sun_path, &status) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    int rc = knock(name);
    if (rc == 0)
        return -EADDRINUSE;
    if (rc == -EPROTOTYPE)
        return -EEXIST;
    if (rc != -ECONNREFUSED)
        return rc;
    return unlink(name->sun_path) < 0 ? -errno : 0;
}

/*
 * The mode is set on the socket before bind, which makes the file with it, less the umask: so the
 * file is never more open than asked for. What the umask took away is added afterwards.
 */
static int bind_with_mode(int fd, const struct sockaddr_un *name, mode_t mode,
                          struct shoal__unix_file *file)
{
    struct stat status;
    if (fchmod(fd, mode) < 0 || bind(fd, (const struct sockaddr *)name, sizeof(*name)) < 0)
        return -errno;
    memcpy(file->path, name->sun_path, sizeof(file->path));
    if (lstat(file->path, &status) < 0)
        return -errno;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    if ((status.st_mode & 07777) != mode && chmod(file->path, mode) < 0)
        return -errno;
    return 0;
}

int shoal__unix_bind(struct shoal_view path, unsigned mode, struct shoal__unix_file *out_file)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (path.size > SHOAL__UNIX_PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(name.sun_path, path.data, path.size);
    int rc = clear_place(&name);
    if (rc < 0)
        return rc;
    int fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
    if (fd < 0)
        return -errno;

    struct shoal__unix_file file = {.path = ""};
    rc = bind_with_mode(fd, &name, (mode_t)mode, &file);
    if (rc == 0) {
        *out_file = file;
        return fd;
    }
    shoal__unix_unlink(&file);
    close(fd);
    return rc;
}

void shoal__unix_unlink(struct shoal__unix_file *file)
{
    struct stat status;
    if (file->path[0] == '\0')
        return;
    if (lstat(file->path, &status) == 0 && status.st_dev == file->device &&
        status.st_ino == file->inode)
        unlink(file->path);
    file->path[0] = '\0';
}

/* Inherited */

static int check_listens(int fd)
{
    int type;
    int listens;
    int rc = get_option(fd, SOL_SOCKET, SO_TYPE, &type);
    if (rc == 0)
        rc = get_option(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens);
    if (rc < 0)
        return rc;
    return type == SOCK_STREAM && listens ? 0 : -EINVAL;
}

static int make_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

int shoal__fd_adopt(int fd)
{
    int rc = check_listens(fd);
    if (rc < 0)
        return rc;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return -errno;
    rc = make_nonblocking(own);
    if (rc == 0) {
        set_option(own, IPPROTO_TCP, TCP_NODELAY, 1); /* a Unix socket has none and needs none */
        return own;
    }
    close(own);
    return rc;
}

/* Listening */

int shoal__listen(int fd, int backlog)
{
    /* The kernel cuts what is larger than net.core.somaxconn to that. */
    return listen(fd, backlog > 0 ? backlog : INT_MAX) < 0 ? -errno : 0;
}
