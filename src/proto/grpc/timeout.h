/* SPDX-License-Identifier: BSD-3-Clause */
/* The grpc-timeout field: one to eight digits and a unit. No state. */
#ifndef SHOAL_PROTO_GRPC_TIMEOUT_H
#define SHOAL_PROTO_GRPC_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

#include <shoal/view.h>

/* Reads a timeout; false where it is malformed. What leaves 63 bits of nanoseconds becomes
 * INT64_MAX. Thread: any. */
bool shoal__grpc_timeout_parse(struct shoal_view text, int64_t *out_ns);

enum { SHOAL__GRPC_TIMEOUT_MAX = 10 };

/* Writes a timeout in the finest unit that eight digits allow, rounded up; 0 and less become "0n".
 * Thread: any. */
struct shoal_view shoal__grpc_timeout_format(int64_t ns, char out[SHOAL__GRPC_TIMEOUT_MAX]);

#endif
