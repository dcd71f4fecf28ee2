/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answering: the fields, the head, the body piece by piece, the end. Everything is passed on to the
 * stream at once; what is kept here is only how far the response has got.
 *
 * Once the head is out there is no way back: where memory fails behind it the response is cut, so
 * that the peer never takes half an answer for a whole one.
 */
#include <stdio.h>

#include <shoal/error.h>
#include <shoal/http.h>

#include "proto/http/request_priv.h"

enum { SHORT_TEXT = 2048 /* bytes of formatted text that are made on the stack */ };

/* Fields */

static int may_set(const struct shoal_http_request *req)
{
    return req->output == HTTP_OUTPUT_HEAD && !req->closed ? 0 : -SHOAL_ESTATE;
}

int shoal_http_set(struct shoal_http_request *req, const char *name, const char *value)
{
    int rc = may_set(req);
    return rc < 0 ? rc
                  : shoal__http_fields_set(&req->fields, req->stream->arena, shoal_view_of(name),
                                           shoal_view_of(value));
}

int shoal_http_add_view(struct shoal_http_request *req, struct shoal_view name,
                        struct shoal_view value)
{
    int rc = may_set(req);
    return rc < 0 ? rc : shoal__http_fields_add(&req->fields, req->stream->arena, name, value);
}

int shoal_http_add(struct shoal_http_request *req, const char *name, const char *value)
{
    return shoal_http_add_view(req, shoal_view_of(name), shoal_view_of(value));
}

int shoal_http_add_trailer(struct shoal_http_request *req, const char *name, const char *value)
{
    if (req->output == HTTP_OUTPUT_ENDED || req->closed)
        return -SHOAL_ESTATE;
    struct shoal_view view = shoal_view_of(name);
    if (!shoal__http_is_token(view) || shoal__http_is_no_trailer(view))
        return -SHOAL_EINVAL;
    return shoal__http_fields_add(&req->trailers, req->stream->arena, view, shoal_view_of(value));
}

/* The head */

int shoal__http_may_answer(const struct shoal_http_request *req)
{
    if (req->output != HTTP_OUTPUT_HEAD)
        return -SHOAL_ESTATE;
    return req->closed ? -SHOAL_EPIPE : 0;
}

static bool is_bodiless(unsigned status)
{
    return status == 204 || status == 205 || status == 304;
}

/* What Content-Length says: nothing where there cannot be content, but to a HEAD what a GET would
 * have had. */
static int64_t length_to_say(unsigned status, int64_t length)
{
    if (status == 205)
        return 0;
    return is_bodiless(status) ? -1 : length;
}

static struct shoal_view view_or_none(const char *text)
{
    return text ? shoal_view_of(text) : shoal_view(NULL, 0);
}

/* HTTP/1's driver has a date of its own, made with the head. */
static struct shoal__usual_fields usual_fields(const struct shoal_http_request *req,
                                               const char *type)
{
    bool wants_date = req->version == SHOAL__HTTP_2;
    return (struct shoal__usual_fields){
        .type = view_or_none(type),
        .server = view_or_none(req->endpoint->server_field),
        .date = wants_date ? shoal__http_date(req) : shoal_view(NULL, 0),
    };
}

static void began(struct shoal_http_request *req, unsigned status, int64_t length, bool empty)
{
    req->status = status;
    req->left = length;
    req->no_content = req->is_head || is_bodiless(status);
    req->output = HTTP_OUTPUT_BODY;
    if (empty)
        shoal__http_finish(req);
}

int shoal__http_send_head(struct shoal_http_request *req, unsigned status, const char *type,
                          int64_t length, bool empty)
{
    int rc = shoal__http_may_answer(req);
    if (rc < 0)
        return rc;
    if (status < 200 || status > 599 || length < -1 ||
        (type && !shoal__http_is_value(shoal_view_of(type))))
        return -SHOAL_EINVAL;

    if (type && req->fields.count > 0)
        shoal__http_fields_remove(&req->fields, shoal_view("content-type", 12));
    struct shoal__usual_fields usual = usual_fields(req, type);
    struct shoal__head head = {
        .status = status,
        .fields = req->fields.items,
        .field_count = req->fields.count,
        .usual = &usual,
        .content_length = length_to_say(status, length),
    };
    bool nothing_follows = req->is_head || is_bodiless(status) || empty;
    rc = shoal__stream_send_head(req->stream, &head, nothing_follows);
    if (rc >= 0)
        began(req, status, length, empty);
    return rc < 0 ? rc : 0;
}

