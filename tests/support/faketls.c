/* SPDX-License-Identifier: BSD-3-Clause */
/* The fake of TLS: records on a memwire, and the wants of a real library. */
#include "support/faketls.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"

enum { HEAD = 3 };

struct record {
    char type;
    size_t size;
};

static struct record record_at(const char *head)
{
    const unsigned char *bytes = (const unsigned char *)head;
    return (struct record){head[0], (size_t)bytes[1] << 8 | bytes[2]};
}

static void write_head(char *head, char type, size_t size)
{
    head[0] = type;
    head[1] = (char)(unsigned char)(size >> 8);
    head[2] = (char)(unsigned char)size;
}

/* The record that waits on the wire, whole; false where it is not there yet. */
static bool waiting_record(const struct faketls *tls, struct record *out)
{
    const struct memwire *wire = tls->wire;
    size_t there = wire->in_end - wire->in_start;
    if (there < HEAD)
        return false;
    *out = record_at(wire->in + wire->in_start);
    return there >= HEAD + out->size;
}

static int nothing_to_read(const struct faketls *tls)
{
    if (tls->wire->error)
        return tls->wire->error;
    return tls->wire->ended ? -EPROTO : SHOAL__IO_WANT_READ;
}

/* Takes the record that waits: data is held, the end noted. */
static void take_record(struct faketls *tls, struct record record)
{
    struct memwire *wire = tls->wire;
    SHOAL_ASSERT(tls->held_start == tls->held_end && record.size <= FAKETLS_RECORD);
    if (record.type == 'D') {
        memcpy(tls->held, wire->in + wire->in_start + HEAD, record.size);
        tls->held_start = 0;
        tls->held_end = record.size;
    }
    tls->end_came = tls->end_came || record.type == 'E';
    wire->in_start += HEAD + record.size;
    wire->reads++;
}

/* Reads one record of that type, and nothing else. 1, or what read says. */
static int expect_record(struct faketls *tls, char type)
{
    struct record record;
    if (!waiting_record(tls, &record))
        return nothing_to_read(tls);
    if (record.type != type)
        return -EPROTO;
    take_record(tls, record);
    return 1;
}

/* Writes one record. 1, or what writev says. */
static int write_record(struct faketls *tls, char type, const void *data, size_t size)
{
    char bytes[HEAD + FAKETLS_RECORD];
    if (!tls->wire->error && memwire_fits(tls->wire) < HEAD + size)
        return SHOAL__IO_WANT_WRITE;
    write_head(bytes, type, size);
    if (size > 0)
        memcpy(bytes + HEAD, data, size);
    struct iovec iov = {bytes, HEAD + size};
    ssize_t n = memwire_writev(tls->wire, &iov, 1);
    return n > 0 ? 1 : (int)n;
}

static struct faketls *tls_of(const struct shoal__transport *transport)
{
    return transport->state;
}

static int op_handshake(struct shoal__transport *transport)
{
    struct faketls *tls = tls_of(transport);
    while (tls->rounds > 0) {
        int rc = tls->round_read ? 1 : expect_record(tls, 'H');
        if (rc != 1)
            return rc;
        tls->round_read = true;
        rc = write_record(tls, 'H', NULL, 0);
        if (rc != 1)
            return rc;
        tls->round_read = false;
        tls->rounds--;
    }
    return tls->handshake_fails ? -EPROTO : 1;
}

static size_t deliver(struct faketls *tls, void *out, size_t size)
{
    size_t n = tls->held_end - tls->held_start;
    if (n > size)
        n = size;
    if (tls->deliver_most > 0 && n > tls->deliver_most)
        n = tls->deliver_most;
    memcpy(out, tls->held + tls->held_start, n);
    tls->held_start += n;
    return n;
}

static ssize_t op_read(struct shoal__transport *transport, void *out, size_t size)
{
    struct faketls *tls = tls_of(transport);
    if (tls->read_must_write) {
        int rc = write_record(tls, 'K', NULL, 0);
        if (rc != 1)
            return rc;
        tls->read_must_write = false;
    }
    while (tls->held_start == tls->held_end && !tls->end_came) {
        struct record record;
        if (!waiting_record(tls, &record))
            return nothing_to_read(tls);
        take_record(tls, record);
        if (record.type == 'K')
            tls->write_must_read = false;
    }
    return tls->held_start == tls->held_end ? SHOAL__IO_EOF : (ssize_t)deliver(tls, out, size);
}

