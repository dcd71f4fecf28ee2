/* SPDX-License-Identifier: BSD-3-Clause */
/* Leaving HTTP: the last answer of a connection that goes on with another protocol. */
#include <shoal/error.h>
#include <shoal/http.h>

#include "proto/http/request_priv.h"

static bool is_asked_for(const struct shoal_http_request *req)
{
    struct shoal_view connection = shoal_http_field(req, "connection");
    return req->version == SHOAL__HTTP_1_1 && shoal_http_field(req, "upgrade").size > 0 &&
           shoal__http_list_has(connection, shoal_view("upgrade", 7));
}

int shoal_http_upgrade(struct shoal_http_request *req, const char *protocol,
                       const struct shoal_service *service)
{
    if (req->output != HTTP_OUTPUT_HEAD || req->closed || !req->body.ended || !is_asked_for(req) ||
        !req->stream->ops->upgrade)
        return -SHOAL_ESTATE;
    size_t count = req->fields.count;
    struct shoal__http_field *fields =
        shoal__arena_alloc(req->stream->arena, (count + 1) * sizeof(*fields));
    if (!fields)
        return -SHOAL_ENOMEM;
    fields[0] = (struct shoal__http_field){SHOAL_VIEW("Upgrade"), shoal_view_of(protocol)};
    if (count > 0)
        memcpy(fields + 1, req->fields.items, count * sizeof(*fields));
    struct shoal__head head = {
        .status = 101, .fields = fields, .field_count = count + 1, .content_length = -1};
    int rc = req->stream->ops->upgrade(req->stream, &head, service);
    if (rc < 0)
        return rc;
    req->status = 101;
    req->output = HTTP_OUTPUT_ENDED;
    shoal__http_close(req, 0);
    return 0;
}
