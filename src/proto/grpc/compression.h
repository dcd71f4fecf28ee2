/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Message encodings: identity, gzip and deflate (zlib's format), and their names in grpc-encoding
 * and grpc-accept-encoding. A codec is zlib's state, kept for the next message because setting it
 * up costs more than most messages do. What comes out of inflating is limited while it comes, so a
 * bomb costs no more than the limit.
 */
#ifndef SHOAL_PROTO_GRPC_COMPRESSION_H
#define SHOAL_PROTO_GRPC_COMPRESSION_H

#include "proto/grpc/status.h"

struct shoal__grpc_codec;

enum shoal__grpc_encoding {
    SHOAL__GRPC_IDENTITY,
    SHOAL__GRPC_GZIP,
    SHOAL__GRPC_DEFLATE,
    SHOAL__GRPC_ENCODINGS,
};

/* The name, and all names as grpc-accept-encoding has them. Thread: any. */
struct shoal_view shoal__grpc_encoding_name(enum shoal__grpc_encoding encoding);
extern const struct shoal_view shoal__grpc_all_encodings;

/* The encoding of that name; false where we know none. Thread: any. */
bool shoal__grpc_encoding_parse(struct shoal_view name, enum shoal__grpc_encoding *out_encoding);

/* The best encoding that a grpc-accept-encoding allows us. Thread: any. */
enum shoal__grpc_encoding shoal__grpc_encoding_choose(struct shoal_view accepted);

/* Allocates nothing big before first use. Returns NULL where memory is out. Thread: any. */
struct shoal__grpc_codec *shoal__grpc_codec_create(void);

/* Clears *codec; NULL is a no-op. Thread: owner. */
void shoal__grpc_codec_destroy(struct shoal__grpc_codec **codec);

/*
 * Decompresses one message. Returns NULL, with *out in memory of malloc's that is the caller's; or
 * what is wrong: broken or unended data, something behind it, or more than `max` bytes (0: no
 * limit). Thread: owner.
 */
const struct shoal__grpc_error *shoal__grpc_inflate(struct shoal__grpc_codec *codec,
                                                    enum shoal__grpc_encoding encoding,
                                                    struct shoal_view in, uint32_t max, char **out,
                                                    size_t *out_size);

/*
 * Compresses one message into memory of malloc's that is the caller's, behind `headroom` bytes that
 * are left free and are not counted. Returns 0 or -SHOAL_ENOMEM. Thread: owner.
 */
int shoal__grpc_deflate(struct shoal__grpc_codec *codec, enum shoal__grpc_encoding encoding,
                        struct shoal_view in, size_t headroom, char **out, size_t *out_size);

/* The same into a whole frame, prefix included and counted. A NULL codec is memory that was out.
 * Returns as above. Thread: owner. */
int shoal__grpc_deflate_frame(struct shoal__grpc_codec *codec, enum shoal__grpc_encoding encoding,
                              struct shoal_view in, char **out_frame, size_t *out_size);

#endif
