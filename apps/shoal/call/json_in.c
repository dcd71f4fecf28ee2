/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON into messages; see json_in.h. The known types are in json_in_known.c. */
#include "call/json_in_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "call/base64.h"
#include "call/numbers.h"
#include "nearest.h"
#include "parse.h"

static const char *kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_NULL:
        return "null";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return "a number";
    }
}

struct shoal_view string_of(const json_t *value)
{
    return shoal_view(json_string_value(value), json_string_length(value));
}

bool expected(struct reading *reading, const struct place *place, const char *what,
              const json_t *value)
{
    char shown[48];
    if (json_is_string(value))
        return trouble_say(reading->trouble, place, "expected %s, not the string \"%s\"", what,
                           escape_text(string_of(value), shown, sizeof(shown)));
    if (json_is_integer(value))
        return trouble_say(reading->trouble, place, "expected %s, not %" JSON_INTEGER_FORMAT, what,
                           json_integer_value(value));
    if (json_is_real(value))
        return trouble_say(reading->trouble, place, "expected %s, not %g", what,
                           json_real_value(value));
    return trouble_say(reading->trouble, place, "expected %s, not %s", what, kind_of(value));
}

/* Values of one field, without its tag */

static bool read_enum_value(struct reading *reading, const struct schema_field *field,
                            const json_t *value, const struct place *place)
{
    const struct schema_enum *type = field->enumeration;
    char what[160];
    uint64_t bits;
    snprintf(what, sizeof(what), "a value of the enum %s, by name or number",
             schema_type_name(field));
    if (type && type->is_null && json_is_null(value)) {
        wire_add_number(reading->out, WIRE_VARINT, 0);
        return true;
    }
    for (size_t i = 0; type && json_is_string(value) && i < type->value_count; i++) {
        if (!shoal_view_equal(string_of(value), shoal_view_of(type->values[i].name)))
            continue;
        wire_add_number(reading->out, WIRE_VARINT, (uint64_t)(int64_t)type->values[i].number);
        return true;
    }
    if (json_is_string(value) || !number_from_json(TYPE_INT32, value, &bits))
        return expected(reading, place, what, value);
    wire_add_number(reading->out, WIRE_VARINT, bits);
    return true;
}

static bool read_text_value(struct reading *reading, const struct schema_field *field,
                            const json_t *value, const struct place *place)
{
    if (!json_is_string(value))
        return expected(reading, place,
                        field->type == TYPE_STRING ? "a string" : "a string of base64", value);
    struct shoal_view text = string_of(value);
    if (field->type == TYPE_STRING)
        bytes_add(reading->out, text.data, text.size);
    else if (!base64_decode(reading->out, text))
        return expected(reading, place, "a string of base64", value);
    return true;
}

static bool read_inner_message(struct reading *reading, const struct schema_field *field,
                               json_t *value, const struct place *place)
{
    const struct schema_message *type =
        field->message ? field->message : schema_need_message(reading->schema, field->type_name);
    if (!type)
        return trouble_say(reading->trouble, place,
                           "its type %s is not among what the server describes", field->type_name);
    if (reading->depth == MOST_DEPTH)
        return trouble_say(reading->trouble, place, "nested deeper than %d messages", MOST_DEPTH);
    reading->depth++;
    bool whole = read_message(reading, type, value, place);
    reading->depth--;
    return whole;
}

static bool read_value(struct reading *reading, const struct schema_field *field, json_t *value,
                       const struct place *place)
{
    uint64_t bits;
    switch (field->type) {
    case TYPE_MESSAGE:
        return read_inner_message(reading, field, value, place);
    case TYPE_STRING:
    case TYPE_BYTES:
        return read_text_value(reading, field, value, place);
    case TYPE_ENUM:
        return read_enum_value(reading, field, value, place);
    case TYPE_GROUP:
        return trouble_say(reading->trouble, place,
                           "is a proto2 group, which this program does not send; leave it out");
    default:
        if (!number_from_json(field->type, value, &bits))
            return expected(reading, place, number_expected(field->type), value);
        wire_add_number(reading->out, schema_wire_type(field->type), bits);
        return true;
    }
}

/* Fields, with their tags */

