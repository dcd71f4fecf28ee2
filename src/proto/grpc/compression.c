/* SPDX-License-Identifier: BSD-3-Clause */
/* Message encodings by zlib; see compression.h. */
#include "proto/grpc/compression.h"

#include <stdlib.h>
#include <zlib.h>

#include <shoal/error.h>

#include "proto/grpc/framing.h"
#include "proto/http/fields.h"

static const struct shoal__grpc_error broken = {SHOAL_GRPC_INTERNAL,
                                                "compressed message cannot be decompressed"};
static const struct shoal__grpc_error trailing = {SHOAL_GRPC_INTERNAL,
                                                  "something follows a compressed message"};
static const struct shoal__grpc_error too_large = {SHOAL_GRPC_RESOURCE_EXHAUSTED,
                                                   "decompressed message too large"};
static const struct shoal__grpc_error no_memory = {SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory"};

enum { FIRST_ROOM = 4096, LEVEL = 1, MEMORY = 8 };

static const struct shoal_view names[SHOAL__GRPC_ENCODINGS] = {
    [SHOAL__GRPC_IDENTITY] = SHOAL_VIEW("identity"),
    [SHOAL__GRPC_GZIP] = SHOAL_VIEW("gzip"),
    [SHOAL__GRPC_DEFLATE] = SHOAL_VIEW("deflate"),
};

const struct shoal_view shoal__grpc_all_encodings = SHOAL_VIEW("identity,deflate,gzip");

/* zlib's window size, which also says which format. */
static const int window_bits[SHOAL__GRPC_ENCODINGS] = {
    [SHOAL__GRPC_GZIP] = 15 + 16,
    [SHOAL__GRPC_DEFLATE] = 15,
};

/* Owned by a loop or a piece of work; one thread at a time. */
struct shoal__grpc_codec {
    z_stream inflater, deflater;
    bool inflates, deflates; /* the streams are set up ... */
    enum shoal__grpc_encoding deflates_to;
};

struct shoal_view shoal__grpc_encoding_name(enum shoal__grpc_encoding encoding)
{
    return names[encoding];
}

bool shoal__grpc_encoding_parse(struct shoal_view name, enum shoal__grpc_encoding *out_encoding)
{
    for (int i = 0; i < SHOAL__GRPC_ENCODINGS; i++) {
        if (shoal_view_equal(name, names[i])) {
            *out_encoding = (enum shoal__grpc_encoding)i;
            return true;
        }
    }
    return false;
}

enum shoal__grpc_encoding shoal__grpc_encoding_choose(struct shoal_view accepted)
{
    if (shoal__http_list_has(accepted, names[SHOAL__GRPC_GZIP]))
        return SHOAL__GRPC_GZIP;
    if (shoal__http_list_has(accepted, names[SHOAL__GRPC_DEFLATE]))
        return SHOAL__GRPC_DEFLATE;
    return SHOAL__GRPC_IDENTITY;
}

struct shoal__grpc_codec *shoal__grpc_codec_create(void)
{
    return calloc(1, sizeof(struct shoal__grpc_codec));
}

void shoal__grpc_codec_destroy(struct shoal__grpc_codec **codec)
{
    if (!*codec)
        return;
    if ((*codec)->inflates)
        (void)inflateEnd(&(*codec)->inflater);
    if ((*codec)->deflates)
        (void)deflateEnd(&(*codec)->deflater);
    free(*codec);
    *codec = NULL;
}

/* Decompressing */

static bool begin_inflating(struct shoal__grpc_codec *codec, enum shoal__grpc_encoding encoding)
{
    int bits = window_bits[encoding];
    if (codec->inflates)
        return inflateReset2(&codec->inflater, bits) == Z_OK;
    codec->inflates = inflateInit2(&codec->inflater, bits) == Z_OK;
    return codec->inflates;
}

/* Doubles the room up to one byte more than allowed, which shows that there is too much. */
static bool grow(char **out, size_t *room, uint32_t max)
{
    size_t bigger = *room ? *room * 2 : FIRST_ROOM;
    if (max > 0 && bigger > (size_t)max + 1)
        bigger = (size_t)max + 1;
    char *memory = realloc(*out, bigger);
    if (!memory)
        return false;
    *out = memory;
    *room = bigger;
    return true;
}

static const struct shoal__grpc_error *judge(const z_stream *stream, int rc)
{
    if (rc != Z_STREAM_END)
        return &broken;
    return stream->avail_in > 0 ? &trailing : NULL;
}

static const struct shoal__grpc_error *inflate_all(z_stream *stream, uint32_t max, char **out,
                                                   size_t *out_size)
{
    size_t room = 0;
    size_t size = 0;
    int rc = Z_OK;
    while (rc == Z_OK) {
        if (size == room && !grow(out, &room, max))
            return &no_memory;
        uInt free_room = (uInt)(room - size);
        stream->next_out = (Bytef *)*out + size;
        stream->avail_out = free_room;
        rc = inflate(stream, Z_NO_FLUSH);
        size += free_room - stream->avail_out;
        if (max > 0 && size > max)
            return &too_large;
    }
    *out_size = size;
    return judge(stream, rc);
}

const struct shoal__grpc_error *shoal__grpc_inflate(struct shoal__grpc_codec *codec,
                                                    enum shoal__grpc_encoding encoding,
                                                    struct shoal_view in, uint32_t max, char **out,
                                                    size_t *out_size)
{
    if (!begin_inflating(codec, encoding))
        return &no_memory;
    codec->inflater.next_in = (z_const Bytef *)(uintptr_t)in.data;
    codec->inflater.avail_in = (uInt)in.size;
    char *memory = NULL;
    const struct shoal__grpc_error *error = inflate_all(&codec->inflater, max, &memory, out_size);
    if (error)
        free(memory);
    else
        *out = memory;
    return error;
}

/* Compressing */

static bool begin_deflating(struct shoal__grpc_codec *codec, enum shoal__grpc_encoding encoding)
{
    if (codec->deflates && codec->deflates_to == encoding)
        return deflateReset(&codec->deflater) == Z_OK;
    if (codec->deflates)
        (void)deflateEnd(&codec->deflater);
    codec->deflates_to = encoding;
    codec->deflates = deflateInit2(&codec->deflater, LEVEL, Z_DEFLATED, window_bits[encoding],
                                   MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
    return codec->deflates;
}

int shoal__grpc_deflate(struct shoal__grpc_codec *codec, enum shoal__grpc_encoding encoding,
                        struct shoal_view in, size_t headroom, char **out, size_t *out_size)
{
    if (!begin_deflating(codec, encoding))
        return -SHOAL_ENOMEM;
    size_t room = deflateBound(&codec->deflater, in.size);
    char *memory = malloc(headroom + room);
    if (!memory)
        return -SHOAL_ENOMEM;
    codec->deflater.next_in = (z_const Bytef *)(uintptr_t)in.data;
    codec->deflater.avail_in = (uInt)in.size;
    codec->deflater.next_out = (Bytef *)memory + headroom;
    codec->deflater.avail_out = (uInt)room;
    /* The bound leaves room for all of it, so one call ends the stream. */
    (void)deflate(&codec->deflater, Z_FINISH);
    *out = memory;
    *out_size = room - codec->deflater.avail_out;
    return 0;
}

int shoal__grpc_deflate_frame(struct shoal__grpc_codec *codec, enum shoal__grpc_encoding encoding,
                              struct shoal_view in, char **out_frame, size_t *out_size)
{
    size_t size;
    int rc = codec ? shoal__grpc_deflate(codec, encoding, in, SHOAL__GRPC_PREFIX, out_frame, &size)
                   : -SHOAL_ENOMEM;
    if (rc < 0)
        return rc;
    shoal__grpc_prefix_write((uint8_t *)*out_frame, true, (uint32_t)size);
    *out_size = SHOAL__GRPC_PREFIX + size;
    return 0;
}
