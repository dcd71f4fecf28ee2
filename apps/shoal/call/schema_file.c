/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * FileDescriptorProtos into a schema, field by field; the numbers are those of descriptor.proto.
 * Each reader returns false where the bytes are malformed or memory is out: the file is not used
 * then.
 */
#include "call/schema_priv.h"

#include <stdio.h>

enum { MOST_NESTED = 32 }; /* types in types; protoc itself allows no more */

/* What a declaration stands in. */
struct scope {
    struct schema *schema;
    const char *name;
    unsigned depth;
    bool packs;    /* repeated numbers are packed where they do not say otherwise */
    bool presence; /* singular numbers and texts may be absent: not in proto3 */
};

static size_t count_fields(struct shoal_view message, uint32_t number)
{
    size_t count = 0;
    struct wire_field field;
    while (wire_next(&message, &field))
        count += field.number == number && field.type == WIRE_BYTES;
    return count;
}

/* Views without data where there is none. */
static struct shoal_view text_of(struct shoal_view message, uint32_t number)
{
    struct wire_field field;
    return wire_last(message, number, WIRE_BYTES, &field) ? field.bytes : shoal_view("", 0);
}

static uint64_t number_of(struct shoal_view message, uint32_t number)
{
    struct wire_field field;
    return wire_last(message, number, WIRE_VARINT, &field) ? field.value : 0;
}

static bool is_well_formed(struct shoal_view message)
{
    struct wire_field field;
    while (wire_next(&message, &field)) {
    }
    return message.size == 0;
}

/* Calls `read` for each of the sub-messages. */
static bool for_each(struct shoal_view message, uint32_t number, const struct scope *scope,
                     bool (*read)(const struct scope *scope, struct shoal_view part, void *arg),
                     void *arg)
{
    struct wire_field field;
    while (wire_next(&message, &field)) {
        if (field.number == number && field.type == WIRE_BYTES &&
            (!is_well_formed(field.bytes) || !read(scope, field.bytes, arg)))
            return false;
    }
    return true;
}

/* ".pkg.Name" is the full name; nothing else comes from protoc. */
static const char *keep_reference(struct schema *schema, struct shoal_view name)
{
    bool dotted = name.size > 0 && name.data[0] == '.';
    return schema_keep_text(schema, shoal_view_from(name, dotted));
}

/* Enums */

static bool read_value(const struct scope *scope, struct shoal_view part, void *arg)
{
    struct schema_enum *enumeration = arg;
    struct schema_value *value = &enumeration->values[enumeration->value_count];
    value->name = schema_keep_text(scope->schema, text_of(part, 1));
    value->number = (int32_t)number_of(part, 2);
    enumeration->value_count += value->name != NULL;
    return value->name != NULL;
}

static bool read_enum(const struct scope *scope, struct shoal_view part, void *arg)
{
    (void)arg;
    struct schema *schema = scope->schema;
    struct schema_enum *enumeration = schema_keep(schema, sizeof(*enumeration));
    if (!enumeration)
        return false;
    enumeration->name = schema_keep_name(schema, scope->name, text_of(part, 1));
    enumeration->values =
        schema_keep_array(schema, count_fields(part, 2), sizeof(enumeration->values[0]));
    if (!enumeration->name || !enumeration->values)
        return false;
    enumeration->is_null = strcmp(enumeration->name, "google.protobuf.NullValue") == 0;
    return for_each(part, 2, scope, read_value, enumeration) &&
           schema_add_symbol(schema, SYMBOL_ENUM, enumeration->name, enumeration);
}

/* Fields */

enum { LABEL_REQUIRED = 2, LABEL_REPEATED = 3 };

/* As protoc makes it where the file does not say: "some_name" is "someName". */
static const char *json_name_of(struct schema *schema, struct shoal_view part)
{
    struct shoal_view given = text_of(part, 10);
    struct shoal_view name = text_of(part, 1);
    if (given.size > 0)
        return schema_keep_text(schema, given);
    char *made = schema_keep(schema, name.size + 1);
    bool raise = false;
    for (size_t i = 0, size = 0; made && i < name.size; i++) {
        char letter = name.data[i];
        if (letter != '_')
            made[size++] = (char)(raise && letter >= 'a' && letter <= 'z' ? letter - 32 : letter);
        raise = letter == '_';
    }
    return made;
}

