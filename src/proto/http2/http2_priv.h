/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the HTTP/2 engine share: the session (http2_engine.c), its streams
 * (http2_stream.c), and what nghttp2 reports of both (http2_events.c).
 *
 *     engine ── list ──► stream ◄── user data ── nghttp2's stream
 *        └──── nghttp2's session
 */
#ifndef SHOAL_PROTO_HTTP2_HTTP2_PRIV_H
#define SHOAL_PROTO_HTTP2_HTTP2_PRIV_H

#include <nghttp2/nghttp2.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "proto/http2/http2_engine.h"
#include "proto/http2/http2_fields.h"
#include "proto/http2/http2_shared.h"

/*
 * How far a session has got on its way out. One place assigns it: shoal__http2_go() in
 * http2_engine.c.
 *
 *     STAYING ──► NOTICED ──► LEAVING ──► OVER
 *        ├───────────────────────┴──► ENDING ──┘
 */
enum http2_life {
    HTTP2_STAYING, /* nothing */
    HTTP2_NOTICED, /* the round trip after a GOAWAY that still takes everything */
    HTTP2_LEAVING, /* the end of the streams that the last GOAWAY let in */
    HTTP2_ENDING,  /* a GOAWAY with an error to be sent; input is ignored */
    HTTP2_OVER,    /* nothing; closed as soon as the output is flushed */
};

/*
 * The frames of the input, found by walking their heads, and how many of them nghttp2 has reported.
 * It says nothing of frames that it ignores, and those cost, too.
 */
struct http2_input {
    size_t skip;     /* bytes of preface or payload before the next head */
    uint8_t head[9]; /* a part of one, from an earlier piece of input */
    uint8_t head_size;
    uint32_t begun, reported; /* in this call of recv */
};

/* Owned by the driver, touched by its loop only, dead after shoal__http2_destroy(). */
struct shoal__http2_engine {
    struct shoal__session session; /* first: the seam knows us by it */
    nghttp2_session *nghttp2;
    struct shoal__http2_shared *shared;
    const struct shoal__session_limits *limits;
    const struct shoal__http2_output *output;
    void *output_arg;
    struct shoal__list streams;
    struct http2_stream *recent; /* last looked for: the next callback asks for the same; or NULL */
    struct shoal__useless_work useless;
    struct http2_input input;
    int64_t now_ms;
    size_t out_memory; /* bytes of output that wait in memory, over all streams */
    size_t choked;     /* streams that wait for on_drained */
    size_t sent, most; /* in this call of send */
    uint32_t error;    /* why the session ended */
    uint32_t pings;    /* of the layer above, not yet answered */
    uint32_t chunks;   /* pieces that the current DATA frame has brought */
    int failure;       /* the output's, or memory */
    enum http2_life life;
    bool busy;        /* inside recv or send: no need to tell the driver */
    bool wanted;      /* the driver has been told */
    bool peer_leaves; /* it has sent GOAWAY */
    bool unheard;     /* the peer has not answered the notice in time */
    bool wants_room;  /* open has been refused for want of room */
    bool settled;     /* the peer's SETTINGS have come */
};

/* What our side of a stream waits for. */
enum http2_out {
    HTTP2_OUT_HEAD,  /* the head */
    HTTP2_OUT_BODY,  /* body or end */
    HTTP2_OUT_ENDED, /* nothing of the layer above; what waits is sent */
};

/*
 * Owned by the engine, touched by its loop only; dies when nghttp2 closes its stream, or with the
 * engine. `brief` is a first small part of the body in the arena: most answers are no more, and
 * never see a buffer.
 */
struct http2_stream {
    struct shoal__stream stream; /* first */
    struct shoal__list node;
    struct shoal__arena arena;
    struct http2_block *block; /* the head or trailers that are coming, or came last */
    struct shoal_view brief;
    struct shoal_buf out;
    nghttp2_nv *trailers;
    size_t trailer_count;
    size_t unconsumed;
    int64_t in_left; /* server: of the body that the request's head announced; -1: it did not */
    int64_t moved_in_ms, moved_out_ms; /* or there was nothing to wait for */
    int32_t id;
    enum http2_out state;
    bool announced;   /* the layer above knows it, and will be told on_close */
    bool head_came;   /* client: the final one */
    bool head_left;   /* client: the peer may have seen the request */
    bool refused;     /* client: it never will */
    bool in_ended;    /* the peer's side */
    bool out_sent;    /* our end has left */
    bool dead;        /* given up: nothing is delivered or taken any more */
    bool reset_ours;  /* the reset is our own decision, not the peer's fault */
    bool reset_after; /* to be reset with NO_ERROR once our end has left */
    bool deferred;    /* nghttp2 waits for resume_data */
    bool choked;
    bool has_brief;
};

