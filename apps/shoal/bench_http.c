/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The speaker of HTTP/1.1: requests are pipelined as deep as is asked for, and answers, which come
 * in the order of asking, are read with as little work as finding their end takes, so that the
 * generator is not what is measured. A body ends by Content-Length or with its last chunk; one that
 * only ends with the connection is wrong here, as it cannot be told from half of one.
 */
#include <string.h>

#include "bench_link.h"
#include "bench_target.h"
#include "parse.h"

enum { HEAD_MAX = 64 * 1024 }; /* bytes of a head, or of a line between chunks */

enum talk_state {
    TALK_HEAD,     /* the head, to its empty line */
    TALK_BODY,     /* `left` bytes of a counted body */
    TALK_SIZE,     /* a chunk's size line */
    TALK_CHUNK,    /* `left` bytes of chunk and its line end */
    TALK_TRAILERS, /* a line behind the last chunk, to the empty one */
};

/* What is kept for a connection. */
struct talk {
    enum talk_state state;
    unsigned status;
    uint64_t left; /* bytes to skip */
    uint64_t size; /* of the body so far */
    size_t kept;   /* bytes counted before, which will be seen again */
    struct bench_web_check check;
};
_Static_assert(sizeof(struct talk) <= BENCH_WEB_TALK_MAX, "speakers of HTTP share the room");

/* What a step made of the input. */
enum step { STEP_ON, STEP_MORE, STEP_END, STEP_WRONG };

/* Takes the next line, without its end. */
static struct shoal_view next_line(struct shoal_view *text)
{
    struct shoal_view line = take_until(text, '\n');
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return line;
}

/* Head */

static bool is_named(struct shoal_view name, const char *expected)
{
    return compare_nocase(name, shoal_view_of(expected)) == 0;
}

static bool read_status(struct talk *talk, struct shoal_view line)
{
    uint64_t status = 0;
    if (!take_text(&line, "HTTP/1.1 ") && !take_text(&line, "HTTP/1.0 "))
        return false;
    if (line.size < 3 || !parse_number(shoal_view(line.data, 3), 999, &status))
        return false;
    talk->status = (unsigned)status;
    return true;
}

/* The state that the body of this head begins in; TALK_HEAD where it has none of known end. */
static enum talk_state find_body(struct talk *talk, struct shoal_view head)
{
    enum talk_state state = TALK_HEAD;
    while (head.size > 0) {
        struct shoal_view value = next_line(&head);
        struct shoal_view name = take_until(&value, ':');
        if (is_named(name, "content-length") && parse_number(trim(value), UINT64_MAX, &talk->left))
            state = TALK_BODY;
        else if (is_named(name, "transfer-encoding") && is_named(trim(value), "chunked"))
            state = TALK_SIZE;
    }
    return state;
}

static enum step read_head(struct talk *talk, struct shoal_view *in)
{
    const char *end = memmem(in->data, in->size, "\r\n\r\n", 4);
    if (!end)
        return in->size > HEAD_MAX ? STEP_WRONG : STEP_MORE;
    struct shoal_view head = shoal_view(in->data, (size_t)(end - in->data) + 2);
    *in = shoal_view_from(*in, head.size + 2);
    talk->left = talk->size = 0;
    if (!read_status(talk, next_line(&head)) || talk->status == 101)
        return STEP_WRONG;
    if (talk->status < 200) /* an interim one: the answer follows */
        return STEP_ON;
    if (talk->status == 204 || talk->status == 304)
        return STEP_END;
    talk->state = find_body(talk, head);
    talk->size = talk->left;
    if (talk->state == TALK_BODY && talk->left == 0)
        return STEP_END;
    return talk->state == TALK_HEAD ? STEP_WRONG : STEP_ON;
}

/* Body */

/* Skips what is `left`. */
static enum step skip(struct talk *talk, struct shoal_view *in)
{
    size_t size = in->size < talk->left ? in->size : (size_t)talk->left;
    talk->left -= size;
    *in = shoal_view_from(*in, size);
    return talk->left > 0 ? STEP_MORE : STEP_ON;
}

static enum step read_body(struct talk *talk, struct shoal_view *in)
{
    return skip(talk, in) == STEP_MORE ? STEP_MORE : STEP_END;
}

/* The same where the line is whole. */
static enum step take_line(struct shoal_view *in, struct shoal_view *out_line)
{
    if (!memchr(in->data, '\n', in->size))
        return in->size > HEAD_MAX ? STEP_WRONG : STEP_MORE;
    *out_line = trim(next_line(in));
    return STEP_ON;
}

