/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading a request's body. What comes while nobody wants it, or while the reader is paused, waits
 * and fills the stream's window, which slows the client down; what is taken is given back to the
 * window. A piece that can be taken at once is never copied.
 */
#include <stdlib.h>

#include <shoal/error.h>
#include <shoal/http.h>

#include "proto/http/request_priv.h"

enum {
    SMALL_BODY = 1024,       /* bodies up to here are gathered in the arena */
    FIRST_HEAP = 4096,       /* and larger ones on the heap, beginning with this, */
    MOST_AT_ONCE = 64 * 1024 /* or what was announced, but not more than this at first */
};

/* Gathering */

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Room for `needed` bytes in all, by what was announced or else by doubling. */
static size_t room_for(const struct shoal_http_request *req, size_t needed)
{
    const struct http_body *body = &req->body;
    size_t announced = req->head.content_length >= 0 ? (size_t)req->head.content_length + 1 : 0;
    size_t wanted = announced ? min_size(announced, MOST_AT_ONCE) : FIRST_HEAP;
    if (body->whole_room > 0)
        wanted = body->whole_room * 2;
    return wanted > needed ? wanted : needed;
}

static bool grow_on_heap(struct http_body *body, size_t room)
{
    char *grown = realloc(body->on_heap ? body->whole : NULL, room);
    if (!grown)
        return false;
    if (!body->on_heap && body->whole_size > 0)
        memcpy(grown, body->whole, body->whole_size);
    body->whole = grown;
    body->whole_room = room;
    body->on_heap = true;
    return true;
}

/* Makes room for `needed` bytes. False where memory is out. */
static bool make_room(struct shoal_http_request *req, size_t needed)
{
    struct http_body *body = &req->body;
    if (needed <= body->whole_room)
        return true;
    size_t room = room_for(req, needed);
    if (body->whole_room > 0 || room > SMALL_BODY)
        return grow_on_heap(body, room);
    body->whole = shoal__arena_alloc(req->stream->arena, room);
    body->whole_room = body->whole ? room : 0;
    return body->whole != NULL;
}

/* The body is more than the reader takes. */
static void refuse_size(struct shoal_http_request *req)
{
    shoal__http_body_drop(req);
    if (shoal_http_reply_status(req, 413) < 0)
        shoal_http_abort(req);
}

/* Counts what came against the listener's limit; false where it is over, and was refused. */
static bool count(struct shoal_http_request *req, size_t size)
{
    uint64_t max = req->endpoint->max_body;
    struct http_body *body = &req->body;
    body->size += size;
    if (max == 0 || body->size <= max)
        return true;
    refuse_size(req);
    return false;
}

static void gather(struct shoal_http_request *req, struct shoal_view data)
{
    struct http_body *body = &req->body;
    if (data.size > body->max - body->whole_size) {
        refuse_size(req);
    } else if (make_room(req, body->whole_size + data.size + 1)) {
        memcpy(body->whole + body->whole_size, data.data, data.size);
        body->whole_size += data.size;
    } else {
        shoal_http_abort(req);
    }
}

static void tell_whole(struct shoal_http_request *req)
{
    struct http_body *body = &req->body;
    if (!make_room(req, body->whole_size + 1)) {
        shoal_http_abort(req);
        return;
    }
    body->whole[body->whole_size] = '\0';
    body->on_whole(req, shoal_view(body->whole, body->whole_size), body->arg);
}

/* Delivering */

static bool may_deliver(const struct http_body *body)
{
    return body->wanted && !body->paused;
}

/* The reader takes a piece, and the window is given as much back. */
static void take(struct shoal_http_request *req, struct shoal_view data)
{
    struct http_body *body = &req->body;
    if (body->on_whole)
        gather(req, data);
    else if (body->on_data)
        body->on_data(req, data, body->arg);
    shoal__stream_consume(req->stream, data.size);
}

static void tell_end(struct shoal_http_request *req)
{
    struct http_body *body = &req->body;
    body->wanted = false;
    body->told = true;
    if (body->on_whole)
        tell_whole(req);
    else if (body->on_end)
        body->on_end(req, body->arg);
}

