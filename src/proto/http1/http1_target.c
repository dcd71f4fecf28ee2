/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Methods and request targets: what stands in a request line. Pure functions over views whose bytes
 * the parser has checked to be visible.
 */
#include "proto/http/authority.h"
#include "proto/http1/http1_priv.h"

static bool is_literal(struct shoal_view view, const char *literal, size_t size)
{
    return view.size == size && memcmp(view.data, literal, size) == 0;
}

static enum http1_method method_of(struct shoal_view name)
{
#define METHOD_CASE(method)                             \
    if (is_literal(name, #method, sizeof(#method) - 1)) \
        return HTTP1_##method;
    SHOAL_HTTP1_METHODS(METHOD_CASE)
#undef METHOD_CASE
    return HTTP1_OTHER;
}

bool shoal__http1_note_method(struct http1_request *request, struct shoal_view name)
{
    request->method_name = name;
    request->method = method_of(name);
    if (request->method != HTTP1_OTHER)
        return true;
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] >= 'a' && name.data[i] <= 'z')
            return false;
    }
    return true;
}

/* The size of "http://" or "https://" at the start of `target`, or 0. */
static size_t scheme_size(struct shoal_view target)
{
    static const char *const schemes[] = {"http", "https"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
        const size_t size = strlen(schemes[i]);
        if (target.size > size + 3 && memcmp(target.data + size, "://", 3) == 0 &&
            shoal__http_name_is(shoal_view(target.data, size), schemes[i]))
            return size + 3;
    }
    return 0;
}

/* RFC 9112 §3.2.2: the target's authority counts, whatever Host says. */
static bool note_absolute(struct http1_request *request)
{
    const size_t skipped = scheme_size(request->target);
    if (skipped == 0)
        return false;
    struct shoal_view rest = shoal_view_from(request->path, skipped);
    const char *slash = rest.size > 0 ? memchr(rest.data, '/', rest.size) : NULL;
    request->form = HTTP1_ABSOLUTE_FORM;
    request->host = slash ? shoal_view(rest.data, (size_t)(slash - rest.data)) : rest;
    if (slash)
        request->path = shoal_view_from(rest, request->host.size);
    else if (request->method == HTTP1_OPTIONS && !request->query.data)
        request->path = shoal_view("*", 1); /* RFC 9112 §3.2.4 */
    else
        request->path = shoal_view("/", 1);
    return shoal__http_is_authority(request->host, false);
}

bool shoal__http1_note_target(struct http1_request *request)
{
    if (request->method == HTTP1_CONNECT) {
        request->form = HTTP1_AUTHORITY_FORM;
        request->host = request->target;
        request->path = shoal_view(NULL, 0);
        return shoal__http_is_authority(request->target, true);
    }
    if (request->target.data[0] == '/') {
        request->form = HTTP1_ORIGIN_FORM;
        return true;
    }
    if (is_literal(request->target, "*", 1)) {
        request->form = HTTP1_ASTERISK_FORM;
        return request->method == HTTP1_OPTIONS;
    }
    return note_absolute(request);
}
