/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One end of an HTTP/1.x connection without the connection: bytes are fed in pieces, and what a
 * driver would have seen is written to a transcript, in which the cuts between the pieces leave no
 * trace. Unconsumed bytes are kept as a driver keeps them, but at a new address for every piece
 * and without a byte to spare, so that the sanitizer sees stale spans and reads past the end.
 */
#ifndef SHOAL_TESTS_UNIT_HTTP1_HTTP1_WIRE_H
#define SHOAL_TESTS_UNIT_HTTP1_HTTP1_WIRE_H

#include "proto/http1/http1_chunked.h"

/* Set up by http1_wire_start(); then the caller may change the first four members. */
struct http1_wire {
    struct http1_limits limits; /* at most 128 fields */
    uint64_t body_limit;
    bool is_client;
    enum http1_method asked; /* by a client, in every request */

    struct http1_parser parser;
    char *kept;
    size_t kept_size;
    unsigned messages; /* read to their end */
    bool is_last;      /* the message under way ends the connection */
    bool is_over;      /* refused, or a message that ends the connection */
    char *log;
    size_t log_size, log_room;
};

void http1_wire_start(struct http1_wire *wire);
void http1_wire_feed(struct http1_wire *wire, struct shoal_view bytes);
void http1_wire_eof(struct http1_wire *wire);
void http1_wire_free(struct http1_wire *wire);

/* The transcript so far, NUL-terminated; the wire's. */
const char *http1_wire_log(const struct http1_wire *wire);

/* Feeds `bytes` to a copy of `like` in pieces of `piece` bytes, then its rest, then the end. */
struct http1_wire http1_wire_run(const struct http1_wire *like, struct shoal_view bytes,
                                 size_t piece);

/* The same in two pieces, cut at `cut`. */
struct http1_wire http1_wire_run_cut(const struct http1_wire *like, struct shoal_view bytes,
                                     size_t cut);

/* Asserts that bytes give the same transcript whole, byte by byte, and cut at every `step`-th. */
void http1_wire_assert_cuts_leave_no_trace(const struct http1_wire *like, struct shoal_view bytes,
                                           size_t step);

#endif
