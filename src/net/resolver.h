/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names to addresses. getaddrinfo() blocks, so that a loop asks the resolver, which has two
 * threads of its own (not the application's pool: a slow name server must not hold up the work
 * there, nor the other way round), and is told on the loop.
 */
#ifndef SHOAL_NET_RESOLVER_H
#define SHOAL_NET_RESOLVER_H

#include <stdint.h>

#include <shoal/pool.h>

#include "net/address.h"

enum { SHOAL__ADDRESSES_MAX = 16 }; /* of one name; more are not tried */

struct shoal__addresses {
    unsigned count;
    struct shoal__address list[SHOAL__ADDRESSES_MAX];
};

/*
 * Looks a name up, at once and blocking. `passive` asks for addresses to listen on. Returns 0 with
 * at least one address, -SHOAL_ERESOLVE, -SHOAL_ENOMEM or another negative errno.
 * Thread: any that may block.
 */
int shoal__resolve(struct shoal_view host, uint16_t port, bool passive,
                   struct shoal__addresses *out_addresses);

/* Owned by the server's net state; all zero is a resolver that nobody has asked yet. */
struct shoal__resolver {
    _Atomic(struct shoal_pool *) pool; /* made by the first question after a start */
    struct shoal_pool *stuck; /* a stopped pool with a getaddrinfo() that has not come back */
};

struct shoal__resolution;

/* Told once: 0 and the addresses, or the negative code of shoal__resolve() and NULL. */
typedef void shoal__resolved_fn(void *arg, int error, const struct shoal__addresses *addresses);

/*
 * Asks for a name on behalf of a loop; `fn` is called there, never from inside. Returns 0 and a
 * resolution that is the caller's until `fn` is called; or -SHOAL_ENOMEM, or what making the
 * threads failed with. Thread: owner of `loop`.
 */
int shoal__resolver_ask(struct shoal__resolver *resolver, struct shoal_loop *loop,
                        struct shoal_view host, uint16_t port, shoal__resolved_fn *fn, void *arg,
                        struct shoal__resolution **out_resolution);

/* `fn` will not be called; clears *resolution. NULL is a no-op. Thread: owner of its loop. */
void shoal__resolution_abandon(struct shoal__resolution **resolution);

/* Ends the threads. Every loop has ended by now, and with it every resolution is abandoned; a
 * lookup that does not come back at once is left to itself. Thread: control. */
void shoal__resolver_stop(struct shoal__resolver *resolver);

/* Waits for a lookup that was left to itself, and frees everything. Thread: control. */
void shoal__resolver_fini(struct shoal__resolver *resolver);

#endif
