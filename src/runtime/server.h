/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server as the layers above see it. Listeners register as *parts*: the lifecycle opens and
 * closes them without knowing what they are.
 */
#ifndef SHOAL_RUNTIME_SERVER_H
#define SHOAL_RUNTIME_SERVER_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <shoal/server.h>

#include "base/clock.h"
#include "runtime/loop.h"

/*
 * A part of a server that lives from its registration to the server's destruction and is opened
 * anew at each start. All functions are called on the control thread (the one that starts or
 * drains); each may be called only in the state that its comment names.
 */
struct shoal__part {
    struct shoal__part *next;
    const struct shoal__part_ops *ops;
};

/* What has nothing to do is NULL; only destroy is required. */
struct shoal__part_ops {
    /* Loops exist but no thread runs: make descriptors and events. 0, or a negative code after
     * shoal__server_fail(); then nothing is left open. */
    int (*open)(struct shoal__part *part, struct shoal_server *server);

    /* All threads run: begin to take connections. Called on the control thread; posts. */
    void (*begin)(struct shoal__part *part);

    /* The drain begins: take what the kernel has queued, close, and call shoal__server_part_ended()
     * once, from any thread, when no new connection can come any more. */
    void (*end)(struct shoal__part *part);

    /* All threads have ended, or open() of a later part failed: release what open() made. */
    void (*close)(struct shoal__part *part);

    /* The server is being destroyed. */
    void (*destroy)(struct shoal__part *part);
};

/* True from the begin of a start to the end of a drain. Thread: any. */
bool shoal__server_is_running(struct shoal_server *server);

/* Registers a part; it belongs to the server now. Thread: any, while the server does not run. */
void shoal__server_add_part(struct shoal_server *server, struct shoal__part *part);

/* Calls fn(part, arg) for every part. Thread: control, or any while the server does not run. */
void shoal__server_each_part(struct shoal_server *server,
                             void (*fn)(struct shoal__part *part, void *arg), void *arg);

/* A part's end() has done its work. Thread: any. */
void shoal__server_part_ended(struct shoal_server *server);

/*
 * The acceptor: an extra loop with its own thread, index UINT_MAX, for parts that hand
 * connections off; NULL unless a part asked for it in its open(). shoal__server_need_acceptor
 * returns 0 or a negative code. Thread: control.
 */
int shoal__server_need_acceptor(struct shoal_server *server);
struct shoal_loop *shoal__server_acceptor(struct shoal_server *server);

/*
 * Remembers a failure as a sentence ("cannot listen on tcp://...: Address already in use
 * (EADDRINUSE); see who holds it: ss -ltnp ...") and returns `code`. Thread: control.
 */
int shoal__server_fail(struct shoal_server *server, int code, const char *format, ...)
    SHOAL_PRINTF(3, 4);

/* Makes every start fail with `code`: what a failed shoal_listen() leaves behind.
 * Thread: control. */
void shoal__server_spoil(struct shoal_server *server, int code);

/* The server's configuration and its log sink. Thread: any. */
const struct shoal_server_cfg *shoal__server_cfg(const struct shoal_server *server);
const struct shoal_log *shoal__server_log(const struct shoal_server *server);

/* The accept mode with DEFAULT resolved; with a single loop there is no hand-off.
 * Thread: any, from a part's open() on. */
enum shoal_accept shoal__server_accept_mode(const struct shoal_server *server);

/*
 * The loop of that number, which will not be freed before shoal__server_unpin_loop(); NULL where
 * the server does not run. Between the two nothing is done but posting. Either way, unpin follows.
 * Thread: any.
 */
struct shoal_loop *shoal__server_pin_loop(struct shoal_server *server, unsigned index);
void shoal__server_unpin_loop(struct shoal_server *server);

/* The effective limit of accepted connections, from cfg and the descriptor limit.
 * Thread: any, from a part's open() on. */
size_t shoal__server_max_connections(const struct shoal_server *server);

/* The loop's share of the bytes of output that may wait in memory. Thread: any, once it runs. */
size_t shoal__server_output_share(const struct shoal_server *server);

/* Accepted connections now, over all loops: incremented before a connection is taken, given back
 * when it is refused or freed. Thread: any. */
_Atomic size_t *shoal__server_connections(struct shoal_server *server);

/* The loop's layer has nothing left (net: no connection) while draining. May be called again.
 * Thread: owner. */
void shoal__server_loop_quiet(struct shoal_loop *loop);

/*
 * Opaque state of the layer above that lives as long as the server (net: per-address tallies, the
 * resolver). `destroy` is called when the server is destroyed, `stop` when a drain has ended the
 * loops. One slot. Thread: control, or owner of loop 0 ... under shoal__server_net_state's lock.
 */
struct shoal__server_net {
    void (*stop)(struct shoal__server_net *net); /* joins its threads; loops have ended */
    void (*destroy)(struct shoal__server_net *net);
};

/* Returns the state, making it with `create` on first use; NULL where create failed.
 * Thread: any. */
struct shoal__server_net *
shoal__server_net_state(struct shoal_server *server,
                        struct shoal__server_net *(*create)(struct shoal_server *server));

/* The clock that loops and pool are made with; tests set another. NULL: monotonic.
 * Thread: control, before start. */
void shoal__server_set_clock(struct shoal_server *server, const struct shoal__clock *clock);

#endif
