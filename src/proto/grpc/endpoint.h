/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The set of services as one listener offers it, and where its sessions begin: what the listener,
 * which knows the version of HTTP that gRPC must not know, has to do for each connection.
 */
#ifndef SHOAL_PROTO_GRPC_ENDPOINT_H
#define SHOAL_PROTO_GRPC_ENDPOINT_H

#include <stdatomic.h>

#include <shoal/grpc.h>

#include "proto/http/stream.h"

struct shoal__grpc_session;

/* Owned by the listener; outlives its connections. All but the counters is constant while the
 * server runs. */
struct shoal__grpc_endpoint {
    const struct shoal_grpc *grpc;
    struct shoal_grpc_cfg cfg;
    struct shoal__session_limits limits;
    _Atomic size_t calls;    /* open, or with work that has not ended */
    _Atomic size_t inflight; /* bytes gathered of messages that are not whole */
};

/* What a gRPC server's sessions tell. Their `user` is a struct shoal__grpc_session. */
extern const struct shoal__session_events shoal__grpc_server_events;

/*
 * What is known of a connection before its HTTP session begins. Returns NULL where memory is out.
 * shoal__grpc_session_begin() comes with the HTTP session, whose on_close ends it; _abandon() frees
 * one that never got there. Thread: owner.
 */
struct shoal__grpc_session *shoal__grpc_session_create(struct shoal_loop *loop,
                                                       struct shoal__grpc_endpoint *endpoint);
void shoal__grpc_session_begin(struct shoal__grpc_session *self, struct shoal__session *session);
void shoal__grpc_session_abandon(struct shoal__grpc_session *self);

/* Whether the set belongs to this server. Thread: any. */
bool shoal__grpc_is_of(const struct shoal_grpc *grpc, const struct shoal_server *server);

#endif
