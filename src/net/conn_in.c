/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading. One read a turn, into the loop's buffer, behind a copy of the little that was kept; only
 * where much is kept does input grow in a block of its own, so that a large message is not copied
 * again with every piece of it. What a handler leaves is kept in such a block until it is gone.
 */
#include <stdlib.h>
#include <string.h>

#include <shoal/error.h>

#include "net/conn_priv.h"

enum {
    SMALL_KEPT = 8 * 1024, /* up to here kept input is copied in front of what is read */
    DISCARD_READS = 4,
};

static size_t kept_size(const struct shoal_conn *conn)
{
    return conn->input ? conn->input->end - conn->input->start : 0;
}

static void drop_input(struct shoal_conn *conn)
{
    free(conn->input);
    conn->input = NULL;
}

static struct shoal__input *create_input(size_t room)
{
    struct shoal__input *input = malloc(sizeof(*input) + room + 1);
    if (input)
        *input = (struct shoal__input){.room = room};
    return input;
}

/* Room for a whole read behind what is kept: by moving it to the front, else by growing. */
static bool make_room(struct shoal_conn *conn)
{
    struct shoal__input *input = conn->input;
    size_t kept = kept_size(conn);
    if (input->room - input->end >= SHOAL__READ_SIZE / 2)
        return true;
    if (input->room - kept >= kept + SHOAL__READ_SIZE / 2) {
        memmove(input->bytes, input->bytes + input->start, kept);
        input->start = 0;
        input->end = kept;
        return true;
    }
    struct shoal__input *larger = create_input(2 * kept + SHOAL__READ_SIZE);
    if (!larger)
        return false;
    memcpy(larger->bytes, input->bytes + input->start, kept);
    larger->end = kept;
    free(input);
    conn->input = larger;
    return true;
}

/* Keeps `rest`, which lies in the loop's read buffer. */
static bool keep(struct shoal_conn *conn, struct shoal_view rest)
{
    struct shoal__input *input = conn->input;
    if (!input || input->room < rest.size) {
        input = create_input(rest.size < 240 ? 240 : rest.size);
        if (!input)
            return false;
        free(conn->input);
        conn->input = input;
    }
    memcpy(input->bytes, rest.data, rest.size);
    input->start = 0;
    input->end = rest.size;
    return true;
}

/* Keeps what the handler left of a span, and sees to the limits of that. */
static void keep_rest(struct shoal_conn *conn, struct shoal_view span, size_t consumed,
                      size_t kept_before)
{
    struct shoal_view rest = shoal_view_from(span, consumed);
    bool in_place = conn->input && span.data == conn->input->bytes + conn->input->start;
    if (rest.size == 0) {
        drop_input(conn);
        return;
    }
    if (in_place)
        conn->input->start += consumed;
    else if (!keep(conn, rest)) {
        conn->error = -SHOAL_ENOMEM;
        shoal__conn_close_now(conn, SHOAL_CLOSED_MEMORY, false);
        return;
    }
    size_t limit = conn->limits->limits.max_input;
    bool stopped = conn->offer || conn->paused || shoal__conn_is_choked(conn);
    if (limit > 0 && rest.size > limit && !stopped) {
        shoal_conn_close_for(conn, SHOAL_CLOSE_LINGER, SHOAL_CLOSED_TOO_MUCH_INPUT);
        return;
    }
    if (consumed > 0 || kept_before == 0) {
        conn->kept_ms = shoal__conn_now(conn);
        shoal__conn_arm(conn);
    }
}

/* Offers a span to the handler. It lies in the loop's buffer or in the connection's own block. */
static void deliver(struct shoal_conn *conn, char *data, size_t size, size_t kept_before)
{
    struct shoal_view span = shoal_view(data, size);
    size_t consumed = size;
    if (conn->service->on_data) {
        shoal__conn_enter(conn, "on_data");
        conn->net->gather.span = span;
        consumed = conn->service->on_data(conn, span);
        SHOAL_ASSERT(consumed <= size);
        shoal__gather_close(conn->net);
    }
    if (conn->state == SHOAL__CONN_OPEN)
        keep_rest(conn, span, consumed, kept_before);
}

/* Nothing is read before everything that came was offered, and nothing while paused, so the end is
 * told as soon as it is seen. */
static void end_of_input(struct shoal_conn *conn)
{
    conn->saw_end = true;
    if (conn->service->on_end) {
        struct shoal_view rest =
            conn->input ? shoal_view(conn->input->bytes + conn->input->start, kept_size(conn))
                        : shoal_view(NULL, 0);
        shoal__conn_enter(conn, "on_end");
        conn->service->on_end(conn, rest);
        shoal__conn_leave(conn);
    } else {
        shoal__conn_finish(conn);
    }
}

bool shoal__conn_may_read(const struct shoal_conn *conn)
{
    return conn->state == SHOAL__CONN_OPEN && !conn->paused && !shoal__conn_is_choked(conn) &&
           !conn->saw_end;
}

