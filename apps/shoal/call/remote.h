/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server that is called, and how: its URL as people write it, TLS, deadline, metadata. All
 * calls go over one connection and wait for what they want.
 */
#ifndef APPS_SHOAL_CALL_REMOTE_H
#define APPS_SHOAL_CALL_REMOTE_H

#include <shoal/grpc_client.h>

#include "call/bytes.h"
#include "options.h"

/* Owned by the command; its calls may be made by several threads. */
struct remote {
    const struct options *options;
    const char *url; /* as it was given, for sentences */
    bool by_tls;
    struct shoal_grpc_client *client;
    struct shoal_grpc_pair pairs[MOST_HEADERS]; /* metadata to be sent */
    size_t pair_count;
    struct bytes owned[2 * MOST_HEADERS]; /* the names and values of these */
};

/*
 * Prepares; nothing is sent yet. Returns 0, or an exit code after a sentence; remote_close() is due
 * in any case. Thread: main's.
 */
int remote_open(struct remote *remote, const struct options *options, const char *url);
void remote_close(struct remote *remote);

/*
 * Begins a call of "/package.Service/Method". Returns 0, or an exit code after a sentence.
 * Thread: any.
 */
int remote_begin(struct remote *remote, const char *path, enum shoal_grpc_kind kind,
                 const struct shoal_view *request, struct shoal_grpc_talk **out_talk);

/* What to do where the server cannot be reached, for behind a sentence. Thread: any. */
const char *remote_advice(const struct remote *remote);

#endif
