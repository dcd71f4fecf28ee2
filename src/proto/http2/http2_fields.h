/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between HTTP/2's field blocks and the heads of proto/http: a block is gathered field by field
 * into a stream's arena, pseudo-headers apart; a request's fields are checked (http2_check.c); and
 * heads to send become nghttp2's name-value arrays.
 */
#ifndef SHOAL_PROTO_HTTP2_HTTP2_FIELDS_H
#define SHOAL_PROTO_HTTP2_HTTP2_FIELDS_H

#include <nghttp2/nghttp2.h>
#include <string.h>

#include "base/arena.h"
#include "proto/http/stream.h"

/* The size is known to the compiler, which compares without a call: asked for every field. */
#define HTTP2_IS_NAMED(name, literal) \
    ((name).size == sizeof(literal) - 1 && memcmp((name).data, literal, sizeof(literal) - 1) == 0)

enum { SHOAL__HTTP2_FEW_FIELDS = 8 };

/* Who checks a block's fields. */
enum http2_block_kind {
    HTTP2_RESPONSE_BLOCK, /* nghttp2 does: a head or trailers for a client */
    HTTP2_REQUEST_BLOCK,  /* we do: a request's head, */
    HTTP2_TRAILER_BLOCK,  /* or its trailers */
};

/* A head or trailers under way. Made in the stream's arena and lives as long. */
struct http2_block {
    struct shoal__head head;          /* trailers use the fields only */
    struct shoal__http_field *fields; /* `few`, or in the arena */
    uint32_t count, room;
    uint32_t bytes; /* of names and values; of pseudo-headers' :authority only */
    uint32_t cookies;
    struct shoal_view host; /* or no data */
    uint8_t kind;           /* enum http2_block_kind */
    uint8_t seen;           /* see http2_check.c */
    bool malformed;         /* a field came that may not: this is no message */
    bool too_large;         /* what came above the limits was not kept */
    bool has_priority;      /* the client says how it wants to be served (RFC 9218) */
    struct shoal__http_field few[SHOAL__HTTP2_FEW_FIELDS]; /* most heads have no more */
};

/* An empty block, or NULL where memory is out. Thread: owner of `arena`. */
struct http2_block *shoal__http2_block_create(struct shoal__arena *arena,
                                              enum http2_block_kind kind);

/*
 * Adds a copy of a field (static strings of nghttp2's need none); above the limits it is noted as
 * too large instead, and where it may not come, as malformed. Returns 0 or -SHOAL_ENOMEM. Thread:
 * owner of `arena`.
 */
int shoal__http2_block_add(struct http2_block *block, struct shoal__arena *arena,
                           const struct shoal__session_limits *limits, nghttp2_rcbuf *name,
                           nghttp2_rcbuf *value);

/*
 * The block is whole: fills in its head's fields, joins cookies that came apart (RFC 9113 §8.2.3),
 * and takes Host for the authority where there is no other. Returns 0 or -SHOAL_ENOMEM.
 * Thread: owner of `arena`.
 */
int shoal__http2_block_finish(struct http2_block *block, struct shoal__arena *arena);

/*
 * Whether a field may come next in a request's head or trailers (RFC 9113 §8.2, §8.3), with what
 * has come before noted in the block: a name in small letters, a value without control bytes and
 * without blanks around it, nothing of the connection's business; known pseudo-headers once each,
 * first, and none in trailers; one Host and one Content-Length, and neither in trailers. Thread:
 * owner of the block's arena.
 */
bool shoal__http2_field_check(struct http2_block *block, struct shoal__http_field field);

/*
 * Whether a request's head has the pseudo-headers that its method needs, and says where it goes.
 * Thread: any.
 */
bool shoal__http2_head_is_whole(const struct http2_block *block);

/*
 * The priority that the value of a Priority field asks for (RFC 9218 §4): what it does not say, or
 * not well, is the default. Thread: any.
 */
nghttp2_extpri shoal__http2_priority_of(struct shoal_view value);

/*
 * Checks a request's head: limits; a method in capitals; http or https; an authority as HTTP/1 has
 * it, with a port for CONNECT, and the same as Host; an absolute path of visible ASCII without
 * fragment, or "*" for OPTIONS. Returns 0, or the HTTP status to refuse it with. Thread: any.
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
