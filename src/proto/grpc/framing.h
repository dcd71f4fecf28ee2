/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The framing of messages: one byte of flags, four of length (big endian), payload. Pieces of input
 * may be cut anywhere. A message that lies whole in one piece is handed on where it lies; of others
 * the bytes are gathered in memory that grows with what has come, not with what was announced.
 */
#ifndef SHOAL_PROTO_GRPC_FRAMING_H
#define SHOAL_PROTO_GRPC_FRAMING_H

#include "proto/grpc/status.h"

struct shoal_buf;

enum { SHOAL__GRPC_PREFIX = 5 };

/* One direction of a call. All zero is the beginning. Owned by the call. */
struct shoal__grpc_reader {
    char *gathered;
    uint32_t filled;
    uint32_t room;
    uint32_t size; /* of the message, once the prefix is whole */
    uint8_t prefix[SHOAL__GRPC_PREFIX];
    uint8_t prefix_filled;
};

struct shoal__grpc_message {
    struct shoal_view payload; /* until the reader reads on or is finished */
    bool compressed;           /* its flag says so */
};

/*
 * Takes bytes from the front of *in up to the end of a message. Returns NULL with *out_whole
 * telling whether there is one, in *out_message; or what is wrong, and then the reader is used up.
 * A message of more than `max` bytes (0: no limit) is wrong before anything of it is gathered.
 * Thread: owner.
 */
const struct shoal__grpc_error *shoal__grpc_read(struct shoal__grpc_reader *reader,
                                                 struct shoal_view *in, uint32_t max,
                                                 bool *out_whole,
                                                 struct shoal__grpc_message *out_message);

/* Bytes gathered. Thread: owner. */
static inline size_t shoal__grpc_reader_held(const struct shoal__grpc_reader *reader)
{
    return reader->room;
}

/* Whether the input so far ends between messages. Thread: owner. */
static inline bool shoal__grpc_reader_is_between(const struct shoal__grpc_reader *reader)
{
    return reader->prefix_filled == 0;
}

/* Frees the memory that messages are gathered in; between messages the reader can go on.
 * Thread: owner. */
void shoal__grpc_reader_fini(struct shoal__grpc_reader *reader);

/* Writes the prefix of a message of that size. Thread: any. */
void shoal__grpc_prefix_write(uint8_t out[SHOAL__GRPC_PREFIX], bool compressed, uint32_t size);

/* Appends a frame in memory of malloc's, which is taken, or freed where that fails. Returns 0 or
 * -SHOAL_ENOMEM. Thread: owner of the buffer. */
int shoal__grpc_frame_lend(struct shoal_buf *buf, char *frame, size_t size);

#endif
