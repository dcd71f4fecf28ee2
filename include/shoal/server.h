/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server: event loops, a worker pool and listeners, and their life as one thing:
 *
 *     create -> listen... -> start -> (running) -> drain -> (start again) -> destroy
 *
 * or simply create, listen, shoal_run(), destroy. There is no global state; several servers live
 * in one process. A program without listeners (a client) is a server too.
 */
#ifndef SHOAL_SERVER_H
#define SHOAL_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/conn.h>
#include <shoal/export.h>
#include <shoal/log.h>
#include <shoal/loop.h>
#include <shoal/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shoal_listener;
struct shoal_server;
struct shoal_tls;

/* How accepted connections reach the loops. */
enum shoal_accept {
    SHOAL_ACCEPT_DEFAULT,      /* ROUND_ROBIN, by the measurements in docs/performance.md */
    SHOAL_ACCEPT_ROUND_ROBIN,  /* an acceptor thread hands them off in turn */
    SHOAL_ACCEPT_LEAST_OF_TWO, /* an acceptor thread takes the less loaded of two loops */
    SHOAL_ACCEPT_REUSEPORT,    /* one SO_REUSEPORT listener per loop; the kernel spreads */
};

/* Options of a server. Start from SHOAL_SERVER_CFG_INIT. */
struct shoal_server_cfg {
    size_t size;                 /* sizeof this struct, for later versions */
    unsigned loops;              /* 0: as many as the usable CPUs (affinity and cgroup quota) */
    int workers;                 /* threads of the pool; 0: none; -1: twice the loops, at least 4 */
    size_t pool_capacity;        /* see pool.h */
    int64_t pool_shed_target_ms; /* see pool.h; 0: off */
    bool pin;                    /* bind each loop to a CPU of the process's affinity mask */
    enum shoal_accept accept;
    size_t max_connections; /* accepted ones, over all listeners; 0: what descriptors allow */
    size_t max_per_address; /* per source address (/64 for IPv6); 0: no limit */
    size_t max_output;      /* bytes of output that wait in memory, over all connections; each loop
                               has an even share, and closes whoever holds most of it as slow_reader
                               when it runs out; 0: a quarter of the memory there is */
    int64_t watchdog_ms;    /* report a callback that blocks a loop for longer; 0: off */
    int64_t busy_poll_us;   /* after an event a loop looks for the next one for so long before it
                               sleeps, at the price of the CPU; one second at most; 0: off */
    struct shoal_log log;
    void *arg; /* shoal_server_arg() */

    /*
     * Called on every loop's thread before its first event, and after its last one. A start hook
     * that fails (negative return) fails the server's start; exit hooks run for the loops whose
     * start hook succeeded. May be NULL.
     */
    int (*on_loop_start)(struct shoal_loop *loop);
    void (*on_loop_exit)(struct shoal_loop *loop);

    /* Called by shoal_run() on its own thread for each SIGHUP. May be NULL. */
    void (*on_reload)(struct shoal_server *server);

    /* Called by shoal_run() on its own thread once all loops accept. May be NULL. */
    void (*on_running)(struct shoal_server *server);
};
#define SHOAL_SERVER_CFG_INIT                                                          \
    {                                                                                  \
        .size = sizeof(struct shoal_server_cfg), .workers = -1, .pool_capacity = 1024, \
        .watchdog_ms = 100                                                             \
    }

/*
 * Makes a server; no thread runs yet. A NULL `cfg` means SHOAL_SERVER_CFG_INIT; it is copied.
 * Returns 0, -SHOAL_EINVAL (values out of range), or -SHOAL_ENOMEM.
 * Thread: any.
 */
SHOAL_API int shoal_server_create(const struct shoal_server_cfg *cfg,
                                  struct shoal_server **out_server);

/* Options of a listener. Start from SHOAL_LISTEN_CFG_INIT. */
struct shoal_listen_cfg {
    size_t size;                       /* sizeof this struct, for later versions */
    const struct shoal_limits *limits; /* NULL: SHOAL_LIMITS_INIT; copied */
    int backlog;                       /* 0: the kernel's maximum (net.core.somaxconn) */
    unsigned unix_mode;                /* mode bits of a Unix socket's file; 0: 0600 */
    bool v6_only;                      /* an IPv6 wildcard does not take IPv4 */
    unsigned accept_batch;             /* connections taken per turn; 0: 16 */

    /* Speak TLS with these settings, whatever the URL's scheme; referenced. NULL: only on a tls://
     * URL, with the files that it names (see tls.h). */
    struct shoal_tls *tls;

    /* For a tls:// URL with files: application protocols in order of preference, ended by NULL;
     * NULL: none. */
    const char *const *alpn;
};
#define SHOAL_LISTEN_CFG_INIT                   \
    {                                           \
        .size = sizeof(struct shoal_listen_cfg) \
    }

/*
 * Adds a listener, opened at every start: tcp://HOST:PORT (HOST empty: all addresses, dual stack;
 * port 0: the kernel picks one), tls://HOST:PORT?cert=FILE&key=FILE (see tls.h), unix:PATH, or
 * fd:N, an inherited listening socket that stays the caller's (but is made non-blocking). The
 * latter two are handed off in every accept mode. A Unix socket's file is replaced where nobody
 * listens on it any more. A NULL `cfg` means SHOAL_LISTEN_CFG_INIT; `service` is borrowed, the rest
 * copied. The listener belongs to the server; a NULL `out_listener` is allowed.
 * Returns 0, -SHOAL_EURL, -SHOAL_EINVAL (a client's TLS settings), -SHOAL_ENOMEM, or -SHOAL_ESTATE
 * while the server runs; the failure is also remembered and told again by start, so that simple
 * programs need to check only there.
 * Thread: any, while the server does not run.
 */
