/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which bytes may stand where in a message: one table for both versions and both directions, so
 * that what we send is what we would accept.
 */
#ifndef SHOAL_PROTO_HTTP_CHARS_H
#define SHOAL_PROTO_HTTP_CHARS_H

#include <stdbool.h>
#include <stddef.h>

enum http_char {
    HTTP_TOKEN_CHAR = 0x01,       /* tchar, RFC 9110 §5.6.2 */
    HTTP_PATH_CHAR = 0x02,        /* visible ASCII but `#` and `?`: browsers send more than pchar */
    HTTP_QUERY_CHAR = 0x04,       /* visible ASCII but `#` */
    HTTP_HOST_CHAR = 0x08,        /* unreserved, RFC 3986 §2.3 */
    HTTP_VALUE_CHAR = 0x10,       /* all but control bytes; tab is in */
    HTTP_SMALL_TOKEN_CHAR = 0x20, /* tchar but for capitals: what HTTP/2 has names of */
    HTTP_IPV6_CHAR = 0x40,        /* hexadecimal digits, `:` and `.` */
    HTTP_METHOD_CHAR = 0x80       /* capitals, `-` and `_` */
};

extern const unsigned char shoal__http_chars[256];

static inline bool shoal__http_is_char(char byte, enum http_char kind)
{
    return (shoal__http_chars[(unsigned char)byte] & kind) != 0;
}

/*
 * The first byte of [from, end) that is not of `kind`; `end` where all are.
 * Thread: any.
 */
static inline const char *shoal__http_skip(const char *from, const char *end, enum http_char kind)
{
    for (; end - from >= 4; from += 4) {
        if (!shoal__http_is_char(from[0], kind))
            return from;
        if (!shoal__http_is_char(from[1], kind))
            return from + 1;
        if (!shoal__http_is_char(from[2], kind))
            return from + 2;
        if (!shoal__http_is_char(from[3], kind))
            return from + 3;
    }
    while (from < end && shoal__http_is_char(*from, kind))
        from++;
    return from;
}

/* Whether there are bytes, and all of them are of `kind`. Thread: any. */
static inline bool shoal__http_is_all(const char *bytes, size_t size, enum http_char kind)
{
    return size > 0 && shoal__http_skip(bytes, bytes + size, kind) == bytes + size;
}

/*
 * shoal__http_skip() for HTTP_VALUE_CHAR, eight bytes at a time: most of a head is values.
 * Thread: any.
 */
const char *shoal__http_skip_value(const char *from, const char *end);

#endif
