/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metadata: pairs of a name and a value beside the messages. On the wire they are header fields;
 * values of names that end in "-bin" travel in base64. Names that begin with "grpc-" and a few
 * others are gRPC's own and are no metadata.
 */
#ifndef SHOAL_PROTO_GRPC_METADATA_H
#define SHOAL_PROTO_GRPC_METADATA_H

#include <stdbool.h>

#include "proto/grpc/status.h"
#include "proto/http/fields.h"

struct shoal__arena;

/* Base64 (RFC 4648 §4). Reading copes with absent padding; writing makes none, as gRPC asks.
 * Bytes that decoding needs at most, decoding (false where it is malformed), bytes that encoding
 * makes, encoding. Thread: any. */
static inline size_t shoal__grpc_base64_room(size_t text_size)
{
    return text_size / 4 * 3 + 3;
}
bool shoal__grpc_base64_decode(struct shoal_view text, char *out, size_t *out_size);
static inline size_t shoal__grpc_base64_size(size_t byte_count)
{
    return byte_count / 3 * 4 + (byte_count % 3 ? byte_count % 3 + 1 : 0);
}
void shoal__grpc_base64_encode(struct shoal_view bytes, char *out);

/* Whether the name ends in "-bin"; whether it is gRPC's own; and whether it may be sent as
 * metadata. Thread: any. */
bool shoal__grpc_is_binary(struct shoal_view name);
bool shoal__grpc_is_reserved(struct shoal_view name);
bool shoal__grpc_is_name(struct shoal_view name);

/* What a call brought. All zero is nothing. The pairs are in the call's arena. */
struct shoal__grpc_metadata {
    struct shoal__http_field *items;
    uint32_t count;
    uint32_t room;
};

struct shoal__grpc_metadata_limits {
    uint32_t pairs; /* 0: no limit */
    uint32_t bytes; /* names and values as they came; 0: no limit */
};

/*
 * Takes the metadata out of a head's fields: skips gRPC's own, decodes binary values, of which one
 * field may hold several. With `copy` names and values are copied to the arena, else borrowed.
 * Returns NULL or what is wrong. Thread: owner.
 */
const struct shoal__grpc_error *
shoal__grpc_metadata_read(struct shoal__grpc_metadata *metadata, struct shoal__arena *arena,
                          const struct shoal__http_field *fields, size_t field_count, bool copy,
                          const struct shoal__grpc_metadata_limits *limits);

/* The first value of that name, or NULL data. Thread: owner. */
struct shoal_view shoal__grpc_metadata_find(const struct shoal__grpc_metadata *metadata,
                                            struct shoal_view name);

/*
 * Adds a pair to be sent to a list of fields, a binary value encoded. Returns 0, -SHOAL_EINVAL
 * (name or value) or -SHOAL_ENOMEM. Thread: owner.
 */
int shoal__grpc_metadata_add(struct shoal__http_fields *fields, struct shoal__arena *arena,
                             struct shoal_view name, struct shoal_view value);

#endif
