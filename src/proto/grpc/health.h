/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * grpc.health.v1.Health: how services are, on request (Check) and as it changes (Watch). What was
 * said about a service is kept in a list that only grows, so that any thread may read it.
 */
#ifndef SHOAL_PROTO_GRPC_HEALTH_H
#define SHOAL_PROTO_GRPC_HEALTH_H

struct shoal_grpc;
struct shoal__grpc_health;

/* Registers the service. Returns as shoal_grpc_unary(). Thread: control. */
int shoal__grpc_health_add(struct shoal_grpc *grpc);

/* Has watches on every loop look again: something was set, or the server drains. No-op where the
 * service is not registered or the server does not run. Thread: any. */
void shoal__grpc_health_changed(struct shoal_grpc *grpc);

/* Clears *health; NULL is a no-op. Thread: control. */
void shoal__grpc_health_destroy(struct shoal__grpc_health **health);

#endif
