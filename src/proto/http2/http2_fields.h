/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between HTTP/2's field blocks and the heads of proto/http: a block is gathered field by field
 * into a stream's arena, pseudo-headers apart; what nghttp2 does not check of a request is checked
 * here; and heads to send become nghttp2's name-value arrays.
 */
#ifndef SHOAL_PROTO_HTTP2_HTTP2_FIELDS_H
#define SHOAL_PROTO_HTTP2_HTTP2_FIELDS_H

#include <nghttp2/nghttp2.h>

#include "base/arena.h"
#include "proto/http/stream.h"

enum { SHOAL__HTTP2_FEW_FIELDS = 8 };

/* A head or trailers under way. Made in the stream's arena and lives as long. */
struct http2_block {
    struct shoal__head head;          /* trailers use the fields only */
    struct shoal__http_field *fields; /* `few`, or in the arena */
    uint32_t count, room;
    uint32_t bytes; /* of names and values, pseudo-headers excepted */
    uint32_t cookies, hosts;
    bool too_large;    /* what came above the limits was not kept */
    bool has_priority; /* the client says how it wants to be served (RFC 9218) */
    struct shoal__http_field few[SHOAL__HTTP2_FEW_FIELDS]; /* most heads have no more */
};

/* An empty block, or NULL where memory is out. Thread: owner of `arena`. */
struct http2_block *shoal__http2_block_create(struct shoal__arena *arena);

/*
 * Adds a copy of a field (static strings of nghttp2's need none); above the limits it is noted as
 * too large instead. Returns 0 or -SHOAL_ENOMEM. Thread: owner of `arena`.
 */
int shoal__http2_block_add(struct http2_block *block, struct shoal__arena *arena,
                           const struct shoal__session_limits *limits, nghttp2_rcbuf *name,
                           nghttp2_rcbuf *value);

/*
 * The block is whole: fills in its head's fields and joins cookies that came apart (RFC 9113
 * §8.2.3). Returns 0 or -SHOAL_ENOMEM. Thread: owner of `arena`.
 */
int shoal__http2_block_finish(struct http2_block *block, struct shoal__arena *arena);

/*
 * Checks a request's head: limits; a method in capitals; http or https; one authority, the same as
 * Host, and no user information in it; an absolute path of visible ASCII without fragment, or "*"
 * for OPTIONS. Returns 0, or the HTTP status to refuse it with. Thread: any.
 */
unsigned shoal__http2_request_check(const struct http2_block *block,
                                    const struct shoal__session_limits *limits);

/*
 * Makes the name-value array of a head, or of trailers (a NULL `head`), in the arena, with copies
 * of all bytes, names in small letters: nghttp2 borrows them until the frame is out. Returns 0;
 * -SHOAL_EINVAL for what may not be sent: a name that is no token, a value with a control byte,
 * pseudo-headers and fields that are the connection's business or have a place in the head; or
 * -SHOAL_ENOMEM. Thread: owner of `arena`.
 */
int shoal__http2_make_nva(const struct shoal__head *head, const struct shoal__http_field *fields,
                          size_t field_count, struct shoal__arena *arena, nghttp2_nv **out_nva,
                          size_t *out_count);

#endif