static bool is_packed(const struct scope *scope, const struct schema_field *field,
                      struct shoal_view part)
{
    struct wire_field option;
    enum wire_type wire = schema_wire_type(field->type);
    if (!field->repeated || wire == WIRE_BYTES || wire == WIRE_GROUP)
        return false;
    return wire_last(text_of(part, 8), 2, WIRE_VARINT, &option) ? option.value != 0 : scope->packs;
}

/* NULL where it is none, or memory is out. */
static struct schema_field *make_field(const struct scope *scope, struct shoal_view part)
{
    uint64_t type = number_of(part, 5);
    uint64_t number = number_of(part, 3);
    uint64_t label = number_of(part, 4);
    struct schema_field *field = schema_keep(scope->schema, sizeof(*field));
    if (!field || type < TYPE_DOUBLE || type > TYPE_SINT64 || number < 1 || number > 0x1fffffff)
        return NULL;

    struct wire_field oneof;
    field->name = schema_keep_text(scope->schema, text_of(part, 1));
    field->json_name = json_name_of(scope->schema, part);
    field->number = (uint32_t)number;
    field->type = (enum field_type)type;
    field->repeated = label == LABEL_REPEATED;
    field->required = label == LABEL_REQUIRED;
    field->packed = is_packed(scope, field, part);
    if (wire_last(part, 9, WIRE_VARINT, &oneof) && number_of(part, 17) == 0)
        field->oneof = (size_t)oneof.value + 1;
    bool by_name = type == TYPE_MESSAGE || type == TYPE_GROUP || type == TYPE_ENUM;
    field->presence = !field->repeated && (scope->presence || type == TYPE_MESSAGE ||
                                           field->oneof || number_of(part, 17) != 0);
    if (by_name)
        field->type_name = keep_reference(scope->schema, text_of(part, 6));
    bool whole = field->name && field->json_name && (field->type_name || !by_name);
    return whole ? field : NULL;
}

static bool read_field(const struct scope *scope, struct shoal_view part, void *arg)
{
    struct schema_message *message = arg;
    struct schema_field *field = make_field(scope, part);
    if (!field || field->oneof > message->oneof_count)
        return false;
    message->fields[message->field_count++] = field;
    if (field->type_name)
        schema_link_later(scope->schema, field);
    return true;
}

/* "[pkg.name]"; NULL where memory is out. */
static const char *bracketed_name(const struct scope *scope, struct shoal_view part)
{
    const char *name = schema_keep_name(scope->schema, scope->name, text_of(part, 1));
    size_t size = name ? strlen(name) + 3 : 0;
    char *bracketed = name ? schema_keep(scope->schema, size) : NULL;
    if (bracketed)
        snprintf(bracketed, size, "[%s]", name);
    return bracketed;
}

static bool read_extension(const struct scope *scope, struct shoal_view part, void *arg)
{
    (void)arg;
    struct schema *schema = scope->schema;
    struct schema_field *field = make_field(scope, part);
    const char *extended = keep_reference(schema, text_of(part, 2));
    const char *name = bracketed_name(scope, part);
    if (!field || !extended || !name)
        return false;
    field->name = field->json_name = name;
    field->oneof = 0;
    if (field->type_name)
        schema_link_later(schema, field);
    return schema_extend_later(schema, extended, field);
}

/* Messages */

static bool read_oneof(const struct scope *scope, struct shoal_view part, void *arg)
{
    struct schema_message *message = arg;
    const char *name = schema_keep_text(scope->schema, text_of(part, 1));
    message->oneofs[message->oneof_count] = name;
    message->oneof_count += name != NULL;
    return name != NULL;
}

static bool has_duplicates(const struct schema_message *message)
{
    for (size_t i = 1; i < message->field_count; i++) {
        if (message->fields[i]->number == message->fields[i - 1]->number)
            return true;
    }
    return false;
}

static bool read_own_fields(const struct scope *scope, struct shoal_view part,
                            struct schema_message *message)
{
    struct schema *schema = scope->schema;
    message->fields =
        schema_keep_array(schema, count_fields(part, 2), sizeof(struct schema_field *));
    message->oneofs = schema_keep_array(schema, count_fields(part, 8), sizeof(char *));
    if (!message->fields || !message->oneofs || !for_each(part, 8, scope, read_oneof, message) ||
        !for_each(part, 2, scope, read_field, message))
        return false;
    schema_sort_fields(message);
    return !has_duplicates(message);
}