static int hexadecimal(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = memchr(digits, digit | (digit > '9' ? 0x20 : 0), 16);
    return found ? (int)(found - digits) : -1;
}

static bool parse_chunk_size(struct shoal_view line, uint64_t *out_size)
{
    uint64_t size = 0;
    size_t digits = 0;
    for (; digits < line.size && digits < 15 && hexadecimal(line.data[digits]) >= 0; digits++)
        size = size << 4 | (uint64_t)hexadecimal(line.data[digits]);
    *out_size = size;
    return digits > 0 && (digits == line.size || line.data[digits] == ';');
}

static enum step read_size(struct talk *talk, struct shoal_view *in)
{
    uint64_t size = 0;
    struct shoal_view line = {0};
    enum step step = take_line(in, &line);
    if (step != STEP_ON)
        return step;
    if (!parse_chunk_size(line, &size))
        return STEP_WRONG;
    talk->size += size;
    talk->left = size + 2;
    talk->state = size > 0 ? TALK_CHUNK : TALK_TRAILERS;
    return STEP_ON;
}

static enum step read_chunk(struct talk *talk, struct shoal_view *in)
{
    enum step step = skip(talk, in);
    if (step == STEP_ON)
        talk->state = TALK_SIZE;
    return step;
}

static enum step read_trailers(struct talk *talk, struct shoal_view *in)
{
    (void)talk;
    struct shoal_view line = {0};
    enum step step = take_line(in, &line);
    return step == STEP_ON && line.size == 0 ? STEP_END : step;
}

/* Answers */

static enum step read_on(struct talk *talk, struct shoal_view *in)
{
    static enum step (*const steps[])(struct talk *, struct shoal_view *) = {
        [TALK_HEAD] = read_head,   [TALK_BODY] = read_body,         [TALK_SIZE] = read_size,
        [TALK_CHUNK] = read_chunk, [TALK_TRAILERS] = read_trailers,
    };
    return steps[talk->state](talk, in);
}

/* The whole of an answer is there. */
static void end_answer(struct bench_link *link, struct talk *talk)
{
    talk->state = TALK_HEAD;
    if (bench_web_is_right(&talk->check, talk->status, talk->size))
        bench_link_answered(link, (unsigned)(link->answered % link->depth));
    else
        bench_link_wrong(link, BENCH_ERROR_WRONG);
}

/* Takes one step through the input; false where there is nothing more to do. */
static bool take_step(struct bench_link *link, struct shoal_view *in)
{
    if (link->answered == link->asked) {
        bench_link_wrong(link, BENCH_ERROR_SURPLUS);
        return false;
    }
    enum step step = read_on(link->talk, in);
    if (step == STEP_END)
        end_answer(link, link->talk);
    if (step == STEP_WRONG)
        bench_link_wrong(link, BENCH_ERROR_WRONG);
    return step == STEP_ON || step == STEP_END;
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct bench_link *link = bench_link_of(conn);
    if (!link)
        return in.size;
    struct shoal_view rest = in;
    bench_link_received(link, in.size - ((struct talk *)link->talk)->kept);
    while (rest.size > 0 && bench_link_of(conn) && take_step(link, &rest))
        continue;
    if (!bench_link_of(conn)) /* and the talk is another connection's now */
        return in.size;
    ((struct talk *)link->talk)->kept = rest.size;
    return in.size - rest.size;
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
    const struct talk *talk = link ? link->talk : NULL;
    if (link)
        bench_link_closed(link, reason, talk->kept > 0 || talk->state != TALK_HEAD);
}

static const struct shoal_service client = {
    .name = "bench",
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};

static ssize_t ask_http(struct bench_link *link, unsigned slot)
{
    (void)slot;
    const struct bench_target *target = link->target;
    struct shoal_view body = {0};
    int rc = shoal_conn_write(link->conn, target->web.head, target->web.head_size);
    if (rc >= 0 && target->web.posts) {
        body = bench_payload_message(&target->payload, link->serial, link->asked);
        rc = shoal_conn_write_view(link->conn, body);
    }
    return rc < 0 ? rc : (ssize_t)(target->web.head_size + body.size);
}

const struct bench_speaker bench_http_speaker = {
    .name = "http/1.1",
    .talk_size = sizeof(struct talk),
    .service = &client,
    .ask = ask_http,
};
