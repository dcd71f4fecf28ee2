/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libFuzzer on gRPC's readers of foreign bytes. The first byte chooses which one: messages out of a
 * stream cut two ways, metadata, timeouts, status texts, protobuf's wire format with its check,
 * decompression and descriptor sets.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <reflection.pb-c.h>

#include "base/arena.h"
#include "proto/grpc/compression.h"
#include "proto/grpc/descriptors.h"
#include "proto/grpc/framing.h"
#include "proto/grpc/metadata.h"
#include "proto/grpc/timeout.h"
#include "proto/grpc/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 300 };

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "this does not hold: %s\n", what);
    abort();
}

/* Messages */

struct outcome {
    const struct shoal__grpc_error *error;
    size_t messages;
    uint64_t digest;
    bool between;
};

static void note(struct outcome *outcome, const struct shoal__grpc_message *message)
{
    outcome->messages++;
    outcome->digest = outcome->digest * 31 + message->compressed;
    for (size_t i = 0; i < message->payload.size; i++)
        outcome->digest = outcome->digest * 1099511628211u + (uint8_t)message->payload.data[i];
}

static struct outcome read_messages(struct shoal_view stream, size_t most)
{
    struct shoal__grpc_reader reader = {0};
    struct outcome outcome = {0};
    while (stream.size > 0 && !outcome.error) {
        size_t size = stream.size < most ? stream.size : most;
        struct shoal_view piece = shoal_view(stream.data, size);
        stream = shoal_view_from(stream, size);
        while (piece.size > 0 && !outcome.error) {
            struct shoal__grpc_message message;
            bool whole;
            outcome.error = shoal__grpc_read(&reader, &piece, MOST, &whole, &message);
            if (!outcome.error && whole)
                note(&outcome, &message);
            require(shoal__grpc_reader_held(&reader) <= MOST, "no more is held than allowed");
        }
    }
    outcome.between = shoal__grpc_reader_is_between(&reader);
    shoal__grpc_reader_fini(&reader);
    return outcome;
}

static void fuzz_framing(struct shoal_view in)
{
    struct outcome whole = read_messages(in, in.size + 1);
    struct outcome cut = read_messages(in, 3);
    require(whole.error == cut.error && whole.messages == cut.messages &&
                whole.digest == cut.digest && (whole.error || whole.between == cut.between),
            "the outcome is the same however the stream is cut");
}

/* The texts */

static void fuzz_base64(struct shoal_view in)
{
    char bytes[1024], text[1024], again[1024];
    size_t size, again_size;
    if (in.size > 600 || !shoal__grpc_base64_decode(in, bytes, &size))
        return;
    require(size <= shoal__grpc_base64_room(in.size), "decoding stays in its room");
    shoal__grpc_base64_encode(shoal_view(bytes, size), text);
    bool good = shoal__grpc_base64_decode(shoal_view(text, shoal__grpc_base64_size(size)), again,
                                          &again_size);
    require(good && shoal_view_equal(shoal_view(bytes, size), shoal_view(again, again_size)),
            "what is encoded is decoded");
}

static void fuzz_metadata(struct shoal_view in)
{
    static const struct shoal__grpc_metadata_limits limits = {20, 500};
    struct shoal__arena arena = {0};
    struct shoal__grpc_metadata metadata = {0};
    struct shoal__http_field fields[8];
    size_t count = 0;
    while (in.size > 0 && count < 8) {
        const char *end = memchr(in.data, '\n', in.size);
        size_t size = end ? (size_t)(end - in.data) : in.size;
        const char *name = count % 2 ? "x" : "x-bin";
        fields[count++] =
            (struct shoal__http_field){shoal_view_of(name), shoal_view(in.data, size)};
        in = shoal_view_from(in, size + 1);
    }
    if (!shoal__grpc_metadata_read(&metadata, &arena, fields, count, true, &limits))
        require(metadata.count <= limits.pairs && metadata.count >= count, "all pairs are there");
    shoal__arena_fini(&arena);
}

static void fuzz_timeout(struct shoal_view in)
{
    int64_t ns, again = 0;
    char text[SHOAL__GRPC_TIMEOUT_MAX];
    if (!shoal__grpc_timeout_parse(in, &ns))
        return;
    require(ns >= 0 && shoal__grpc_timeout_parse(shoal__grpc_timeout_format(ns, text), &again),
            "what is read can be written");
    require(again >= ns || ns == INT64_MAX, "and is not shorter then");
}

static void fuzz_percent(struct shoal_view in)
{
    char text[3 * 600], again[3 * 600];
    if (in.size > 600)
        return;
    size_t size = shoal__grpc_percent_size(in);
    shoal__grpc_percent_encode(in, text);
    size_t again_size = shoal__grpc_percent_decode(shoal_view(text, size), again);
    require(shoal_view_equal(in, shoal_view(again, again_size)), "what is encoded is decoded");
    require(shoal__grpc_percent_decode(in, again) <= in.size, "decoding does not grow");
}

/* The messages' insides */

static void fuzz_wire(struct shoal_view in)
{
    const ProtobufCMessageDescriptor *type =
        &shoal__grpc__reflection__server_reflection_response__descriptor;
    struct shoal__arena arena = {0};
    bool exhausted;
    if (shoal__wire_check(type, in, 10))
        (void)shoal__wire_unpack(type, in, &arena, &exhausted);
    shoal__arena_fini(&arena);
}

static void fuzz_inflate(struct shoal_view in)
{
    struct shoal__grpc_codec *codec = shoal__grpc_codec_create();
    char *out = NULL;
    size_t size = 0;
    if (codec && !shoal__grpc_inflate(codec, SHOAL__GRPC_DEFLATE, in, MOST, &out, &size))
        require(size <= MOST, "no more comes out than allowed");
    free(out);
    shoal__grpc_codec_destroy(&codec);
}

static void fuzz_descriptors(struct shoal_view in)
{
    struct shoal__descriptors index;
    int32_t numbers[2];
    shoal__descriptors_init(&index);
    (void)shoal__descriptors_add(&index, in);
    (void)shoal__descriptors_symbol(&index, shoal_view_of("a.b"));
    (void)shoal__descriptors_numbers(&index, shoal_view_of("a.b"), numbers, 2);
    shoal__descriptors_fini(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const fuzzers[])(struct shoal_view in) = {
        fuzz_framing, fuzz_base64, fuzz_metadata, fuzz_timeout,
        fuzz_percent, fuzz_wire,   fuzz_inflate,  fuzz_descriptors};
    if (size > 0)
        fuzzers[data[0] % (sizeof(fuzzers) / sizeof(fuzzers[0]))](shoal_view(data + 1, size - 1));
    return 0;
}
