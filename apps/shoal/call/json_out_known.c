/* SPDX-License-Identifier: BSD-3-Clause */
/* The known types into JSON. Their shapes were checked when they came into the schema. */
#include "call/base64.h"
#include "call/json_out_priv.h"
#include "call/moments.h"
#include "call/numbers.h"
#include "parse.h"

/* An empty one where it is absent. */
static struct wire_field last_of(struct shoal_view message, uint32_t number, enum wire_type type)
{
    struct wire_field field = {.bytes = shoal_view("", 0)};
    (void)wire_last(message, number, type, &field);
    return field;
}

/* Seconds and nanoseconds */

static bool write_moment(struct writing *writing, struct shoal_view message,
                         const struct place *place,
                         bool (*to_text)(int64_t seconds, int64_t nanos, char *out),
                         const char *range)
{
    char text[MOMENT_MAX];
    int64_t seconds = (int64_t)last_of(message, 1, WIRE_VARINT).value;
    int32_t nanos = (int32_t)last_of(message, 2, WIRE_VARINT).value;
    if (!to_text(seconds, nanos, text))
        return trouble_say(writing->trouble, place, "%lld s and %d ns are not within %s",
                           (long long)seconds, nanos, range);
    return write_string(writing, shoal_view_of(text), place);
}

/* FieldMask */

/* some_name.part is "someName.part" in JSON. False where there would be no way back. */
static bool add_path(struct bytes *out, struct shoal_view path)
{
    for (size_t i = 0; i < path.size; i++) {
        char letter = path.data[i];
        char next = i + 1 < path.size ? path.data[i + 1] : '\0';
        if ((letter >= 'A' && letter <= 'Z') || letter == ',')
            return false;
        if (letter == '_' && (next < 'a' || next > 'z'))
            return false;
        if (letter == '_') {
            letter = (char)(next - 32);
            i++;
        }
        bytes_add(out, &letter, 1);
    }
    return path.size > 0;
}

static bool join_paths(struct shoal_view message, struct bytes *out)
{
    struct wire_field field;
    bool any = false;
    while (wire_next(&message, &field)) {
        if (field.number != 1 || field.type != WIRE_BYTES)
            continue;
        if (any)
            bytes_text(out, ",");
        any = true;
        if (!add_path(out, field.bytes))
            return false;
    }
    return true;
}

static bool write_mask(struct writing *writing, struct shoal_view message,
                       const struct place *place)
{
    struct bytes paths = {0};
    bool whole = join_paths(message, &paths)
                     ? write_string(writing, bytes_view(&paths), place)
                     : trouble_say(writing->trouble, place, "a path that has no JSON name");
    if (paths.failed)
        writing->text.out->failed = true;
    bytes_fini(&paths);
    return whole;
}

/* Any */

static const struct schema_message *named_type(struct writing *writing, struct shoal_view url)
{
    char name[256];
    const char *slash = url.size ? memrchr(url.data, '/', url.size) : NULL;
    size_t size = slash ? (size_t)(url.data + url.size - slash - 1) : 0;
    if (size == 0 || size >= sizeof(name) || memchr(slash, '\0', size + 1))
        return NULL;
    memcpy(name, slash + 1, size);
    name[size] = '\0';
    return schema_need_message(writing->schema, name);
}

/* What nobody can describe is shown as it is. */
static void write_opaque(struct writing *writing, struct shoal_view value)
{
    json_text_name(&writing->text, shoal_view_of("@error"));
    (void)json_text_string(&writing->text, shoal_view_of("the server does not describe this type"));
    json_text_name(&writing->text, shoal_view_of("@value"));
    bytes_text(writing->text.out, "\"");
    base64_encode(writing->text.out, value);
    bytes_text(writing->text.out, "\"");
}

static bool write_any_value(struct writing *writing, const struct schema_message *type,
                            struct shoal_view value, const struct place *place)
{
    if (!type) {
        write_opaque(writing, value);
        return true;
    }
    if (type->known == KNOWN_NOT)
        return write_members(writing, type, value, place);
    json_text_name(&writing->text, shoal_view_of("value"));
    return write_message(writing, type, value, place);
}

static bool write_any(struct writing *writing, struct shoal_view message, const struct place *place)
{
    struct shoal_view url = last_of(message, 1, WIRE_BYTES).bytes;
    struct shoal_view value = last_of(message, 2, WIRE_BYTES).bytes;
    json_text_open(&writing->text, '{');
    if (url.size > 0 || value.size > 0) {
        json_text_name(&writing->text, shoal_view_of("@type"));
        if (!write_string(writing, url, place) ||
            !write_any_value(writing, named_type(writing, url), value, place))
            return false;
    }
    json_text_close(&writing->text, '}');
    return true;
}

/* Value: the last of its fields counts, and one that has none is null. */
static bool write_loose(struct writing *writing, const struct schema_message *type,
                        struct shoal_view message, const struct place *place)
{
    uint32_t number = 0;
    uint64_t bits = 0;
    struct wire_field field;
    for (struct shoal_view rest = message; wire_next(&rest, &field);) {
        const struct schema_field *known = schema_field_numbered(type, field.number);
        if (!known || field.number > 6 || field.type != schema_wire_type(known->type))
            continue;
        number = field.number;
        bits = field.value;
    }
    if (number < 2) {
        bytes_text(writing->text.out, "null");
        return true;
    }
    if (number == 2 && number_is_quoted(TYPE_DOUBLE, bits))
        return trouble_say(writing->trouble, place,
                           "JSON has no number for the NaN or infinity in a Value");
    return write_lone_field(writing, type, number, message, place);
}

static bool is_well_formed(struct shoal_view message)
{
    struct wire_field field;
    while (wire_next(&message, &field)) {
    }
    return message.size == 0;
}

bool write_known(struct writing *writing, const struct schema_message *type,
                 struct shoal_view message, const struct place *place)
{
    if (!is_well_formed(message))
        return trouble_say(writing->trouble, place, "the message is no well-formed %s", type->name);
    switch (type->known) {
    case KNOWN_ANY:
        return write_any(writing, message, place);
    case KNOWN_DURATION:
        return write_moment(writing, message, place, duration_text, "10,000 years");
    case KNOWN_TIMESTAMP:
        return write_moment(writing, message, place, timestamp_text, "the years 1 to 9999");
    case KNOWN_FIELD_MASK:
        return write_mask(writing, message, place);
    case KNOWN_VALUE:
        return write_loose(writing, type, message, place);
    default: /* of wrappers, lists and structs one field is the JSON */
        return write_lone_field(writing, type, 1, message, place);
    }
}
