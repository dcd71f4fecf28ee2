/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The HTTP/2 engine: one session, in either role, without I/O. nghttp2 speaks the protocol; the
 * engine drives it by spans, maps it to the seam of proto/http (stream.h), ties the windows to
 * what the layer above consumes, and keeps the budget of useless work.
 *
 *     bytes in ──► shoal__http2_recv ──► nghttp2 ──► stream and session events
 *     stream and session calls ──► nghttp2 ──► shoal__http2_send ──► output
 *
 * Events come from inside recv and send only. Calls on streams and the session never produce bytes
 * by themselves: they tell the driver, by output->wanted, that there is something to send.
 * Everything is for the loop's thread.
 */
#ifndef SHOAL_PROTO_HTTP2_HTTP2_ENGINE_H
#define SHOAL_PROTO_HTTP2_HTTP2_ENGINE_H

#include "proto/http/stream.h"
#include "proto/http2/useless_work.h"

struct shoal__http2_engine;
struct shoal__http2_shared;

/* The preface that opens an HTTP/2 connection (RFC 9113 §3.4). */
#define SHOAL__HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* Where an engine's bytes go. Both writes return 0 or more, or a negative code, which ends the
 * session; the bytes are taken when they return. */
struct shoal__http2_output {
    int (*write)(void *arg, struct shoal_view bytes);

    /* The first `size` bytes of `body`, to be taken out of it. */
    int (*write_body)(void *arg, struct shoal_buf *body, size_t size);

    /* From a call outside of recv and send: call shoal__http2_send() soon. Once until then. */
    void (*wanted)(void *arg);
};

struct shoal__http2_cfg {
    enum shoal__http_role role;
    struct shoal__http2_shared *shared;
    const struct shoal__session_limits *limits; /* borrowed */
    const struct shoal__session_events *events;
    const struct shoal__http2_output *output;
    void *output_arg;
    struct shoal_conn *conn; /* for the session; may be NULL */
    void *user;              /* the session's */
    int64_t now_ms;
};

/*
 * Makes a session; its preface and SETTINGS wait to be sent. Returns 0 or -SHOAL_ENOMEM.
 * Thread: owner.
 */
int shoal__http2_create(const struct shoal__http2_cfg *cfg,
                        struct shoal__http2_engine **out_engine);

/*
 * Closes what streams are left (their on_close tells the session's error, or CANCEL), then the
 * session, and clears *engine. NULL is a no-op. Not from inside an event. Thread: owner.
 */
void shoal__http2_destroy(struct shoal__http2_engine **engine);

/* The session, for the layer above. Thread: owner. */
struct shoal__session *shoal__http2_session(struct shoal__http2_engine *engine);

/* Whether the round trip of a shutdown is under way, which shoal__http2_expire() ends; and whether
 * that had to, so that the peer need not be waited for. Thread: owner. */
bool shoal__http2_gives_notice(const struct shoal__http2_engine *engine);
bool shoal__http2_is_unheard(const struct shoal__http2_engine *engine);

/*
 * Takes all of `in` and delivers what it brings. Returns 0, or a negative code where the session
 * is over: send what is left to say, then close. Input of a session that is over is ignored.
 * Thread: owner, not from inside an event.
 */
int shoal__http2_recv(struct shoal__http2_engine *engine, struct shoal_view in, int64_t now_ms);

/*
 * Writes what waits, until about `most` bytes are written. Returns 0 where nothing more can be
 * written now, 1 where `most` stopped it, or a negative code where the session is broken: close.
 * Thread: owner, not from inside an event.
 */
int shoal__http2_send(struct shoal__http2_engine *engine, size_t most);

/* Bytes of output in memory, over all streams, that wait for windows and marks. Thread: owner. */
size_t shoal__http2_waiting(const struct shoal__http2_engine *engine);

/* Nothing more will be read or written: close the connection. Thread: owner. */
bool shoal__http2_is_over(const struct shoal__http2_engine *engine);

/*
 * Resets the streams that have stalled (limits->read_stall_ms, write_stall_ms), and ends a notice
 * that the peer has not answered. To be called every second or so while streams are open, and once
 * a second after a notice has begun. Thread: owner, not from inside an event.
 */
void shoal__http2_expire(struct shoal__http2_engine *engine, int64_t now_ms);

/* The account, for counters. Thread: owner. */
const struct shoal__useless_work *shoal__http2_useless(const struct shoal__http2_engine *engine);

#endif
