/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The speakers of plain byte streams. Echo: a message is bytes, and the same bytes must come back,
 * cut anywhere. Line: a message is a line, and must come back as one. Both answer in the order of
 * asking, so the slot of an answer follows from its number.
 */
#include <string.h>

#include <shoal/line.h>

#include "bench_link.h"
#include "bench_target.h"

/* What is kept for a connection. */
struct talk {
    size_t received; /* of the answer that comes */
};

static struct shoal_view message(const struct bench_link *link, uint64_t number)
{
    return bench_payload_message(&link->target->payload, link->serial, number);
}

static unsigned slot_of_answer(const struct bench_link *link)
{
    return (unsigned)(link->answered % link->depth);
}

static void on_open(struct shoal_conn *conn)
{
    struct bench_link *link = bench_link_of(conn);
    if (link)
        bench_link_opened(link);
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    struct bench_link *link = bench_link_of(conn);
    if (link)
        bench_link_closed(link, reason, ((struct talk *)link->talk)->received > 0);
}

/* Echo */

/* Takes what belongs to one answer; false where it is wrong. */
static bool take_answer(struct bench_link *link, struct shoal_view *in)
{
    struct talk *talk = link->talk;
    if (link->answered == link->asked) {
        bench_link_wrong(link, BENCH_ERROR_SURPLUS);
        return false;
    }
    struct shoal_view missing = shoal_view_from(message(link, link->answered), talk->received);
    size_t size = in->size < missing.size ? in->size : missing.size;
    if (memcmp(in->data, missing.data, size) != 0) {
        bench_link_wrong(link, BENCH_ERROR_WRONG);
        return false;
    }
    *in = shoal_view_from(*in, size);
    talk->received = size == missing.size ? 0 : talk->received + size;
    if (size == missing.size)
        bench_link_answered(link, slot_of_answer(link));
    return true;
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct bench_link *link = bench_link_of(conn);
    struct shoal_view rest = in;
    if (link)
        bench_link_received(link, in.size);
    while (rest.size > 0 && bench_link_of(conn) && take_answer(link, &rest))
        continue;
    return in.size;
}

static const struct shoal_service echo_client = {
    .name = "bench",
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};

static ssize_t ask_echo(struct bench_link *link, unsigned slot)
{
    (void)slot;
    struct shoal_view text = message(link, link->asked);
    int rc = shoal_conn_write_view(link->conn, text);
    return rc < 0 ? rc : (ssize_t)text.size;
}

const struct bench_speaker bench_echo_speaker = {
    .name = "echo",
    .talk_size = sizeof(struct talk),
    .service = &echo_client,
    .ask = ask_echo,
};

/* Line */

static void on_line(struct shoal_conn *conn, struct shoal_view line)
{
    struct bench_link *link = bench_link_of(conn);
    if (!link)
        return;
    bench_link_received(link, line.size + 1);
    if (link->answered == link->asked)
        bench_link_wrong(link, BENCH_ERROR_SURPLUS);
    else if (!shoal_view_equal(line, message(link, link->answered)))
        bench_link_wrong(link, BENCH_ERROR_WRONG);
    else
        bench_link_answered(link, slot_of_answer(link));
}

static void on_turn(struct shoal_conn *conn, bool partial)
{
    struct bench_link *link = bench_link_of(conn);
    if (link)
        ((struct talk *)link->talk)->received = partial;
}

/* Longer than any line that was sent. */
static void on_line_error(struct shoal_conn *conn, enum shoal_line_error error)
{
    (void)error;
    struct bench_link *link = bench_link_of(conn);
    if (link)
        bench_link_wrong(link, BENCH_ERROR_WRONG);
}

static const struct shoal_line_service line_client = {
    .name = "bench",
    .max_line = BENCH_SIZE_MAX,
    .allow_nul = true,
    .on_open = on_open,
    .on_line = on_line,
    .on_turn = on_turn,
    .on_error = on_line_error,
    .on_close = on_close,
};

static int connect_line(struct bench_link *link, struct shoal_loop *loop,
                        const struct shoal_connect_cfg *cfg, struct shoal_conn **out_conn)
{
    return shoal_connect_line(loop, link->target->url, &line_client, cfg, out_conn);
}

static ssize_t ask_line(struct bench_link *link, unsigned slot)
{
    (void)slot;
    struct shoal_view text = message(link, link->asked);
    int rc = shoal_conn_write_view(link->conn, text);
    if (rc >= 0)
        rc = shoal_conn_write(link->conn, "\n", 1);
    return rc < 0 ? rc : (ssize_t)text.size + 1;
}

const struct bench_speaker bench_line_speaker = {
    .name = "line",
    .talk_size = sizeof(struct talk),
    .connect = connect_line,
    .ask = ask_line,
};
