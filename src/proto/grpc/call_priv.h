/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a call, shared by the files that make it up:
 *
 *     request.c          a head becomes a call, or is refused
 *     call.c             its life: begin, close; what came; memory
 *     input.c            received bytes become messages become handlers' calls
 *     answer.c           head, replies, trailers
 *     call_driver.c      its loop: deadline, ids, other threads, memory of the loop's
 *     work_driver.c      handlers in the worker pool
 *     session_driver.c   its connection: age, idleness, pings
 *
 * A call's way; answer.c and call.c assign it:
 *
 *     OPEN ── answered, refused, deadline ──► FINISHED ── the stream closes ──► OVER
 *       └──────────── the stream closes (cancelled, connection lost) ───────────┘
 *
 * A handler in the pool may outlast its stream. Then the call is OVER, without a stream, and waits
 * for that work; its on_close comes after it.
 */
#ifndef SHOAL_PROTO_GRPC_CALL_PRIV_H
#define SHOAL_PROTO_GRPC_CALL_PRIV_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/list.h"
#include "proto/grpc/compression.h"
#include "proto/grpc/endpoint.h"
#include "proto/grpc/framing.h"
#include "proto/grpc/keepalive.h"
#include "proto/grpc/metadata.h"
#include "proto/grpc/service.h"

struct grpc_local;
struct grpc_work;

/* gRPC on one connection. Counted by references: the HTTP session's and its calls'. Owner only. */
struct shoal__grpc_session {
    struct shoal__session *http; /* NULL before it begins and after it has ended */
    struct shoal_loop *loop;
    struct grpc_local *local;
    struct shoal__grpc_endpoint *endpoint;
    const struct shoal__grpc_method *recent; /* the method of the last call: often the next one's */
    uint32_t calls;                          /* open, or with work that has not ended */
    bool told_encodings;
    bool http_refs; /* the HTTP session's reference */
    bool aged;      /* the age timer has fired once: the next time is the grace's end */
    struct shoal__grpc_keepalive keepalive;
    uint32_t sent; /* http->sent at the last ping */
    struct shoal_timer idle_timer;
    struct shoal_timer age_timer;
    char peer[SHOAL_ADDRESS_MAX]; /* "": not asked yet */
};

/* What waits to be said. The loop has one in the call, work in the pool one of its own, so that
 * the two never touch the same. */
struct grpc_answer {
    struct shoal__arena *arena;
    struct shoal__http_fields initial, trailing;
    struct shoal_view text, details;
    uint32_t replies; /* sent */
    bool head_sent;
    bool compress;   /* replies from now on */
    bool negotiated; /* compress was asked for before the head */
};

/* What came and what became of it. */
struct grpc_input {
    struct shoal__grpc_reader reader;
    struct shoal_buf waiting; /* came and could not be taken: it fills the stream's window */
    enum shoal__grpc_encoding encoding;
    const ProtobufCMessage *request; /* the one at hand */
    size_t charged;                  /* to the endpoint's budget */
    bool compressed;                 /* the request at hand came so */
    bool ended;                      /* the client has sent all */
    bool end_told;                   /* and the handler knows */
    bool paused;
    bool choked;    /* what a handler in the pool has sent is above the high mark, */
    bool told_full; /* the handler knows and waits, */
    bool drained;   /* and it is below the low one again */
    bool advancing; /* a handler runs on the loop, on behalf of shoal__grpc_advance() */
};

enum grpc_call_st {
    GRPC_CALL_OPEN,     /* waits for requests, or for its handler's answer */
    GRPC_CALL_FINISHED, /* waits for the stream to take the answer and close */
    GRPC_CALL_OVER,     /* waits for work in the pool, if any */
};

/* What a handler is called for. */
enum grpc_event { GRPC_EVENT_MESSAGE, GRPC_EVENT_END, GRPC_EVENT_DRAINED };

struct grpc_closer {
    struct grpc_closer *next;
    shoal_grpc_close_fn *fn;
    void *arg;
};

