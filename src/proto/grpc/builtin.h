/* SPDX-License-Identifier: BSD-3-Clause */
/* The FileDescriptorSet of the library's own services, made at build time. */
#ifndef SHOAL_PROTO_GRPC_BUILTIN_H
#define SHOAL_PROTO_GRPC_BUILTIN_H

#include <stddef.h>

extern const unsigned char shoal__grpc_builtin_set[];
extern const size_t shoal__grpc_builtin_set_size;

#endif
