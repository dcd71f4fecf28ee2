/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The requests of a call, as JSON documents: those of the command line, or of standard input as
 * they come there. Reading can be ended from another thread.
 */
#ifndef APPS_SHOAL_CALL_REQUESTS_H
#define APPS_SHOAL_CALL_REQUESTS_H

#include "call/documents.h"

/* Owned by the exchange; touched by one thread at a time but for requests_stop(). */
struct requests {
    struct documents documents;
    bool from_stdin;
    bool ended;  /* no more will be read */
    int stopped; /* an eventfd: readable once nobody wants more */
};

/* Returns 0 or a negative errno. Thread: main's. */
int requests_init(struct requests *requests, char **documents, size_t count, bool from_stdin);
void requests_fini(struct requests *requests);

/*
 * Waits for the next document. Returns 1 with *out, which lives until the next call; 0 where none
 * follows, or nobody wants more; or a negative errno. Thread: the reading one.
 */
int requests_next(struct requests *requests, struct shoal_view *out);

/* No more are wanted. Thread: any. */
void requests_stop(struct requests *requests);

#endif