static bool read_tagged(struct reading *reading, const struct schema_field *field, json_t *value,
                        const struct place *place)
{
    enum wire_type wire = schema_wire_type(field->type);
    if (wire != WIRE_BYTES) {
        wire_add_tag(reading->out, field->number, wire);
        return read_value(reading, field, value, place);
    }
    size_t begin = wire_begin(reading->out, field->number);
    bool whole = read_value(reading, field, value, place);
    wire_end(reading->out, begin);
    return whole;
}

/* Whether null is a value of the field, and not its absence. */
static bool takes_null(const struct schema_field *field)
{
    return (field->message && field->message->known == KNOWN_VALUE) ||
           (field->enumeration && field->enumeration->is_null);
}

static bool read_elements(struct reading *reading, const struct schema_field *field, json_t *array,
                          const struct place *place)
{
    size_t index;
    json_t *value;
    json_array_foreach(array, index, value)
    {
        struct place element = {place, NULL, index};
        if (json_is_null(value) && !takes_null(field))
            return trouble_say(reading->trouble, &element, "an element of an array is never null");
        bool whole = field->packed ? read_value(reading, field, value, &element)
                                   : read_tagged(reading, field, value, &element);
        if (!whole)
            return false;
    }
    return true;
}

static bool read_array(struct reading *reading, const struct schema_field *field, json_t *array,
                       const struct place *place)
{
    if (!json_is_array(array))
        return expected(reading, place, "an array", array);
    if (!field->packed || json_array_size(array) == 0)
        return read_elements(reading, field, array, place);
    size_t begin = wire_begin(reading->out, field->number);
    bool whole = read_elements(reading, field, array, place);
    wire_end(reading->out, begin);
    return whole;
}

static bool read_key(struct reading *reading, const struct schema_field *field, const char *key,
                     const struct place *place)
{
    uint64_t bits;
    struct shoal_view text = shoal_view_of(key);
    if (field->type == TYPE_STRING) {
        wire_add_bytes(reading->out, field->number, text);
        return true;
    }
    if (schema_wire_type(field->type) == WIRE_BYTES || field->type == TYPE_GROUP ||
        !number_from_key(field->type, text, &bits))
        return trouble_say(reading->trouble, place, "the keys of this map are %s, as strings",
                           number_expected(field->type));
    wire_add_tag(reading->out, field->number, schema_wire_type(field->type));
    wire_add_number(reading->out, schema_wire_type(field->type), bits);
    return true;
}

static bool read_entry(struct reading *reading, const struct schema_field *field, const char *key,
                       json_t *value, const struct place *place)
{
    const struct schema_field *keys = schema_field_numbered(field->message, 1);
    const struct schema_field *values = schema_field_numbered(field->message, 2);
    if (!keys || !values)
        return trouble_say(reading->trouble, place, "the server describes it as no map");
    if (json_is_null(value) && !takes_null(values))
        return trouble_say(reading->trouble, place, "a value of a map is never null");
    size_t begin = wire_begin(reading->out, field->number);
    bool whole = read_key(reading, keys, key, place) && read_tagged(reading, values, value, place);
    wire_end(reading->out, begin);
    return whole;
}

static bool read_map(struct reading *reading, const struct schema_field *field, json_t *object,
                     const struct place *place)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return expected(reading, place, "an object", object);
    json_object_foreach(object, key, value)
    {
        struct place entry = {place, key, 0};
        if (!read_entry(reading, field, key, value, &entry))
            return false;
    }
    return true;
}

/* Proto3 sends no zeros where absent means the same. */
static bool read_singular(struct reading *reading, const struct schema_field *field, json_t *value,
                          const struct place *place)
{
    size_t before = reading->out->size;
    if (!read_tagged(reading, field, value, place))
        return false;
    struct wire_field written;
    struct shoal_view rest = shoal_view_from(bytes_view(reading->out), before);
    if (!field->presence && wire_next(&rest, &written) && written.value == 0 &&
        written.bytes.size == 0)
        bytes_cut(reading->out, before);
    return true;
}

bool read_field(struct reading *reading, const struct schema_field *field, json_t *value,
                const struct place *place)
{
    if (field->repeated && field->message && field->message->is_map_entry)
        return read_map(reading, field, value, place);
    return field->repeated ? read_array(reading, field, value, place)
                           : read_singular(reading, field, value, place);
}

/* Messages */

/* Which fields and oneofs have come. */
struct seen {
    bool *fields;
    const char **oneofs; /* by whom they are taken; from 1 */
};

