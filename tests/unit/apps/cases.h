/* SPDX-License-Identifier: BSD-3-Clause */
/* The messages of proto/cases.proto and cases2.proto as a schema, for tests and fuzzers. */
#ifndef TESTS_UNIT_APPS_CASES_H
#define TESTS_UNIT_APPS_CASES_H

#include "call/schema.h"

/* Adds every file of a FileDescriptorSet. False where one is refused. Thread: owner. */
bool cases_add_set(struct schema *schema, struct shoal_view set);

/* A schema with all of them; NULL where that fails. Thread: any. */
struct schema *cases_schema(void);

/* The bytes of "0a 03 616263"; returns how many. Thread: any. */
size_t cases_bytes(const char *hex, char *out, size_t room);

#endif
