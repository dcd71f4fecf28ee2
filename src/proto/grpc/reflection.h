/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Server reflection, v1 and v1alpha, which are the same on the wire: clients ask which services
 * there are and which files describe them.
 */
#ifndef SHOAL_PROTO_GRPC_REFLECTION_H
#define SHOAL_PROTO_GRPC_REFLECTION_H

#include <shoal/view.h>

struct shoal_grpc;
struct shoal__grpc_reflection;

/* shoal_grpc_reflect() without remembering failures. Thread: control. */
int shoal__grpc_reflection_add(struct shoal_grpc *grpc, struct shoal_view descriptor_set);

/* Clears *reflection; NULL is a no-op. Thread: control. */
void shoal__grpc_reflection_destroy(struct shoal__grpc_reflection **reflection);

#endif
