/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata; see metadata.h. */
#include "proto/grpc/metadata.h"

#include <shoal/error.h>

#include "base/arena.h"

static const struct shoal__grpc_error too_many = {SHOAL_GRPC_RESOURCE_EXHAUSTED,
                                                  "too many metadata"};
static const struct shoal__grpc_error too_large = {SHOAL_GRPC_RESOURCE_EXHAUSTED,
                                                   "metadata too large"};
static const struct shoal__grpc_error bad_base64 = {SHOAL_GRPC_INTERNAL,
                                                    "binary metadata is not base64"};
static const struct shoal__grpc_error no_memory = {SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory"};

/* Base64 */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 0 to 63, or -1. */
static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Padding belongs to a text of whole quartets only, and is one or two bytes long. */
static bool strip_padding(struct shoal_view *text)
{
    size_t padding = 0;
    while (padding < 2 && text->size > padding && text->data[text->size - 1 - padding] == '=')
        padding++;
    bool good = padding == 0 || text->size % 4 == 0;
    text->size -= padding;
    return good && text->size % 4 != 1;
}

bool shoal__grpc_base64_decode(struct shoal_view text, char *out, size_t *out_size)
{
    if (!strip_padding(&text))
        return false;
    uint32_t bits = 0;
    unsigned held = 0;
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        int value = sextet(text.data[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        out[size++] = (char)(bits >> held & 0xff);
    }
    *out_size = size;
    return true;
}

void shoal__grpc_base64_encode(struct shoal_view bytes, char *out)
{
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bits = bits << 8 | (unsigned char)bytes.data[i];
        for (held += 8; held >= 6; held -= 6)
            *out++ = alphabet[bits >> (held - 6) & 63];
    }
    if (held > 0)
        *out++ = alphabet[bits << (6 - held) & 63];
}

/* Names */

bool shoal__grpc_is_binary(struct shoal_view name)
{
    return name.size > 4 && memcmp(name.data + name.size - 4, "-bin", 4) == 0;
}

bool shoal__grpc_is_reserved(struct shoal_view name)
{
    static const struct shoal_view own[] = {SHOAL_VIEW("te"), SHOAL_VIEW("content-type"),
                                            SHOAL_VIEW("content-length"), SHOAL_VIEW("host"),
                                            SHOAL_VIEW("connection")};
    if (name.size >= 5 && memcmp(name.data, "grpc-", 5) == 0)
        return true;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (shoal_view_equal(name, own[i]))
            return true;
    }
    return false;
}

bool shoal__grpc_is_name(struct shoal_view name)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool good =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        if (!good)
            return false;
    }
    return name.size > 0 && !shoal__grpc_is_reserved(name);
}

static bool is_ascii_value(struct shoal_view value)
{
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < 0x20 || value.data[i] > 0x7e)
            return false;
    }
    return true;
}

/* Reading */

static struct shoal__http_field *add_pair(struct shoal__grpc_metadata *metadata,
                                          struct shoal__arena *arena)
{
    if (metadata->count < metadata->room)
        return &metadata->items[metadata->count++];
    uint32_t room = metadata->room ? metadata->room * 2 : 8;
    struct shoal__http_field *items = shoal__arena_alloc(arena, room * sizeof(*items));
    if (!items)
        return NULL;
    if (metadata->count > 0)
        memcpy(items, metadata->items, metadata->count * sizeof(*items));
    metadata->items = items;
    metadata->room = room;
    return &items[metadata->count++];
}

static bool keep(struct shoal__arena *arena, struct shoal_view *view)
{
    view->data = shoal__arena_strdup(arena, *view);
    return view->data != NULL;
}

static const struct shoal__grpc_error *read_binary(struct shoal__grpc_metadata *metadata,
                                                   struct shoal__arena *arena,
                                                   struct shoal_view name, struct shoal_view text)
{
    struct shoal__http_field *pair = add_pair(metadata, arena);
    char *bytes = shoal__arena_alloc(arena, shoal__grpc_base64_room(text.size));
    size_t size;
    if (!pair || !bytes)
        return &no_memory;
    if (!shoal__grpc_base64_decode(text, bytes, &size))
        return &bad_base64;
    *pair = (struct shoal__http_field){name, shoal_view(bytes, size)};
    return NULL;
}

static struct shoal_view trim(struct shoal_view text)
{
    while (text.size > 0 && text.data[0] == ' ')
        text = shoal_view_from(text, 1);
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

/* One field may carry several values, joined by commas. */
static const struct shoal__grpc_error *read_binaries(struct shoal__grpc_metadata *metadata,
                                                     struct shoal__arena *arena,
                                                     struct shoal_view name, struct shoal_view list)
{
    for (;;) {
        const char *comma = list.size ? memchr(list.data, ',', list.size) : NULL;
        size_t size = comma ? (size_t)(comma - list.data) : list.size;
        const struct shoal__grpc_error *error =
            read_binary(metadata, arena, name, trim(shoal_view(list.data, size)));
        if (error || !comma)
            return error;
        list = shoal_view_from(list, size + 1);
    }
}

static const struct shoal__grpc_error *read_field(struct shoal__grpc_metadata *metadata,
                                                  struct shoal__arena *arena,
                                                  struct shoal__http_field field, bool copy)
{
    if (copy && !keep(arena, &field.name))
        return &no_memory;
    if (shoal__grpc_is_binary(field.name))
        return read_binaries(metadata, arena, field.name, field.value);
    struct shoal__http_field *pair = add_pair(metadata, arena);
    if (!pair || (copy && !keep(arena, &field.value)))
        return &no_memory;
    *pair = field;
    return NULL;
}

const struct shoal__grpc_error *
shoal__grpc_metadata_read(struct shoal__grpc_metadata *metadata, struct shoal__arena *arena,
                          const struct shoal__http_field *fields, size_t field_count, bool copy,
                          const struct shoal__grpc_metadata_limits *limits)
{
    size_t bytes = 0;
    for (size_t i = 0; i < field_count; i++) {
        bytes += fields[i].name.size + fields[i].value.size;
        if (limits->bytes > 0 && bytes > limits->bytes)
            return &too_large;
        if (shoal__grpc_is_reserved(fields[i].name))
            continue;
        const struct shoal__grpc_error *error = read_field(metadata, arena, fields[i], copy);
        if (error)
            return error;
        if (limits->pairs > 0 && metadata->count > limits->pairs)
            return &too_many;
    }
    return NULL;
}

struct shoal_view shoal__grpc_metadata_find(const struct shoal__grpc_metadata *metadata,
                                            struct shoal_view name)
{
    for (uint32_t i = 0; i < metadata->count; i++) {
        if (shoal_view_equal(metadata->items[i].name, name))
            return metadata->items[i].value;
    }
    return shoal_view(NULL, 0);
}

/* Sending */

int shoal__grpc_metadata_add(struct shoal__http_fields *fields, struct shoal__arena *arena,
                             struct shoal_view name, struct shoal_view value)
{
    if (!shoal__grpc_is_name(name))
        return -SHOAL_EINVAL;
    if (!shoal__grpc_is_binary(name))
        return is_ascii_value(value) ? shoal__http_fields_add(fields, arena, name, value)
                                     : -SHOAL_EINVAL;
    size_t size = shoal__grpc_base64_size(value.size);
    char *text = shoal__arena_alloc(arena, size);
    if (!text)
        return -SHOAL_ENOMEM;
    shoal__grpc_base64_encode(value, text);
    return shoal__http_fields_add(fields, arena, name, shoal_view(text, size));
}
