/* SPDX-License-Identifier: BSD-3-Clause */
/* The program's gRPC services, each registered by one call; see grpc.c. */
#ifndef APPS_SHOAL_GRPC_H
#define APPS_SHOAL_GRPC_H

#include <shoal/grpc.h>

/* Register shoal.v1.Echo, shoal.v1.FishMarket and grpc.testing.TestService, and their files for
 * reflection. Failures are told by the server's start. Thread: main's, before start. */
void grpc_add_echo(struct shoal_grpc *grpc);
void grpc_add_market(struct shoal_grpc *grpc);
void grpc_add_interop(struct shoal_grpc *grpc);

/* Has each call written into the access log. Thread: main's, before start. */
void grpc_add_log(struct shoal_grpc *grpc);

#endif