/* Delivers what waits, and then the end, until the reader stops it. */
static void deliver(struct shoal_http_request *req)
{
    struct http_body *body = &req->body;
    struct iovec piece;
    if (body->delivering)
        return;
    body->delivering = true;
    while (may_deliver(body) && shoal_buf_peek(&body->waiting, &piece, 1) == 1) {
        take(req, shoal_view(piece.iov_base, piece.iov_len));
        shoal_buf_consume(&body->waiting, piece.iov_len);
    }
    body->delivering = false;
    if (body->told)
        shoal__buf_fini(&body->waiting);
    else if (may_deliver(body) && body->ended)
        tell_end(req);
}

/* Coming */

void shoal__http_body_came(struct shoal_http_request *req, struct shoal_view data)
{
    struct http_body *body = &req->body;
    body->came = true;
    bool at_once = may_deliver(body) && !body->delivering && shoal__buf_is_empty(&body->waiting);
    if (body->told || !count(req, data.size)) {
        shoal__stream_consume(req->stream, data.size);
    } else if (at_once) {
        body->delivering = true;
        take(req, data);
        body->delivering = false;
        deliver(req);
    } else if (shoal_buf_append(&body->waiting, data.data, data.size) < 0) {
        shoal_http_abort(req);
    }
}

void shoal__http_body_ended(struct shoal_http_request *req,
                            const struct shoal__http_field *trailers, size_t trailer_count)
{
    req->body.ended = true;
    req->body.trailers = trailers;
    req->body.trailer_count = trailer_count;
    deliver(req);
}

void shoal__http_body_drop(struct shoal_http_request *req)
{
    struct http_body *body = &req->body;
    body->wanted = false;
    body->told = true;
    if (!body->delivering)
        shoal__buf_fini(&body->waiting);
}

void shoal__http_body_fini(struct shoal_http_request *req)
{
    shoal__buf_fini(&req->body.waiting);
    if (req->body.on_heap)
        free(req->body.whole);
    req->body.whole = NULL;
}

/* The reader's calls */

int64_t shoal_http_body_length(const struct shoal_http_request *req)
{
    if (req->head.content_length >= 0)
        return req->head.content_length;
    return req->body.ended && !req->body.came ? 0 : -1;
}

/* A client that waits for our word before it sends the body is given it. */
static void invite(struct shoal_http_request *req)
{
    const struct http_body *body = &req->body;
    struct shoal_view expect = shoal_http_field(req, "expect");
    if (body->came || body->ended || req->output != HTTP_OUTPUT_HEAD || req->version < 11 ||
        !shoal__http_name_equal(expect, shoal_view("100-continue", 12)))
        return;
    struct shoal__head head = {.status = 100, .content_length = -1};
    if (shoal__stream_send_head(req->stream, &head, false) < 0)
        shoal_http_abort(req);
}

static bool may_read(const struct shoal_http_request *req)
{
    return !req->closed && !req->body.wanted && !req->body.told;
}

int shoal_http_read_all(struct shoal_http_request *req, size_t max, shoal_http_body_fn *on_body,
                        void *arg)
{
    struct http_body *body = &req->body;
    if (!may_read(req))
        return -SHOAL_ESTATE;
    body->wanted = true;
    body->max = max;
    body->on_whole = on_body;
    body->arg = arg;
    if (req->head.content_length > 0 && (uint64_t)req->head.content_length > max) {
        refuse_size(req);
        return 0;
    }
    invite(req);
    deliver(req);
    return 0;
}

int shoal_http_read(struct shoal_http_request *req, shoal_http_body_fn *on_data,
                    shoal_http_end_fn *on_end, void *arg)
{
    struct http_body *body = &req->body;
    if (!may_read(req))
        return -SHOAL_ESTATE;
    body->wanted = true;
    body->on_data = on_data;
    body->on_end = on_end;
    body->arg = arg;
    invite(req);
    deliver(req);
    return 0;
}

void shoal_http_pause(struct shoal_http_request *req)
{
    req->body.paused = true;
}

void shoal_http_resume(struct shoal_http_request *req)
{
    req->body.paused = false;
    deliver(req);
}
