/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON into messages, as Protocol Buffers' JSON mapping has it: fields by either of their names,
 * numbers or texts of numbers, enums by name or number, bytes in base64, the known types in their
 * own ways, null for absent. Nothing unknown is taken. json_out.h is the other direction.
 */
#ifndef APPS_SHOAL_CALL_JSON_IN_H
#define APPS_SHOAL_CALL_JSON_IN_H

#include <jansson.h>

#include "call/bytes.h"
#include "call/schema.h"
#include "call/trouble.h"

/*
 * Appends the message that one JSON document stands for; the types that it needs may be fetched
 * into the schema meanwhile. False, with *trouble saying what and where, and `out` worth nothing,
 * where it is no such message. Thread: owner of all.
 */
bool message_from_json(struct schema *schema, const struct schema_message *type,
                       struct shoal_view document, struct bytes *out, struct trouble *trouble);

#endif
