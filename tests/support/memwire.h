/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A wire in memory: the tests' transport. The connection has one end through the I/O seam
 * (net/transport.h); the test plays the peer: it feeds bytes, takes what was written, ends, resets,
 * and decides how much goes through at a time. Like a socket it is level-triggered, through a task
 * deferred on the loop, so a turn of the loop is all that drives it.
 *
 * A wire is the test's: initialise it before the connection, release it after. It allocates with
 * mmap() only, so failmalloc never hits the test's own side. Loop's thread only.
 */
#ifndef TESTS_SUPPORT_MEMWIRE_H
#define TESTS_SUPPORT_MEMWIRE_H

#include <stdbool.h>
#include <stddef.h>

#include <shoal/loop.h>
#include <shoal/view.h>

#include "net/transport.h"

enum { MEMWIRE_ROOM = 16 * 1024 * 1024 }; /* bytes each way in a wire's life */

struct memwire {
    struct shoal_loop *loop;
    struct shoal_conn *conn; /* set by the test once it has one */

    /* Towards the connection: in[in_start .. in_end) waits to be read. */
    char *in;
    size_t in_start;
    size_t in_end;
    size_t read_most; /* bytes that one read gives; 0: what there is */
    bool ended;
    int error; /* negative: what reads and writes say from now on */

    /* From the connection: out[0 .. written), of which the peer has taken `taken`. */
    char *out;
    size_t written;
    size_t taken;
    size_t capacity;   /* bytes that wait untaken before the wire is full */
    size_t write_most; /* bytes that one write takes; 0: what fits */

    /* What the connection did. */
    unsigned reads;
    unsigned writes;
    unsigned sendfiles;
    unsigned shutdowns;
    unsigned closes;
    bool aborted;

    unsigned watched;
    bool nudged; /* `nudge` is deferred */
    struct shoal_task nudge;
};

void memwire_init(struct memwire *wire, struct shoal_loop *loop);
void memwire_fini(struct memwire *wire);

/* The connection's end; with or without sendfile. */
struct shoal__transport memwire_transport(struct memwire *wire);
struct shoal__transport memwire_transport_without_sendfile(struct memwire *wire);

/* The peer sends bytes, ends its side, or breaks the wire (`error` as -ECONNRESET). */
void memwire_feed(struct memwire *wire, const void *data, size_t size);
void memwire_feed_text(struct memwire *wire, const char *text);
void memwire_end(struct memwire *wire);
void memwire_break(struct memwire *wire, int error);

/* The peer takes up to `size` bytes, so that as many fit again. Returns how many there were. */
size_t memwire_take(struct memwire *wire, size_t size);

/* Everything ever written, taken or not. */
struct shoal_view memwire_output(const struct memwire *wire);

/* The wire's own calls, for transports on top of it: as in transport.h. */
ssize_t memwire_read(struct memwire *wire, void *out, size_t size);
ssize_t memwire_writev(struct memwire *wire, const struct iovec *iov, int count);
void memwire_watch(struct memwire *wire, unsigned what);
size_t memwire_fits(const struct memwire *wire);

#endif
