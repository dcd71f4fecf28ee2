/* SPDX-License-Identifier: BSD-3-Clause */
/* What the client's scenarios share: a server of parcels.Post in the same process, on a Unix
 * socket, so that it can go away and come back at the same place. */
#ifndef TESTS_SCENARIO_GRPC_CLIENT_POST_H
#define TESTS_SCENARIO_GRPC_CLIENT_POST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <parcel.pb-c.h>

#include <shoal/error.h>
#include <shoal/shoal.h>

/* How many calls of Unary whose label is "order" there have to be before any of them is answered,
 * in the order of their counts. */
enum { POST_IN_ORDER = 100 };

/*
 * Unary answers with the label and "!"; one labelled "keep" it does not answer before one labelled
 * "let go" comes, "kept" is NOT_FOUND unless there is such a call, "cut" cuts its connection,
 * "order" see above; to "much" comes what takes little room on the wire only. Spread answers
 * `count` times, Gather with how many came, Chat each.
 */
struct post {
    char folder[64];
    char url[128];
    int64_t max_age_ms; /* of its connections; 0: no limit */
    struct shoal_server *server;
};

/* cmocka's setup and teardown: the folder, and the server. */
int post_setup(void **state);
int post_teardown(void **state);

/* Starts the server; stops it, at once or by a drain of so many milliseconds. */
void post_start(struct post *post);
void post_stop(struct post *post, int64_t drain_ms);

/* A unary call of that label with a deadline of the tests' patience. */
struct shoal_rpc_cfg post_unary(const Parcels__Parcel *parcel);
struct shoal_rpc_cfg post_streaming(const char *method, enum shoal_grpc_kind kind);

/* A blocking client whose pauses are short. */
struct shoal_grpc_client *post_client(const struct post *post);

/* Calls Unary and returns the status. */
int post_ask(struct shoal_grpc_client *client, const char *label);

#endif
