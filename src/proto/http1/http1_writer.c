/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The writer. Room is checked once, against an upper bound of the size, so that the parts are
 * copied one after the other without asking again; bytes are checked as they are copied.
 */
#include "proto/http1/http1_writer.h"

#include <shoal/error.h>

#include "proto/http/authority.h"
#include "proto/http/chars.h"
#include "proto/http1/http1_priv.h"

/* More than the first line's fixed parts, the names of the usual fields and the framing fields can
 * take together. */
enum { FIXED_BYTES = 192, LENGTH_DIGITS_MAX = 20 };

/* ---- Checks ---- */

bool shoal__http1_field_is_valid(const struct shoal__http_field *field)
{
    return shoal__http_is_token(field->name) && shoal__http_is_value(field->value);
}

/* Content-Length, Transfer-Encoding and Connection are written from struct http1_outgoing. */
static bool is_framing(struct shoal_view name)
{
    switch (name.size) {
    case 10:
        return shoal__http_name_is(name, "connection");
    case 14:
        return shoal__http_name_is(name, "content-length");
    case 17:
        return shoal__http_name_is(name, "transfer-encoding");
    default:
        return false;
    }
}

/* ---- Copying ---- */

static char *put(char *at, const char *bytes, size_t size)
{
    if (size > 0)
        memcpy(at, bytes, size);
    return at + size;
}

static char *put_view(char *at, struct shoal_view view)
{
    return put(at, view.data, view.size);
}

#define PUT(at, literal) put(at, "" literal, sizeof(literal) - 1)

static char *put_number(char *at, uint64_t number)
{
    char digits[LENGTH_DIGITS_MAX];
    char *first = digits + sizeof(digits);
    do
        *--first = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return put(at, first, (size_t)(digits + sizeof(digits) - first));
}

static char *put_field(char *at, const struct shoal__http_field *field)
{
    at = put_view(at, field->name);
    at = PUT(at, ": ");
    at = put_view(at, field->value);
    return PUT(at, "\r\n");
}

static char *put_framing(char *at, const struct http1_outgoing *head)
{
    if (head->framing == HTTP1_CHUNKED)
        return PUT(at, "Transfer-Encoding: chunked\r\n");
    if (head->framing != HTTP1_COUNTED)
        return at;
    at = PUT(at, "Content-Length: ");
    at = put_number(at, head->content_length);
    return PUT(at, "\r\n");
}

static char *put_persistence(char *at, enum http1_persistence persistence)
{
    switch (persistence) {
    case HTTP1_SAY_CLOSE:
        return PUT(at, "Connection: close\r\n");
    case HTTP1_SAY_KEEP_ALIVE:
        return PUT(at, "Connection: keep-alive\r\n");
    case HTTP1_SAY_UPGRADE:
        return PUT(at, "Connection: upgrade\r\n");
    case HTTP1_DEFAULT_PERSISTENCE:
        break;
    }
    return at;
}

/* The fields and the empty line; NULL where one of them may not be sent. */
static char *put_fields(char *at, const struct http1_outgoing *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct shoal__http_field *field = &head->fields[i];
        if (!shoal__http1_field_is_valid(field) || is_framing(field->name))
            return NULL;
        at = put_field(at, field);
    }
    return PUT(at, "\r\n");
}

static char *put_rest(char *at, const struct http1_outgoing *head)
{
    at = put_framing(at, head);
    at = put_persistence(at, head->persistence);
    return put_fields(at, head);
}

static int finish(const char *room, const char *end, size_t *out_size)
{
    if (!end)
        return -SHOAL_EINVAL;
    *out_size = (size_t)(end - room);
    return 0;
}

static size_t fields_bound(const struct shoal__http_field *fields, size_t field_count)
{
    size_t bound = FIXED_BYTES;
    for (size_t i = 0; i < field_count; i++)
        bound += fields[i].name.size + fields[i].value.size + 4;
    return bound;
}

/* ---- Responses ---- */

