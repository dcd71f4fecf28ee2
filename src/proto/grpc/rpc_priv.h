/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of the client: calls, shared by the files that make them up,
 *
 *     rpc.c              a call's life: start, stream, end; what the application asks about it
 *     rpc_request.c      what it sends: head, requests
 *     rpc_reply.c        what comes: head, bytes, messages, status
 *     rpc_driver.c       its loop: memory, deadline, the task in which `done` is told
 *
 * and channels (channel_driver.c: servers in turn, backoff, who gets which connection;
 * link_driver.c: a connection's keepalive and idleness). A call's way, assigned in rpc.c:
 *
 *     WAITING ── a link takes it ──► OPEN ── the status has come, or it is lost ──► ENDED ── done
 *        ▲                            │                                              ▲
 *        └── the server never saw it ─┘         cancelled, deadline, channel gone ───┘
 */
#ifndef SHOAL_PROTO_GRPC_RPC_PRIV_H
#define SHOAL_PROTO_GRPC_RPC_PRIV_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "proto/grpc/backoff.h"
#include "proto/grpc/channel.h"
#include "proto/grpc/compression.h"
#include "proto/grpc/framing.h"
#include "proto/grpc/metadata.h"
#include "proto/grpc/timeout.h"

struct rpc_local;

/* A day: no time of a channel's is longer. */
enum { SHOAL__GRPC_CHANNEL_MOST_MS = 1000 * 60 * 60 * 24 };

/* Owned by itself: it goes when it has been destroyed, and its links and calls have gone. Its
 * loop's only. */
struct shoal_grpc_channel {
    struct shoal_loop *loop;
    struct rpc_local *local;
    struct shoal__list node; /* of the loop's channels */
    struct shoal_grpc_channel_cfg cfg;
    struct shoal__arena arena; /* strings */
    struct shoal_view user_agent;
    struct shoal__session_limits limits;
    struct shoal__grpc_connector *connector;
    struct shoal__grpc_target *targets;
    unsigned target_count;
    unsigned next_target; /* after the one that is tried */

    enum shoal_grpc_channel_st st;
    struct shoal__grpc_link *link; /* CONNECTING or READY: the one calls go to */
    struct shoal__list links;      /* that one, and those whose calls finish */
    struct shoal__list rpcs;
    struct shoal__list waiting; /* rpcs for a link */
    struct shoal_timer timer;   /* CONNECTING: it takes too long; BACKOFF: the next attempt */
    struct shoal__grpc_backoff backoff;
    uint64_t chance;      /* for jitter */
    int64_t keepalive_ms; /* cfg's; doubled where a server complains, up to a day */
    char failure[160];    /* why the last link failed */
    bool wanted;          /* to be connected without a call */
    bool closing;         /* destroyed: takes no more */
    bool cut;             /* and is freed by who does that */
};

enum rpc_st {
    RPC_WAITING, /* at its channel, for a link */
    RPC_OPEN,    /* has a stream, or all that came by it */
    RPC_ENDED,   /* `done` is owed */
};

/* What a call sends. Until it is known that the server has it, all of it is kept. */
struct rpc_request {
    struct shoal__http_fields metadata;
    struct shoal__http_field *fields; /* room for all of a head, in the arena; NULL: not yet */
    struct shoal_view first; /* the first request's frame, where it is small; in the arena */
    struct shoal_buf kept;   /* the frames behind it */
    enum shoal__grpc_encoding encoding;
    bool compress;
    bool replayable; /* first and kept are all that was sent */
    bool said_any, said_all;
    bool choked;  /* a send returned 1 */
    bool drained; /* and that is over, which is to be told */
};

/* What came. */
struct rpc_reply {
    struct shoal__grpc_reader reader;
    struct shoal_buf held; /* came while paused: it fills the stream's window */
    enum shoal__grpc_encoding encoding;
    const void *message;     /* the only one there may be */
    struct shoal_view bytes; /* what it points to, without description */
    struct shoal__grpc_metadata initial, trailing;
    unsigned http_status;
    int status; /* `whole`: the server's; RPC_ENDED: the call's */
    const char *text;
    struct shoal_view details;
    bool heard;      /* something has come */
    bool whole;      /* all has: the status is known */
    bool compressed; /* the reply at hand came so */
    bool advancing;  /* replies are being told */
};

/* A call. In memory of its loop's; owned by its channel until `done` has returned. */
struct shoal_rpc {
    struct shoal__list node;    /* of the channel's calls */
    struct shoal__list waiting; /* of the channel's line */
    struct shoal_grpc_channel *channel;
    struct shoal__grpc_link *link;     /* OPEN: the one it is on; NULL once that has gone */
    struct shoal__stream *stream;      /* NULL: there is none, or all has come by it */
    struct shoal__arena arena;         /* as long as the call */
    struct shoal__arena message_arena; /* as long as a message, where there are many */
    struct shoal_timer deadline;
    struct shoal_task task; /* catches up: see shoal__rpc_catch_up() */
    int64_t deadline_ns;    /* by the loop's clock; INT64_MAX: none */

    struct shoal_view path;
    const ProtobufCMessageDescriptor *input, *output; /* NULL: bytes */
    enum shoal_grpc_kind kind;
    bool wait_for_ready;

    struct rpc_request out;
    struct rpc_reply in;
    void (*on_initial)(struct shoal_rpc *rpc, void *arg);
    void (*on_reply)(struct shoal_rpc *rpc, const void *reply, void *arg);
    void (*on_drained)(struct shoal_rpc *rpc, void *arg);
    shoal_rpc_done_fn *done;
    void *arg;

    enum rpc_st st;
    uint8_t refusals; /* tries that the server did not look at */
    bool paused;
    bool scheduled;   /* `task` is on its way */
    const char *peer; /* once its link has gone */
};

/* Whether there is one request only, and one reply only. Thread: any. */
static inline bool shoal__rpc_one_request(const struct shoal_rpc *rpc)
{
    return rpc->kind == SHOAL_GRPC_UNARY || rpc->kind == SHOAL_GRPC_SERVER_STREAM;
}
static inline bool shoal__rpc_one_reply(const struct shoal_rpc *rpc)
{
    return rpc->kind == SHOAL_GRPC_UNARY || rpc->kind == SHOAL_GRPC_CLIENT_STREAM;
}

/* rpc.c */

/* What a call's stream tells. */
extern const struct shoal__stream_events shoal__rpc_stream_events;

/* Gives the call to the link. Returns 0 where it is open, or over; or -SHOAL_EFULL or
 * -SHOAL_ESTOPPED, and it waits on. Thread: owner. */
int shoal__rpc_open(struct shoal_rpc *rpc, struct shoal__grpc_link *link);

/* Ends the call, unless it has ended: `done` follows in a task. `text` is copied where memory is
 * left. Thread: owner. */
void shoal__rpc_finish(struct shoal_rpc *rpc, int status, const char *text);
void shoal__rpc_fail(struct shoal_rpc *rpc, const struct shoal__grpc_error *error);

/* The call's deadline has passed. Thread: owner. */
void shoal__rpc_expire(struct shoal_rpc *rpc);

/* The server's status has come, in in.status: the call ends once its replies have been told.
 * Thread: owner. */
void shoal__rpc_settle(struct shoal_rpc *rpc);

/* Does what is owed: tells that output has drained, calls `done` and frees the call.
 * Thread: owner. */
void shoal__rpc_catch_up(struct shoal_rpc *rpc);

/* rpc_request.c */

/* Makes the frame of a request and keeps or sends it. Returns as shoal_rpc_send().
 * Thread: owner. */
int shoal__rpc_push(struct shoal_rpc *rpc, const void *request);

/* All requests have been pushed. Returns as shoal_rpc_end(). Thread: owner. */
int shoal__rpc_push_end(struct shoal_rpc *rpc);

/* Sends the head on the link's session, and what is kept behind it. Returns as
 * shoal__session_open(). Thread: owner. */
int shoal__rpc_send_head(struct shoal_rpc *rpc, struct shoal__grpc_link *link);

/* The server has the call: what was kept for a repetition goes. Thread: owner. */
void shoal__rpc_commit(struct shoal_rpc *rpc);

/* rpc_reply.c */

/* What the stream tells. Thread: owner. */
void shoal__rpc_head_came(struct shoal_rpc *rpc, const struct shoal__head *head, bool end);
void shoal__rpc_data_came(struct shoal_rpc *rpc, struct shoal_view data);
void shoal__rpc_end_came(struct shoal_rpc *rpc, const struct shoal__http_field *trailers,
                         size_t trailer_count);

/* Tells replies that wait, as far as they may be told now, and then the end. Thread: owner. */
void shoal__rpc_advance(struct shoal_rpc *rpc);

/* rpc_driver.c */

/* Asserts that this is the loop's thread. Thread: owner. */
void shoal__rpc_assert_owner(const struct shoal_grpc_channel *channel);

/* What the loop's calls share; NULL where memory is out. Thread: owner. */
struct rpc_local *shoal__rpc_local_of(struct shoal_loop *loop);
struct shoal__list *shoal__rpc_local_channels(struct rpc_local *local);

/* A zeroed call with its arenas set up, or NULL; and back to the loop, its arenas released.
 * Thread: owner. */
struct shoal_rpc *shoal__rpc_alloc(struct rpc_local *local);
void shoal__rpc_free(struct rpc_local *local, struct shoal_rpc *rpc);

/* The loop's codec, or NULL where memory is out. Thread: owner. */
struct shoal__grpc_codec *shoal__rpc_codec(struct rpc_local *local);

/* The call's time: sets the deadline and starts its timer; what is left of it, INT64_MAX without
 * one; no more of it. Start returns 0 or -SHOAL_ENOMEM. Thread: owner. */
int shoal__rpc_deadline_start(struct shoal_rpc *rpc, int64_t deadline_ms);
int64_t shoal__rpc_left_ns(const struct shoal_rpc *rpc);
void shoal__rpc_deadline_stop(struct shoal_rpc *rpc);

/* Has shoal__rpc_catch_up() run in the next turn. Thread: owner. */
void shoal__rpc_schedule(struct shoal_rpc *rpc);

/* channel_driver.c */

/* Whether no more calls are taken: destroyed, or the server drains. Thread: owner. */
bool shoal__grpc_channel_is_closing(const struct shoal_grpc_channel *channel);

/* Has the call wait for a link, or gives it to one; before all others where `again`.
 * Thread: owner. */
void shoal__grpc_channel_enqueue(struct shoal_rpc *rpc, bool again);

/* Gives the calls that wait to the link, has one made, or fails them. Thread: owner. */
void shoal__grpc_channel_dispatch(struct shoal_grpc_channel *channel);

/* The link takes no more calls. Thread: owner. */
void shoal__grpc_channel_leave(struct shoal__grpc_link *link);

/* The link speaks HTTP/2: calls may go there. Thread: owner. */
void shoal__grpc_channel_ready(struct shoal__grpc_link *link);

/* The link is over; `why` it never got ready, where it did not. Frees it. Thread: owner. */
void shoal__grpc_channel_lost(struct shoal__grpc_link *link, const char *why);

/* Frees a channel that has been destroyed, once nothing of it is left. Thread: owner. */
void shoal__grpc_channel_let_go(struct shoal_grpc_channel *channel);

/* Ends everything at once, for the loop has ended. Thread: owner. */
void shoal__grpc_channel_cut(struct shoal_grpc_channel *channel);

/* link_driver.c */

/* A new link, in the channel's list, or NULL; and its end. Thread: owner. */
struct shoal__grpc_link *shoal__grpc_link_create(struct shoal_grpc_channel *channel,
                                                 const struct shoal__grpc_target *target);
void shoal__grpc_link_free(struct shoal__grpc_link *link);

/* The server has said something on the link. Thread: owner. */
void shoal__grpc_link_heard(struct shoal__grpc_link *link);

#endif