static void note_input(struct shoal_conn *conn, size_t size)
{
    conn->saw_input = true;
    conn->read_wants = SHOAL__WATCH_READ;
    conn->active_ms = shoal__conn_now(conn);
    shoal__count(&conn->net->loop->counters.bytes_in, size);
}

/* Everything of a read that is not bytes. */
static bool read_nothing(struct shoal_conn *conn, ssize_t n)
{
    if (n == SHOAL__IO_EOF) {
        end_of_input(conn);
        return true;
    }
    if (n == SHOAL__IO_WANT_READ || n == SHOAL__IO_WANT_WRITE)
        conn->read_wants = n == SHOAL__IO_WANT_READ ? SHOAL__WATCH_READ : SHOAL__WATCH_WRITE;
    else
        shoal__conn_broken(conn, n);
    return false;
}

bool shoal__conn_has_hidden_input(const struct shoal_conn *conn)
{
    const struct shoal__transport_ops *ops = conn->transport.ops;
    return shoal__conn_may_read(conn) && ops->pending && ops->pending(&conn->transport) > 0;
}

bool shoal__conn_read(struct shoal_conn *conn)
{
    if (!shoal__conn_may_read(conn) || (conn->offer && conn->input))
        return false;
    struct shoal__net_loop *net = conn->net;
    size_t kept = kept_size(conn);
    char *span = net->read_buffer;
    size_t room = SHOAL__READ_SIZE - kept;
    if (kept > SMALL_KEPT) {
        if (!make_room(conn)) {
            conn->error = -SHOAL_ENOMEM;
            shoal__conn_close_now(conn, SHOAL_CLOSED_MEMORY, false);
            return false;
        }
        span = conn->input->bytes + conn->input->start;
        room = conn->input->room - conn->input->end;
    } else if (kept > 0) {
        memcpy(span, conn->input->bytes + conn->input->start, kept);
    }

    ssize_t n = conn->transport.ops->read(&conn->transport, span + kept, room);
    if (n <= 0)
        return read_nothing(conn, n);
    note_input(conn, (size_t)n);
    if (kept > SMALL_KEPT)
        conn->input->end += (size_t)n;
    deliver(conn, span, kept + (size_t)n, kept);
    return true;
}

void shoal__conn_offer(struct shoal_conn *conn)
{
    if (conn->paused || shoal__conn_is_choked(conn))
        return; /* resume and the low mark come back to it */
    conn->offer = false;
    size_t kept = kept_size(conn);
    if (kept > 0 && conn->state == SHOAL__CONN_OPEN)
        deliver(conn, conn->input->bytes + conn->input->start, kept, kept);
}

void shoal__conn_discard(struct shoal_conn *conn)
{
    for (int i = 0; i < DISCARD_READS; i++) {
        ssize_t n =
            conn->transport.ops->read(&conn->transport, conn->net->read_buffer, SHOAL__READ_SIZE);
        if (n == SHOAL__IO_WANT_READ || n == SHOAL__IO_WANT_WRITE) {
            conn->read_wants = n == SHOAL__IO_WANT_READ ? SHOAL__WATCH_READ : SHOAL__WATCH_WRITE;
            return;
        }
        if (n <= 0) {
            shoal__conn_close_now(conn, conn->reason, false);
            return;
        }
    }
    shoal__conn_mark_ready(conn); /* the transport may hold more, with no event to come */
}

/* One step towards the end of a connection that drains: read what has come, then close. */
static void drain_step(struct shoal_conn *conn)
{
    if (conn->holds > 0 || shoal__conn_is_choked(conn) || conn->offer ||
        (conn->paused && conn->input))
        return; /* release, the low mark, the offer and resume bring it back */
    if (conn->drain_reads > 0) {
        conn->drain_reads--;
        if (shoal__conn_read(conn)) {
            shoal__conn_mark_ready(conn);
            return;
        }
    }
    if (conn->state == SHOAL__CONN_OPEN)
        shoal_conn_close_for(conn, SHOAL_CLOSE_FLUSH, conn->drain_reason);
}

void shoal__conn_take_turn(struct shoal_conn *conn)
{
    if (conn->state == SHOAL__CONN_HANDSHAKE)
        shoal__conn_shake_hands(conn);
    if (conn->tell_drained && !conn->over_high && conn->state == SHOAL__CONN_OPEN) {
        conn->tell_drained = false;
        if (conn->service->on_drained) {
            shoal__conn_enter(conn, "on_drained");
            conn->service->on_drained(conn);
            shoal__conn_leave(conn);
        }
    }
    if (conn->offer)
        shoal__conn_offer(conn);
    if (shoal__conn_has_hidden_input(conn))
        shoal__conn_read(conn);
    if (conn->state == SHOAL__CONN_LINGERING)
        shoal__conn_discard(conn);
    if (conn->draining && conn->state == SHOAL__CONN_OPEN)
        drain_step(conn);
    shoal__conn_settle(conn);
}