static inline struct shoal__http2_engine *http2_engine_of(const struct http2_stream *stream)
{
    return (struct shoal__http2_engine *)stream->stream.session;
}

/* The stream of that id, or NULL, as nghttp2 knows it; it is the recent one then. Thread: owner. */
struct http2_stream *shoal__http2_stream_look_up(struct shoal__http2_engine *engine, int32_t id);

/* The stream of that id, or NULL. Thread: owner. */
static inline struct http2_stream *shoal__http2_stream_find(struct shoal__http2_engine *engine,
                                                            int32_t id)
{
    struct http2_stream *recent = engine->recent;
    return recent && recent->id == id ? recent : shoal__http2_stream_look_up(engine, id);
}

/* A new stream in the engine's list; 0 as id where it is not known yet. NULL where memory is out.
 * Thread: owner. */
struct http2_stream *shoal__http2_stream_create(struct shoal__http2_engine *engine, int32_t id);

/* The layer above gets to know the stream (a client's opened it). Thread: owner. */
void shoal__http2_stream_announce(struct http2_stream *stream);

/* nghttp2 has closed it: tells on_close and frees it. Thread: owner. */
void shoal__http2_stream_close(struct http2_stream *stream, uint32_t error);

/* Frees a stream that nobody was told of. Thread: owner. */
void shoal__http2_stream_discard(struct http2_stream *stream);

/* Gives the stream up. `ours`: by our own decision, which costs the peer nothing.
 * Thread: owner. */
void shoal__http2_stream_reset(struct http2_stream *stream, uint32_t error, bool ours);

/* Answers a request with an empty response of that status instead of announcing it.
 * Thread: owner. */
void shoal__http2_stream_refuse(struct http2_stream *stream, unsigned status);

/* Our end has left. Thread: owner. */
void shoal__http2_stream_out_sent(struct http2_stream *stream);

/* Bytes of the stream's body that wait. Thread: owner. */
size_t shoal__http2_stream_pending(const struct http2_stream *stream);

/* Tells writers that were told to stop, and may go on; true where there were any. Thread: owner. */
bool shoal__http2_tell_drained(struct shoal__http2_engine *engine);

/* Tells a client that waits for room for streams. Thread: owner. */
void shoal__http2_tell_room(struct shoal__http2_engine *engine);

/* shoal__session_open(). Thread: owner. */
int shoal__http2_stream_open(struct shoal__session *session, const struct shoal__head *head,
                             bool end, const struct shoal__stream_events *events, void *user,
                             struct shoal__stream **out_stream);

/* nghttp2_send_data_callback. Thread: owner. */
int shoal__http2_send_data(nghttp2_session *nghttp2, nghttp2_frame *frame, const uint8_t *head,
                           size_t size, nghttp2_data_source *source, void *user);

/* The driver is to be told that there is something to send. Thread: owner. */
void shoal__http2_poke(struct shoal__http2_engine *engine);

/* Ends the session with an error, or none: the peer is told, streams are not waited for.
 * Thread: owner. */
void shoal__http2_end(struct shoal__http2_engine *engine, uint32_t error, struct shoal_view debug);

/* The session's next step on its way out. Thread: owner. */
void shoal__http2_go(struct shoal__http2_engine *engine, enum http2_life life);

/* The answer to one of our pings has come. Thread: owner. */
void shoal__http2_pong(struct shoal__http2_engine *engine, const uint8_t payload[8]);

/* Charges useless work and ends the session where that was one too many; true where it goes on.
 * Thread: owner. */
bool shoal__http2_charge(struct shoal__http2_engine *engine, enum shoal__useless_kind kind);

/* nghttp2's callbacks, made once for all sessions of a loop. NULL where memory is out.
 * Thread: owner. */
nghttp2_session_callbacks *shoal__http2_make_callbacks(void);

#endif
