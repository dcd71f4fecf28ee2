/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asks a server by reflection what its methods and messages are, v1 or, where that is not served,
 * v1alpha, and keeps it in a schema. One stream, opened with the first question.
 */
#ifndef APPS_SHOAL_CALL_REFLECT_H
#define APPS_SHOAL_CALL_REFLECT_H

#include "call/remote.h"
#include "call/schema.h"

/* Owned by the command. While calls are made, whoever asks holds the lock of the schema. */
struct reflection {
    struct remote *remote;
    struct schema *schema;
    struct shoal_grpc_talk *talk; /* NULL: not opened, or over */
    size_t version;               /* which of the two is served */
    bool asked;                   /* it has answered once */
};

/* Thread: main's. */
void reflection_init(struct reflection *reflection, struct remote *remote, struct schema *schema);
void reflection_fini(struct reflection *reflection);

/*
 * Fetches the file with that service, message or enum, and what it imports. Returns 0 also where
 * the server knows none: the schema has it not, then. Else an exit code, after a sentence.
 * Thread: owner of the schema.
 */
int reflection_fetch(struct reflection *reflection, const char *symbol);

/* Calls `each` for every service's name. Returns 0, or an exit code after a sentence.
 * Thread: owner of the schema. */
int reflection_list(struct reflection *reflection, void (*each)(void *arg, struct shoal_view name),
                    void *arg);

#endif
