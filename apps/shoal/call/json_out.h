/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages into JSON, as Protocol Buffers' JSON mapping has it: lowerCamelCase names, fields by
 * number, 64-bit numbers as strings, bytes in base64, absent fields left out, unknown ones too.
 * What comes from a server is trusted in nothing. json_in.h is the other direction.
 */
#ifndef APPS_SHOAL_CALL_JSON_OUT_H
#define APPS_SHOAL_CALL_JSON_OUT_H

#include "call/bytes.h"
#include "call/schema.h"
#include "call/trouble.h"

struct json_style {
    bool pretty;        /* on many lines, indented; else on one */
    bool with_defaults; /* also what is absent and means zero, or empty */
};

/*
 * Appends the JSON of a message, without a line's end; the types that it needs may be fetched into
 * the schema meanwhile. False, with *trouble saying what and where, and `out` worth nothing, where
 * it is no such message. Thread: owner of all.
 */
bool message_to_json(struct schema *schema, const struct schema_message *type,
                     struct shoal_view message, const struct json_style *style, struct bytes *out,
                     struct trouble *trouble);

#endif
