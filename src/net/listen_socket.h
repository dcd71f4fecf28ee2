/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening sockets: how they are made, option by option, and nothing of what is done with them.
 * All calls are the control thread's, while a server starts or stops.
 */
#ifndef SHOAL_NET_LISTEN_SOCKET_H
#define SHOAL_NET_LISTEN_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/address.h"

enum { SHOAL__UNIX_PATH_MAX = 107 }; /* sun_path holds 108 bytes, one of them the NUL */

/* The file of a Unix socket, to know it again when it is to be removed. */
struct shoal__unix_file {
    char path[SHOAL__UNIX_PATH_MAX + 1]; /* empty: none */
    dev_t device;
    ino_t inode;
};

/*
 * A bound TCP socket, non-blocking, close-on-exec, without delay for what it accepts. An IPv6
 * wildcard takes IPv4 too unless `v6_only`; every other IPv6 address never does. Returns the
 * descriptor or a negative errno. Thread: any.
 */
int shoal__tcp_bind(const struct shoal__address *address, bool v6_only, bool reuse_port);

/*
 * Looks whether the port is free of other sockets, SO_REUSEPORT ones included, which a member of
 * a new group would silently join. Returns 0 or a negative errno. Thread: any.
 */
int shoal__tcp_probe(const struct shoal__address *address, bool v6_only);

/* Where a bound socket is. 0 or a negative errno. Thread: any. */
int shoal__tcp_address(int fd, struct shoal__address *out);

/*
 * A bound Unix socket whose file has these mode bits before anybody can connect. A file that is a
 * stream socket on which nobody listens any more is replaced; any other is left alone. Returns the
 * descriptor and fills *out_file, or a negative errno: -ENAMETOOLONG, -EADDRINUSE where somebody
 * listens there, -EEXIST for a file of another kind. Thread: any.
 */
int shoal__unix_bind(struct shoal_view path, unsigned mode, struct shoal__unix_file *out_file);

/* Removes the file unless it is another one by now; clears *file. Empty is a no-op. Thread: any. */
void shoal__unix_unlink(struct shoal__unix_file *file);

/*
 * A descriptor of our own for a listening stream socket that stays the caller's. It is made
 * non-blocking, which the caller's then is, too. Returns it or a negative errno: -EINVAL where it
 * does not listen. Thread: any.
 */
int shoal__fd_adopt(int fd);

/* Listens; `backlog` 0 is the most that the kernel allows. 0 or a negative errno. Thread: any. */
int shoal__listen(int fd, int backlog);

#endif
