/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The seam between the versions of HTTP and whoever uses them (the request API, the client, gRPC):
 * sessions, which are connections that carry HTTP, and streams, each one request and its response.
 *
 *        request API · client · gRPC           implement  session_events, stream_events
 *     ──────────────────────────────────────────────────────────────────────────────────
 *        HTTP/1 driver · HTTP/2 engine         implement  session_ops, stream_ops
 *
 * Both structs belong to the layer below, which embeds them in its own; `user` and `events` are
 * the layer above's. Both roles use the same calls: a server gets its streams by on_request and
 * answers with a head, a client opens them with a head and is answered by on_head.
 *
 * Life of a stream. It begins with on_request, or shoal__session_open(). Each side sends a head
 * (before it, a server may send interim ones), body, and an end with or without trailers; the two
 * directions are independent, also after the other has ended. on_close comes exactly once and
 * last, never from inside another call on the same stream, and tells how it went: NO_ERROR where
 * both sides have ended (or the response has, and the server wanted no more of the request), else
 * the code of the reset, whoever sent it; REFUSED_STREAM also where a client's head never left.
 * From the reset on nothing else is delivered, and what is sent is refused with -SHOAL_EPIPE. After
 * on_close the stream is gone.
 *
 * Back-pressure. Received bytes are charged to the stream until consumed; a peer that has filled
 * the window must wait. Sent bytes wait in the stream; writing tells where they pass the high
 * mark, and on_drained where they are at or below the low one again.
 *
 * Everything is for the session's loop. A callback may do anything, resetting the stream and
 * closing the session included.
 */
#ifndef SHOAL_PROTO_HTTP_STREAM_H
#define SHOAL_PROTO_HTTP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/error.h>
#include <shoal/view.h>

#include "proto/http/fields.h"

struct shoal_buf;
struct shoal_conn;
struct shoal_service;
struct shoal__arena;
struct shoal__session;
struct shoal__stream;

/* X(NAME, code, text): why a stream or session ended, RFC 9113 §7. HTTP/1 uses them as well. */
#define SHOAL_STREAM_ERROR_TABLE(X)                               \
    X(NO_ERROR, 0x0, "ended in order")                            \
    X(PROTOCOL_ERROR, 0x1, "protocol error")                      \
    X(INTERNAL_ERROR, 0x2, "internal error")                      \
    X(FLOW_CONTROL_ERROR, 0x3, "flow control violated")           \
    X(SETTINGS_TIMEOUT, 0x4, "settings not acknowledged in time") \
    X(STREAM_CLOSED, 0x5, "frame for a closed stream")            \
    X(FRAME_SIZE_ERROR, 0x6, "frame of a wrong size")             \
    X(REFUSED_STREAM, 0x7, "refused before any processing")       \
    X(CANCEL, 0x8, "no longer needed")                            \
    X(COMPRESSION_ERROR, 0x9, "field compression broken")         \
    X(CONNECT_ERROR, 0xa, "tunnel broken")                        \
    X(ENHANCE_YOUR_CALM, 0xb, "too much useless work")            \
    X(INADEQUATE_SECURITY, 0xc, "transport not secure enough")    \
    X(HTTP_1_1_REQUIRED, 0xd, "HTTP/1.1 required")

enum shoal__stream_error {
#define SHOAL_STREAM_ERROR_ENUM(NAME, code, text) SHOAL__H2_##NAME = (code),
    SHOAL_STREAM_ERROR_TABLE(SHOAL_STREAM_ERROR_ENUM)
#undef SHOAL_STREAM_ERROR_ENUM
};

enum shoal__http_role { SHOAL__HTTP_SERVER, SHOAL__HTTP_CLIENT };

enum shoal__http_version {
    SHOAL__HTTP_1_0 = 10,
    SHOAL__HTTP_1_1 = 11,
    SHOAL__HTTP_2 = 20,
};

/* What most responses say, checked already; empty where it is not said. */
struct shoal__usual_fields {
    struct shoal_view type, server, date;
};