SHOAL_API int shoal_listen(struct shoal_server *server, const char *url,
                           const struct shoal_service *service, const struct shoal_listen_cfg *cfg,
                           struct shoal_listener **out_listener);

/*
 * Where the listener listens, scheme as given and the real port ("tcp://127.0.0.1:40213"); the URL
 * as given while the server does not run. Lives until the server is next started or destroyed.
 * Thread: any, not during start.
 */
SHOAL_API const char *shoal_listener_url(const struct shoal_listener *listener);

/*
 * Starts everything: raises the soft descriptor limit, opens the listeners, starts pool and loops,
 * and returns once all loops accept. Returns 0, or a negative code with everything undone;
 * shoal_server_error() then says what, on which object, why and what to do. -SHOAL_ESTATE where
 * it already runs, -SHOAL_EDEADLK on a loop's or worker's own thread.
 * Thread: any but the server's own.
 */
SHOAL_API int shoal_server_start(struct shoal_server *server);

/* What a drain did. */
struct shoal_drain_report {
    size_t graceful;  /* connections that ended with everything received answered and flushed */
    size_t forced;    /* connections cut at the deadline */
    size_t discarded; /* pieces of work that were never run */
    size_t stuck;     /* pieces of work that ignored their cancellation, and callbacks that never
                         returned to their loop: they still run */
};

/*
 * Stops serving, in order: listeners close (what the kernel has queued for them is still taken and
 * answered), connections finish what they have received, the pool runs what is queued, then all
 * threads end and are joined. At the deadline connections are cut, queued work is discarded and
 * running work asked to cancel; a negative deadline never comes. A NULL `out_report` is allowed. A
 * second call, from another thread, can only shorten the deadline; both return when the drain is
 * over.
 * Returns 0, also with forced or stuck ones in the report; -SHOAL_ESTATE where the server does not
 * run; -SHOAL_EDEADLK on a loop's or worker's own thread.
 * Thread: any but the server's own.
 */
SHOAL_API int shoal_server_drain(struct shoal_server *server, int64_t deadline_ms,
                                 struct shoal_drain_report *out_report);

/* shoal_server_drain() with a deadline of 0. Thread: any but the server's own. */
SHOAL_API int shoal_server_stop(struct shoal_server *server);

/*
 * Frees a server, stopping it first where it runs, and clears *server. NULL is a no-op. Returns 0;
 * -SHOAL_EBUSY, with nothing freed, while stuck work still runs; -SHOAL_EDEADLK on a loop's or
 * worker's own thread.
 * Thread: any but the server's own.
 */
SHOAL_API int shoal_server_destroy(struct shoal_server **server);

/* How shoal_run() ends a server. Start from SHOAL_RUN_CFG_INIT. */
struct shoal_run_cfg {
    size_t size;
    int64_t drain_ms;
    struct shoal_drain_report *report; /* filled at the end; may be NULL */
};
#define SHOAL_RUN_CFG_INIT                        \
    {                                             \
        sizeof(struct shoal_run_cfg), 10000, NULL \
    }

/*
 * Starts the server and serves until a signal ends it: TERM and INT (and QUIT) drain and return, a
 * second one stops at once, HUP calls on_reload. The only function of Shoal that touches signals:
 * it blocks these in the calling thread while it runs and restores the mask; other threads of the
 * process should block them too. A NULL `cfg` means SHOAL_RUN_CFG_INIT.
 * Returns 0 after a drain, or what shoal_server_start() failed with.
 * Thread: any but the server's own; usually main's.
 */
SHOAL_API int shoal_run(struct shoal_server *server, const struct shoal_run_cfg *cfg);

/*
 * Makes shoal_run() of this server drain as TERM would: for a shutdown command, say.
 * Thread: any, the server's own included.
 */
SHOAL_API void shoal_server_request_drain(struct shoal_server *server);

/* The last failure as a sentence, "" for none. Lives until the server is next used.
 * Thread: the one that made the failing call. */
SHOAL_API const char *shoal_server_error(const struct shoal_server *server);

/* How many loops run, and one of them. NULL where the server does not run or has no such loop.
 * Thread: any, between start and the end of drain. */
SHOAL_API unsigned shoal_server_loops(const struct shoal_server *server);
SHOAL_API struct shoal_loop *shoal_server_loop(struct shoal_server *server, unsigned index);

/* The server's worker pool, or NULL where it has none. Thread: as shoal_server_loop(). */
SHOAL_API struct shoal_pool *shoal_server_pool(struct shoal_server *server);

/* The `arg` of the server's configuration. Thread: any. */
SHOAL_API void *shoal_server_arg(const struct shoal_server *server);

/* True from the moment a drain begins until the server is started again. Thread: any. */
SHOAL_API bool shoal_server_draining(const struct shoal_server *server);

#ifdef __cplusplus
}
#endif
#endif
