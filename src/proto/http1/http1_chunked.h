/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The body of an HTTP/1.x message, streamed as spans of the input: counted by Content-Length,
 * chunked, or until the connection ends. Continues with the parser that read the head. Trailers
 * come with the end and apart from the head's fields.
 *
 * Chunk sizes are at most 16 hexadecimal digits. Extensions are checked and ignored: at most 256
 * bytes on a line, and in all, padding zeros included, 4 KiB and a sixteenth of the data. Small
 * chunks alone cost a sender nothing of that; who sends them slowly is the deadlines' business.
 */
#ifndef SHOAL_PROTO_HTTP1_HTTP1_CHUNKED_H
#define SHOAL_PROTO_HTTP1_HTTP1_CHUNKED_H

#include "proto/http1/http1_parser.h"

/* `trailers` is set by the caller, with room for limits.field_count; the rest is filled in. */
struct http1_part {
    struct shoal__http_field *trailers;
    uint32_t trailer_count; /* with HTTP1_DONE */
    size_t consumed;        /* bytes of input, whatever the result */
    struct shoal_view data; /* with HTTP1_DATA, never empty */
};

/*
 * Sets how many bytes of body may come; without this call there is no limit. To be called between
 * the head and the first part. HTTP1_REFUSED where Content-Length says that more will come
 * (nothing of the body needs to be read then), else HTTP1_DONE.
 * Thread: owner of `parser`.
 */
enum http1_result shoal__http1_body_limit(struct http1_parser *parser, uint64_t limit_bytes);

/*
 * Reads on in the body. `part->consumed` bytes are done with, those of `part->data` included once
 * the caller has used them. HTTP1_DATA: a span of body, call again with the rest. HTTP1_MORE: the
 * rest of `input` (a part of a line) must be passed again with more bytes behind it. HTTP1_DONE:
 * the message is over; `trailers` point into the input just consumed. Trailers that RFC 9110
 * §6.5.1 forbids are dropped.
 * Thread: owner of `parser`.
 */
enum http1_result shoal__http1_body_next(struct http1_parser *parser, struct shoal_view input,
                                         const struct http1_limits *limits,
                                         struct http1_part *part);

/*
 * The peer has ended its side. HTTP1_DONE where that, or what came before, ends the message;
 * HTTP1_REFUSED (HTTP1_TRUNCATED) where it is cut short. Bytes kept since HTTP1_MORE are lost.
 * Thread: owner of `parser`.
 */
enum http1_result shoal__http1_body_eof(struct http1_parser *parser);

#endif