int shoal_http_begin(struct shoal_http_request *req, unsigned status, const char *type,
                     int64_t length)
{
    return shoal__http_send_head(req, status, type, length, false);
}

int shoal_http_hint(struct shoal_http_request *req)
{
    int rc = shoal__http_may_answer(req);
    if (rc < 0)
        return rc;
    struct shoal__head head = {
        .status = 103,
        .fields = req->fields.items,
        .field_count = req->fields.count,
        .content_length = -1,
    };
    rc = shoal__stream_send_head(req->stream, &head, false);
    return rc < 0 ? rc : 0;
}

/* The body */

/* 0 where a part of that size may be written, else what the call returns instead. */
static int may_write(const struct shoal_http_request *req, size_t size)
{
    if (req->output != HTTP_OUTPUT_BODY)
        return -SHOAL_ESTATE;
    if (req->closed)
        return -SHOAL_EPIPE;
    return req->left >= 0 && size > (uint64_t)req->left ? -SHOAL_EOVERFLOW : 0;
}

/* Accounts for a part that was taken, or not. */
static int wrote(struct shoal_http_request *req, size_t size, int rc)
{
    if (rc < 0)
        return rc;
    if (req->left >= 0)
        req->left -= (int64_t)size;
    if (!req->no_content)
        req->sent += size;
    return rc;
}

int shoal_http_write(struct shoal_http_request *req, struct shoal_view part)
{
    int rc = may_write(req, part.size);
    if (rc == 0 && !req->no_content)
        rc = shoal__stream_write(req->stream, part);
    return wrote(req, part.size, rc);
}

int shoal_http_write_buf(struct shoal_http_request *req, struct shoal_buf *part)
{
    size_t size = shoal_buf_size(part);
    int rc = may_write(req, size);
    if (rc < 0)
        return rc;
    if (req->no_content)
        shoal_buf_consume(part, size);
    else
        rc = shoal__stream_write_buf(req->stream, part);
    return wrote(req, size, rc);
}

static int write_long_text(struct shoal_http_request *req, const char *format, va_list args)
    SHOAL_PRINTF(2, 0);

static int write_long_text(struct shoal_http_request *req, const char *format, va_list args)
{
    struct shoal_buf text = {0};
    int rc = shoal_buf_vprintf(&text, format, args);
    if (rc == 0)
        rc = shoal_http_write_buf(req, &text);
    shoal__buf_fini(&text);
    return rc;
}

int shoal_http_printf(struct shoal_http_request *req, const char *format, ...)
{
    char text[SHORT_TEXT];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (size < 0)
        return -SHOAL_EINVAL;
    if ((size_t)size < sizeof(text))
        return shoal_http_write(req, shoal_view(text, (size_t)size));
    va_start(args, format);
    int rc = write_long_text(req, format, args);
    va_end(args);
    return rc;
}

/* The end */

void shoal__http_finish(struct shoal_http_request *req)
{
    bool more_to_come = !req->body.ended;
    req->output = HTTP_OUTPUT_ENDED;
    shoal__http_body_drop(req);
    if (more_to_come)
        shoal__stream_reset(req->stream, SHOAL__H2_NO_ERROR);
}

int shoal__http_end_stream(struct shoal_http_request *req)
{
    int rc = req->no_content
                 ? 0
                 : shoal__stream_end(req->stream, req->trailers.items, req->trailers.count);
    if (rc < 0) {
        shoal_http_abort(req);
        return -SHOAL_EPIPE;
    }
    shoal__http_finish(req);
    return 0;
}

int shoal_http_end(struct shoal_http_request *req)
{
    int rc = may_write(req, 0);
    if (rc < 0)
        return rc;
    if (req->left > 0 && !req->no_content) {
        shoal_http_abort(req);
        return -SHOAL_EINVAL;
    }
    return shoal__http_end_stream(req);
}

void shoal_http_abort(struct shoal_http_request *req)
{
    if (req->closed)
        return;
    shoal__http_body_drop(req);
    shoal__stream_reset(req->stream, SHOAL__H2_INTERNAL_ERROR);
}

void shoal_http_on_drained(struct shoal_http_request *req, shoal_http_drained_fn *on_drained,
                           void *arg)
{
    req->on_drained = on_drained;
    req->drained_arg = arg;
}

size_t shoal_http_pending(const struct shoal_http_request *req)
{
    return req->closed ? 0 : shoal__stream_pending(req->stream);
}