/* The whole line of a registered status, or an empty view. */
static struct shoal_view status_line(unsigned status)
{
    switch (status) {
#define STATUS_CASE(code, reason) \
    case code:                    \
        return (struct shoal_view)SHOAL_VIEW("HTTP/1.1 " #code " " reason "\r\n");
        SHOAL_HTTP_STATUS_TABLE(STATUS_CASE)
#undef STATUS_CASE
    default:
        return shoal_view(NULL, 0);
    }
}

struct shoal_view shoal__http1_reason(unsigned status)
{
    const size_t before = sizeof("HTTP/1.1 200 ") - 1;
    struct shoal_view line = status_line(status);
    return line.size > 0 ? shoal_view(line.data + before, line.size - before - 2) : line;
}

static char *put_status_line(char *at, unsigned status)
{
    struct shoal_view line = status_line(status);
    if (line.size > 0)
        return put_view(at, line);
    at = PUT(at, "HTTP/1.1 ");
    at = put_number(at, status);
    return PUT(at, " \r\n");
}

size_t shoal__http1_response_bound(const struct http1_response_head *response)
{
    const struct shoal__usual_fields *usual = response->usual;
    return fields_bound(response->head.fields, response->head.field_count) + response->date.size +
           (usual ? usual->type.size + usual->server.size : 0);
}

static char *put_usual(char *at, const struct shoal__usual_fields *usual)
{
    if (usual->type.size > 0) {
        at = PUT(at, "Content-Type: ");
        at = put_view(at, usual->type);
        at = PUT(at, "\r\n");
    }
    if (usual->server.size > 0) {
        at = PUT(at, "Server: ");
        at = put_view(at, usual->server);
        at = PUT(at, "\r\n");
    }
    return at;
}

int shoal__http1_response_write(const struct http1_response_head *response, char *room,
                                size_t room_size, size_t *out_size)
{
    if (response->status < 100 || response->status > 999)
        return -SHOAL_EINVAL;
    if (room_size < shoal__http1_response_bound(response))
        return -SHOAL_EOVERFLOW;
    char *at = put_status_line(room, response->status);
    if (response->date.size > 0) {
        at = PUT(at, "Date: ");
        at = put_view(at, response->date);
        at = PUT(at, "\r\n");
    }
    at = put_framing(at, &response->head);
    at = put_persistence(at, response->head.persistence);
    if (response->usual)
        at = put_usual(at, response->usual);
    return finish(room, put_fields(at, &response->head), out_size);
}

/* ---- Requests ---- */

size_t shoal__http1_request_bound(const struct http1_request_head *request)
{
    return fields_bound(request->head.fields, request->head.field_count) + request->method.size +
           request->target.size + request->host.size;
}

int shoal__http1_request_write(const struct http1_request_head *request, char *room,
                               size_t room_size, size_t *out_size)
{
    if (!shoal__http_is_token(request->method) ||
        !shoal__http_is_all(request->target.data, request->target.size, HTTP_QUERY_CHAR) ||
        !shoal__http_is_authority(request->host, false))
        return -SHOAL_EINVAL;
    if (room_size < shoal__http1_request_bound(request))
        return -SHOAL_EOVERFLOW;
    for (size_t i = 0; i < request->head.field_count; i++) {
        if (shoal__http_name_is(request->head.fields[i].name, "host"))
            return -SHOAL_EINVAL;
    }
    char *at = put_view(room, request->method);
    at = PUT(at, " ");
    at = put_view(at, request->target);
    at = PUT(at, " HTTP/1.1\r\nHost: ");
    at = put_view(at, request->host);
    at = PUT(at, "\r\n");
    return finish(room, put_rest(at, &request->head), out_size);
}

/* ---- Chunks and trailers ---- */

size_t shoal__http1_chunk_write(uint64_t size, char room[SHOAL_HTTP1_CHUNK_HEAD_MAX])
{
    static const char hex[] = "0123456789abcdef";
    int shift = 60;
    while (shift > 0 && size >> shift == 0)
        shift -= 4;
    char *at = room;
    for (; shift >= 0; shift -= 4)
        *at++ = hex[size >> shift & 15];
    return (size_t)(PUT(at, "\r\n") - room);
}

size_t shoal__http1_trailers_bound(const struct shoal__http_field *fields, size_t field_count)
{
    return fields_bound(fields, field_count);
}

int shoal__http1_trailers_write(const struct shoal__http_field *fields, size_t field_count,
                                char *room, size_t room_size, size_t *out_size)
{
    if (room_size < shoal__http1_trailers_bound(fields, field_count))
        return -SHOAL_EOVERFLOW;
    for (size_t i = 0; i < field_count; i++) {
        if (shoal__http1_is_forbidden_trailer(fields[i].name))
            return -SHOAL_EINVAL;
    }
    const struct http1_outgoing trailers = {.fields = fields, .field_count = field_count};
    return finish(room, put_fields(PUT(room, "0\r\n"), &trailers), out_size);
}
