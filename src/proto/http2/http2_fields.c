/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Field blocks in both directions. What comes is checked field by field, a request's by
 * http2_check.c and a response's by nghttp2; what is left is what a server needs to be sure of
 * before it routes. No other state than the block.
 */
#include "proto/http2/http2_fields.h"

#include "base/checked.h"
#include "proto/http/authority.h"
#include "proto/http/chars.h"

enum { PSEUDO_MAX = 4, USUAL_MAX = 3, METHOD_MAX = 32, LENGTH_DIGITS = 20 };

struct http2_block *shoal__http2_block_create(struct shoal__arena *arena,
                                              enum http2_block_kind kind)
{
    struct http2_block *block = shoal__arena_alloc(arena, sizeof(*block));
    if (!block)
        return NULL;
    memset(block, 0, offsetof(struct http2_block, few));
    block->kind = (uint8_t)kind;
    block->head.content_length = -1;
    block->head.kept = true;
    block->fields = block->few;
    block->room = SHOAL__HTTP2_FEW_FIELDS;
    return block;
}

static bool grow(struct http2_block *block, struct shoal__arena *arena)
{
    uint32_t room = block->room * 2;
    struct shoal__http_field *fields = shoal__arena_alloc(arena, room * sizeof(*fields));
    if (!fields)
        return false;
    memcpy(fields, block->fields, block->count * sizeof(*fields));
    block->fields = fields;
    block->room = room;
    return true;
}

static unsigned status_of(struct shoal_view digits)
{
    unsigned status = 0;
    for (size_t i = 0; i < digits.size; i++)
        status = status * 10 + (unsigned)(digits.data[i] - '0');
    return status;
}

/* It has been checked that there are no others, each is there at most once, and a status is
 * three digits: the second letter tells them apart, or the third. */
static void set_pseudo(struct shoal__head *head, struct shoal_view name, struct shoal_view value)
{
    switch (name.data[1]) {
    case 'm':
        head->method = value;
        break;
    case 'a':
        head->authority = value;
        break;
    case 'p':
        head->path = value;
        break;
    default:
        if (name.data[2] == 'c')
            head->scheme = value;
        else
            head->status = status_of(value);
    }
}

static void note_length(struct http2_block *block, struct shoal_view value)
{
    uint64_t length;
    if (shoal__parse_u64(value, INT64_MAX, &length) == 0)
        block->head.content_length = (int64_t)length;
}

static void note_field(struct http2_block *block, struct shoal__http_field field)
{
    switch (field.name.size) {
    case 4:
        if (HTTP2_IS_NAMED(field.name, "host"))
            block->host = field.value;
        break;
    case 6:
        block->cookies += HTTP2_IS_NAMED(field.name, "cookie");
        break;
    case 8:
        block->has_priority = block->has_priority || HTTP2_IS_NAMED(field.name, "priority");
        break;
    case 14:
        if (HTTP2_IS_NAMED(field.name, "content-length"))
            note_length(block, field.value);
        break;
    default:
        break;
    }
}

/* Other pseudo-headers have limits of their own; as in HTTP/1, the host has not. */
static bool is_limited(struct shoal_view name, bool is_pseudo)
{
    return !is_pseudo || HTTP2_IS_NAMED(name, ":authority");
}

/* Whether a field of this size has room in the block. */
static bool admit(struct http2_block *block, const struct shoal__session_limits *limits,
                  size_t size)
{
    if (block->count == limits->max_fields || size > limits->max_fields_bytes - block->bytes)
        block->too_large = true;
    if (block->too_large)
        return false;
    block->bytes += (uint32_t)size;
    return true;
}

static struct shoal_view view_of(nghttp2_rcbuf *from)
{
    nghttp2_vec bytes = nghttp2_rcbuf_get_buf(from);
    return shoal_view(bytes.base, bytes.len);
}

/* Makes the view last as long as the stream: a copy, unless it is a static string of nghttp2's. */
static bool keep(struct shoal__arena *arena, nghttp2_rcbuf *from, struct shoal_view *view)
{
    if (!nghttp2_rcbuf_is_static(from))
        view->data = shoal__arena_strdup(arena, *view);
    return view->data != NULL;
}

static int add_field(struct http2_block *block, struct shoal__arena *arena,
                     struct shoal__http_field field)
{
    if (block->count == block->room && !grow(block, arena))
        return -SHOAL_ENOMEM;
    block->fields[block->count++] = field;
    note_field(block, field);
    return 0;
}

int shoal__http2_block_add(struct http2_block *block, struct shoal__arena *arena,
                           const struct shoal__session_limits *limits, nghttp2_rcbuf *name,
                           nghttp2_rcbuf *value)
{
    struct shoal__http_field field = {view_of(name), view_of(value)};
    bool is_pseudo = field.name.size > 0 && field.name.data[0] == ':';
    if (block->kind != HTTP2_RESPONSE_BLOCK && !block->malformed)
        block->malformed = !shoal__http2_field_check(block, field);
    if (block->malformed || (is_limited(field.name, is_pseudo) &&
                             !admit(block, limits, field.name.size + field.value.size)))
        return 0;
    if (!keep(arena, value, &field.value))
        return -SHOAL_ENOMEM;
    if (is_pseudo) {
        set_pseudo(&block->head, field.name, field.value);
        return 0;
    }
    return keep(arena, name, &field.name) ? add_field(block, arena, field) : -SHOAL_ENOMEM;
}

