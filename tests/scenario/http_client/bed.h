/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the client's scenarios share: a loop with a client on it, a server of Shoal's own to talk
 * to, other servers as processes, and fetches that the test's thread waits for.
 */
#ifndef TESTS_SCENARIO_HTTP_CLIENT_BED_H
#define TESTS_SCENARIO_HTTP_CLIENT_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <semaphore.h>
#include <sys/types.h>

#include <cmocka.h>

#include <shoal/buf.h>
#include <shoal/error.h>
#include <shoal/http.h>
#include <shoal/http_client.h>

#include "support/tlspeer.h"

struct bed {
    struct tlsfolder folder;
    struct shoal_server *here; /* the client's: one loop */
    struct shoal_http_client *client;
    struct shoal_server *there; /* Shoal's own server, where bed_serve() was called */
    struct shoal_listener *plain;
    struct shoal_listener *tls;
    struct shoal_listener *raw;
    char url[4][256];
    unsigned urls;
};

extern struct bed bed;

/* cmocka's setup and teardown: the client's loop, and a certificate for localhost. */
int bed_setup(void **state);
int bed_teardown(void **state);

/* Makes the client; NULL means the usual options. */
void bed_open(const struct shoal_http_client_cfg *cfg);

/* The usual options, with trust in the folder's certificate. */
struct shoal_http_client_cfg bed_trusting(void);

/* Starts Shoal's server: what the routes of `add` answer, plain and over TLS; `raw` (may be NULL)
 * is a service on a third port. */
void bed_serve(void (*add)(struct shoal_http_app *app), const struct shoal_service *raw);

/* URLs of these servers and of any port; good for the next three calls. */
const char *bed_url(const char *path);
const char *bed_tls_url(const char *path);
const char *bed_raw_url(const char *path);
const char *bed_port_url(const char *scheme, unsigned port, const char *path);

/* Starts a program that listens on that port, and waits until it does. Its pid; bed_kill() ends
 * it. */
pid_t bed_spawn(unsigned port, const char *const *argv);
void bed_kill(pid_t pid);

/* A port that nobody listens on. */
unsigned bed_free_port(void);

/* A fetch, and what became of it. The loop writes it, until `over`. */
struct job {
    struct shoal_fetch_cfg cfg;
    struct shoal_fetch *fetch; /* until done */
    int rc;                    /* of shoal_http_fetch() */
    int status;                /* of done */
    unsigned http_status;
    unsigned version;
    char body[256]; /* its beginning */
    size_t body_size;
    char url[256];
    char field[128]; /* X-Test of the response */
    char trailer[128];
    bool inside; /* shoal_http_fetch() has not returned */
    sem_t over;
};

/* A job that GETs the URL. */
struct job job_get(const char *url);

/* Starts it on the loop; waits for its end; both. The job must stay in place. */
void job_start(struct job *job);
void job_wait(struct job *job);
void job_run(struct job *job);

/* Runs the function on the client's loop, and waits until it has returned. */
void bed_call(void (*fn)(void *arg), void *arg);

/* The job is over, was answered so and by that version. */
void assert_answer(const struct job *job, unsigned http_status, unsigned version, const char *body);

#endif
