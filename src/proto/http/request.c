/* SPDX-License-Identifier: BSD-3-Clause */
/* What came: a request's accessors, and memory that lives as long as it. No state is changed. */
#include <shoal/error.h>
#include <shoal/http.h>

#include "proto/http/request_priv.h"
#include "proto/http/target.h"

const char *shoal_http_method(const struct shoal_http_request *req)
{
    return req->method;
}

struct shoal_view shoal_http_target(const struct shoal_http_request *req)
{
    return req->head.path;
}

const char *shoal_http_path(const struct shoal_http_request *req)
{
    return req->path;
}

const char *shoal_http_param(const struct shoal_http_request *req, const char *name)
{
    const char *known = req->route ? req->route->names : NULL;
    for (size_t i = 0; known && i < req->route->name_count; i++) {
        if (strcmp(known, name) == 0)
            return req->params[i];
        known += strlen(known) + 1;
    }
    return "";
}

const char *shoal_http_query(struct shoal_http_request *req, const char *name)
{
    struct shoal_view query = shoal__http_query_of(req->head.path);
    struct shoal_view value;
    if (!shoal__http_query_find(query, shoal_view_of(name), &value))
        return NULL;
    char *decoded = shoal__arena_alloc(req->stream->arena, value.size + 1);
    if (decoded)
        shoal__http_query_decode(value, decoded);
    return decoded;
}

const char *shoal_http_pattern(const struct shoal_http_request *req)
{
    return req->route ? req->route->pattern : NULL;
}

/* Not what an HTTP/2 client says, who may say anything. */
const char *shoal_http_scheme(const struct shoal_http_request *req)
{
    return shoal__http_is_secure(req) ? "https" : "http";
}

struct shoal_view shoal_http_host(const struct shoal_http_request *req)
{
    return req->head.authority.size > 0 ? req->head.authority : shoal_http_field(req, "host");
}

unsigned shoal_http_version(const struct shoal_http_request *req)
{
    return req->version;
}

static struct shoal_view value_of(const struct shoal__http_field *fields, size_t count,
                                  const char *name)
{
    const struct shoal__http_field *field =
        shoal__http_field_find(fields, count, shoal_view_of(name));
    if (!field)
        return shoal_view(NULL, 0);
    return field->value.data ? field->value : shoal_view("", 0);
}

struct shoal_view shoal_http_field(const struct shoal_http_request *req, const char *name)
{
    return value_of(req->head.fields, req->head.field_count, name);
}

size_t shoal_http_field_count(const struct shoal_http_request *req)
{
    return req->head.field_count;
}

bool shoal_http_field_at(const struct shoal_http_request *req, size_t index,
                         struct shoal_view *out_name, struct shoal_view *out_value)
{
    if (index >= req->head.field_count)
        return false;
    *out_name = req->head.fields[index].name;
    *out_value = req->head.fields[index].value;
    return true;
}

struct shoal_view shoal_http_trailer(const struct shoal_http_request *req, const char *name)
{
    return value_of(req->body.trailers, req->body.trailer_count, name);
}

struct shoal_conn *shoal_http_conn(const struct shoal_http_request *req)
{
    return req->stream->session->conn;
}

struct shoal_loop *shoal_http_loop(const struct shoal_http_request *req)
{
    return shoal_conn_loop(shoal_http_conn(req));
}

void *shoal_http_alloc(struct shoal_http_request *req, size_t size)
{
    return shoal__arena_alloc(req->stream->arena, size);
}

char *shoal_http_format(struct shoal_http_request *req, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = shoal__arena_vprintf(req->stream->arena, format, args);
    va_end(args);
    return text;
}

void *shoal_http_data(const struct shoal_http_request *req)
{
    return req->data;
}

void shoal_http_set_data(struct shoal_http_request *req, void *data)
{
    req->data = data;
}

int shoal_http_on_close(struct shoal_http_request *req, shoal_http_close_fn *on_close, void *arg)
{
    struct http_closer *closer = shoal__arena_alloc(req->stream->arena, sizeof(*closer));
    if (!closer)
        return -SHOAL_ENOMEM;
    *closer = (struct http_closer){req->closers, on_close, arg};
    req->closers = closer;
    return 0;
}