static size_t gather(char *bytes, const struct iovec *iov, int count)
{
    size_t size = 0;
    for (int i = 0; i < count && size < FAKETLS_RECORD; i++) {
        size_t room = FAKETLS_RECORD - size;
        size_t n = iov[i].iov_len < room ? iov[i].iov_len : room;
        memcpy(bytes + size, iov[i].iov_base, n);
        size += n;
    }
    return size;
}

/* Data that stands before the awaited keys is held, as a library's input buffer would. */
static int read_keys(struct faketls *tls)
{
    struct record record;
    while (tls->write_must_read) {
        if (tls->held_start < tls->held_end || !waiting_record(tls, &record))
            return nothing_to_read(tls);
        take_record(tls, record);
        if (record.type == 'K')
            tls->write_must_read = false;
    }
    return 1;
}

static ssize_t op_writev(struct shoal__transport *transport, const struct iovec *iov, int count)
{
    struct faketls *tls = tls_of(transport);
    char bytes[FAKETLS_RECORD];
    int rc = read_keys(tls);
    if (rc != 1)
        return rc;
    size_t fits = memwire_fits(tls->wire);
    size_t size = gather(bytes, iov, count);
    if (!tls->wire->error && fits <= HEAD)
        return SHOAL__IO_WANT_WRITE;
    if (!tls->wire->error && size > fits - HEAD)
        size = fits - HEAD;
    rc = write_record(tls, 'D', bytes, size);
    return rc == 1 ? (ssize_t)size : rc;
}

static size_t op_pending(const struct shoal__transport *transport)
{
    const struct faketls *tls = tls_of(transport);
    return tls->held_end - tls->held_start;
}

static int op_shutdown(struct shoal__transport *transport)
{
    struct faketls *tls = tls_of(transport);
    tls->wire->shutdowns++;
    int rc = tls->end_sent ? 1 : write_record(tls, 'E', NULL, 0);
    tls->end_sent = tls->end_sent || rc == 1;
    if (rc != 1 || !tls->shutdown_reads || tls->end_came)
        return rc;
    return expect_record(tls, 'E');
}

static void op_close(struct shoal__transport *transport, bool abort)
{
    struct memwire *wire = tls_of(transport)->wire;
    wire->closes++;
    wire->aborted = abort;
    wire->watched = 0;
}

static void op_watch(struct shoal__transport *transport, unsigned what)
{
    memwire_watch(tls_of(transport)->wire, what);
}

static const struct shoal__transport_ops faketls_ops = {
    .name = "faketls",
    .handshake = op_handshake,
    .read = op_read,
    .writev = op_writev,
    .pending = op_pending,
    .shutdown = op_shutdown,
    .close = op_close,
    .watch = op_watch,
};

void faketls_init(struct faketls *tls, struct memwire *wire)
{
    *tls = (struct faketls){.wire = wire};
}

struct shoal__transport faketls_transport(struct faketls *tls)
{
    return (struct shoal__transport){&faketls_ops, tls, -1};
}

void faketls_feed(struct faketls *tls, char type, const void *data, size_t size)
{
    char bytes[HEAD + FAKETLS_RECORD];
    SHOAL_ASSERT(size <= FAKETLS_RECORD);
    write_head(bytes, type, size);
    if (size > 0)
        memcpy(bytes + HEAD, data, size);
    memwire_feed(tls->wire, bytes, HEAD + size);
}

void faketls_feed_text(struct faketls *tls, const char *text)
{
    faketls_feed(tls, 'D', text, strlen(text));
}

/* Visits the records written: the next one's place, or NULL. */
static const char *next_record(const struct faketls *tls, const char *at, struct record *out)
{
    const char *end = tls->wire->out + tls->wire->written;
    const char *next = at ? at + HEAD + out->size : tls->wire->out;
    if (next >= end)
        return NULL;
    *out = record_at(next);
    return next;
}

unsigned faketls_written(const struct faketls *tls, char type)
{
    unsigned count = 0;
    struct record record = {0, 0};
    for (const char *at = NULL; (at = next_record(tls, at, &record));)
        count += record.type == type;
    return count;
}

size_t faketls_output(const struct faketls *tls, char *out, size_t size)
{
    size_t used = 0;
    struct record record = {0, 0};
    for (const char *at = NULL; (at = next_record(tls, at, &record));) {
        if (record.type != 'D')
            continue;
        SHOAL_ASSERT(used + record.size <= size);
        memcpy(out + used, at + HEAD, record.size);
        used += record.size;
    }
    return used;
}
