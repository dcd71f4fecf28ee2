/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O seam: how a connection's bytes and readiness reach it. A transport is a small value
 * inside the connection (ops, descriptor, state); plain sockets need no state at all, TLS and the
 * tests' in-memory wire hang theirs on `state`.
 *
 * Every call returns a number of bytes > 0, or one of
 *     SHOAL__IO_EOF          the peer ended its side in an orderly way (read only)
 *     SHOAL__IO_WANT_READ    try again when the descriptor is readable
 *     SHOAL__IO_WANT_WRITE   try again when the descriptor is writable
 *     a negative errno       broken
 * Either call may want either direction (a TLS write may have to read first); the connection then
 * waits for that direction and repeats the same call.
 *
 * A transport may hold bytes that the kernel does not know of any more (a TLS record read whole
 * and delivered in part): pending() tells, and the connection comes back for them in the next turn
 * without waiting for the descriptor, and after a pause too.
 */
#ifndef SHOAL_NET_TRANSPORT_H
#define SHOAL_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

enum {
    SHOAL__IO_EOF = 0,
    SHOAL__IO_WANT_READ = -10001,
    SHOAL__IO_WANT_WRITE = -10002,
};

/* What a connection waits for. */
enum {
    SHOAL__WATCH_READ = 1,
    SHOAL__WATCH_WRITE = 2,
};

struct shoal__transport;

struct shoal__transport_ops {
    const char *name;

    /* close() alone tells the peer that no more comes, so shutdown() before it would be waste. */
    bool close_says_end;

    /* Called until it returns 1 (ready) or an error, before anything else; NULL: always ready. */
    int (*handshake)(struct shoal__transport *transport);

    ssize_t (*read)(struct shoal__transport *transport, void *out, size_t size);
    ssize_t (*writev)(struct shoal__transport *transport, const struct iovec *iov, int count);

    /* File bytes without copying; NULL where the transport must see them: then the connection
     * reads them and uses writev. Returns 0 only for "the file ends here". */
    ssize_t (*sendfile)(struct shoal__transport *transport, int fd, off_t offset, size_t size);

    /* Bytes that read() would return at once; NULL: never any. */
    size_t (*pending)(const struct shoal__transport *transport);

    /* Tells the peer that no more comes (FIN, close_notify). 1 done, else as above. */
    int (*shutdown)(struct shoal__transport *transport);

    /* Releases descriptor and state; with `abort` the peer shall see a reset. */
    void (*close)(struct shoal__transport *transport, bool abort);

    /* Where there is no descriptor (fd < 0): the transport calls shoal__conn_ready() when one of
     * the watched conditions (SHOAL__WATCH_*) holds, level-triggered, never from inside. */
    void (*watch)(struct shoal__transport *transport, unsigned what);
};

struct shoal__transport {
    const struct shoal__transport_ops *ops;
    void *state;
    int fd;
};

/* Plain sockets, TCP and Unix. State: none. */
extern const struct shoal__transport_ops shoal__transport_plain;

#endif
