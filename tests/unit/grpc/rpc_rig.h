/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tests of the client share: a channel whose connections and HTTP sessions are the test's. The
 * test is the network, the version of HTTP and the server: it says which connections open or fail,
 * reads what calls have sent, and answers. What the client is told or does is noted as text
 * ("connect(tcp://a:1) ping reply(hello) done(OK)").
 */
#ifndef TESTS_UNIT_GRPC_RPC_RIG_H
#define TESTS_UNIT_GRPC_RPC_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <parcel.pb-c.h>

#include <shoal/error.h>
#include <shoal/grpc_client.h>

#include "base/arena.h"
#include "base/blocks.h"
#include "proto/grpc/channel.h"
#include "support/connrig.h"

enum { RPC_STREAMS = 32, RPC_SESSIONS = 16 };

/* A call as its server sees it. */
struct rpc_stream {
    struct shoal__stream stream; /* first */
    struct shoal__arena arena;
    bool open;
    bool ended;
    bool was_reset;
    uint32_t reset_error;
    size_t consumed;
    char path[64], authority[64], scheme[8];
    char fields[2048];  /* "name: value\n" each */
    char body[1 << 14]; /* its beginning */
    size_t body_size;
};

struct rpc_session {
    struct shoal__session http; /* first */
    struct rpc_rig *rig;
    struct shoal__grpc_link *link;
    bool open;
};

struct rpc_rig {
    struct connrig rig;
    struct shoal__grpc_connector connector;
    struct shoal_grpc_channel *channel;
    struct shoal__blocks chunks;
    struct rpc_session sessions[RPC_SESSIONS]; /* in the order of connecting */
    unsigned session_count;
    struct rpc_stream streams[RPC_STREAMS]; /* in the order of opening */
    unsigned stream_count;
    size_t room;    /* streams that a session takes at once */
    int connect_rc; /* what connecting returns instead of 0 */
    int write_rc;   /* what writing to streams returns instead of 0 */
    int end_rc;     /* and ending them */
    int ping_rc;
    size_t pending; /* what streams say that waits to be sent */
    bool destroyed; /* the connector is */
    char notes[4096];
};

/* Setup and teardown for cmocka, with a rig in *state whose channel is to tcp://a:1. */
int rpc_rig_start(void **state);
int rpc_rig_stop(void **state);

/* A channel of other options, in place of the one there is. */
void rpc_rig_channel(struct rpc_rig *rig, const char *urls,
                     const struct shoal_grpc_channel_cfg *cfg);

/* 0, or a negative code with nothing left behind, and the end of it: for sweeps. */
int rpc_rig_try_start(struct rpc_rig *rig, const char *urls,
                      const struct shoal_grpc_channel_cfg *cfg);
void rpc_rig_end(struct rpc_rig *rig);

/* Notes, and what was noted since the last look. */
void rpc_rig_note(struct rpc_rig *rig, const char *format, ...) SHOAL_PRINTF(2, 3);
const char *rpc_rig_notes(struct rpc_rig *rig);
#define assert_rpc_notes(rig, text) assert_string_equal(rpc_rig_notes(rig), (text))

/* The connection made last opens, and its SETTINGS come; or it fails. */
void rpc_rig_opens(struct rpc_rig *rig);
void rpc_rig_settles(struct rpc_rig *rig);
void rpc_rig_ready(struct rpc_rig *rig);
void rpc_rig_fails(struct rpc_rig *rig, int error);

/* The connection of that number is lost; calls that `unsent` says were never written. */
void rpc_rig_loses(struct rpc_rig *rig, unsigned session, bool unsent);

/* The server says goodbye, having seen calls up to `last`; the others are refused. */
void rpc_rig_goaway(struct rpc_rig *rig, unsigned session, uint64_t last, uint32_t error,
                    const char *debug);

/* The stream opened last, and its request: labels separated by blanks, a field or NULL. Static
 * until the next call. */
struct rpc_stream *rpc_rig_last(struct rpc_rig *rig);
const char *rpc_rig_requests(const struct rpc_stream *stream);
const char *rpc_rig_field(const struct rpc_stream *stream, const char *name);

/* The server answers: a head with fields besides content-type ("name", "value", ..., NULL), a
 * reply, bytes, trailers with a status and fields, or all of it with one reply; the stream closes.
 */
void rpc_rig_head(struct rpc_stream *stream, const char *const *fields);
void rpc_rig_bare(struct rpc_stream *stream, unsigned status, const char *const *fields, bool end);
void rpc_rig_reply(struct rpc_stream *stream, const char *label);
void rpc_rig_bytes(struct rpc_stream *stream, const void *bytes, size_t size);
void rpc_rig_status(struct rpc_stream *stream, const char *status, const char *const *fields);
void rpc_rig_answer(struct rpc_stream *stream, const char *label);
void rpc_rig_close(struct rpc_stream *stream, uint32_t error);

/* A call that notes what it is told; `arg` of its callbacks is the rig. The request, where the kind
 * has one, is a parcel of that label. NULL where it could not be started. */
struct shoal_rpc_cfg rpc_rig_cfg(struct rpc_rig *rig, enum shoal_grpc_kind kind, const char *label);
struct shoal_rpc *rpc_rig_call(struct rpc_rig *rig, const struct shoal_rpc_cfg *cfg);
struct shoal_rpc *rpc_rig_ask(struct rpc_rig *rig, const char *label);

/* Sends a parcel of that label. */
int rpc_rig_send(struct shoal_rpc *rpc, const char *label);

#endif