static bool read_message(const struct scope *scope, struct shoal_view part, void *arg);

/* Messages and enums in something, a file or a message, and extensions that stand there. */
static bool read_types(const struct scope *inner, struct shoal_view part, uint32_t messages,
                       uint32_t enums)
{
    return for_each(part, messages, inner, read_message, NULL) &&
           for_each(part, enums, inner, read_enum, NULL);
}

static struct scope inside(const struct scope *scope, const char *name)
{
    struct scope inner = *scope;
    inner.name = name;
    inner.depth++;
    return inner;
}

static bool read_message(const struct scope *scope, struct shoal_view part, void *arg)
{
    (void)arg;
    struct schema *schema = scope->schema;
    struct schema_message *message = schema_keep(schema, sizeof(*message));
    const char *name = schema_keep_name(schema, scope->name, text_of(part, 1));
    if (!message || !name || scope->depth == MOST_NESTED)
        return false;
    struct scope inner = inside(scope, name);
    message->name = name;
    message->is_map_entry = number_of(text_of(part, 7), 7) != 0;
    if (!read_own_fields(scope, part, message))
        return false;
    message->known = schema_known(message);
    return schema_add_symbol(schema, SYMBOL_MESSAGE, name, message) &&
           read_types(&inner, part, 3, 4);
}

static bool read_inner_extensions(const struct scope *scope, struct shoal_view part, void *arg)
{
    const char *name = schema_keep_name(scope->schema, scope->name, text_of(part, 1));
    struct scope inner = inside(scope, name);
    return name && for_each(part, 6, &inner, read_extension, arg) &&
           for_each(part, 3, &inner, read_inner_extensions, arg);
}

/* Services */

static bool read_method(const struct scope *scope, struct shoal_view part, void *arg)
{
    struct schema_service *service = arg;
    struct schema *schema = scope->schema;
    struct schema_method *method = &service->methods[service->method_count++];
    method->name = schema_keep_text(schema, text_of(part, 1));
    method->input = keep_reference(schema, text_of(part, 2));
    method->output = keep_reference(schema, text_of(part, 3));
    method->client_streams = number_of(part, 5) != 0;
    method->server_streams = number_of(part, 6) != 0;
    return method->name && method->input && method->output;
}

static bool read_service(const struct scope *scope, struct shoal_view part, void *arg)
{
    (void)arg;
    struct schema *schema = scope->schema;
    struct schema_service *service = schema_keep(schema, sizeof(*service));
    if (!service)
        return false;
    service->name = schema_keep_name(schema, scope->name, text_of(part, 1));
    service->methods =
        schema_keep_array(schema, count_fields(part, 2), sizeof(service->methods[0]));
    return service->name && service->methods && for_each(part, 2, scope, read_method, service) &&
           schema_add_symbol(schema, SYMBOL_SERVICE, service->name, service);
}

/* Files */

static bool read_import(const struct scope *scope, struct shoal_view file)
{
    struct wire_field field;
    while (wire_next(&file, &field)) {
        if (field.number != 3 || field.type != WIRE_BYTES)
            continue;
        if (!schema_add_import(scope->schema, schema_keep_text(scope->schema, field.bytes)))
            return false;
    }
    return true;
}

bool schema_add_file(struct schema *schema, struct shoal_view file)
{
    if (!is_well_formed(file))
        return false;
    const char *name = schema_keep_text(schema, text_of(file, 1));
    if (name && schema_has_file(schema, name))
        return true;
    struct shoal_view syntax = text_of(file, 12);
    bool proto2 = syntax.size == 0 || shoal_view_equal(syntax, shoal_view_of("proto2"));
    struct scope scope = {.schema = schema,
                          .name = schema_keep_text(schema, text_of(file, 2)),
                          .packs = !proto2,
                          .presence = !shoal_view_equal(syntax, shoal_view_of("proto3"))};
    bool whole = name && scope.name &&
                 schema_add_symbol(schema, SYMBOL_FILE, name, (void *)(uintptr_t)name) &&
                 read_import(&scope, file) && read_types(&scope, file, 4, 5) &&
                 for_each(file, 6, &scope, read_service, NULL) &&
                 for_each(file, 7, &scope, read_extension, NULL) &&
                 for_each(file, 4, &scope, read_inner_extensions, NULL);
    return schema_link(schema) && whole;
}
