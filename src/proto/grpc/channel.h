/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The seam between gRPC's channels and whoever makes their connections, which knows the version of
 * HTTP that gRPC must not know. A channel makes a *link* for each connection that it wants and
 * hands it to its connector; the connector tells of it that it has opened, as an HTTP session with
 * the events below, or has failed.
 *
 *     connect ──► opened ──► the session's on_close
 *        └──────► failed
 *
 * Everything is for the channel's loop. Tests are a connector themselves.
 */
#ifndef SHOAL_PROTO_GRPC_CHANNEL_H
#define SHOAL_PROTO_GRPC_CHANNEL_H

#include <shoal/grpc_client.h>

#include "base/list.h"
#include "proto/http/stream.h"

struct shoal__grpc_connector;

/* A server of a channel's. The strings are the channel's. */
struct shoal__grpc_target {
    const char *url;
    struct shoal_view authority;
    bool tls;
};

/* A connection of a channel's, or one to be. Owned by the channel; dies when it has failed or its
 * session has closed. */
struct shoal__grpc_link {
    struct shoal__list node; /* of the channel's links */
    struct shoal_grpc_channel *channel;
    const struct shoal__grpc_target *target;
    struct shoal_conn *conn;     /* the connector's */
    struct shoal__session *http; /* NULL: it has not opened */
    struct shoal_timer idle_timer, ping_timer;
    int64_t heard_ms; /* when the server last said something */
    bool settled;     /* its SETTINGS have come: calls may go there */
    bool awaits_pong;
    char peer[SHOAL_ADDRESS_MAX]; /* "" before it has opened */
};

struct shoal__grpc_connector_ops {
    /* Begins to connect to link->target->url. Returns 0 or a negative code, and then nothing is
     * told of the link. Neither opened nor failed come from inside. */
    int (*connect)(struct shoal__grpc_connector *connector, struct shoal__grpc_link *link);

    /* Gives the link up at once, in whatever state; failed or on_close follow as ever. */
    void (*abort)(struct shoal__grpc_connector *connector, struct shoal__grpc_link *link);

    /* The channel has gone. Frees the connector. */
    void (*destroy)(struct shoal__grpc_connector *connector);
};

/* Embedded in the connector's own. Owned by its channel from the channel's creation on. */
struct shoal__grpc_connector {
    const struct shoal__grpc_connector_ops *ops;
};

/* The options, with defaults for what the caller's version of the struct does not have; false where
 * they make no sense. Thread: any. */
bool shoal__grpc_channel_cfg_complete(const struct shoal_grpc_channel_cfg *cfg,
                                      struct shoal_grpc_channel_cfg *out_cfg);

/*
 * Makes a channel for `urls`; `cfg` is complete. Takes the connector, on success only.
 * Returns 0, -SHOAL_EURL, -SHOAL_EINVAL or -SHOAL_ENOMEM. Thread: owner.
 */
int shoal__grpc_channel_create(struct shoal_loop *loop, const char *urls,
                               const struct shoal_grpc_channel_cfg *cfg,
                               struct shoal__grpc_connector *connector,
                               struct shoal_grpc_channel **out_channel);

/* What the connector's sessions are made with: limits and events, and the link as `user`.
 * Thread: owner. */
const struct shoal__session_limits *
shoal__grpc_channel_limits(const struct shoal_grpc_channel *channel);
extern const struct shoal__session_events shoal__grpc_client_events;

/* The link's connection is a session. Thread: owner. */
void shoal__grpc_link_opened(struct shoal__grpc_link *link, struct shoal__session *http);

/* The link's connection was never open, because of `error`, or of `why` where there is better than
 * its text. The link is gone afterwards. Thread: owner. */
void shoal__grpc_link_failed(struct shoal__grpc_link *link, int error, const char *why);

#endif
