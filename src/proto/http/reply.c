/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers in one call, made of the parts in response.c. They either take everything, or fail before
 * anything was sent; only a failure in between, for want of memory, cuts the response.
 */
#include <stdio.h>

#include <shoal/error.h>
#include <shoal/http.h>

#include "proto/http/request_priv.h"
#include "proto/http/status.h"

enum { SHORT_TEXT = 2048 /* bytes of formatted text that are made on the stack */ };

/* The body of an answer whose head is out. */
static int send_body(struct shoal_http_request *req, struct shoal_view text, struct shoal_buf *body)
{
    int rc = body ? shoal_http_write_buf(req, body) : shoal_http_write(req, text);
    if (rc >= 0)
        return shoal__http_end_stream(req);
    shoal_http_abort(req);
    return -SHOAL_EPIPE;
}

/* Answers with `body`, or with `text` where there is none. */
static int reply(struct shoal_http_request *req, unsigned status, const char *type,
                 struct shoal_view text, struct shoal_buf *body)
{
    size_t size = body ? shoal_buf_size(body) : text.size;
    bool empty = size == 0 && req->trailers.count == 0;
    int rc = shoal__http_send_head(req, status, type, (int64_t)size, empty);
    return rc < 0 || empty ? rc : send_body(req, text, body);
}

int shoal_http_reply_view(struct shoal_http_request *req, unsigned status, const char *type,
                          struct shoal_view body)
{
    return reply(req, status, type, body, NULL);
}

int shoal_http_reply_buf(struct shoal_http_request *req, unsigned status, const char *type,
                         struct shoal_buf *body)
{
    return reply(req, status, type, shoal_view(NULL, 0), body);
}

static int reply_long_text(struct shoal_http_request *req, unsigned status, const char *type,
                           const char *format, va_list args) SHOAL_PRINTF(4, 0);

static int reply_long_text(struct shoal_http_request *req, unsigned status, const char *type,
                           const char *format, va_list args)
{
    struct shoal_buf body = {0};
    int rc = shoal_buf_vprintf(&body, format, args);
    if (rc == 0)
        rc = shoal_http_reply_buf(req, status, type, &body);
    shoal__buf_fini(&body);
    return rc;
}

int shoal_http_reply(struct shoal_http_request *req, unsigned status, const char *type,
                     const char *format, ...)
{
    char text[SHORT_TEXT];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (size < 0)
        return -SHOAL_EINVAL;
    if ((size_t)size < sizeof(text))
        return shoal_http_reply_view(req, status, type, shoal_view(text, (size_t)size));
    va_start(args, format);
    int rc = reply_long_text(req, status, type, format, args);
    va_end(args);
    return rc;
}

int shoal_http_reply_status(struct shoal_http_request *req, unsigned status)
{
    if (status == 204 || status == 205 || status == 304)
        return shoal_http_reply_view(req, status, NULL, shoal_view(NULL, 0));
    return shoal_http_reply(req, status, "text/plain", "%u %s\n", status,
                            shoal__http_status_name(status));
}

int shoal_http_redirect(struct shoal_http_request *req, unsigned status, const char *location)
{
    if (status < 300 || status > 399)
        return -SHOAL_EINVAL;
    int rc = shoal__http_may_answer(req);
    if (rc == 0)
        rc = shoal_http_set(req, "Location", location);
    return rc < 0 ? rc : shoal_http_reply_status(req, status);
}