/*
 * The head of a message. A request has a method, and (but for CONNECT) scheme, authority and path;
 * `path` is path and query, or "*". A response has a status. The fields are the others: sent ones
 * without Host, Content-Length and what frames a message, received ones as they came, names in
 * small letters from HTTP/2. Sent names may be in any case.
 *
 * The views of a received head live until the callback returns, or, where `kept`, as long as the
 * stream. Those of a sent one are read before the call returns.
 */
struct shoal__head {
    struct shoal_view method;
    struct shoal_view scheme;
    struct shoal_view authority;
    struct shoal_view path;
    unsigned status;
    const struct shoal__http_field *fields;
    size_t field_count;
    int64_t content_length;                  /* -1: not said (sending: not known) */
    const struct shoal__usual_fields *usual; /* sending a response: besides `fields`; or NULL */
    bool kept;
};

/*
 * What the layer above does with a stream. Set before on_request returns, or passed to open.
 * Every callback but on_close may be NULL; data is then consumed unseen.
 */
struct shoal__stream_events {
    /* Client: the response's head; before it, interim ones (status below 200). With `end` there
     * is neither body nor trailers, and on_end does not follow. */
    void (*on_head)(struct shoal__stream *stream, const struct shoal__head *head, bool end);

    /* A part of the body, never empty. The view lives until the call returns; its bytes fill the
     * window until shoal__stream_consume(), here or later. */
    void (*on_data)(struct shoal__stream *stream, struct shoal_view data);

    /* The peer's side has ended. Trailers live as long as the stream; usually there are none. */
    void (*on_end)(struct shoal__stream *stream, const struct shoal__http_field *trailers,
                   size_t trailer_count);

    /* Output above the high mark is at or below the low one: write on. */
    void (*on_drained)(struct shoal__stream *stream);

    /* The stream is over. The one callback that is required. */
    void (*on_close)(struct shoal__stream *stream, uint32_t error);
};

struct shoal__stream_ops {
    int (*send_head)(struct shoal__stream *stream, const struct shoal__head *head, bool end);
    int (*write)(struct shoal__stream *stream, struct shoal_view data);
    int (*write_buf)(struct shoal__stream *stream, struct shoal_buf *data);
    int (*end)(struct shoal__stream *stream, const struct shoal__http_field *trailers,
               size_t trailer_count);
    size_t (*pending)(const struct shoal__stream *stream);
    void (*consume)(struct shoal__stream *stream, size_t size);
    void (*reset)(struct shoal__stream *stream, uint32_t error);

    /* Answers 101 with the head's fields and hands the connection over to `service` once on_close
     * has been called; NULL where the version cannot. 0, -SHOAL_EINVAL, -SHOAL_ESTATE (not asked
     * for, the request has not ended, or a response has begun), -SHOAL_EPIPE or -SHOAL_ENOMEM. */
    int (*upgrade)(struct shoal__stream *stream, const struct shoal__head *head,
                   const struct shoal_service *service);
};

/* Owned by the session, which embeds it in what it knows of a stream; dies after on_close. */
struct shoal__stream {
    const struct shoal__stream_ops *ops;
    const struct shoal__stream_events *events;
    struct shoal__session *session;
    struct shoal__arena *arena; /* memory for both layers, released after on_close */
    void *user;                 /* the layer above's */
    uint64_t serial;            /* its number in the session, from 1, never used again */
};

/*
 * What the layer above does with a session. Set at its creation. Callbacks may be NULL, but a
 * server's on_request.
 */
struct shoal__session_events {
    /*
     * Server: a request's head has come. Sets stream->events (and user); may answer at once. With
     * `end` there is neither body nor trailers, and on_end does not follow.
     */
    void (*on_request)(struct shoal__stream *stream, const struct shoal__head *head, bool end);

    /* HTTP/1 server: `in` begins what was to be a request, and is refused with that status. The
     * session ends. The view lives until the call returns. */
    void (*on_refused)(const struct shoal__session *session, unsigned status, struct shoal_view in);