/* Appends `from` behind `to`; returns its end. */
static char *put(char *to, struct shoal_view from)
{
    memcpy(to, from.data, from.size);
    return to + from.size;
}

/* The size of all cookies with "; " behind each. */
static size_t cookie_bytes(const struct http2_block *block)
{
    size_t size = 0;
    for (uint32_t i = 0; i < block->count; i++)
        if (shoal__http_name_is(block->fields[i].name, "cookie"))
            size += block->fields[i].value.size + 2;
    return size;
}

/* Puts all cookies into the first one's place. */
static int join_cookies(struct http2_block *block, struct shoal__arena *arena)
{
    char *start = shoal__arena_alloc(arena, cookie_bytes(block));
    if (!start)
        return -SHOAL_ENOMEM;

    char *end = start;
    uint32_t kept = 0;
    struct shoal_view *joined = NULL;
    for (uint32_t i = 0; i < block->count; i++) {
        struct shoal__http_field field = block->fields[i];
        bool is_cookie = shoal__http_name_is(field.name, "cookie");
        if (is_cookie)
            end = put(put(end, field.value), shoal_view("; ", 2));
        if (is_cookie && joined)
            continue;
        block->fields[kept++] = field;
        if (is_cookie)
            joined = &block->fields[kept - 1].value;
    }
    *joined = shoal_view(start, (size_t)(end - start) - 2);
    block->count = kept;
    return 0;
}

int shoal__http2_block_finish(struct http2_block *block, struct shoal__arena *arena)
{
    int rc = block->cookies > 1 ? join_cookies(block, arena) : 0;
    block->head.fields = block->fields;
    block->head.field_count = block->count;
    if (!block->head.authority.data)
        block->head.authority = block->host;
    return rc;
}

/* Checks */

static bool is_all(struct shoal_view view, enum http_char kind)
{
    return shoal__http_is_all(view.data, view.size, kind);
}

static bool is_method(struct shoal_view method)
{
    return method.size <= METHOD_MAX && is_all(method, HTTP_METHOD_CHAR);
}

static bool is_path(struct shoal_view path)
{
    return is_all(path, HTTP_QUERY_CHAR) && path.data[0] == '/';
}

/* In small letters, as everybody has it, or in any. */
static bool is_scheme(struct shoal_view scheme)
{
    return HTTP2_IS_NAMED(scheme, "http") || HTTP2_IS_NAMED(scheme, "https") ||
           shoal__http_name_equal(scheme, shoal_view("http", 4)) ||
           shoal__http_name_equal(scheme, shoal_view("https", 5));
}

static bool is_target(const struct shoal__head *head)
{
    if (HTTP2_IS_NAMED(head->method, "CONNECT"))
        return true; /* it has neither scheme nor path */
    if (!is_scheme(head->scheme))
        return false;
    return is_path(head->path) || (shoal_view_equal(head->path, shoal_view("*", 1)) &&
                                   shoal_view_equal(head->method, shoal_view("OPTIONS", 7)));
}

/* Of what the method asks to reach: for CONNECT that is a port, too (RFC 9113 §8.5). Host may say
 * it once more, but nothing else. */
static bool is_reachable(const struct http2_block *block)
{
    struct shoal_view authority = block->head.authority;
    bool needs_port = HTTP2_IS_NAMED(block->head.method, "CONNECT");
    return shoal__http_is_authority(authority, needs_port) &&
           (!block->host.data || shoal__http_name_equal(authority, block->host));
}

unsigned shoal__http2_request_check(const struct http2_block *block,
                                    const struct shoal__session_limits *limits)
{
    if (block->head.path.size > limits->max_target)
        return 414;
    if (block->too_large)
        return 431;
    if (!is_method(block->head.method))
        return 501;
    return is_target(&block->head) && is_reachable(block) ? 0 : 400;
}

/* Sending */

/* What is written behind one another: nghttp2 borrows it until the frame is out. */
struct sheet {
    nghttp2_nv *nva;
    size_t count;
    char *end;
};

static bool belongs_elsewhere(struct shoal_view name)
{
    switch (name.size) {
    case 4:
        return shoal__http_name_is(name, "host");
    case 7:
        return shoal__http_name_is(name, "upgrade");
    case 10:
        return shoal__http_name_is(name, "connection") || shoal__http_name_is(name, "keep-alive");
    case 14:
        return shoal__http_name_is(name, "content-length");
    case 16:
        return shoal__http_name_is(name, "proxy-connection");
    case 17:
        return shoal__http_name_is(name, "transfer-encoding");
    default:
        return false;
    }
}

