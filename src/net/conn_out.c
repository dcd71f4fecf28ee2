/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing. What a callback writes is gathered (spans of the input on offer as they are, the rest
 * copied into the loop's scratch) and handed to the transport in one call when the callback
 * returns. Only what the transport does not take is kept in a buffer of the connection; from then
 * on, and for buffers and files, output goes through that buffer until it is empty again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "base/buf.h"
#include "net/backlog.h"
#include "net/conn_priv.h"

enum {
    FLUSH_BUDGET = 1024 * 1024, /* bytes of one connection in one turn */
    FILE_SLICE = 256 * 1024,
    FILE_COPY = 16 * 1024, /* where the transport has no sendfile */
};

/* Keeping */

static struct shoal_buf *output_of(struct shoal_conn *conn)
{
    if (!conn->output) {
        conn->output = shoal_buf_create();
        conn->blocked = false;
        conn->stall_ms = shoal__conn_now(conn);
    }
    return conn->output;
}

/* An output buffer that nothing was put into must not stay: its existence means "bytes wait". */
static void forget_empty_output(struct shoal_conn *conn)
{
    if (conn->output && shoal_buf_size(conn->output) == 0)
        shoal_buf_destroy(&conn->output);
}

static size_t kept(const struct shoal_conn *conn)
{
    return conn->output ? shoal__buf_memory(conn->output) : 0;
}

static int keep(struct shoal_conn *conn, const void *data, size_t size)
{
    size_t before = kept(conn);
    struct shoal_buf *output = output_of(conn);
    int rc = output ? shoal_buf_append(output, data, size) : -SHOAL_ENOMEM;
    shoal__backlog_count(conn->net, before, kept(conn));
    forget_empty_output(conn);
    shoal__conn_mark_dirty(conn);
    return rc;
}

static void reset_gather(struct shoal__gather *gather)
{
    gather->count = 0;
    gather->size = 0;
    gather->scratch_used = 0;
}

/* Moves what was gathered, less its first `sent` bytes, to the connection's buffer. */
static int keep_gathered(struct shoal_conn *conn, size_t sent)
{
    struct shoal__gather *gather = &conn->net->gather;
    size_t before = kept(conn);
    struct shoal_buf *output = output_of(conn);
    int rc = output ? 0 : -SHOAL_ENOMEM;
    for (int i = 0; i < gather->count && rc == 0; i++) {
        const struct iovec *piece = &gather->pieces[i];
        size_t skip = sent < piece->iov_len ? sent : piece->iov_len;
        sent -= skip;
        if (skip < piece->iov_len)
            rc = shoal_buf_append(output, (char *)piece->iov_base + skip, piece->iov_len - skip);
    }
    if (rc < 0 && output)
        shoal_buf_destroy(&conn->output);
    shoal__backlog_count(conn->net, before, kept(conn));
    return rc;
}

/* Gathering */

static void add_piece(struct shoal__gather *gather, void *data, size_t size)
{
    struct iovec *last = gather->count ? &gather->pieces[gather->count - 1] : NULL;
    if (last && (char *)last->iov_base + last->iov_len == (char *)data)
        last->iov_len += size;
    else
        gather->pieces[gather->count++] = (struct iovec){data, size};
    gather->size += size;
}

static bool in_span(struct shoal_view span, const char *data, size_t size)
{
    uintptr_t from = (uintptr_t)span.data;
    uintptr_t at = (uintptr_t)data;
    return span.size > 0 && at >= from && at - from <= span.size && size <= span.size - (at - from);
}

static bool gather(struct shoal__net_loop *net, const void *data, size_t size)
{
    struct shoal__gather *gather = &net->gather;
    if (gather->count == SHOAL__GATHER_MAX)
        return false;
    if (in_span(gather->span, data, size)) {
        add_piece(gather, (void *)(uintptr_t)data, size);
        return true;
    }
    if (size > SHOAL__SCRATCH_SIZE - gather->scratch_used)
        return false;
    char *copy = net->scratch + gather->scratch_used;
    memcpy(copy, data, size);
    gather->scratch_used += size;
    add_piece(gather, copy, size);
    return true;
}

/* True where the gather is, or can become, this connection's. */
static bool gathering(struct shoal_conn *conn)
{
    struct shoal__gather *gather = &conn->net->gather;
    if (conn->state != SHOAL__CONN_OPEN || conn->output)
        return false;
    if (gather->conn == conn)
        return true;
    if (gather->in_callback)
        return false;
    shoal__gather_close(conn->net);
    if (conn->state != SHOAL__CONN_OPEN)
        return false;
    gather->conn = conn;
    return true;
}

static void note_progress(struct shoal_conn *conn, size_t size)
{
    conn->active_ms = conn->stall_ms = shoal__conn_now(conn);
    shoal__count(&conn->net->loop->counters.bytes_out, size);
}

/* What an attempt to send came to: true for progress. A connection that is broken is closed. */
static bool sent(struct shoal_conn *conn, ssize_t n)
{
    if (n > 0) {
        note_progress(conn, (size_t)n);
        conn->write_wants = SHOAL__WATCH_WRITE;
        return true;
    }
    if (n == SHOAL__IO_WANT_READ || n == SHOAL__IO_WANT_WRITE) {
        conn->write_wants = n == SHOAL__IO_WANT_READ ? SHOAL__WATCH_READ : SHOAL__WATCH_WRITE;
        conn->blocked = true;
    } else {
        shoal__conn_broken(conn, n);
    }
    return false;
}

static size_t gathered(const struct shoal_conn *conn)
{
    const struct shoal__gather *gather = &conn->net->gather;
    return gather->conn == conn ? gather->size : 0;
}

/* All output that waits. */
static size_t waiting(const struct shoal_conn *conn)
{
    return gathered(conn) + (conn->output ? shoal_buf_size(conn->output) : 0);
}

/* The part of it that takes memory: all but file ranges. */
static size_t waiting_in_memory(const struct shoal_conn *conn)
{
    return gathered(conn) + kept(conn);
}

/* Back below the low mark? Then the handler is told, and reading goes on, in the next turn. */
static void check_low_mark(struct shoal_conn *conn)
{
    if (!conn->over_high || waiting(conn) > conn->limits->limits.out_low)
        return;
    conn->over_high = false;
    conn->tell_drained = true;
    shoal__conn_go_on_reading(conn);
}

static void send_gathered(struct shoal_conn *conn)
{
    struct shoal__gather *gather = &conn->net->gather;
    ssize_t n = conn->transport.ops->writev(&conn->transport, gather->pieces, gather->count);
    size_t taken = n > 0 ? (size_t)n : 0;
    if (!sent(conn, n) && conn->state == SHOAL__CONN_CLOSED)
        return;
    if (taken == gather->size)
        return;
    bool blocked = conn->blocked;
    if (keep_gathered(conn, taken) < 0) {
        conn->error = -SHOAL_ENOMEM;
        shoal__conn_close_now(conn, SHOAL_CLOSED_MEMORY, false);
        return;
    }
    conn->blocked = blocked;
    shoal__conn_arm(conn);
    shoal__backlog_check(conn->net);
}

void shoal__gather_close(struct shoal__net_loop *net)
{
    struct shoal__gather *gather = &net->gather;
    struct shoal_conn *conn = gather->conn;
    if (!conn)
        return;
    bool open = conn->state == SHOAL__CONN_OPEN || conn->state == SHOAL__CONN_FLUSHING;
    if (gather->count > 0 && open)
        send_gathered(conn);
    reset_gather(gather);
    bool settle = !gather->in_callback && conn->state != SHOAL__CONN_CLOSED;
    gather->conn = NULL;
    gather->in_callback = false;
    gather->span = shoal_view(NULL, 0);
    check_low_mark(conn);
    if (settle)
        shoal__conn_mark_dirty(conn);
}

/* Flushing */

static ssize_t send_memory(struct shoal_conn *conn)
{
    struct iovec iov[SHOAL__GATHER_MAX];
    int count = shoal_buf_peek(conn->output, iov, SHOAL__GATHER_MAX);
    return conn->transport.ops->writev(&conn->transport, iov, count);
}

/* For transports that must see the bytes of a file themselves. */
static ssize_t copy_file(struct shoal_conn *conn, const struct shoal_buf_file *file)
{
    char bytes[FILE_COPY];
    size_t size = file->size < sizeof(bytes) ? file->size : sizeof(bytes);
    ssize_t n = pread(file->fd, bytes, size, file->offset);
    if (n <= 0)
        return n < 0 ? -errno : -ENODATA;
    struct iovec iov = {bytes, (size_t)n};
    return conn->transport.ops->writev(&conn->transport, &iov, 1);
}

static ssize_t send_file(struct shoal_conn *conn, const struct shoal_buf_file *file)
{
    if (!conn->transport.ops->sendfile)
        return copy_file(conn, file);
    size_t size = file->size < FILE_SLICE ? file->size : FILE_SLICE;
    ssize_t n = conn->transport.ops->sendfile(&conn->transport, file->fd, file->offset, size);
    return n == 0 ? -ENODATA : n; /* the file is shorter than was promised */
}

bool shoal__conn_flush(struct shoal_conn *conn)
{
    size_t budget = FLUSH_BUDGET;
    while (conn->output && !conn->blocked && conn->state != SHOAL__CONN_CLOSED) {
        struct shoal_buf_file file;
        bool is_file = shoal_buf_peek_file(conn->output, &file);
        ssize_t n = is_file ? send_file(conn, &file) : send_memory(conn);
        if (!sent(conn, n))
            break;
        size_t before = kept(conn);
        shoal_buf_consume(conn->output, (size_t)n);
        shoal__backlog_count(conn->net, before, kept(conn));
        forget_empty_output(conn);
        if ((size_t)n >= budget)
            conn->blocked = true; /* others have their turn; the event comes at once */
        else
            budget -= (size_t)n;
    }
    if (conn->state == SHOAL__CONN_CLOSED)
        return false;
    if (conn->output)
        shoal__conn_arm(conn);
    check_low_mark(conn);
    return conn->state != SHOAL__CONN_CLOSED;
}

/* The public calls */

size_t shoal_conn_pending(const struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    return waiting(conn);
}

size_t shoal__conn_pending_memory(const struct shoal_conn *conn)
{
    SHOAL__ASSERT_CONN(conn);
    return waiting_in_memory(conn);
}

static bool writable(const struct shoal_conn *conn)
{
    return conn->state <= SHOAL__CONN_OPEN && !conn->end_asked;
}

/* Everything was taken: what the marks say to that. The hard cap is there for memory's sake; the
 * marks count files, too, or pipelined requests for files would be read without end. */
static int after_write(struct shoal_conn *conn)
{
    const struct shoal_limits *limits = &conn->limits->limits;
    if (limits->out_max > 0 && waiting_in_memory(conn) > limits->out_max) {
        shoal__conn_close_now(conn, SHOAL_CLOSED_SLOW_READER, true);
        return -SHOAL_EPIPE;
    }
    shoal__backlog_check(conn->net);
    if (conn->state == SHOAL__CONN_CLOSED)
        return -SHOAL_EPIPE;
    if (limits->out_high > 0 && waiting(conn) > limits->out_high)
        conn->over_high = true;
    return conn->over_high;
}

int shoal_conn_write(struct shoal_conn *conn, const void *data, size_t size)
{
    SHOAL__ASSERT_CONN(conn);
    if (!writable(conn))
        return -SHOAL_EPIPE;
    if (size == 0)
        return conn->over_high;
    bool own_gather = gathering(conn);
    if (own_gather && gather(conn->net, data, size))
        return after_write(conn);
    if (own_gather && conn->net->gather.count > 0) {
        int rc = keep_gathered(conn, 0);
        if (rc < 0)
            return rc;
        reset_gather(&conn->net->gather);
    }
    int rc = keep(conn, data, size);
    return rc < 0 ? rc : after_write(conn);
}

int shoal_conn_write_view(struct shoal_conn *conn, struct shoal_view view)
{
    return shoal_conn_write(conn, view.data, view.size);
}

int shoal_conn_vprintf(struct shoal_conn *conn, const char *format, va_list args)
{
    char small[512];
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(small, sizeof(small), format, args);
    int rc = -SHOAL_EINVAL;
    if (n >= 0 && (size_t)n < sizeof(small)) {
        rc = shoal_conn_write(conn, small, (size_t)n);
    } else if (n >= 0) {
        char *large = malloc((size_t)n + 1);
        rc = -SHOAL_ENOMEM;
        if (large) {
            (void)vsnprintf(large, (size_t)n + 1, format, again);
            rc = shoal_conn_write(conn, large, (size_t)n);
        }
        free(large);
    }
    va_end(again);
    return rc;
}

int shoal_conn_printf(struct shoal_conn *conn, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = shoal_conn_vprintf(conn, format, args);
    va_end(args);
    return rc;
}

/* The connection's buffer, holding what was gathered before; NULL where memory is out. */
static struct shoal_buf *output_behind_gather(struct shoal_conn *conn)
{
    struct shoal__gather *gather = &conn->net->gather;
    if (gather->conn == conn && gather->count > 0) {
        if (keep_gathered(conn, 0) < 0)
            return NULL;
        reset_gather(gather);
    }
    return output_of(conn);
}

int shoal_conn_write_buf(struct shoal_conn *conn, struct shoal_buf *buf)
{
    SHOAL__ASSERT_CONN(conn);
    if (!writable(conn))
        return -SHOAL_EPIPE;
    if (shoal_buf_size(buf) == 0)
        return conn->over_high;
    struct shoal_buf *output = output_behind_gather(conn);
    if (!output)
        return -SHOAL_ENOMEM;
    size_t before = kept(conn);
    shoal_buf_move(output, buf);
    shoal__backlog_count(conn->net, before, kept(conn));
    shoal__conn_mark_dirty(conn);
    return after_write(conn);
}

int shoal_conn_send_file(struct shoal_conn *conn, int fd, off_t offset, size_t size, bool close_fd)
{
    SHOAL__ASSERT_CONN(conn);
    if (!writable(conn))
        return -SHOAL_EPIPE;
    struct shoal_buf *output = output_behind_gather(conn);
    int rc = output ? shoal_buf_append_file(output, fd, offset, size, close_fd) : -SHOAL_ENOMEM;
    forget_empty_output(conn);
    shoal__conn_mark_dirty(conn);
    return rc < 0 ? rc : after_write(conn);
}