    /* A ping came. False where it was one too many: the session ends with ENHANCE_YOUR_CALM and
     * "too_many_pings". The budget against floods counts all pings in any case. */
    bool (*on_ping)(struct shoal__session *session);

    /* The answer to shoal__session_ping(). */
    void (*on_pong)(struct shoal__session *session);

    /* The peer opens or takes no more streams; those above `last` it has not processed (they are
     * reset with REFUSED_STREAM). A client opens new ones elsewhere. `debug` is borrowed. */
    void (*on_goaway)(struct shoal__session *session, uint64_t last, uint32_t error,
                      struct shoal_view debug);

    /* Client: the peer's first SETTINGS have come, so that it does speak HTTP/2 and room is what it
     * says. Never in HTTP/1. */
    void (*on_settings)(struct shoal__session *session);

    /* Client: shoal__session_room() has grown from 0. */
    void (*on_room)(struct shoal__session *session);

    /* The last stream has closed, or (after it has) the first one begins. */
    void (*on_idle)(struct shoal__session *session, bool idle);

    /* The session is over, after all its streams. */
    void (*on_close)(struct shoal__session *session, uint32_t error);
};

struct shoal__session_ops {
    int (*open)(struct shoal__session *session, const struct shoal__head *head, bool end,
                const struct shoal__stream_events *events, void *user,
                struct shoal__stream **out_stream);
    size_t (*room)(const struct shoal__session *session);
    struct shoal__stream *(*find)(const struct shoal__session *session, uint64_t serial);
    int (*ping)(struct shoal__session *session);
    void (*shutdown)(struct shoal__session *session);
    void (*close)(struct shoal__session *session, uint32_t error, struct shoal_view debug);
};

/* Owned by the driver of its connection, dies after its on_close. */
struct shoal__session {
    const struct shoal__session_ops *ops;
    const struct shoal__session_events *events;
    struct shoal_conn *conn; /* NULL in engine tests */
    void *user;              /* the layer above's */
    enum shoal__http_role role;
    enum shoal__http_version version;
    size_t open_streams;
    uint32_t sent; /* HTTP/2: frames that tell the peer something new, ever: heads, data, windows */
    bool gone;     /* HTTP/2: the connection is over; streams that close now close with it */
};

/*
 * What one session may use and for how long it waits, the same for both versions. Times in
 * milliseconds, sizes in bytes, 0 switches a deadline off.
 */
struct shoal__session_limits {
    uint32_t max_target;
    uint32_t max_fields;        /* of a head or of trailers */
    uint32_t max_fields_bytes;  /* names and values of these */
    uint32_t max_streams;       /* that the peer may have open */
    uint32_t stream_window;     /* received and not consumed, per stream */
    uint32_t session_window;    /* and in all */
    uint32_t out_high, out_low; /* a stream's waiting output: above the one a writer should stop,
                                   at or below the other it is told to go on */
    size_t out_max;         /* a session's waiting output in memory: above it nothing is taken */
    int64_t read_stall_ms;  /* the peer sends nothing of a body although there is room */
    int64_t write_stall_ms; /* the peer's window takes nothing of what waits */
};
#define SHOAL__SESSION_LIMITS_INIT                                                            \
    {                                                                                         \
        .max_target = 8192, .max_fields = 100, .max_fields_bytes = 32768, .max_streams = 128, \
        .stream_window = 256 * 1024, .session_window = 1024 * 1024, .out_high = 256 * 1024,   \
        .out_low = 64 * 1024, .out_max = 64 * 1024 * 1024, .read_stall_ms = 30000,            \
        .write_stall_ms = 30000                                                               \
    }

/*
 * Sends a head. A server's with a status below 200 is interim and another one follows; a client's
 * was sent by open. With `end` nothing follows, else body and end do.
 * Returns 0; -SHOAL_EINVAL for a head that may not be sent (a field with a control byte, one that
 * is the version's business); -SHOAL_ESTATE after the final head; -SHOAL_EPIPE; or -SHOAL_ENOMEM.
 * Thread: owner.
 */
