/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all HTTP/2 sessions of one loop share: the memory that nghttp2 and the streams live in, and
 * nghttp2's own callbacks and options objects, which are the same for every session.
 *
 * Memory comes in size classes from freelists, so a loop under steady load calls malloc for
 * nothing; what lasts as long as a session has a home (http2_home.h). It belongs to the loop's
 * thread and outlives the sessions.
 */
#ifndef SHOAL_PROTO_HTTP2_HTTP2_SHARED_H
#define SHOAL_PROTO_HTTP2_HTTP2_SHARED_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

#include "base/blocks.h"
#include "proto/http2/http2_home.h"

enum {
    SHOAL__HTTP2_CLASSES = 9,        /* of 48 bytes to a little over 16 KiB */
    SHOAL__HTTP2_CHUNK_BYTES = 2048, /* of a stream's arena */
};

/* Owned by the loop's driver (or a test), touched by its thread only, dead after _fini. */
struct shoal__http2_shared {
    struct shoal__blocks classes[SHOAL__HTTP2_CLASSES];
    struct shoal__blocks chunks; /* for the streams' arenas */
    struct http2_homes homes;
    struct http2_home *home; /* of the session that is being made, or NULL */
    void *reserve;           /* see shoal__http2_has_reserve() */
    nghttp2_mem mem;
    nghttp2_session_callbacks *callbacks; /* set by the first session ... */
    nghttp2_option *options[2];           /* ... of each role */
};

/* Allocates nothing yet. It must not be moved in memory. Thread: owner. */
void shoal__http2_shared_init(struct shoal__http2_shared *shared);

/* Frees what is kept. No session may be left. Thread: owner. */
void shoal__http2_shared_fini(struct shoal__http2_shared *shared);

/* Between these two calls a session is made: what is allocated lasts as long as it, and goes into a
 * home of its own as far as that has room. Thread: owner. */
void shoal__http2_move_in(struct shoal__http2_shared *shared);
void shoal__http2_moved_in(struct shoal__http2_shared *shared);

/*
 * Puts memory by for the next piece of nghttp2's that grows, which it does not survive to be
 * denied. False where there is none: then nghttp2 must not be asked to send. Thread: owner.
 */
bool shoal__http2_has_reserve(struct shoal__http2_shared *shared);

/* malloc() and free() from the size classes, or from a home. Thread: owner. */
void *shoal__http2_alloc(struct shoal__http2_shared *shared, size_t size);
void shoal__http2_free(struct shoal__http2_shared *shared, void *memory);

#endif
