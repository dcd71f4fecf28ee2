/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Heads, chunk framing and trailers of HTTP/1.1 messages, written into a buffer of the caller.
 * No memory is allocated. What a handler hands over is not trusted (what is usual was checked by
 * those who said it): a field whose name is no
 * token or whose value has a control byte is refused, so no answer can be split in two. The
 * framing fields (Content-Length, Transfer-Encoding, Connection) have one source, the members
 * below, and are refused among `fields`; so is Host among a request's.
 */
#ifndef SHOAL_PROTO_HTTP1_HTTP1_WRITER_H
#define SHOAL_PROTO_HTTP1_HTTP1_WRITER_H

#include "proto/http/status.h"
#include "proto/http/stream.h"
#include "proto/http1/http1_parser.h"

/* What the Connection field says; the protocol's default needs none. */
enum http1_persistence {
    HTTP1_DEFAULT_PERSISTENCE,
    HTTP1_SAY_CLOSE,
    HTTP1_SAY_KEEP_ALIVE, /* to a peer of HTTP/1.0 */
    HTTP1_SAY_UPGRADE     /* with an Upgrade field among `fields` */
};

/* What a head of either kind carries. HTTP1_NO_BODY and HTTP1_UNTIL_CLOSE write no framing field.
 */
struct http1_outgoing {
    const struct shoal__http_field *fields;
    size_t field_count;
    enum http1_framing framing;
    uint64_t content_length; /* with HTTP1_COUNTED */
    enum http1_persistence persistence;
};

struct http1_response_head {
    struct http1_outgoing head;
    unsigned status;        /* 100 to 999 */
    struct shoal_view date; /* the Date field's value, made once a second; empty: no Date */
    const struct shoal__usual_fields *usual; /* but for its date; or NULL */
};

struct http1_request_head {
    struct http1_outgoing head;
    struct shoal_view method;
    struct shoal_view target;
    struct shoal_view host; /* the Host field's value; never empty */
};

/* The longest chunk head, and what stands behind each chunk and at the end without trailers. */
#define SHOAL_HTTP1_CHUNK_HEAD_MAX 18
#define SHOAL_HTTP1_CHUNK_END "\r\n"
#define SHOAL_HTTP1_LAST_CHUNK "0\r\n\r\n"

/*
 * Room that always suffices for the head; not much more than it takes.
 * Thread: any.
 */
size_t shoal__http1_response_bound(const struct http1_response_head *response);
size_t shoal__http1_request_bound(const struct http1_request_head *request);

/*
 * Writes the head, the empty line included, to `room` and its size to `out_size`.
 * -SHOAL_EOVERFLOW where `room_size` is below the bound; -SHOAL_EINVAL for a status, method,
 * target, host or field that may not be sent. `room` may be scribbled on then.
 * Thread: any.
 */
int shoal__http1_response_write(const struct http1_response_head *response, char *room,
                                size_t room_size, size_t *out_size);
int shoal__http1_request_write(const struct http1_request_head *request, char *room,
                               size_t room_size, size_t *out_size);

/*
 * Writes the head of a chunk of `size` bytes, which is not 0, and returns the head's size. The
 * data and SHOAL_HTTP1_CHUNK_END follow.
 * Thread: any.
 */
size_t shoal__http1_chunk_write(uint64_t size, char room[SHOAL_HTTP1_CHUNK_HEAD_MAX]);

/*
 * Writes the last chunk, the trailers and the empty line that ends the message. Fails as the
 * heads do; -SHOAL_EINVAL also for a field that may not be a trailer (RFC 9110 §6.5.1).
 * Thread: any.
 */
size_t shoal__http1_trailers_bound(const struct shoal__http_field *fields, size_t field_count);
int shoal__http1_trailers_write(const struct shoal__http_field *fields, size_t field_count,
                                char *room, size_t room_size, size_t *out_size);

/*
 * Whether the field may be sent as it is: its name a token, its value free of control bytes (tab
 * excepted). For APIs that want to refuse a field when it is set.
 * Thread: any.
 */
bool shoal__http1_field_is_valid(const struct shoal__http_field *field);

/*
 * The reason phrase of a status code; empty where it has none. Static.
 * Thread: any.
 */
struct shoal_view shoal__http1_reason(unsigned status);

#endif
