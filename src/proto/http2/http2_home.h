/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Homes: where the lasting pieces of a session's memory live together, the session itself at the
 * front and nghttp2's frame buffer, 16 KiB of which an idle session has used a few bytes, across
 * the end of the first page. Apart from each other, the buffer alone keeps some 4 KiB resident: the
 * rests of the pages where it begins and ends. Here it begins in a page that is needed anyway and
 * ends with one, and the pages between are the kernel's until a long head is sent.
 *
 *     page 0                                    page 1 ...  page 4
 *     home | engine, session, small pieces | buffer ─────────────────►
 *
 * Pieces are freed one by one, the home with the last of them.
 */
#ifndef SHOAL_PROTO_HTTP2_HTTP2_HOME_H
#define SHOAL_PROTO_HTTP2_HTTP2_HOME_H

#include <stddef.h>
#include <stdint.h>

struct http2_home;

/* The homes of a loop's sessions that are free. All zero is empty. Owned by what embeds it, touched
 * by its thread only, dead after _fini. */
struct http2_homes {
    struct http2_home *free;
    uint32_t kept;
};

/* An empty home, which the caller lives in until it moves out; NULL where memory is out.
 * Thread: owner. */
struct http2_home *shoal__http2_home_take(struct http2_homes *homes);

/* Room for a piece of that size, aligned to 16, contents undefined; NULL where there is none.
 * Thread: owner. */
void *shoal__http2_home_alloc(struct http2_home *home, size_t size);

/* One who lived there has moved out: the caller, with a NULL `piece`, or a piece of `size` bytes.
 * The last one leaves the home to others. Thread: owner. */
void shoal__http2_home_leave(struct http2_homes *homes, struct http2_home *home, void *piece,
                             size_t size);

/* Frees the homes that are kept; none may be lived in. Thread: owner. */
void shoal__http2_homes_fini(struct http2_homes *homes);

#endif
