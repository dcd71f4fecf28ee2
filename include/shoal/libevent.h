/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The opt-in door to libevent, for living on a Shoal loop with anything that speaks libevent
 * (hiredis, libpq by descriptor, evdns, evhttp). Needs libevent's headers; nothing else of Shoal
 * does.
 *
 * The base is made without libevent's locks: only the loop's own thread may call any event_*,
 * evbuffer_* or bufferevent_* function on it, and its objects must be freed before the loop's exit
 * hook returns. Never break, exit or run the base.
 */
#ifndef SHOAL_LIBEVENT_H
#define SHOAL_LIBEVENT_H

#include <event2/event.h>

#include <shoal/buf.h>
#include <shoal/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

struct evbuffer;

/* The loop's event base; the loop owns it. Thread: owner. */
SHOAL_API struct event_base *shoal_loop_base(struct shoal_loop *loop);

/*
 * Moves the content of an evbuffer to the end of `to` without copying the bytes of large chains;
 * `from` is empty afterwards. Returns 0, or -SHOAL_ENOMEM with both as they were. Thread: owner
 * of both; the lent bytes may be released on any thread.
 */
SHOAL_API int shoal_buf_from_evbuffer(struct shoal_buf *to, struct evbuffer *from);

/*
 * Moves the content of `from` to the end of an evbuffer. Memory is copied, file ranges are refused
 * with -SHOAL_EINVAL. Returns 0, or a negative code with both as they were. Thread: owner of both.
 */
SHOAL_API int shoal_buf_to_evbuffer(struct shoal_buf *from, struct evbuffer *to);

#ifdef __cplusplus
}
#endif
#endif
