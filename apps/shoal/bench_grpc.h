/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What gRPC adds to HTTP/2 for the load generator: the request's message in its frame, and whether
 * the bytes of an answer are whole messages and the same as those of the answers before.
 */
#ifndef APPS_SHOAL_BENCH_GRPC_H
#define APPS_SHOAL_BENCH_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

enum { BENCH_GRPC_PREFIX = 5 }; /* bytes before each message: compressed or not, and its length */

/* What is known of an answer so far; zero before its first byte. A value. */
struct bench_grpc_reply {
    uint8_t prefix[BENCH_GRPC_PREFIX];
    unsigned prefix_size; /* of it, what has come */
    uint32_t left;        /* of the message */
    uint64_t messages;    /* that are whole */
    uint64_t hash;        /* of all bytes */
};

/* Takes bytes of an answer. Thread: owner. */
void bench_grpc_take(struct bench_grpc_reply *reply, struct shoal_view bytes);

/* True where what has come is one message or more, all whole, the last not compressed.
 * Thread: owner. */
bool bench_grpc_is_whole(const struct bench_grpc_reply *reply);

/* True for "/package.Service/Method". Thread: any. */
bool bench_grpc_is_method(struct shoal_view path);

/* Writes the message with its prefix to `out`, which has BENCH_GRPC_PREFIX more bytes than it.
 * Thread: any. */
void bench_grpc_frame(struct shoal_view message, char *out);

#endif
