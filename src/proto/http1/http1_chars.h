/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which bytes may stand where in an HTTP/1.x message: one table for the parser and the writer, so
 * that what we send is what we would accept.
 */
#ifndef SHOAL_PROTO_HTTP1_HTTP1_CHARS_H
#define SHOAL_PROTO_HTTP1_HTTP1_CHARS_H

#include <stdbool.h>

enum http1_char {
    HTTP1_TOKEN_CHAR = 0x01, /* tchar, RFC 9110 §5.6.2 */
    HTTP1_PATH_CHAR = 0x02,  /* visible ASCII but `#` and `?`: browsers send more than pchar */
    HTTP1_QUERY_CHAR = 0x04, /* visible ASCII but `#` */
    HTTP1_HOST_CHAR = 0x08,  /* unreserved, RFC 3986 §2.3 */
    HTTP1_VALUE_CHAR = 0x10, /* all but control bytes; tab is in */
    HTTP1_SMALL_LETTER = 0x20
};

extern const unsigned char shoal__http1_chars[256];

static inline bool shoal__http1_is(char byte, enum http1_char kind)
{
    return (shoal__http1_chars[(unsigned char)byte] & kind) != 0;
}

/*
 * The first byte of [from, end) that is not of `kind`; `end` where all are.
 * Thread: any.
 */
static inline const char *shoal__http1_skip(const char *from, const char *end, enum http1_char kind)
{
    for (; end - from >= 4; from += 4) {
        if (!shoal__http1_is(from[0], kind))
            return from;
        if (!shoal__http1_is(from[1], kind))
            return from + 1;
        if (!shoal__http1_is(from[2], kind))
            return from + 2;
        if (!shoal__http1_is(from[3], kind))
            return from + 3;
    }
    while (from < end && shoal__http1_is(*from, kind))
        from++;
    return from;
}

/*
 * shoal__http1_skip() for HTTP1_VALUE_CHAR, eight bytes at a time: most of a head is values.
 * Thread: any.
 */
const char *shoal__http1_skip_value(const char *from, const char *end);

#endif
