/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Field blocks in both directions. nghttp2 has checked the syntax of names and values, the order
 * and presence of pseudo-headers, and that no connection-specific field came; what is left for us
 * is what a server needs to be sure of before it routes. No other state than the block.
 */
#include "proto/http2/http2_fields.h"

#include "base/checked.h"

enum { FIRST_FIELDS = 8, PSEUDO_MAX = 4, METHOD_MAX = 32, LENGTH_DIGITS = 20 };

struct http2_block *shoal__http2_block_create(struct shoal__arena *arena)
{
    struct http2_block *block = shoal__arena_alloc(arena, sizeof(*block));
    if (block)
        *block = (struct http2_block){.head = {.content_length = -1, .kept = true}};
    return block;
}

static bool grow(struct http2_block *block, struct shoal__arena *arena)
{
    uint32_t room = block->room ? block->room * 2 : FIRST_FIELDS;
    struct shoal__http_field *fields = shoal__arena_alloc(arena, room * sizeof(*fields));
    if (!fields)
        return false;
    if (block->count > 0)
        memcpy(fields, block->fields, block->count * sizeof(*fields));
    block->fields = fields;
    block->room = room;
    return true;
}

/* Views of known size instead of strings: this is asked for every field. */
static bool is_named(struct shoal_view name, const struct shoal_view *lower)
{
    return name.size == lower->size && memcmp(name.data, lower->data, name.size) == 0;
}

static unsigned status_of(struct shoal_view digits)
{
    unsigned status = 0;
    for (size_t i = 0; i < digits.size; i++)
        status = status * 10 + (unsigned)(digits.data[i] - '0');
    return status;
}

/* nghttp2 has seen to it that each is there at most once, and a status is three digits. */
static void set_pseudo(struct shoal__head *head, struct shoal__http_field field)
{
    static const struct shoal_view method = SHOAL_VIEW(":method"), scheme = SHOAL_VIEW(":scheme"),
                                   authority = SHOAL_VIEW(":authority"), path = SHOAL_VIEW(":path");
    if (is_named(field.name, &method))
        head->method = field.value;
    else if (is_named(field.name, &scheme))
        head->scheme = field.value;
    else if (is_named(field.name, &authority))
        head->authority = field.value;
    else if (is_named(field.name, &path))
        head->path = field.value;
    else
        head->status = status_of(field.value);
}

static void note_field(struct http2_block *block, struct shoal__http_field field)
{
    static const struct shoal_view cookie = SHOAL_VIEW("cookie"), priority = SHOAL_VIEW("priority"),
                                   length_name = SHOAL_VIEW("content-length");
    uint64_t length;
    if (is_named(field.name, &cookie))
        block->cookies++;
    else if (is_named(field.name, &priority))
        block->has_priority = true;
    else if (is_named(field.name, &length_name) &&
             shoal__parse_u64(field.value, INT64_MAX, &length) == 0)
        block->head.content_length = (int64_t)length;
}

/* Whether a field of this size, which is not a pseudo-header, has room in the block. */
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

static bool keep(struct shoal__arena *arena, nghttp2_rcbuf *from, struct shoal_view *out_view)
{
    nghttp2_vec bytes = nghttp2_rcbuf_get_buf(from);
    *out_view = shoal_view(bytes.base, bytes.len);
    if (nghttp2_rcbuf_is_static(from))
        return true;
    out_view->data = shoal__arena_strdup(arena, *out_view);
    return out_view->data != NULL;
}

int shoal__http2_block_add(struct http2_block *block, struct shoal__arena *arena,
                           const struct shoal__session_limits *limits, nghttp2_rcbuf *name,
                           nghttp2_rcbuf *value)
{
    nghttp2_vec name_bytes = nghttp2_rcbuf_get_buf(name);
    bool is_pseudo = name_bytes.len > 0 && name_bytes.base[0] == ':';
    size_t size = name_bytes.len + nghttp2_rcbuf_get_buf(value).len;
    if (!is_pseudo && !admit(block, limits, size))
        return 0;

    struct shoal__http_field field;
    if (!keep(arena, name, &field.name) || !keep(arena, value, &field.value))
        return -SHOAL_ENOMEM;
    if (is_pseudo) {
        set_pseudo(&block->head, field);
        return 0;
    }
    if (block->count == block->room && !grow(block, arena))
        return -SHOAL_ENOMEM;
    block->fields[block->count++] = field;
    note_field(block, field);
    return 0;
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
    return rc;
}

/* Checks */

static bool is_letter_or_digit(unsigned char byte)
{
    unsigned char lower = byte | 0x20;
    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9');
}

static bool is_method(struct shoal_view method)
{
    bool good = method.size > 0 && method.size <= METHOD_MAX;
    for (size_t i = 0; good && i < method.size; i++)
        good = (method.data[i] >= 'A' && method.data[i] <= 'Z') || method.data[i] == '-' ||
               method.data[i] == '_';
    return good;
}

/* As strict as in HTTP/1: no user information, no percent-encoding, no sub-delimiters. */
static bool is_authority(struct shoal_view authority)
{
    bool good = authority.size > 0;
    for (size_t i = 0; good && i < authority.size; i++)
        good = is_letter_or_digit((unsigned char)authority.data[i]) ||
               (authority.data[i] != '\0' && strchr("-._~:[]", authority.data[i]));
    return good;
}

