/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the HTTP/1.x engine share: how a parser refuses, and the reading of trailers,
 * which are field lines like any others.
 */
#ifndef SHOAL_PROTO_HTTP1_HTTP1_PRIV_H
#define SHOAL_PROTO_HTTP1_HTTP1_PRIV_H

#include "proto/http1/http1_parser.h"

/* What the head's field lines have said so far. */
enum http1_seen {
    HTTP1_SEEN_HOST = 0x01,
    HTTP1_SEEN_LENGTH = 0x02,
    HTTP1_SEEN_ENCODING = 0x04,
    HTTP1_SEEN_EXPECT = 0x08,
    HTTP1_SEEN_CLOSE = 0x10,
    HTTP1_SEEN_KEEP_ALIVE = 0x20,
    HTTP1_SEEN_UPGRADE = 0x40
};

/* The only place a refusal comes from. */
static inline enum http1_result http1_refuse(struct http1_parser *parser, enum http1_refusal reason)
{
    parser->refusal = (uint8_t)reason;
    parser->phase = HTTP1_IN_REFUSAL;
    return HTTP1_REFUSED;
}

/*
 * Notes what a field of a head means for framing, routing and persistence, and checks it.
 * `request` is NULL for a response. Returns HTTP1_NOT_REFUSED or why the message must be refused.
 * Thread: owner of `parser`.
 */
enum http1_refusal shoal__http1_note_field(struct http1_parser *parser, struct http1_head *head,
                                           struct http1_request *request,
                                           const struct shoal__http_field *field);

/*
 * Sets the request's method from `name`, a token; false where no method looks like that.
 * Thread: any.
 */
bool shoal__http1_note_method(struct http1_request *request, struct shoal_view name);

/*
 * Finds the form of request->target and sets form, path and host by it; path and query are split
 * at the `?` already and the method is known. False where the target is malformed or of a form
 * that the method does not have.
 * Thread: any.
 */
bool shoal__http1_note_target(struct http1_request *request);

/*
 * Reads trailers as shoal__http1_request_parse() reads a head: `input` starts at the first of
 * them, HTTP1_MORE consumes nothing, HTTP1_DONE consumes parser->line bytes. Fills in
 * trailers->field_count.
 * Thread: owner of `parser`.
 */
enum http1_result shoal__http1_trailers_parse(struct http1_parser *parser, struct shoal_view input,
                                              const struct http1_limits *limits,
                                              struct http1_head *trailers);

/*
 * Whether RFC 9110 §6.5.1 keeps a field of this name out of trailers: it frames, routes,
 * authenticates or says how to read the content.
 * Thread: any.
 */
bool shoal__http1_is_forbidden_trailer(struct shoal_view name);

#endif
