/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Protocol Buffers' wire format without any knowledge of types: fields out of a message and into
 * one. Pure functions, any thread.
 */
#ifndef APPS_SHOAL_CALL_WIRE_H
#define APPS_SHOAL_CALL_WIRE_H

#include <stdint.h>

#include "call/bytes.h"

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_GROUP = 3,
    WIRE_GROUP_END = 4,
    WIRE_FIXED32 = 5,
};

/* A field as it lies there. */
struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;          /* of a varint or a fixed one, as its bits */
    struct shoal_view bytes; /* of WIRE_BYTES; a group's are not kept */
};

/* Takes the first field from *rest, a group as a whole. False where it is malformed, or empty.
 * Thread: any. */
bool wire_next(struct shoal_view *rest, struct wire_field *out);

/* Takes the first number of this type from the numbers in *rest. False as above. Thread: any. */
bool wire_number(struct shoal_view *rest, enum wire_type type, uint64_t *out);

/* The last field of that number and type in a message; false where there is none. Thread: any. */
bool wire_last(struct shoal_view message, uint32_t number, enum wire_type type,
               struct wire_field *out);

/* Each appends. Thread: owner of `out`. */
void wire_add_tag(struct bytes *out, uint32_t number, enum wire_type type);
void wire_add_number(struct bytes *out, enum wire_type type, uint64_t value);
void wire_add_bytes(struct bytes *out, uint32_t number, struct shoal_view value);

/*
 * A field of WIRE_BYTES whose content is appended between the two calls: `begin` returns what
 * `end` wants to know. Thread: owner of `out`.
 */
size_t wire_begin(struct bytes *out, uint32_t number);
void wire_end(struct bytes *out, size_t begin);

#endif
