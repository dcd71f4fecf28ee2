/* SPDX-License-Identifier: BSD-3-Clause */
/* Protocol Buffers' wire format; see wire.h. */
#include "proto/grpc/wire.h"

#include "base/arena.h"
#include "base/utf8.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5, MOST_VARINT = 10 };

static bool take_varint(struct shoal_view *in, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < in->size && i < MOST_VARINT; i++) {
        uint8_t byte = (uint8_t)in->data[i];
        if (i == MOST_VARINT - 1 && byte > 1)
            return false; /* past 64 bits */
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *in = shoal_view_from(*in, i + 1);
            *out = value;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct shoal_view *in, uint64_t size, struct shoal_view *out)
{
    if (size > in->size)
        return false;
    *out = shoal_view(in->data, (size_t)size);
    *in = shoal_view_from(*in, (size_t)size);
    return true;
}

bool shoal__wire_next(struct shoal_view *message, struct shoal__wire_field *out_field)
{
    uint64_t tag;
    if (!take_varint(message, &tag) || tag >> 3 == 0 || tag >> 32 != 0)
        return false;
    struct shoal__wire_field field = {.number = (uint32_t)(tag >> 3), .type = tag & 7};
    bool good = false;
    switch (field.type) {
    case VARINT:
        good = take_varint(message, &field.value);
        break;
    case FIXED64:
        good = take_bytes(message, 8, &field.bytes);
        break;
    case BYTES:
        good = take_varint(message, &field.value) && take_bytes(message, field.value, &field.bytes);
        break;
    case FIXED32:
        good = take_bytes(message, 4, &field.bytes);
        break;
    default:
        break;
    }
    *out_field = field;
    return good;
}

static bool check_field(const ProtobufCFieldDescriptor *field, struct shoal_view bytes,
                        unsigned max_depth)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return shoal__utf8_is_valid(bytes);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return max_depth > 0 && shoal__wire_check(field->descriptor, bytes, max_depth - 1);
    return true;
}

bool shoal__wire_check(const ProtobufCMessageDescriptor *type, struct shoal_view message,
                       unsigned max_depth)
{
    while (message.size > 0) {
        struct shoal__wire_field field;
        if (!shoal__wire_next(&message, &field))
            return false;
        if (field.type != BYTES)
            continue;
        const ProtobufCFieldDescriptor *known =
            protobuf_c_message_descriptor_get_field(type, field.number);
        if (known && !check_field(known, field.bytes, max_depth))
            return false;
    }
    return true;
}

/* Enough for any message of sense: a short text in a message of its own unpacks to twelve times
 * its size, protobuf-c's own scratch included. */
enum { MOST_GROWTH = 24, ANY_MESSAGE = 64 * 1024 };

struct unpacking {
    struct shoal__arena *arena;
    size_t left;
    bool exhausted;
};

static void *allocate(void *data, size_t size)
{
    struct unpacking *unpacking = data;
    void *memory = size <= unpacking->left ? shoal__arena_alloc(unpacking->arena, size) : NULL;
    if (memory)
        unpacking->left -= size;
    else
        unpacking->exhausted = true;
    return memory;
}

/* Everything goes with the arena. */
static void release(void *data, void *memory)
{
    (void)data;
    (void)memory;
}

ProtobufCMessage *shoal__wire_unpack(const ProtobufCMessageDescriptor *type,
                                     struct shoal_view message, struct shoal__arena *arena,
                                     bool *out_exhausted)
{
    struct unpacking unpacking = {arena, ANY_MESSAGE + message.size * MOST_GROWTH, false};
    ProtobufCAllocator allocator = {allocate, release, &unpacking};
    ProtobufCMessage *unpacked =
        protobuf_c_message_unpack(type, &allocator, message.size, (const uint8_t *)message.data);
    if (!unpacked)
        *out_exhausted = unpacking.exhausted;
    return unpacked;
}
