/* SPDX-License-Identifier: BSD-3-Clause */
/* What every example's main() needs: make a server, say where it listens, run it. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdio.h>

#include <shoal/shoal.h>

static struct shoal_listener *example_listener;

static inline void example_log(void *arg, enum shoal_log_level level, const char *message)
{
    (void)arg;
    fprintf(stderr, "level=%s %s\n", shoal_log_level_name(level), message);
}

static inline void example_running(struct shoal_server *server)
{
    (void)server;
    fprintf(stderr, "listening on %s\n", shoal_listener_url(example_listener));
}

/* The configuration the examples share: log to stderr, say when the server runs. */
static inline struct shoal_server_cfg example_cfg(void)
{
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.log = (struct shoal_log){example_log, NULL, SHOAL_LOG_WARN};
    cfg.on_running = example_running;
    return cfg;
}

/* Runs until a signal; returns main's exit status. */
static inline int example_run(struct shoal_server *server)
{
    int rc = shoal_run(server, NULL);
    if (rc < 0)
        fprintf(stderr, "%s\n", shoal_server_error(server));
    (void)shoal_server_destroy(&server);
    return rc < 0;
}

#endif
