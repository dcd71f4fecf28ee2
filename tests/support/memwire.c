/* SPDX-License-Identifier: BSD-3-Clause */
/* The wire in memory: two flat areas, one each way, and a task that plays the kernel's readiness.
 */
#include "support/memwire.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "net/conn.h"

static unsigned readiness(const struct memwire *wire)
{
    bool readable = wire->in_end > wire->in_start || wire->ended || wire->error;
    bool writable = memwire_fits(wire) > 0 || wire->error;
    return (readable ? SHOAL__WATCH_READ : 0u) | (writable ? SHOAL__WATCH_WRITE : 0u);
}

static void nudge_if_ready(struct memwire *wire)
{
    if (wire->nudged || !(readiness(wire) & wire->watched))
        return;
    wire->nudged = true;
    shoal_defer(wire->loop, &wire->nudge);
}

static void run_nudge(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    struct memwire *wire = arg;
    wire->nudged = false;
    unsigned ready = readiness(wire) & wire->watched;
    if (ready && wire->conn)
        shoal__conn_ready(wire->conn, ready);
    nudge_if_ready(wire);
}

static char *map_area(void)
{
    void *area = mmap(NULL, MEMWIRE_ROOM, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    SHOAL_ASSERT(area != MAP_FAILED);
    return area;
}

void memwire_init(struct memwire *wire, struct shoal_loop *loop)
{
    *wire = (struct memwire){.loop = loop,
                             .in = map_area(),
                             .out = map_area(),
                             .capacity = MEMWIRE_ROOM,
                             .nudge = SHOAL_TASK(run_nudge, wire)};
}

void memwire_fini(struct memwire *wire)
{
    SHOAL_ASSERT(!wire->nudged);
    munmap(wire->in, MEMWIRE_ROOM);
    munmap(wire->out, MEMWIRE_ROOM);
}

/* The peer's side */

void memwire_feed(struct memwire *wire, const void *data, size_t size)
{
    SHOAL_ASSERT(size <= MEMWIRE_ROOM - wire->in_end);
    memcpy(wire->in + wire->in_end, data, size);
    wire->in_end += size;
    nudge_if_ready(wire);
}

void memwire_feed_text(struct memwire *wire, const char *text)
{
    memwire_feed(wire, text, strlen(text));
}

void memwire_end(struct memwire *wire)
{
    wire->ended = true;
    nudge_if_ready(wire);
}

void memwire_break(struct memwire *wire, int error)
{
    wire->error = error;
    nudge_if_ready(wire);
}

size_t memwire_take(struct memwire *wire, size_t size)
{
    size_t there = wire->written - wire->taken;
    size_t taken = size < there ? size : there;
    wire->taken += taken;
    nudge_if_ready(wire);
    return taken;
}

struct shoal_view memwire_output(const struct memwire *wire)
{
    return shoal_view(wire->out, wire->written);
}

/* The connection's side */

static size_t at_most(size_t size, size_t limit)
{
    return limit > 0 && limit < size ? limit : size;
}

ssize_t memwire_read(struct memwire *wire, void *out, size_t size)
{
    SHOAL_ASSERT(size > 0);
    wire->reads++;
    if (wire->error)
        return wire->error;
    size_t there = wire->in_end - wire->in_start;
    if (there == 0)
        return wire->ended ? SHOAL__IO_EOF : SHOAL__IO_WANT_READ;
    size_t n = at_most(size < there ? size : there, wire->read_most);
    memcpy(out, wire->in + wire->in_start, n);
    wire->in_start += n;
    return (ssize_t)n;
}

size_t memwire_fits(const struct memwire *wire)
{
    size_t untaken = wire->written - wire->taken;
    size_t room = MEMWIRE_ROOM - wire->written;
    size_t fits = wire->capacity > untaken ? wire->capacity - untaken : 0;
    return fits < room ? fits : room;
}

static size_t put(struct memwire *wire, const void *data, size_t size)
{
    size_t fits = memwire_fits(wire);
    size_t n = size < fits ? size : fits;
    memcpy(wire->out + wire->written, data, n);
    wire->written += n;
    return n;
}

ssize_t memwire_writev(struct memwire *wire, const struct iovec *iov, int count)
{
    wire->writes++;
    if (wire->error)
        return wire->error;
    size_t left = at_most(memwire_fits(wire), wire->write_most);
    size_t sent = 0;
    for (int i = 0; i < count && left > 0; i++) {
        size_t n = put(wire, iov[i].iov_base, iov[i].iov_len < left ? iov[i].iov_len : left);
        sent += n;
        left -= n;
    }
    return sent > 0 ? (ssize_t)sent : SHOAL__IO_WANT_WRITE;
}

void memwire_watch(struct memwire *wire, unsigned what)
{
    wire->watched = what;
    nudge_if_ready(wire);
}

/* The transport */

static struct memwire *wire_of(const struct shoal__transport *transport)
{
    return transport->state;
}

static ssize_t op_read(struct shoal__transport *transport, void *out, size_t size)
{
    return memwire_read(wire_of(transport), out, size);
}

static ssize_t op_writev(struct shoal__transport *transport, const struct iovec *iov, int count)
{
    return memwire_writev(wire_of(transport), iov, count);
}

/* As the kernel's: 0 only at the end of the file. */
static ssize_t op_sendfile(struct shoal__transport *transport, int fd, off_t offset, size_t size)
{
    struct memwire *wire = wire_of(transport);
    wire->sendfiles++;
    if (wire->error)
        return wire->error;
    size_t most = at_most(memwire_fits(wire), wire->write_most);
    if (most == 0)
        return SHOAL__IO_WANT_WRITE;
    ssize_t n = pread(fd, wire->out + wire->written, size < most ? size : most, offset);
    if (n < 0)
        return -errno;
    wire->written += (size_t)n;
    return n;
}

static int op_shutdown(struct shoal__transport *transport)
{
    wire_of(transport)->shutdowns++;
    return 1;
}

static void op_close(struct shoal__transport *transport, bool abort)
{
    struct memwire *wire = wire_of(transport);
    wire->closes++;
    wire->aborted = abort;
    wire->watched = 0;
}

static void op_watch(struct shoal__transport *transport, unsigned what)
{
    memwire_watch(wire_of(transport), what);
}

static const struct shoal__transport_ops memwire_ops = {
    .name = "memwire",
    .close_says_end = true,
    .read = op_read,
    .writev = op_writev,
    .sendfile = op_sendfile,
    .shutdown = op_shutdown,
    .close = op_close,
    .watch = op_watch,
};

static const struct shoal__transport_ops memwire_ops_without_sendfile = {
    .name = "memwire without sendfile",
    .close_says_end = true,
    .read = op_read,
    .writev = op_writev,
    .shutdown = op_shutdown,
    .close = op_close,
    .watch = op_watch,
};

struct shoal__transport memwire_transport(struct memwire *wire)
{
    return (struct shoal__transport){&memwire_ops, wire, -1};
}

struct shoal__transport memwire_transport_without_sendfile(struct memwire *wire)
{
    return (struct shoal__transport){&memwire_ops_without_sendfile, wire, -1};
}
