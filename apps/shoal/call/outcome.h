/* SPDX-License-Identifier: BSD-3-Clause */
/* What a call came to, for people: metadata, the status with its details, and the exit code. */
#ifndef APPS_SHOAL_CALL_OUTCOME_H
#define APPS_SHOAL_CALL_OUTCOME_H

#include "call/remote.h"
#include "call/schema.h"

/* Prints what is sent, with -v. Thread: main's. */
void outcome_show_request(const struct remote *remote, const char *path);

/*
 * Prints the metadata that came, with -v, and for another status than OK "5 NOT_FOUND: message"
 * and the details behind it. Returns the status. Thread: owner of the schema.
 */
int outcome_report(const struct remote *remote, const char *path, struct schema *schema,
                   const struct shoal_grpc_result *result);

#endif
