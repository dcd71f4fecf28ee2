/* SPDX-License-Identifier: BSD-3-Clause */
/* The known types out of JSON. Their shapes were checked when they came into the schema. */
#include <string.h>

#include "call/json_in_priv.h"
#include "call/moments.h"
#include "parse.h"

/* Seconds and nanoseconds */

static bool read_moment(struct reading *reading, json_t *value, const struct place *place,
                        bool (*parse)(struct shoal_view text, int64_t *, int32_t *),
                        const char *what)
{
    int64_t seconds;
    int32_t nanos;
    if (!json_is_string(value) || !parse(string_of(value), &seconds, &nanos))
        return expected(reading, place, what, value);
    if (seconds != 0) {
        wire_add_tag(reading->out, 1, WIRE_VARINT);
        wire_add_number(reading->out, WIRE_VARINT, (uint64_t)seconds);
    }
    if (nanos != 0) {
        wire_add_tag(reading->out, 2, WIRE_VARINT);
        wire_add_number(reading->out, WIRE_VARINT, (uint64_t)(int64_t)nanos);
    }
    return true;
}

/* FieldMask */

/* "someName.part" is some_name.part in the message. */
static bool add_path(struct bytes *out, struct shoal_view path)
{
    size_t begin = wire_begin(out, 1);
    for (size_t i = 0; i < path.size; i++) {
        char letter = path.data[i];
        bool capital = letter >= 'A' && letter <= 'Z';
        if (letter == '_')
            return false;
        if (capital)
            bytes_add(out, "_", 1);
        letter = (char)(capital ? letter + 32 : letter);
        bytes_add(out, &letter, 1);
    }
    wire_end(out, begin);
    return path.size > 0;
}

static bool read_mask(struct reading *reading, json_t *value, const struct place *place)
{
    static const char what[] = "the names of fields, as \"user.displayName,photo\"";
    if (!json_is_string(value))
        return expected(reading, place, what, value);
    struct shoal_view paths = string_of(value);
    bool cut = paths.size > 0 && paths.data[paths.size - 1] == ',';
    while (paths.size > 0) {
        if (cut || !add_path(reading->out, take_until(&paths, ',')))
            return expected(reading, place, what, value);
    }
    return true;
}

/* Any */

/* The type at the end of "type.googleapis.com/pkg.Name". NULL after trouble. */
static const struct schema_message *named_type(struct reading *reading, const json_t *url,
                                               const struct place *place)
{
    const char *text = json_string_value(url);
    const char *slash = text ? strrchr(text, '/') : NULL;
    char shown[120];
    if (!slash || strlen(text) != json_string_length(url)) {
        trouble_say(reading->trouble, place,
                    "a google.protobuf.Any has \"@type\": \"type.googleapis.com/pkg.Name\"");
        return NULL;
    }
    const struct schema_message *type = schema_need_message(reading->schema, slash + 1);
    if (!type)
        trouble_say(reading->trouble, place, "the server does not describe the type '%s'",
                    escape_text(shoal_view_of(slash + 1), shown, sizeof(shown)));
    return type;
}

/* A known type has its JSON as the member "value", others have their fields beside "@type". */
static bool read_any_value(struct reading *reading, const struct schema_message *type,
                           json_t *object, const struct place *place)
{
    if (type->known == KNOWN_NOT)
        return read_members(reading, type, object, "@type", place);
    json_t *value = json_object_get(object, "value");
    if (!value || json_object_size(object) != 2)
        return trouble_say(reading->trouble, place,
                           "an Any of %s has the members '@type' and 'value'", type->name);
    struct place inner = {place, "value", 0};
    return read_known(reading, type, value, &inner);
}

static bool read_any(struct reading *reading, json_t *value, const struct place *place)
{
    if (!json_is_object(value))
        return expected(reading, place, "an object", value);
    if (json_object_size(value) == 0)
        return true;
    json_t *url = json_object_get(value, "@type");
    const struct schema_message *type = named_type(reading, url, place);
    if (!type)
        return false;
    if (reading->depth == MOST_DEPTH)
        return trouble_say(reading->trouble, place, "nested deeper than %d messages", MOST_DEPTH);
    wire_add_bytes(reading->out, 1, string_of(url));
    size_t begin = wire_begin(reading->out, 2);
    reading->depth++;
    bool whole = read_any_value(reading, type, value, place);
    reading->depth--;
    wire_end(reading->out, begin);
    return whole;
}

/* Struct, ListValue, Value and the wrappers: one of their fields is the JSON itself. */

static uint32_t value_field(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return 1;
    case JSON_STRING:
        return 3;
    case JSON_TRUE:
    case JSON_FALSE:
        return 4;
    case JSON_OBJECT:
        return 5;
    case JSON_ARRAY:
        return 6;
    default:
        return 2;
    }
}

bool read_known(struct reading *reading, const struct schema_message *type, json_t *value,
                const struct place *place)
{
    switch (type->known) {
    case KNOWN_ANY:
        return read_any(reading, value, place);
    case KNOWN_DURATION:
        return read_moment(reading, value, place, duration_parse, "a duration, as \"1.5s\"");
    case KNOWN_TIMESTAMP:
        return read_moment(reading, value, place, timestamp_parse,
                           "a time, as \"2026-01-31T12:00:00Z\"");
    case KNOWN_FIELD_MASK:
        return read_mask(reading, value, place);
    case KNOWN_VALUE:
        return read_field(reading, schema_field_numbered(type, value_field(value)), value, place);
    default:
        return read_field(reading, schema_field_numbered(type, 1), value, place);
    }
}
