/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session's inside, shared by the files that make it up:
 *
 *     http1_driver.c           its life, and the seam's calls
 *     http1_exchange_driver.c  an exchange's life: begin, refuse, settle
 *     http1_input_driver.c     what comes
 *     http1_output_driver.c    what the layer above sends
 *
 * An exchange has two halves. Seen from a server:
 *
 *     input   READING ──► READ          the request's body, then nothing; kept input waits
 *                └──────► DROPPING      the response is out, the rest of the request is unwanted
 *     output  AWAITING ──► BODY ──► SENT
 *
 * It is over when the output is SENT and the input not READING any more; the stream's on_close
 * comes then, from shoal__http1_settle() and never from inside a call of the layer above. A server
 * does not wait for the rest of a body once it has answered: it drops it.
 *
 * Seen from a client the input begins with HEAD, where the response's head is awaited.
 */
#ifndef SHOAL_PROTO_HTTP1_HTTP1_SESSION_DRIVER_H
#define SHOAL_PROTO_HTTP1_HTTP1_SESSION_DRIVER_H

#include "base/arena.h"
#include "base/blocks.h"
#include "net/conn.h"
#include "proto/http1/http1_chunked.h"
#include "proto/http1/http1_driver.h"
#include "proto/http1/http1_writer.h"
#include "runtime/loop.h"

/* What all HTTP/1 sessions of a loop share. Owned by the loop. */
struct http1_local {
    struct shoal__loop_local local;
    struct shoal__blocks exchanges;
    struct shoal__blocks chunks; /* of the exchanges' arenas */
    struct shoal__http_field *fields;
    uint32_t field_room;
    int64_t date_s; /* the second that `date` is about */
    char date[32];
    uint64_t refused[HTTP1_REFUSAL_COUNT];
};

enum http1_input {
    HTTP1_INPUT_HEAD,     /* client: waits for the response's head */
    HTTP1_INPUT_READING,  /* waits for body, or its end */
    HTTP1_INPUT_READ,     /* the message has ended */
    HTTP1_INPUT_DROPPING, /* body comes that nobody wants */
};

enum http1_output {
    HTTP1_OUTPUT_AWAITING, /* waits for the head */
    HTTP1_OUTPUT_BODY,     /* waits for body, or its end */
    HTTP1_OUTPUT_SENT,     /* our message is complete */
};

/* One request and its response. Owned by its session; dies when it is over. */
struct http1_exchange {
    struct shoal__stream stream; /* first: the seam hands it back */
    struct shoal__arena arena;
    struct http1_parser parser;
    struct shoal_timer body_timer; /* a peer that is slow with its body */
    struct shoal_task settle_task; /* ends it where it was completed outside of a callback */
    int64_t out_left;              /* body bytes still promised; -1: not promised */
    uint64_t dropped;
    uint32_t unconsumed;  /* body bytes given to the layer above and not consumed */
    uint32_t since_check; /* body bytes since the timer last looked */
    uint32_t error;       /* of a reset */
    uint8_t input;        /* enum http1_input */
    uint8_t output;       /* enum http1_output */
    uint8_t minor;        /* the peer's version */
    uint8_t asked;        /* client: enum http1_method of the request */
    bool keep_alive : 1;
    bool chunked : 1;     /* our body is */
    bool no_content : 1;  /* our body is dropped: HEAD, 204, 304 */
    bool reset : 1;       /* given up; `error` says why */
    bool over : 1;        /* on_close was called */
    bool settling : 1;    /* settle_task is on its way */
    bool orphan : 1;      /* the session is gone; settle_task frees it */
    bool held_back : 1;   /* the connection is paused because of `unconsumed` */
    bool holds : 1;       /* the connection is held: an answer is owed */
    bool expects_100 : 1; /* the client waits for our word before it sends the body */
    struct http1_local *pool;
};

/* HTTP/1 on one connection. Owned by the connection (its driver), dies in its on_close. Small:
 * an idle connection has one. */
struct http1_session {
    struct shoal__session base; /* first: the seam hands it back */
    const struct shoal__session_limits *limits;
    struct http1_local *local;
    struct http1_exchange *exchange;          /* NULL between requests */
    struct shoal_timer *farewell;             /* a drained idle connection's last moments */
    const struct shoal_service *next_service; /* after an upgrade */
    uint64_t serials;
    uint8_t calls;       /* callbacks of the layer above under way */
    bool shutting : 1;   /* the next response is the last */
    bool peer_ended : 1; /* nothing further will come */
    bool more : 1;       /* ... but input that is kept has not been read yet */
    bool full : 1;       /* paused because pipelined requests have filled the kept input */
};

static inline struct http1_session *shoal__http1_session_of(struct shoal__session *session)
{
    return (struct http1_session *)session;
}

static inline struct http1_exchange *shoal__http1_exchange_of(struct shoal__stream *stream)
{
    return (struct http1_exchange *)stream;
}

static inline struct http1_session *http1_session_on(const struct shoal_conn *conn)
{
    return shoal__conn_driver(conn);
}

static inline bool http1_is_server(const struct http1_session *session)
{
    return session->base.role == SHOAL__HTTP_SERVER;
}

/* True from on_request (or open) until on_close: the layer above knows of the stream. */
static inline bool http1_is_live(const struct http1_exchange *exchange)
{
    return exchange->stream.events && !exchange->over;
}

/* http1_exchange_driver.c */

/* The session's next exchange, or NULL where memory is out. Thread: owner. */
struct http1_exchange *shoal__http1_begin(struct http1_session *session);

/* Takes the exchange off its session; a settle task that is on its way frees it. Thread: owner. */
void shoal__http1_release(struct http1_session *session);

/* Tells on_close, where the layer above knows the stream and has not been told. Thread: owner. */
void shoal__http1_tell_close(struct http1_session *session, uint32_t error);

/* Tells that the session has nothing to do, or has again. Thread: owner. */
void shoal__http1_tell_idle(struct http1_session *session, bool idle);

/* Watches, from now on, that the body comes fast enough. Thread: owner. */
void shoal__http1_watch_body(struct http1_session *session);

/*
 * The peer broke the protocol, or was too slow: tells it if an answer is still possible, and
 * closes. An answer that is whole already is still to arrive; one that is not must not look so.
 * Thread: owner.
 */
void shoal__http1_give_up(struct http1_session *session, unsigned status, const char *text);

/* The same for the reason that the parser has. Thread: owner. */
void shoal__http1_refuse(struct http1_session *session);

/* Ends the exchange where it is complete. False where the session is gone with it. Thread: owner.
 */
bool shoal__http1_settle(struct http1_session *session);

/* Sees, now or in the next turn, whether the exchange is over. Thread: owner. */
void shoal__http1_touch(struct http1_session *session);

/* The exchange's body may be read on. Thread: owner. */
void shoal__http1_read_on(struct http1_session *session);

/* Tells the session's on_close and frees it. Thread: owner. */
void shoal__http1_end_session(struct http1_session *session, uint32_t error);

/* http1_input_driver.c */

/* No more will come than `rest`, which has been read as far as it can be now. Thread: owner. */
void shoal__http1_input_ended(struct http1_session *session, struct shoal_view rest);

/* http1_output_driver.c */

extern const struct shoal__stream_ops shoal__http1_stream_ops;

/* Sends a request's head. Thread: owner. */
int shoal__http1_send_request(struct http1_exchange *exchange, const struct shoal__head *head,
                              bool end);

/* The Date field's value, made once a second. Thread: owner. */
struct shoal_view shoal__http1_date(struct http1_local *local, int64_t now_ms);

#endif