/* Adds a field whose bytes stay where they are. */
static void add(struct sheet *sheet, struct shoal_view name, struct shoal_view value)
{
    sheet->nva[sheet->count++] =
        (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.data,
                     .value = (uint8_t *)(uintptr_t)value.data,
                     .namelen = name.size,
                     .valuelen = value.size,
                     .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

static struct shoal_view write_value(struct sheet *sheet, struct shoal_view value)
{
    char *start = sheet->end;
    sheet->end = put(start, value);
    return shoal_view(start, value.size);
}

/* Of a token: only its capitals change. */
static struct shoal_view write_name(struct sheet *sheet, struct shoal_view name)
{
    char *start = sheet->end;
    for (size_t i = 0; i < name.size; i++) {
        unsigned char byte = (unsigned char)name.data[i];
        unsigned is_capital = (unsigned)(byte - 'A') < 26;
        start[i] = (char)(byte | is_capital << 5);
    }
    sheet->end = start + name.size;
    return shoal_view(start, name.size);
}

/* Adds a field of ours, where there is a value for it. */
static void add_ours(struct sheet *sheet, struct shoal_view name, struct shoal_view value)
{
    if (value.size > 0)
        add(sheet, name, write_value(sheet, value));
}

/* Not printf: most responses have a length, and nothing else in them costs as much. */
static struct shoal_view write_number(struct sheet *sheet, uint64_t number)
{
    char digits[LENGTH_DIGITS];
    char *end = digits + LENGTH_DIGITS, *start = end;
    do
        *--start = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return write_value(sheet, shoal_view(start, (size_t)(end - start)));
}

static int add_request(struct sheet *sheet, const struct shoal__head *head)
{
    if (!shoal__http_is_token(head->method) || !shoal__http_is_value(head->path) ||
        !shoal__http_is_value(head->authority) || !shoal__http_is_value(head->scheme))
        return -SHOAL_EINVAL;
    add_ours(sheet, shoal_view(":method", 7), head->method);
    add_ours(sheet, shoal_view(":scheme", 7), head->scheme);
    add_ours(sheet, shoal_view(":authority", 10), head->authority);
    add_ours(sheet, shoal_view(":path", 5), head->path);
    return 0;
}

static int add_status(struct sheet *sheet, unsigned status)
{
    if (status < 100 || status > 999)
        return -SHOAL_EINVAL;
    add(sheet, shoal_view(":status", 7), write_number(sheet, status));
    return 0;
}

static void add_usual_fields(struct sheet *sheet, const struct shoal__usual_fields *usual)
{
    add_ours(sheet, shoal_view("content-type", 12), usual->type);
    add_ours(sheet, shoal_view("server", 6), usual->server);
    add_ours(sheet, shoal_view("date", 4), usual->date);
}

static int add_head(struct sheet *sheet, const struct shoal__head *head)
{
    int rc = head->method.size > 0 ? add_request(sheet, head) : add_status(sheet, head->status);
    if (rc == 0 && head->content_length >= 0)
        add(sheet, shoal_view("content-length", 14),
            write_number(sheet, (uint64_t)head->content_length));
    if (rc == 0 && head->usual)
        add_usual_fields(sheet, head->usual);
    return rc;
}

static int add_checked(struct sheet *sheet, const struct shoal__http_field *field)
{
    if (!shoal__http_is_token(field->name) || !shoal__http_is_value(field->value) ||
        belongs_elsewhere(field->name))
        return -SHOAL_EINVAL;
    struct shoal_view name = write_name(sheet, field->name);
    add(sheet, name, write_value(sheet, field->value));
    return 0;
}

static size_t head_bytes(const struct shoal__head *head)
{
    const struct shoal__usual_fields *usual = head->usual;
    size_t usual_bytes = usual ? usual->type.size + usual->server.size + usual->date.size : 0;
    return head->method.size + head->scheme.size + head->authority.size + head->path.size +
           usual_bytes + (size_t)2 * LENGTH_DIGITS;
}

/* Pseudo-headers, the length, and what is usual. */
static size_t head_fields(const struct shoal__head *head)
{
    return head->method.size > 0 ? PSEUDO_MAX + 1 : 2 + USUAL_MAX;
}

static size_t fields_bytes(const struct shoal__http_field *fields, size_t field_count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < field_count; i++)
        bytes += fields[i].name.size + fields[i].value.size;
    return bytes;
}

int shoal__http2_make_nva(const struct shoal__head *head, const struct shoal__http_field *fields,
                          size_t field_count, struct shoal__arena *arena, nghttp2_nv **out_nva,
                          size_t *out_count)
{
    size_t room = field_count + (head ? head_fields(head) : 0);
    size_t bytes = (head ? head_bytes(head) : 0) + fields_bytes(fields, field_count);
    struct sheet sheet = {.nva = shoal__arena_alloc(arena, room * sizeof(nghttp2_nv) + bytes)};
    if (!sheet.nva)
        return -SHOAL_ENOMEM;
    sheet.end = (char *)(sheet.nva + room);
    int rc = head ? add_head(&sheet, head) : 0;
    for (size_t i = 0; rc == 0 && i < field_count; i++)
        rc = add_checked(&sheet, &fields[i]);
    if (rc < 0)
        return rc;
    *out_nva = sheet.nva;
    *out_count = sheet.count;
    return 0;
}
