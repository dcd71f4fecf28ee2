/* SPDX-License-Identifier: BSD-3-Clause */
/* What json_in.c and json_in_known.c call of each other. All return false after trouble. */
#ifndef APPS_SHOAL_CALL_JSON_IN_PRIV_H
#define APPS_SHOAL_CALL_JSON_IN_PRIV_H

#include "call/json_in.h"

enum { MOST_DEPTH = 100 }; /* messages inside of messages, as everywhere in gRPC */

/* One document's way into a message; on the stack of message_from_json(). */
struct reading {
    struct schema *schema;
    struct bytes *out;
    struct trouble *trouble;
    unsigned depth;
};

/* Appends the fields of a message, without a length before them. Thread: owner. */
bool read_message(struct reading *reading, const struct schema_message *type, json_t *value,
                  const struct place *place);

/* The same by the type's fields; the member `but` is left out, NULL: none. Thread: owner. */
bool read_members(struct reading *reading, const struct schema_message *type, json_t *value,
                  const char *but, const struct place *place);

/* The same of a known type, in its way. Thread: owner. */
bool read_known(struct reading *reading, const struct schema_message *type, json_t *value,
                const struct place *place);

/* Appends a whole field, with its tag. Thread: owner. */
bool read_field(struct reading *reading, const struct schema_field *field, json_t *value,
                const struct place *place);

/* The bytes of a string. Thread: any. */
struct shoal_view string_of(const json_t *value);

/* Says that something else was expected than this value. Thread: owner. */
bool expected(struct reading *reading, const struct place *place, const char *what,
              const json_t *value);

#endif
