/* SPDX-License-Identifier: BSD-3-Clause */
/* The blocking client's beginning, for whoever makes channels' connections. */
#ifndef SHOAL_PROTO_GRPC_BLOCKING_H
#define SHOAL_PROTO_GRPC_BLOCKING_H

#include <shoal/grpc_client.h>

typedef int shoal__grpc_make_channel_fn(struct shoal_loop *loop, const char *urls,
                                        const struct shoal_grpc_channel_cfg *cfg,
                                        struct shoal_grpc_channel **out_channel);

/* shoal_grpc_client_open() with the function that makes the channel. Thread: any but loops'. */
int shoal__grpc_client_open(const char *urls, const struct shoal_grpc_channel_cfg *cfg,
                            shoal__grpc_make_channel_fn *make,
                            struct shoal_grpc_client **out_client);

#endif
