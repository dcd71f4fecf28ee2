/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host: one server process with its services. It makes the server from the options, binds the
 * services, serves until a signal comes, and turns what happened into sentences and exit codes. A
 * service is a table of functions; the host knows no service.
 */
#ifndef APPS_SHOAL_HOST_H
#define APPS_SHOAL_HOST_H

#include <stddef.h>
#include <stdint.h>

#include <shoal/conn.h>
#include <shoal/server.h>

#include "access_log.h"
#include "log.h"
#include "options.h"

struct console_client;
struct host;
struct photos;
struct prices;

/*
 * What the services keep on each loop, found by host_loop_of(). Owned by the host; touched by the
 * loop's thread only; lives as long as the loop.
 */
struct host_loop {
    struct prices *prices;          /* the list in force; one reference (board.c) */
    struct console_client *clients; /* everybody on the console here, newest first (console.c) */
};

/* The client that `shoal serve` proposes for trying a service. */
enum try_by { TRY_BY_NC, TRY_BY_CURL, TRY_BY_CALL };

struct service {
    const char *name;
    const char *default_url;
    enum try_by try_by;
    const char *try_with; /* for nc, what to pipe into it ("" for nothing); for curl, the path */

    /* Before the server starts: 0 or an exit code, after a sentence. NULL: nothing to do. */
    int (*prepare)(struct host *host);

    /* Adds a listener. Returns as shoal_listen(). */
    int (*listen)(struct host *host, const char *url, const struct shoal_listen_cfg *cfg,
                  struct shoal_listener **out_listener);

    /* After the server's threads have ended but before it is destroyed, also where it never started
     * or the service was not prepared; once for each of its bindings. NULL: nothing to do. */
    void (*finish)(struct host *host);
};

/* A service at an address. */
struct binding {
    const struct service *service;
    const char *url;
    struct shoal_listener *listener;
};

/* Owned by the command; used by loops while its server runs. */
struct host {
    const struct options *options;
    struct log log;
    struct access_log access_log;
    struct shoal_server *server;
    struct prices *prices; /* the list in force, main's reference; NULL: no service needs one */
    struct photos *photos; /* the photo store; NULL: that service is not prepared */
    struct binding *bindings;
    size_t binding_count;
    int64_t started_ms; /* monotonic */
};

/*
 * Serves the bindings until a signal comes; the table of what listens where is printed with
 * `tabulate`. Returns the exit code. Thread: main's.
 */
int host_run(const struct options *options, struct binding *bindings, size_t binding_count,
             bool tabulate);

/* Prints "shoal COMMAND: sentence" to stderr and returns `code`. Thread: any. */
int host_fail(const struct options *options, int code, const char *format, ...) SHOAL_PRINTF(3, 4);

/* The exit code for a library call that failed with `rc`. Thread: any. */
int host_exit_code(int rc);

/* Thread: the loop's owner. */
struct host *host_of(struct shoal_loop *loop);
struct host_loop *host_loop_of(struct shoal_loop *loop);

/* Milliseconds of the monotonic clock. Thread: any. */
int64_t host_now_ms(void);

/* The services; each in a file of its name. */
extern const struct service echo_service;
extern const struct service fish_service;
extern const struct service console_service;
extern const struct service http_service;
extern const struct service photos_service;
extern const struct service grpc_service;

#endif