static bool unknown_member(struct reading *reading, const struct schema_message *type,
                           const char *name, const struct place *place)
{
    const char **names = malloc((type->field_count + 1) * sizeof(*names));
    if (!names)
        return trouble_say(reading->trouble, NULL, "out of memory");
    for (size_t i = 0; i < type->field_count; i++)
        names[i] = type->fields[i]->json_name;
    if (type->field_count == 0)
        trouble_say(reading->trouble, place, "unknown field: %s has none", type->name);
    else
        trouble_say(reading->trouble, place, "unknown field of %s (did you mean '%s'?)", type->name,
                    nearest_name(name, names, type->field_count));
    free(names);
    return false;
}

static size_t index_of(const struct schema_message *type, const struct schema_field *field)
{
    size_t index = 0;
    while (type->fields[index] != field)
        index++;
    return index;
}

static bool note(struct reading *reading, const struct schema_message *type,
                 const struct schema_field *field, struct seen *seen, const struct place *place)
{
    size_t index = index_of(type, field);
    if (seen->fields[index])
        return trouble_say(reading->trouble, place, "given twice, as '%s' and '%s'", field->name,
                           field->json_name);
    if (field->oneof && seen->oneofs[field->oneof])
        return trouble_say(reading->trouble, place, "excludes '%s': only one of '%s' may be given",
                           seen->oneofs[field->oneof], type->oneofs[field->oneof - 1]);
    seen->fields[index] = true;
    seen->oneofs[field->oneof] = field->json_name;
    return true;
}

static bool read_member(struct reading *reading, const struct schema_message *type,
                        const char *name, json_t *value, struct seen *seen,
                        const struct place *place)
{
    const struct schema_field *field = schema_field_named(type, name);
    if (!field)
        return unknown_member(reading, type, name, place);
    if (json_is_null(value) && !takes_null(field))
        return true;
    return note(reading, type, field, seen, place) && read_field(reading, field, value, place);
}

static bool require_all(struct reading *reading, const struct schema_message *type,
                        const struct seen *seen, const struct place *place)
{
    for (size_t i = 0; i < type->field_count; i++) {
        if (type->fields[i]->required && !seen->fields[i])
            return trouble_say(reading->trouble, place, "'%s' is missing, which %s requires",
                               type->fields[i]->json_name, type->name);
    }
    return true;
}

bool read_members(struct reading *reading, const struct schema_message *type, json_t *value,
                  const char *but, const struct place *place)
{
    if (!json_is_object(value))
        return expected(reading, place, "an object", value);
    struct seen seen = {calloc(type->field_count + 1, sizeof(bool)),
                        calloc(type->oneof_count + 1, sizeof(char *))};
    bool whole = seen.fields && seen.oneofs;
    if (!whole)
        trouble_say(reading->trouble, NULL, "out of memory");
    const char *name;
    json_t *member;
    json_object_foreach(value, name, member)
    {
        struct place inner = {place, name, 0};
        bool left_out = but && strcmp(name, but) == 0;
        whole = whole && (left_out || read_member(reading, type, name, member, &seen, &inner));
    }
    whole = whole && require_all(reading, type, &seen, place);
    free(seen.fields);
    free(seen.oneofs);
    return whole;
}

bool read_message(struct reading *reading, const struct schema_message *type, json_t *value,
                  const struct place *place)
{
    return type->known == KNOWN_NOT ? read_members(reading, type, value, NULL, place)
                                    : read_known(reading, type, value, place);
}

/* Documents */

static bool is_too_large(const json_error_t *error)
{
    return json_error_code(error) == json_error_numeric_overflow;
}

bool message_from_json(struct schema *schema, const struct schema_message *type,
                       struct shoal_view document, struct bytes *out, struct trouble *trouble)
{
    json_error_t error;
    json_t *value = json_loadb(document.data ? document.data : "", document.size,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!value)
        return trouble_say(trouble, NULL, "this is not JSON: line %d, column %d: %s%s", error.line,
                           error.column, error.text,
                           is_too_large(&error) ? "; write it as a string" : "");
    struct reading reading = {schema, out, trouble, 1};
    bool whole = read_message(&reading, type, value, NULL);
    if (whole && out->failed)
        whole = trouble_say(trouble, NULL, "out of memory");
    json_decref(value);
    return whole;
}