static bool is_path(struct shoal_view path)
{
    bool good = path.size > 0 && path.data[0] == '/';
    for (size_t i = 0; good && i < path.size; i++)
        good = path.data[i] > ' ' && path.data[i] < 0x7f && path.data[i] != '#';
    return good;
}

static bool is_target(const struct shoal__head *head)
{
    if (shoal_view_equal(head->method, shoal_view("CONNECT", 7)))
        return true; /* nghttp2 has checked that it has neither scheme nor path */
    if (!shoal__http_name_equal(head->scheme, shoal_view("http", 4)) &&
        !shoal__http_name_equal(head->scheme, shoal_view("https", 5)))
        return false;
    return is_path(head->path) || (shoal_view_equal(head->path, shoal_view("*", 1)) &&
                                   shoal_view_equal(head->method, shoal_view("OPTIONS", 7)));
}

/* Every Host must be the authority (or, without one, be one itself). */
static bool hosts_agree(const struct http2_block *block)
{
    struct shoal_view authority = block->head.authority;
    for (uint32_t i = 0; i < block->count; i++) {
        struct shoal__http_field field = block->fields[i];
        if (!shoal__http_name_is(field.name, "host"))
            continue;
        if (!authority.data)
            authority = field.value;
        if (!shoal__http_name_equal(authority, field.value))
            return false;
    }
    return is_authority(authority);
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
    return is_target(&block->head) && hosts_agree(block) ? 0 : 400;
}

/* Sending */

static bool belongs_elsewhere(struct shoal_view name)
{
    static const struct shoal_view names[] = {
        SHOAL_VIEW("connection"), SHOAL_VIEW("content-length"),   SHOAL_VIEW("host"),
        SHOAL_VIEW("keep-alive"), SHOAL_VIEW("proxy-connection"), SHOAL_VIEW("transfer-encoding"),
        SHOAL_VIEW("upgrade")};
    bool found = false;
    for (size_t i = 0; !found && i < sizeof(names) / sizeof(*names); i++)
        found = name.size == names[i].size && shoal__http_name_equal(name, names[i]);
    return found;
}

static nghttp2_nv nv_of(struct shoal_view name, struct shoal_view value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.data,
                        .value = (uint8_t *)(uintptr_t)value.data,
                        .namelen = name.size,
                        .valuelen = value.size};
}

static void add_pseudo(nghttp2_nv *nva, size_t *count, const char *name, struct shoal_view value)
{
    if (value.size > 0)
        nva[(*count)++] = nv_of(shoal_view_of(name), value);
}

static int add_status(nghttp2_nv *nva, size_t *count, unsigned status, struct shoal__arena *arena)
{
    if (status < 100 || status > 999)
        return -SHOAL_EINVAL;
    char *digits = shoal__arena_alloc(arena, 3);
    if (!digits)
        return -SHOAL_ENOMEM;
    digits[0] = (char)('0' + status / 100);
    digits[1] = (char)('0' + status / 10 % 10);
    digits[2] = (char)('0' + status % 10);
    add_pseudo(nva, count, ":status", shoal_view(digits, 3));
    return 0;
}

/* Not printf: most responses have a length, and nothing else in them costs as much. */
static int add_length(nghttp2_nv *nva, size_t *count, int64_t length, struct shoal__arena *arena)
{
    char *room = shoal__arena_alloc(arena, LENGTH_DIGITS);
    if (!room)
        return -SHOAL_ENOMEM;
    char *end = room + LENGTH_DIGITS, *start = end;
    do
        *--start = (char)('0' + length % 10);
    while ((length /= 10) > 0);
    nva[(*count)++] =
        nv_of(shoal_view("content-length", 14), shoal_view(start, (size_t)(end - start)));
    return 0;
}

static int add_head(nghttp2_nv *nva, size_t *count, const struct shoal__head *head,
                    struct shoal__arena *arena)
{
    if (head->method.size > 0) {
        if (!shoal__http_is_token(head->method) || !shoal__http_is_value(head->path) ||
            !shoal__http_is_value(head->authority) || !shoal__http_is_value(head->scheme))
            return -SHOAL_EINVAL;
        add_pseudo(nva, count, ":method", head->method);
        add_pseudo(nva, count, ":scheme", head->scheme);
        add_pseudo(nva, count, ":authority", head->authority);
        add_pseudo(nva, count, ":path", head->path);
    } else {
        int rc = add_status(nva, count, head->status, arena);
        if (rc < 0)
            return rc;
    }
    return head->content_length < 0 ? 0 : add_length(nva, count, head->content_length, arena);
}

int shoal__http2_make_nva(const struct shoal__head *head, const struct shoal__http_field *fields,
                          size_t field_count, struct shoal__arena *arena, nghttp2_nv **out_nva,
                          size_t *out_count)
{
    size_t room = (PSEUDO_MAX + 1 + field_count) * sizeof(nghttp2_nv);
    nghttp2_nv *nva = shoal__arena_alloc(arena, room);
    if (!nva)
        return -SHOAL_ENOMEM;
    size_t count = 0;
    int rc = head ? add_head(nva, &count, head, arena) : 0;
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < field_count; i++) {
        if (!shoal__http_is_token(fields[i].name) || !shoal__http_is_value(fields[i].value) ||
            belongs_elsewhere(fields[i].name))
            return -SHOAL_EINVAL;
        nva[count++] = nv_of(fields[i].name, fields[i].value);
    }
    *out_nva = nva;
    *out_count = count;
    return 0;
}
