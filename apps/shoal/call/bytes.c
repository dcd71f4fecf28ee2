/* SPDX-License-Identifier: BSD-3-Clause */
/* Growing bytes; see bytes.h. */
#include "call/bytes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

void bytes_fini(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

/* Room for `more` bytes and a NUL. */
static bool reserve(struct bytes *bytes, size_t more)
{
    if (bytes->failed)
        return false;
    if (more < bytes->room - bytes->size)
        return true;
    size_t room = bytes->size < SIZE_MAX / 4 ? 2 * bytes->size + 64 : 0;
    if (room < 64 || more > SIZE_MAX / 4) {
        bytes->failed = true;
        return false;
    }
    room += more;
    char *data = realloc(bytes->data, room);
    bytes->failed = !data;
    if (!data)
        return false;
    bytes->data = data;
    bytes->room = room;
    return true;
}

void bytes_add(struct bytes *bytes, const void *data, size_t size)
{
    bytes_insert(bytes, bytes->size, data, size);
}

void bytes_text(struct bytes *bytes, const char *text)
{
    bytes_add(bytes, text, strlen(text));
}

void bytes_format(struct bytes *bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0 || !reserve(bytes, (size_t)size))
        return;

    va_start(args, format);
    vsnprintf(bytes->data + bytes->size, (size_t)size + 1, format, args);
    va_end(args);
    bytes->size += (size_t)size;
}

void bytes_insert(struct bytes *bytes, size_t at, const void *data, size_t size)
{
    if (size == 0 || !reserve(bytes, size))
        return;
    memmove(bytes->data + at + size, bytes->data + at, bytes->size - at);
    memcpy(bytes->data + at, data, size);
    bytes->size += size;
}

void bytes_cut(struct bytes *bytes, size_t size)
{
    if (size < bytes->size)
        bytes->size = size;
}

void make_harmless(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = '.';
    }
}

void bytes_harmless(struct bytes *bytes, struct shoal_view text)
{
    size_t before = bytes->size;
    bytes_add(bytes, text.data, text.size);
    if (bytes->size > before)
        make_harmless(bytes->data + before, bytes->size - before);
}

struct shoal_view bytes_view(const struct bytes *bytes)
{
    return shoal_view(bytes->data, bytes->size);
}
