/* SPDX-License-Identifier: BSD-3-Clause */
/* The framing of messages; see framing.h. */
#include "proto/grpc/framing.h"

#include <stdlib.h>

#include <shoal/buf.h>

static const struct shoal__grpc_error bad_flag = {SHOAL_GRPC_INTERNAL,
                                                  "message with unknown flags"};
static const struct shoal__grpc_error too_large = {SHOAL_GRPC_RESOURCE_EXHAUSTED,
                                                   "message too large"};
static const struct shoal__grpc_error no_memory = {SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory"};

enum { FIRST_ROOM = 4096 };

static uint32_t at_most(size_t size, uint32_t most)
{
    return size < most ? (uint32_t)size : most;
}

static struct shoal_view take(struct shoal_view *in, uint32_t size)
{
    struct shoal_view front = shoal_view(in->data, size);
    *in = shoal_view_from(*in, size);
    return front;
}

static const struct shoal__grpc_error *read_prefix(struct shoal__grpc_reader *reader,
                                                   struct shoal_view *in, uint32_t max)
{
    uint32_t missing = (uint32_t)SHOAL__GRPC_PREFIX - reader->prefix_filled;
    struct shoal_view part = take(in, at_most(in->size, missing));
    if (part.size > 0)
        memcpy(reader->prefix + reader->prefix_filled, part.data, part.size);
    reader->prefix_filled = (uint8_t)(reader->prefix_filled + part.size);
    if (reader->prefix_filled > 0 && reader->prefix[0] > 1)
        return &bad_flag;
    if (reader->prefix_filled < SHOAL__GRPC_PREFIX)
        return NULL;
    const uint8_t *size = reader->prefix + 1;
    reader->size =
        (uint32_t)size[0] << 24 | (uint32_t)size[1] << 16 | (uint32_t)size[2] << 8 | size[3];
    return max > 0 && reader->size > max ? &too_large : NULL;
}

/* Room for `size` bytes, doubled so that growing costs little, but never past the message. */
static bool grow(struct shoal__grpc_reader *reader, uint32_t size)
{
    if (size <= reader->room)
        return true;
    uint32_t room = reader->room > 0 ? reader->room : FIRST_ROOM;
    while (room < size)
        room = room > UINT32_MAX / 2 ? UINT32_MAX : room * 2;
    room = room > reader->size ? reader->size : room;
    char *gathered = realloc(reader->gathered, room);
    if (!gathered)
        return false;
    reader->gathered = gathered;
    reader->room = room;
    return true;
}

static bool gather(struct shoal__grpc_reader *reader, struct shoal_view *in)
{
    uint32_t size = at_most(in->size, reader->size - reader->filled);
    if (size == 0)
        return true;
    if (!grow(reader, reader->filled + size))
        return false;
    memcpy(reader->gathered + reader->filled, take(in, size).data, size);
    reader->filled += size;
    return true;
}

const struct shoal__grpc_error *shoal__grpc_read(struct shoal__grpc_reader *reader,
                                                 struct shoal_view *in, uint32_t max,
                                                 bool *out_whole,
                                                 struct shoal__grpc_message *out_message)
{
    *out_whole = false;
    if (reader->prefix_filled < SHOAL__GRPC_PREFIX) {
        const struct shoal__grpc_error *error = read_prefix(reader, in, max);
        if (error || reader->prefix_filled < SHOAL__GRPC_PREFIX)
            return error;
    }
    struct shoal_view payload;
    if (reader->filled == 0 && in->size >= reader->size) {
        payload = take(in, reader->size);
    } else {
        if (!gather(reader, in))
            return &no_memory;
        if (reader->filled < reader->size)
            return NULL;
        payload = shoal_view(reader->gathered, reader->size);
    }
    *out_whole = true;
    *out_message = (struct shoal__grpc_message){payload, reader->prefix[0] == 1};
    reader->prefix_filled = 0;
    reader->filled = 0;
    return NULL;
}

void shoal__grpc_reader_fini(struct shoal__grpc_reader *reader)
{
    free(reader->gathered);
    reader->gathered = NULL;
    reader->filled = reader->room = 0;
}

void shoal__grpc_prefix_write(uint8_t out[SHOAL__GRPC_PREFIX], bool compressed, uint32_t size)
{
    out[0] = compressed;
    out[1] = (uint8_t)(size >> 24);
    out[2] = (uint8_t)(size >> 16);
    out[3] = (uint8_t)(size >> 8);
    out[4] = (uint8_t)size;
}

static void free_frame(void *arg, const void *data, size_t size)
{
    (void)data;
    (void)size;
    free(arg);
}

int shoal__grpc_frame_lend(struct shoal_buf *buf, char *frame, size_t size)
{
    int rc = shoal_buf_append_lent(buf, frame, size, free_frame, frame);
    if (rc < 0)
        free(frame);
    return rc;
}
