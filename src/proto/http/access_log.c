/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The access log's line, Apache's combined format with microseconds behind it:
 *
 *     192.0.2.7 - - [21/Nov/2026:12:00:00 +0000] "GET /x HTTP/1.1" 200 17 "-" "curl/7.88.1" 85
 *
 * and of what was no request its first line, as far as it came and is of use:
 *
 *     192.0.2.8 - - [21/Nov/2026:12:00:00 +0000] "GET /\x00" 400 - "-" "-" -
 *
 * What the client chose is escaped: no byte of it can end the line, a quoted part, or do anything
 * to a terminal. A line for which there is no memory is not written.
 */
#include <stdio.h>

#include "proto/http/request_priv.h"

enum { ESCAPED = 4, FIXED_BYTES = SHOAL_ADDRESS_MAX + 128, REFUSED_SHOWN = 256 };

static char *put_text(char *at, const char *text)
{
    return stpcpy(at, text);
}

static char *put_hex(char *at, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    *at++ = '\\';
    *at++ = 'x';
    *at++ = digits[byte >> 4];
    *at++ = digits[byte & 15];
    return at;
}

/* Printable ASCII as it is, but quote and backslash; everything else as \xHH. */
static char *put_escaped(char *at, struct shoal_view text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < ' ' || byte > '~' || byte == '"' || byte == '\\')
            at = put_hex(at, byte);
        else
            *at++ = (char)byte;
    }
    return at;
}

static char *put_field(char *at, struct shoal_view value)
{
    at = put_text(at, " \"");
    at = value.size > 0 ? put_escaped(at, value) : put_text(at, "-");
    return put_text(at, "\"");
}

/* The peer's address without its port. */
static char *put_peer(char *at, const struct shoal_conn *conn)
{
    char peer[SHOAL_ADDRESS_MAX];
    shoal_conn_peer(conn, peer, sizeof(peer));
    char *colon = strrchr(peer, ':');
    if (colon && strncmp(peer, "unix:", 5) != 0)
        *colon = '\0';
    return put_escaped(at, shoal_view_of(peer[0] ? peer : "-"));
}

/* Up to what was asked for. */
static char *put_beginning(char *at, const struct shoal_conn *conn)
{
    struct shoal_view date = shoal__http_log_date(shoal_conn_loop(conn));
    at = put_peer(at, conn);
    at = put_text(at, " - - [");
    at = mempcpy(at, date.data ? date.data : "", date.size);
    return put_text(at, "] \"");
}

static const char *version_name(unsigned version)
{
    return version == 20 ? "HTTP/2.0" : version == 11 ? "HTTP/1.1" : "HTTP/1.0";
}

static char *put_request(char *at, const struct shoal_http_request *req)
{
    at = put_escaped(at, shoal_view_of(req->method));
    at = put_text(at, " ");
    at = put_escaped(at, req->head.path);
    at = put_text(at, " ");
    at = put_text(at, version_name(req->version));
    return put_text(at, "\" ");
}

/* The status (000 where none was sent), and the body's bytes. */
static char *put_response(char *at, const struct shoal_http_request *req)
{
    return at + sprintf(at, "%03u %llu", req->status, (unsigned long long)req->sent);
}

static char *put_duration(char *at, const struct shoal_http_request *req)
{
    int64_t ns = shoal__http_now_ns(req) - req->began_ns;
    return at + sprintf(at, " %lld", (long long)(ns / 1000));
}

void shoal__http_log_access(const struct shoal_http_request *req)
{
    struct shoal_view referer = shoal_http_field(req, "referer");
    struct shoal_view agent = shoal_http_field(req, "user-agent");
    size_t bound = FIXED_BYTES + ESCAPED * (strlen(req->method) + req->head.path.size +
                                            referer.size + agent.size + SHOAL_ADDRESS_MAX);
    char *line = shoal__arena_alloc(req->stream->arena, bound);
    if (!line)
        return;
    char *at = put_beginning(line, shoal_http_conn(req));
    at = put_request(at, req);
    at = put_response(at, req);
    at = put_field(at, referer);
    at = put_field(at, agent);
    at = put_duration(at, req);
    req->endpoint->log_access(req->endpoint->log_arg, shoal_view(line, (size_t)(at - line)));
}

static bool ends_line(char c)
{
    return c == '\r' || c == '\n';
}

/* The first line that is not empty, or its beginning. */
static struct shoal_view first_line(struct shoal_view in)
{
    size_t from = 0, end;
    while (from < in.size && ends_line(in.data[from]))
        from++;
    for (end = from; end < in.size && end - from < REFUSED_SHOWN && !ends_line(in.data[end]);)
        end++;
    return shoal_view(in.data + from, end - from);
}

void shoal__http_log_refusal(const struct shoal__session *session, unsigned status,
                             struct shoal_view in)
{
    const struct shoal__http_endpoint *endpoint = session->user;
    char line[FIXED_BYTES + ESCAPED * (REFUSED_SHOWN + SHOAL_ADDRESS_MAX)];
    char *at = put_beginning(line, session->conn);
    at = put_escaped(at, first_line(in));
    at += sprintf(at, "\" %03u - \"-\" \"-\" -", status);
    endpoint->log_access(endpoint->log_arg, shoal_view(line, (size_t)(at - line)));
}
