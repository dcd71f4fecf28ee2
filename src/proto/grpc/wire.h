/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Protocol Buffers' wire format: a walk over the fields of a message, and a check of a whole one
 * before protobuf-c unpacks it, which would follow any nesting and take any bytes for text.
 */
#ifndef SHOAL_PROTO_GRPC_WIRE_H
#define SHOAL_PROTO_GRPC_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include <shoal/view.h>

struct shoal__arena;

/* A field as it lies on the wire; groups (wire types 3 and 4) are not read. */
struct shoal__wire_field {
    uint32_t number;
    uint8_t type;            /* 0 varint, 1 fixed64, 2 bytes, 5 fixed32 */
    uint64_t value;          /* of a varint */
    struct shoal_view bytes; /* of type 2 */
};

/* Takes the first field from *message. False where it is malformed, or empty. Thread: any. */
bool shoal__wire_next(struct shoal_view *message, struct shoal__wire_field *out_field);

/*
 * Whether it is a message of that type: well-formed, its texts UTF-8, no message of it nested
 * deeper than `max_depth`. Thread: any.
 */
bool shoal__wire_check(const ProtobufCMessageDescriptor *type, struct shoal_view message,
                       unsigned max_depth);

/*
 * Unpacks a checked message into the arena. Returns NULL where it is malformed, and also, with
 * *out_exhausted set, where memory is out or more of it is needed than a message of that size may
 * cost: two bytes of an empty message inside another one unpack to a hundred.
 * Thread: owner of the arena.
 */
ProtobufCMessage *shoal__wire_unpack(const ProtobufCMessageDescriptor *type,
                                     struct shoal_view message, struct shoal__arena *arena,
                                     bool *out_exhausted);

#endif
