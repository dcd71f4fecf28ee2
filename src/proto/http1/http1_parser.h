/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The head of an HTTP/1.x message, read strictly after RFC 9112: bytes in, spans into them out.
 * One parser reads one message of one direction, head and then body (http1_chunked.h); zero it
 * for the next. It keeps no bytes: the caller keeps what was not consumed and passes it again with
 * more behind it, at the same or another address.
 *
 * Lines are checked one by one as they complete, so a hostile start is refused before its end has
 * come, and no byte is searched twice for a line's end. A head that came in several pieces is read
 * a second time when it is whole, which fills in the spans. The verdict depends on the bytes alone
 * and never on how they were cut.
 *
 * Whoever refuses a message closes the connection: nothing behind a refused byte is ever parsed.
 * Limits are the caller's; the memory a peer can hold is limits.head_bytes.
 */
#ifndef SHOAL_PROTO_HTTP1_HTTP1_PARSER_H
#define SHOAL_PROTO_HTTP1_HTTP1_PARSER_H

#include <stdint.h>

#include <shoal/view.h>

#include "proto/http/fields.h"

/* X(name, HTTP status, text): why a message was refused. Counted by name, told by text. */
#define SHOAL_HTTP1_REFUSALS(X)                                              \
    X(NOT_REFUSED, 0, "not refused")                                         \
    X(BARE_LF, 400, "line feed without carriage return")                     \
    X(BARE_CR, 400, "carriage return without line feed")                     \
    X(CONTROL_BYTE, 400, "control byte in a field")                          \
    X(OBS_FOLD, 400, "folded field line")                                    \
    X(EMPTY_NAME, 400, "empty field name")                                   \
    X(SPACED_NAME, 400, "space in or after a field name")                    \
    X(BAD_NAME, 400, "field name is not a token")                            \
    X(NO_COLON, 400, "field line without colon")                             \
    X(EMPTY_LINES, 400, "too many empty lines before the request")           \
    X(BAD_METHOD, 400, "method is not a token")                              \
    X(UNKNOWN_METHOD, 501, "method too long or not in capital letters")      \
    X(BAD_REQUEST_LINE, 400, "malformed request line")                       \
    X(BAD_TARGET, 400, "malformed request target")                           \
    X(LONG_TARGET, 414, "request target too long")                           \
    X(BAD_VERSION, 400, "malformed HTTP version")                            \
    X(OTHER_VERSION, 505, "HTTP version is neither 1.0 nor 1.1")             \
    X(BAD_STATUS_LINE, 502, "malformed status line")                         \
    X(LARGE_FIELD, 431, "field line too long")                               \
    X(MANY_FIELDS, 431, "too many fields")                                   \
    X(LARGE_HEAD, 431, "fields too large in total")                          \
    X(MISSING_HOST, 400, "HTTP/1.1 request without Host")                    \
    X(REPEATED_HOST, 400, "more than one Host")                              \
    X(BAD_HOST, 400, "malformed Host")                                       \
    X(BAD_LENGTH, 400, "malformed Content-Length")                           \
    X(HUGE_LENGTH, 413, "Content-Length out of range")                       \
    X(REPEATED_LENGTH, 400, "more than one Content-Length")                  \
    X(LENGTH_AND_ENCODING, 400, "Content-Length with Transfer-Encoding")     \
    X(BAD_ENCODING, 400, "Transfer-Encoding is not exactly chunked")         \
    X(REPEATED_ENCODING, 400, "more than one Transfer-Encoding")             \
    X(ENCODING_IN_1_0, 400, "Transfer-Encoding in an HTTP/1.0 message")      \
    X(BAD_EXPECT, 417, "unknown expectation")                                \
    X(BAD_CHUNK_SIZE, 400, "malformed chunk size")                           \
    X(BAD_CHUNK_EXTENSION, 400, "malformed chunk extension")                 \
    X(CHUNK_OVERHEAD, 400, "chunk extensions and padding out of proportion") \
    X(BAD_CHUNK_END, 400, "chunk data does not end where its size says")     \
    X(LARGE_BODY, 413, "body over the limit")                                \
    X(TRUNCATED, 400, "connection ended within a message")

