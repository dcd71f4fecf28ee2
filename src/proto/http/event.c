/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Server-sent events: a response without an end, made of small blocks of lines. An event goes out
 * whole or not at all, so it is put together first.
 */
#include <shoal/error.h>
#include <shoal/http.h>

#include "proto/http/request_priv.h"

static bool is_line(const char *text)
{
    return !text || text[strcspn(text, "\r\n")] == '\0';
}

static int begin(struct shoal_http_request *req)
{
    int rc = shoal__http_may_answer(req);
    if (rc == 0)
        rc = shoal_http_set(req, "Cache-Control", "no-store");
    if (rc == 0)
        rc = shoal_http_begin(req, 200, "text/event-stream", -1);
    req->events = rc == 0;
    return rc;
}

static int put_line(struct shoal_buf *block, const char *name, struct shoal_view value)
{
    int rc = shoal_buf_append(block, name, strlen(name));
    if (rc == 0)
        rc = shoal_buf_append(block, value.data, value.size);
    return rc < 0 ? rc : shoal_buf_append(block, "\n", 1);
}

/* The first line of the text, without its end (CR, LF, or both, as browsers see it). */
static struct shoal_view first_line(struct shoal_view text)
{
    size_t size = 0;
    while (size < text.size && text.data[size] != '\r' && text.data[size] != '\n')
        size++;
    return shoal_view(text.data, size);
}

/* How many bytes end the line at the start of `rest`: 0 at the text's end. */
static size_t line_end(struct shoal_view rest)
{
    if (rest.size == 0)
        return 0;
    return rest.size > 1 && rest.data[0] == '\r' && rest.data[1] == '\n' ? 2 : 1;
}

static int put_data(struct shoal_buf *block, struct shoal_view data)
{
    int rc;
    size_t end;
    do {
        struct shoal_view line = first_line(data);
        rc = put_line(block, "data: ", line);
        data = shoal_view_from(data, line.size);
        end = line_end(data);
        data = shoal_view_from(data, end);
    } while (rc == 0 && end > 0);
    return rc;
}

static int put_event(struct shoal_buf *block, const char *event, const char *id,
                     struct shoal_view data)
{
    int rc = event ? put_line(block, "event: ", shoal_view_of(event)) : 0;
    if (rc == 0 && id)
        rc = put_line(block, "id: ", shoal_view_of(id));
    if (rc == 0)
        rc = put_data(block, data);
    return rc < 0 ? rc : shoal_buf_append(block, "\n", 1);
}

int shoal_http_event(struct shoal_http_request *req, const char *event, const char *id,
                     struct shoal_view data)
{
    if (!is_line(event) || !is_line(id))
        return -SHOAL_EINVAL;
    if (!req->events || req->output != HTTP_OUTPUT_BODY) {
        int rc = begin(req);
        if (rc < 0)
            return rc;
    }
    struct shoal_buf block = {0};
    int rc = put_event(&block, event, id, data);
    if (rc == 0)
        rc = shoal_http_write_buf(req, &block);
    shoal__buf_fini(&block);
    return rc;
}