/*
 * A call. In memory of its loop's; dies when its stream has closed and its work has ended. Its
 * loop's only, but for what handlers in the pool may read, which does not change while they run.
 */
struct shoal_grpc_call {
    struct shoal__stream *stream; /* NULL once it has closed */
    struct shoal__grpc_session *session;
    struct shoal_loop *loop;
    const struct shoal__grpc_method *method;
    struct shoal__arena *arena;        /* as long as the call: the stream's */
    struct shoal__arena own_arena;     /* what was the stream's, once work outlasts that */
    struct shoal__arena message_arena; /* as long as a message, where there are many */
    struct shoal__grpc_metadata metadata;
    struct shoal_view authority;
    enum shoal__grpc_encoding accepted; /* what the client reads, at best */

    struct grpc_input in;
    struct grpc_answer answer;
    enum grpc_call_st st;
    int status;      /* once it is not OPEN */
    bool by_library; /* it was ended by us, not by its handler */
    bool told;       /* on_close has been, or is being, told */
    bool kept;       /* by an interceptor, until shoal_grpc_pass() */
    bool begun;      /* all interceptors have let it pass */
    uint32_t passed; /* how many have */
    _Atomic bool cancelled;

    struct shoal_timer deadline;
    int64_t deadline_ns;         /* by the loop's clock; INT64_MAX: none */
    struct grpc_closer *closers; /* newest first */
    struct grpc_work *work;      /* a handler runs in the pool, or is about to */
    void *data;

    /* In the loop's table, so that its id leads to it. */
    struct shoal__hashmap_node by_serial;
    uint64_t serial; /* 0: nobody asked for the id */
};

/* request.c */

/* The session's on_request. Thread: owner. */
void shoal__grpc_on_request(struct shoal__stream *stream, const struct shoal__head *head, bool end);

/* call.c */

/* What a call's stream tells. */
extern const struct shoal__stream_events shoal__grpc_stream_events;

/* Lets the interceptors look at the call, then begins it. Thread: owner. */
void shoal__grpc_begin(struct shoal_grpc_call *call);

/* The call's deadline has passed. Thread: owner. */
void shoal__grpc_expire(struct shoal_grpc_call *call);

/* The call's work in the pool has ended. The call may be gone afterwards. Thread: owner. */
void shoal__grpc_work_ended(struct shoal_grpc_call *call);

/* input.c */

/* The stream's on_data and on_end. Thread: owner. */
void shoal__grpc_came(struct shoal_grpc_call *call, struct shoal_view data);
void shoal__grpc_ended(struct shoal_grpc_call *call);

/* Takes as much of what waits as may be taken now. Thread: owner. */
void shoal__grpc_advance(struct shoal_grpc_call *call);

/* Calls the handler for what is at hand. Returns a status or SHOAL_GRPC_LATER. Thread: owner, or
 * the call's work. */
int shoal__grpc_run(struct shoal_grpc_call *call, enum grpc_event event);

/* Acts on what shoal__grpc_run() returned. Thread: owner. */
void shoal__grpc_take_result(struct shoal_grpc_call *call, int result);

/* What was sent is below the low mark: tells the handler that has to go on. Thread: owner. */
void shoal__grpc_drained(struct shoal_grpc_call *call);

/* The request at hand has been seen: frees it, where others follow. Thread: owner. */
void shoal__grpc_forget_request(struct shoal_grpc_call *call);

/* Nothing more is read: frees what waits. Thread: owner. */
void shoal__grpc_input_fini(struct shoal_grpc_call *call);

/* answer.c */

/* The answer that this thread may write to. Thread: owner, or the call's work. */
struct grpc_answer *shoal__grpc_answer_of(const struct shoal_grpc_call *call);

/* Answers a head that does not become a call: with an HTTP status, or with a gRPC status. Sets the
 * stream's events. Thread: owner. */