enum http1_refusal {
#define SHOAL_HTTP1_REFUSAL_ENUM(name, status, text) HTTP1_##name,
    SHOAL_HTTP1_REFUSALS(SHOAL_HTTP1_REFUSAL_ENUM)
#undef SHOAL_HTTP1_REFUSAL_ENUM
        HTTP1_REFUSAL_COUNT
};

/* X(name): the methods of RFC 9110 and PATCH. HTTP1_OTHER is any other token in capitals. */
#define SHOAL_HTTP1_METHODS(X) \
    X(GET)                     \
    X(HEAD)                    \
    X(POST)                    \
    X(PUT)                     \
    X(DELETE)                  \
    X(CONNECT)                 \
    X(OPTIONS)                 \
    X(TRACE)                   \
    X(PATCH)

enum http1_method {
    HTTP1_OTHER,
#define SHOAL_HTTP1_METHOD_ENUM(name) HTTP1_##name,
    SHOAL_HTTP1_METHODS(SHOAL_HTTP1_METHOD_ENUM)
#undef SHOAL_HTTP1_METHOD_ENUM
};

/* RFC 9112 §3.2. The parser lets `*` pass for OPTIONS only, and an authority for CONNECT only. */
enum http1_form {
    HTTP1_ORIGIN_FORM,
    HTTP1_ABSOLUTE_FORM,
    HTTP1_AUTHORITY_FORM,
    HTTP1_ASTERISK_FORM
};

/* Where the body ends (RFC 9112 §6.3). Only a response's body may end with the connection. */
enum http1_framing { HTTP1_NO_BODY, HTTP1_COUNTED, HTTP1_CHUNKED, HTTP1_UNTIL_CLOSE };

enum http1_result {
    HTTP1_MORE,   /* pass the unconsumed bytes again once more have come */
    HTTP1_DONE,   /* the head, or the whole body, has been read */
    HTTP1_DATA,   /* a part of the body has been read; call again */
    HTTP1_REFUSED /* see parser->refusal; answer if a request, and close */
};

/* What a message waits for. Drawn in http1_parser.c (head) and http1_chunked.c (body). */
enum http1_phase {
    HTTP1_AT_START,      /* the first line, or an empty line before it */
    HTTP1_IN_FIELDS,     /* a field line, or the empty line that ends the head */
    HTTP1_IN_COUNTED,    /* the rest of Content-Length */
    HTTP1_IN_UNBOUNDED,  /* anything until the connection ends */
    HTTP1_AT_CHUNK_SIZE, /* a chunk's size line */
    HTTP1_IN_CHUNK,      /* the rest of a chunk's data */
    HTTP1_AT_CHUNK_END,  /* the CRLF behind a chunk's data */
    HTTP1_IN_TRAILERS,   /* a trailer's field line, or the empty line that ends the message */
    HTTP1_AT_END,        /* nothing: the message is whole */
    HTTP1_IN_REFUSAL     /* nothing, for ever */
};

/*
 * What a peer may send. `field_count` is also the length of the caller's array of fields.
 * `field_bytes` is a whole field line without its CRLF, `head_bytes` everything up to the end of
 * the head; trailers have the same limits once more.
 */
struct http1_limits {
    uint32_t target_bytes;
    uint32_t field_bytes;
    uint32_t head_bytes;
    uint32_t field_count;
};

/* Room for the largest cookies and tokens browsers send; about what nginx and Apache allow. */
#define SHOAL_HTTP1_LIMITS_INIT                                                            \
    {                                                                                      \
        .target_bytes = 8192, .field_bytes = 8192, .head_bytes = 32768, .field_count = 100 \
    }

/*
 * Reads one message. All zero is the start. Owned by whoever owns the connection's direction,
 * touched by the connection's loop only, needed only while a message is under way. The fields are
 * the engine's; callers read `refusal` and `phase`.
 */