static inline int shoal__stream_send_head(struct shoal__stream *stream,
                                          const struct shoal__head *head, bool end)
{
    return stream->ops->send_head(stream, head, end);
}

/*
 * Sends a part of the body: a copy, or a buffer's segments, which are moved.
 * Returns 0; 1 above the high mark (all was taken); -SHOAL_EFULL above the hard cap, with nothing
 * taken; -SHOAL_ESTATE before the head or after the end; -SHOAL_EPIPE; or -SHOAL_ENOMEM, with
 * nothing taken. Thread: owner.
 */
static inline int shoal__stream_write(struct shoal__stream *stream, struct shoal_view data)
{
    return stream->ops->write(stream, data);
}
static inline int shoal__stream_write_buf(struct shoal__stream *stream, struct shoal_buf *data)
{
    return stream->ops->write_buf(stream, data);
}

/*
 * Ends our side. A version that cannot carry the trailers drops them.
 * Returns 0, -SHOAL_EINVAL, -SHOAL_ESTATE, -SHOAL_EPIPE or -SHOAL_ENOMEM, as for a head.
 * Thread: owner.
 */
static inline int shoal__stream_end(struct shoal__stream *stream,
                                    const struct shoal__http_field *trailers, size_t trailer_count)
{
    return stream->ops->end(stream, trailers, trailer_count);
}

/* Bytes of body that wait to be sent. Thread: owner. */
static inline size_t shoal__stream_pending(const struct shoal__stream *stream)
{
    return stream->ops->pending(stream);
}

/* Received bytes are done with: the peer may send as many more. Thread: owner. */
static inline void shoal__stream_consume(struct shoal__stream *stream, size_t size)
{
    stream->ops->consume(stream, size);
}

/*
 * Gives the stream up, both ways; what waits is dropped. NO_ERROR, after the response's end, tells
 * a client that the rest of its request is not wanted. on_close follows. Thread: owner.
 */
static inline void shoal__stream_reset(struct shoal__stream *stream, uint32_t error)
{
    stream->ops->reset(stream, error);
}

/*
 * Client: sends a request. Returns 0; -SHOAL_EFULL where the peer takes no more streams at the
 * moment (see on_room); -SHOAL_ESTOPPED where it takes none any more; else as for a head.
 * Thread: owner.
 */
static inline int shoal__session_open(struct shoal__session *session,
                                      const struct shoal__head *head, bool end,
                                      const struct shoal__stream_events *events, void *user,
                                      struct shoal__stream **out_stream)
{
    return session->ops->open(session, head, end, events, user, out_stream);
}

/* How many streams may be opened now. Thread: owner. */
static inline size_t shoal__session_room(const struct shoal__session *session)
{
    return session->ops->room(session);
}

/* The open stream of that serial, or NULL. Thread: owner. */
static inline struct shoal__stream *shoal__session_find(const struct shoal__session *session,
                                                        uint64_t serial)
{
    return session->ops->find(session, serial);
}

/* Asks for a sign of life; on_pong follows. Returns 0, -SHOAL_EINVAL where the version has no
 * pings, -SHOAL_EPIPE, or -SHOAL_ENOMEM. Thread: owner. */
static inline int shoal__session_ping(struct shoal__session *session)
{
    return session->ops->ping(session);
}

/*
 * Ends the session gracefully: no new streams, those under way finish. HTTP/2 says so in two steps
 * (a GOAWAY that still takes everything, and after a round trip one with the last stream), so that
 * no request is lost on the way; HTTP/1 says "Connection: close". Thread: owner.
 */
static inline void shoal__session_shutdown(struct shoal__session *session)
{
    session->ops->shutdown(session);
}

/*
 * Ends the session now: streams are closed with `error`, the peer is told where the version can,
 * and the connection is closed when that is flushed. Thread: owner.
 */
static inline void shoal__session_close(struct shoal__session *session, uint32_t error,
                                        struct shoal_view debug)
{
    session->ops->close(session, error, debug);
}

/* The text of an error code ("no longer needed"); never NULL, static. Thread: any. */
const char *shoal__stream_error_text(uint32_t error);

#endif
