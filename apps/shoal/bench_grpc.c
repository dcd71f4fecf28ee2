/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of gRPC as they travel in HTTP/2; see bench_grpc.h. */
#include "bench_grpc.h"

#include <string.h>

/* In the manner of FNV, but zeros count from the first on. */
static uint64_t hash_more(uint64_t hash, struct shoal_view bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash + (unsigned char)bytes.data[i] + 1) * UINT64_C(0x100000001b3);
    return hash;
}

static uint32_t length_of(const uint8_t *prefix)
{
    return (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 | (uint32_t)prefix[3] << 8 |
           (uint32_t)prefix[4];
}

static size_t take_prefix(struct bench_grpc_reply *reply, struct shoal_view bytes)
{
    size_t missing = BENCH_GRPC_PREFIX - reply->prefix_size;
    size_t size = bytes.size < missing ? bytes.size : missing;
    memcpy(reply->prefix + reply->prefix_size, bytes.data, size);
    reply->prefix_size += (unsigned)size;
    if (reply->prefix_size == BENCH_GRPC_PREFIX)
        reply->left = length_of(reply->prefix);
    return size;
}

static size_t take_message(struct bench_grpc_reply *reply, struct shoal_view bytes)
{
    size_t size = bytes.size < reply->left ? bytes.size : reply->left;
    reply->left -= (uint32_t)size;
    return size;
}

/* An empty message is whole with its prefix. */
static void end_message(struct bench_grpc_reply *reply)
{
    if (reply->prefix_size < BENCH_GRPC_PREFIX || reply->left > 0)
        return;
    reply->prefix_size = 0;
    reply->messages++;
}

void bench_grpc_take(struct bench_grpc_reply *reply, struct shoal_view bytes)
{
    reply->hash = hash_more(reply->hash, bytes);
    while (bytes.size > 0) {
        bool in_prefix = reply->prefix_size < BENCH_GRPC_PREFIX;
        size_t size = in_prefix ? take_prefix(reply, bytes) : take_message(reply, bytes);
        bytes = shoal_view_from(bytes, size);
        end_message(reply);
    }
}

bool bench_grpc_is_whole(const struct bench_grpc_reply *reply)
{
    return reply->messages > 0 && reply->prefix_size == 0 && reply->prefix[0] == 0;
}

bool bench_grpc_is_method(struct shoal_view path)
{
    const char *slash = path.size > 1 ? memrchr(path.data, '/', path.size) : NULL;
    return slash && slash > path.data + 1 && slash + 1 < path.data + path.size &&
           memchr(path.data + 1, '/', path.size - 1) == slash && !memchr(path.data, '?', path.size);
}

void bench_grpc_frame(struct shoal_view message, char *out)
{
    uint32_t size = (uint32_t)message.size;
    const uint8_t prefix[BENCH_GRPC_PREFIX] = {0, (uint8_t)(size >> 24), (uint8_t)(size >> 16),
                                               (uint8_t)(size >> 8), (uint8_t)size};
    memcpy(out, prefix, sizeof(prefix));
    memcpy(out + sizeof(prefix), message.data, message.size);
}