struct http1_parser {
    uint64_t left;        /* Content-Length, then bytes of the body or chunk still to come */
    uint64_t allowance;   /* bytes the body may still have, the current chunk paid for */
    uint32_t line;        /* offset of the first line not yet taken */
    uint32_t scanned;     /* offset up to which that line's end has been looked for */
    uint32_t field_count; /* field lines taken, dropped trailers included */
    uint32_t slack;       /* chunk extensions and padding that may still come */
    uint16_t seen;        /* enum http1_seen in http1_priv.h */
    uint8_t phase;        /* enum http1_phase */
    uint8_t refusal;      /* enum http1_refusal */
    uint8_t minor;        /* of the HTTP version */
    uint8_t empty_lines;  /* before the first line */
};

/*
 * What requests and responses have in common. All views are into the input and live as long as
 * its bytes. `fields` is set by the caller before parsing, with room for limits.field_count; the
 * rest is filled in on HTTP1_DONE and unspecified before.
 */
struct http1_head {
    struct shoal__http_field *fields;
    uint32_t field_count;
    uint32_t size;           /* bytes of input consumed, leading empty lines included */
    uint64_t content_length; /* 0 unless framing is HTTP1_COUNTED */
    enum http1_framing framing;
    uint8_t minor;   /* of the HTTP version: 0 or 1 */
    bool keep_alive; /* the connection may carry another message after this one */
    bool says_close; /* the Connection field's options */
    bool says_keep_alive;
    bool says_upgrade;
    struct shoal_view upgrade; /* Upgrade's value where it counts, empty otherwise */
};

/*
 * `path` and `query` are parts of `target` as they came, not decoded; `path` is "*" in asterisk
 * form, empty in authority form, and "/" where an absolute form has none. `query` has no data
 * (NULL) where there is no `?`. `host` is the host and port the request is for: of the target
 * where it names one, else of Host; empty in an HTTP/1.0 request without either.
 */
struct http1_request {
    struct http1_head head;
    enum http1_method method;
    enum http1_form form;
    bool expects_continue; /* the client waits for "100 Continue" before it sends the body */
    struct shoal_view method_name;
    struct shoal_view target;
    struct shoal_view path;
    struct shoal_view query;
    struct shoal_view host;
};

struct http1_response {
    struct http1_head head;
    unsigned status; /* 100 to 999; an interim one (1xx but 101) is followed by another */
    bool switches;   /* what follows is not HTTP: 101, or 2xx to CONNECT */
    struct shoal_view reason;
};

/*
 * Reads a request's head from `input`, which starts with the first byte not consumed by an
 * earlier message. HTTP1_MORE consumes nothing; HTTP1_DONE consumes out_request->head.size bytes,
 * and the body's functions take over; after HTTP1_REFUSED every further call says the same.
 * Thread: owner of `parser`.
 */
enum http1_result shoal__http1_request_parse(struct http1_parser *parser, struct shoal_view input,
                                             const struct http1_limits *limits,
                                             struct http1_request *out_request);

/*
 * Reads a response's head; as above. `asked` is the method of the request it answers: the body of
 * an answer to HEAD or CONNECT cannot be found without. After an interim response zero the parser
 * and read the next.
 * Thread: owner of `parser`.
 */
enum http1_result shoal__http1_response_parse(struct http1_parser *parser, struct shoal_view input,
                                              const struct http1_limits *limits,
                                              enum http1_method asked,
                                              struct http1_response *out_response);

/*
 * The refusal's name ("BARE_LF"), the status to answer with (0 for HTTP1_NOT_REFUSED), and a
 * sentence for the answer's body. Static; never NULL.
 * Thread: any.
 */
const char *shoal__http1_refusal_name(enum http1_refusal refusal);
unsigned shoal__http1_refusal_status(enum http1_refusal refusal);
const char *shoal__http1_refusal_text(enum http1_refusal refusal);

#endif
