/* SPDX-License-Identifier: BSD-3-Clause */
/* What json_out.c and json_out_known.c call of each other. All return false after trouble. */
#ifndef APPS_SHOAL_CALL_JSON_OUT_PRIV_H
#define APPS_SHOAL_CALL_JSON_OUT_PRIV_H

#include "call/json_out.h"
#include "call/json_text.h"

/* One message's way into a document; on the stack of message_to_json(). */
struct writing {
    struct schema *schema;
    struct json_text text;
    struct trouble *trouble;
    bool with_defaults;
    unsigned depth;
};

/* Writes a message as a JSON value, one deeper than what it is in. Thread: owner. */
bool write_message(struct writing *writing, const struct schema_message *type,
                   struct shoal_view message, const struct place *place);

/* Writes the members of a message by its fields; the braces are the caller's. Thread: owner. */
bool write_members(struct writing *writing, const struct schema_message *type,
                   struct shoal_view message, const struct place *place);

/* Writes what one field of a message holds as a JSON value: the array or object of a repeated one,
 * the zero of an absent one. Thread: owner. */
bool write_lone_field(struct writing *writing, const struct schema_message *type, uint32_t number,
                      struct shoal_view message, const struct place *place);

/* Writes a message of a known type in its way. Thread: owner. */
bool write_known(struct writing *writing, const struct schema_message *type,
                 struct shoal_view message, const struct place *place);

/* Writes a string. Thread: owner. */
bool write_string(struct writing *writing, struct shoal_view string, const struct place *place);

#endif
