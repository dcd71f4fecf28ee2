/* SPDX-License-Identifier: BSD-3-Clause */
/* The wire format; see wire.h. */
#include "call/wire.h"

#include <endian.h>

enum { MOST_GROUPS = 64 }; /* inside of each other */

static bool take_varint(struct shoal_view *rest, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < rest->size && i < 10; i++) {
        uint64_t byte = (uint8_t)rest->data[i];
        if (i == 9 && byte > 1)
            return false;
        value |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *rest = shoal_view_from(*rest, i + 1);
            *out = value;
            return true;
        }
    }
    return false;
}

static bool take_fixed(struct shoal_view *rest, size_t size, uint64_t *out)
{
    uint64_t value = 0;
    if (rest->size < size)
        return false;
    memcpy(&value, rest->data, size);
    *rest = shoal_view_from(*rest, size);
    *out = le64toh(value);
    return true;
}

static bool take_bytes(struct shoal_view *rest, struct shoal_view *out)
{
    struct shoal_view after = *rest;
    uint64_t size;
    if (!take_varint(&after, &size) || size > after.size)
        return false;
    *out = shoal_view(after.data, (size_t)size);
    *rest = shoal_view_from(after, (size_t)size);
    return true;
}

bool wire_number(struct shoal_view *rest, enum wire_type type, uint64_t *out)
{
    switch (type) {
    case WIRE_VARINT:
        return take_varint(rest, out);
    case WIRE_FIXED64:
        return take_fixed(rest, 8, out);
    case WIRE_FIXED32:
        return take_fixed(rest, 4, out);
    default:
        return false;
    }
}

static bool take_tag(struct shoal_view *rest, struct wire_field *out)
{
    uint64_t tag;
    if (!take_varint(rest, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
        return false;
    *out = (struct wire_field){.number = (uint32_t)tag >> 3, .type = (enum wire_type)(tag & 7)};
    return true;
}

static bool skip_value(struct shoal_view *rest, struct wire_field *field)
{
    return field->type == WIRE_BYTES ? take_bytes(rest, &field->bytes)
                                     : wire_number(rest, field->type, &field->value);
}

/* All up to the end of the group that has begun, groups in it included. */
static bool skip_group(struct shoal_view *rest, uint32_t number)
{
    uint32_t open[MOST_GROUPS] = {number};
    size_t depth = 1;
    while (depth > 0) {
        struct wire_field field;
        bool whole = take_tag(rest, &field);
        if (!whole || field.type == WIRE_GROUP_END)
            whole = whole && open[--depth] == field.number;
        else if (field.type == WIRE_GROUP && depth < MOST_GROUPS)
            open[depth++] = field.number;
        else
            whole = skip_value(rest, &field);
        if (!whole)
            return false;
    }
    return true;
}

bool wire_next(struct shoal_view *rest, struct wire_field *out)
{
    struct shoal_view after = *rest;
    struct wire_field field;
    if (!take_tag(&after, &field))
        return false;
    bool taken = field.type == WIRE_BYTES   ? take_bytes(&after, &field.bytes)
                 : field.type == WIRE_GROUP ? skip_group(&after, field.number)
                                            : wire_number(&after, field.type, &field.value);
    if (!taken)
        return false;
    *rest = after;
    *out = field;
    return true;
}

bool wire_last(struct shoal_view message, uint32_t number, enum wire_type type,
               struct wire_field *out)
{
    bool found = false;
    struct wire_field field;
    while (wire_next(&message, &field)) {
        if (field.number != number || field.type != type)
            continue;
        *out = field;
        found = true;
    }
    return found;
}

static size_t varint_bytes(uint64_t value, char out[10])
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        out[size++] = (char)(value | 0x80);
    out[size++] = (char)value;
    return size;
}

void wire_add_number(struct bytes *out, enum wire_type type, uint64_t value)
{
    char varint[10];
    uint64_t fixed = htole64(value);
    if (type == WIRE_VARINT)
        bytes_add(out, varint, varint_bytes(value, varint));
    else
        bytes_add(out, &fixed, type == WIRE_FIXED64 ? 8 : 4);
}

void wire_add_tag(struct bytes *out, uint32_t number, enum wire_type type)
{
    wire_add_number(out, WIRE_VARINT, (uint64_t)number << 3 | type);
}

void wire_add_bytes(struct bytes *out, uint32_t number, struct shoal_view value)
{
    size_t begin = wire_begin(out, number);
    bytes_add(out, value.data, value.size);
    wire_end(out, begin);
}

size_t wire_begin(struct bytes *out, uint32_t number)
{
    wire_add_tag(out, number, WIRE_BYTES);
    return out->size;
}

void wire_end(struct bytes *out, size_t begin)
{
    char size[10];
    if (!out->failed)
        bytes_insert(out, begin, size, varint_bytes(out->size - begin, size));
}
