/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fields of a request must be for it to be one (RFC 9113 §8.2, §8.3). nghttp2 has checks
 * of its own, which servers switch off: they took a tenth of a small request. These are as strict,
 * and stricter in that trailers have neither Host nor Content-Length, and a CONNECT's
 * Content-Length counts like any other; the tests compare both. No other state than the block.
 */
#include "proto/http/chars.h"
#include "proto/http2/http2_fields.h"

/* What has come of a block: bits of http2_block's `seen`. */
enum {
    SEEN_METHOD = 1,
    SEEN_SCHEME = 2,
    SEEN_AUTHORITY = 4,
    SEEN_PATH = 8,
    SEEN_HOST = 16,
    SEEN_LENGTH = 32,
    SEEN_REGULAR = 64,
};

enum { LENGTH_DIGITS = 18 /* of an int64_t, whatever they are */ };

/* Notes that it came; false where it had come before. */
static bool is_first(struct http2_block *block, unsigned bit)
{
    bool first = !(block->seen & bit);
    block->seen = (uint8_t)(block->seen | bit);
    return first;
}

/* Pseudo-headers: what they say is looked at when the head is whole. */

static unsigned pseudo_bit(struct shoal_view name)
{
    if (HTTP2_IS_NAMED(name, ":method"))
        return SEEN_METHOD;
    if (HTTP2_IS_NAMED(name, ":scheme"))
        return SEEN_SCHEME;
    if (HTTP2_IS_NAMED(name, ":authority"))
        return SEEN_AUTHORITY;
    return HTTP2_IS_NAMED(name, ":path") ? SEEN_PATH : 0;
}

static bool check_pseudo(struct http2_block *block, struct shoal__http_field field)
{
    unsigned bit = pseudo_bit(field.name);
    bool may_come = block->kind == HTTP2_REQUEST_BLOCK && !(block->seen & SEEN_REGULAR);
    return bit != 0 && may_come && field.value.size > 0 && is_first(block, bit);
}

/* Regular fields */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static bool is_value(struct shoal_view value)
{
    return value.size == 0 || (!is_blank(value.data[0]) && !is_blank(value.data[value.size - 1]) &&
                               shoal__http_is_value(value));
}

static bool check_host(struct http2_block *block, struct shoal_view value)
{
    bool may_come = block->kind == HTTP2_REQUEST_BLOCK;
    return may_come && value.size > 0 && is_first(block, SEEN_HOST);
}

static bool check_length(struct http2_block *block, struct shoal_view value)
{
    bool good = block->kind == HTTP2_REQUEST_BLOCK && value.size > 0 && value.size <= LENGTH_DIGITS;
    for (size_t i = 0; good && i < value.size; i++)
        good = value.data[i] >= '0' && value.data[i] <= '9';
    return good && is_first(block, SEEN_LENGTH);
}

/* Those that mean something to the protocol itself, by their size. */
static bool check_meaning(struct http2_block *block, struct shoal_view name,
                          struct shoal_view value)
{
    switch (name.size) {
    case 2:
        return !HTTP2_IS_NAMED(name, "te") ||
               shoal__http_name_equal(value, shoal_view("trailers", 8));
    case 4:
        return !HTTP2_IS_NAMED(name, "host") || check_host(block, value);
    case 7:
        return !HTTP2_IS_NAMED(name, "upgrade");
    case 10:
        return !HTTP2_IS_NAMED(name, "connection") && !HTTP2_IS_NAMED(name, "keep-alive");
    case 14:
        return !HTTP2_IS_NAMED(name, "content-length") || check_length(block, value);
    case 16:
        return !HTTP2_IS_NAMED(name, "proxy-connection");
    case 17:
        return !HTTP2_IS_NAMED(name, "transfer-encoding");
    default:
        return true;
    }
}

bool shoal__http2_field_check(struct http2_block *block, struct shoal__http_field field)
{
    if (field.name.size > 0 && field.name.data[0] == ':')
        return check_pseudo(block, field);
    block->seen |= SEEN_REGULAR;
    return shoal__http_is_all(field.name.data, field.name.size, HTTP_SMALL_TOKEN_CHAR) &&
           is_value(field.value) && check_meaning(block, field.name, field.value);
}

bool shoal__http2_head_is_whole(const struct http2_block *block)
{
    const unsigned target = SEEN_SCHEME | SEEN_PATH;
    if (HTTP2_IS_NAMED(block->head.method, "CONNECT"))
        return (block->seen & (SEEN_AUTHORITY | target)) == SEEN_AUTHORITY;
    return (block->seen & SEEN_METHOD) && (block->seen & target) == target &&
           (block->seen & (SEEN_AUTHORITY | SEEN_HOST));
}

/* Priorities */

/* Takes a member of a structured field's dictionary off the front, without the blanks around it. */
static struct shoal_view take_member(struct shoal_view *list)
{
    const char *comma = memchr(list->data, ',', list->size);
    struct shoal_view member =
        shoal_view(list->data, comma ? (size_t)(comma - list->data) : list->size);
    *list = shoal_view_from(*list, member.size + (comma ? 1 : 0));
    while (member.size > 0 && is_blank(member.data[0]))
        member = shoal_view_from(member, 1);
    while (member.size > 0 && is_blank(member.data[member.size - 1]))
        member.size--;
    return member;
}

nghttp2_extpri shoal__http2_priority_of(struct shoal_view value)
{
    nghttp2_extpri priority = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY};
    while (value.size > 0) {
        struct shoal_view member = take_member(&value);
        bool is_urgency = member.size == 3 && memcmp(member.data, "u=", 2) == 0;
        if (is_urgency && member.data[2] >= '0' && member.data[2] <= '7')
            priority.urgency = (uint32_t)(member.data[2] - '0');
        else if (HTTP2_IS_NAMED(member, "i") || HTTP2_IS_NAMED(member, "i=?1"))
            priority.inc = 1;
        else if (HTTP2_IS_NAMED(member, "i=?0"))
            priority.inc = 0;
    }
    return priority;
}
