/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tests of calls share: a set of services on an HTTP session of the test's own. The test is
 * the client and the version of HTTP: it tells of heads, data and ends, and reads what was answered
 * as text ("200[content-type: application/grpc ...](body)[grpc-status: 0]").
 */
#ifndef TESTS_UNIT_GRPC_GRPC_RIG_H
#define TESTS_UNIT_GRPC_GRPC_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <parcel.pb-c.h>

#include <shoal/error.h>
#include <shoal/grpc.h>

#include "base/arena.h"
#include "base/blocks.h"
#include "proto/grpc/endpoint.h"
#include "support/connrig.h"

enum { RIG_STREAMS = 4 };

struct rig_stream {
    struct shoal__stream stream; /* first */
    struct shoal__arena arena;
    bool open;
    unsigned status; /* of HTTP */
    int grpc_status; /* -1: none yet */
    bool ended;
    bool was_reset;
    uint32_t reset_error;
    size_t consumed;
    char fields[2048]; /* of head and trailers, "name: value\n" each */
    uint8_t body[8192];
    size_t body_size;
    int write_rc; /* what writing returns instead of 0 */
};

struct grpc_rig {
    struct connrig rig;
    struct shoal_grpc *grpc;
    struct shoal__grpc_endpoint endpoint;
    struct shoal__session session;
    struct shoal__blocks chunks;
    struct rig_stream streams[RIG_STREAMS];
    bool session_closed, session_shut;
};

/* Setup and teardown for cmocka, with a rig in *state; the set is empty. */
int grpc_rig_start(void **state);
int grpc_rig_stop(void **state);

/* 0, or a negative code with nothing left behind, and the end of it: for sweeps. */
int grpc_rig_try_start(struct grpc_rig *rig);
void grpc_rig_end(struct grpc_rig *rig);

/* A call begins, with fields besides te and content-type ("name", "value", ..., NULL), or NULL. */
struct rig_stream *grpc_rig_call(struct grpc_rig *rig, const char *path, const char *const *fields);

/* A message of that label comes; bytes come; the client has sent all. */
void grpc_rig_send(struct rig_stream *stream, const char *label);
void grpc_rig_bytes(struct rig_stream *stream, const void *bytes, size_t size);
void grpc_rig_ends(struct rig_stream *stream);

/* A message and the end, as most calls have it. */
void grpc_rig_ask(struct rig_stream *stream, const char *label);

/* The stream has closed. */
void grpc_rig_close(struct rig_stream *stream, uint32_t error);

/* The labels of the replies so far, separated by blanks; static until the next call. */
const char *grpc_rig_replies(const struct rig_stream *stream);

/* The value of a field of head or trailers, or NULL; static until the next call. */
const char *grpc_rig_field(const struct rig_stream *stream, const char *name);

#endif
