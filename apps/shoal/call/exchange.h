/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One call of a method: JSON documents in, from the command line or as they come on standard
 * input, and a JSON document out for each reply, as soon as it is there.
 */
#ifndef APPS_SHOAL_CALL_EXCHANGE_H
#define APPS_SHOAL_CALL_EXCHANGE_H

#include "call/remote.h"
#include "call/schema.h"

/* What is called. Borrowed. */
struct exchange_cfg {
    struct remote *remote;
    struct schema *schema;
    const char *path; /* "/package.Service/Method" */
    const struct schema_method *method;
    char **documents; /* JSON; none: standard input, or an empty request where there is one */
    size_t document_count;
    bool from_stdin;
};

/*
 * Calls and waits for the end; INT and TERM cancel. Returns the status, 0 to 16, that came, or an
 * exit code, in both cases after a sentence. Thread: main's.
 */
int exchange_run(const struct exchange_cfg *cfg);

#endif