void shoal__grpc_refuse_http(struct shoal__stream *stream, unsigned status, bool end);
void shoal__grpc_refuse(struct shoal__stream *stream, const struct shoal__grpc_error *error,
                        bool end);

/* Ends the call on the library's behalf. No-op unless it is open. Thread: owner. */
void shoal__grpc_end_with(struct shoal_grpc_call *call, const struct shoal__grpc_error *error);

/* Packs a reply with its prefix into memory of malloc's. Returns 0 or -SHOAL_ENOMEM.
 * Thread: any. */
int shoal__grpc_pack(const ProtobufCMessage *reply, size_t size, char **out);

/* Sends what a piece of work has said: its first reply, then the others. Returns as
 * shoal_grpc_send(). Thread: owner. */
int shoal__grpc_send_packed(struct shoal_grpc_call *call, struct shoal_view brief,
                            struct shoal_buf *more);

/* Adds what a piece of work has said to what the call says. Returns 0 or -SHOAL_ENOMEM.
 * Thread: owner. */
int shoal__grpc_merge(struct shoal_grpc_call *call, const struct grpc_answer *answer);

/* call_driver.c */

/* A zeroed call with its arenas set up, or NULL; and back to the loop, its arenas released.
 * Thread: owner. */
struct shoal_grpc_call *shoal__grpc_call_alloc(struct grpc_local *local);
void shoal__grpc_call_free(struct grpc_local *local, struct shoal_grpc_call *call);

/* What the loop's calls share; NULL where memory is out. Thread: owner. */
struct grpc_local *shoal__grpc_local_of(struct shoal_loop *loop);

/* The loop's codec, or NULL where memory is out. Thread: owner. */
struct shoal__grpc_codec *shoal__grpc_local_codec(struct grpc_local *local);

/* Pieces of work that are done with, kept with their memory for the next. Thread: owner. */
struct shoal__list *shoal__grpc_local_works(struct grpc_local *local);

/* The clock, in nanoseconds: now, and when this turn of the loop began, which costs nothing.
 * Thread: owner, or the call's work; owner. */
int64_t shoal__grpc_now_ns(const struct shoal_grpc_call *call);
int64_t shoal__grpc_turn_ns(const struct shoal_grpc_call *call);

/* Starts the deadline's timer, and stops it. Returns 0 or -SHOAL_ENOMEM. Thread: owner. */
int shoal__grpc_deadline_start(struct shoal_grpc_call *call);
void shoal__grpc_deadline_stop(struct shoal_grpc_call *call);

/* The call's id leads nowhere any more. Thread: owner. */
void shoal__grpc_forget_id(struct shoal_grpc_call *call);

/* Whether this thread is the call's loop. Thread: any. */
bool shoal__grpc_is_owner(const struct shoal_grpc_call *call);

/* work_driver.c */

/* Has the handler called in the pool. Ends the call where that is not possible. Thread: owner. */
void shoal__grpc_offload(struct shoal_grpc_call *call, enum grpc_event event);

/* Asks the call's work, if any, to end. Thread: owner. */
void shoal__grpc_cancel_work(struct shoal_grpc_call *call);

/* What a handler in the pool says goes here. Thread: the call's work. */
struct grpc_answer *shoal__grpc_work_answer(const struct shoal_grpc_call *call);
int shoal__grpc_work_send(struct shoal_grpc_call *call, const ProtobufCMessage *reply, size_t size);
int shoal__grpc_work_finish(struct shoal_grpc_call *call, int status);

/* Frees a list of kept pieces of work. Thread: owner. */
void shoal__grpc_works_fini(struct shoal__list *works);

/* session_driver.c */

/* The call begins, and has ended, for its session. Thread: owner. */
void shoal__grpc_session_enter(struct shoal__grpc_session *self);
void shoal__grpc_session_leave(struct shoal__grpc_session *self);

/* Where the session's client is. Thread: owner. */
const char *shoal__grpc_session_peer(struct shoal__grpc_session *self);

#endif
