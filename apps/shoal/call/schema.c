/* SPDX-License-Identifier: BSD-3-Clause */
/* What a schema keeps, and how it is found; see schema.h. Symbols are in a tree by kind and name.
 */
#include "call/schema_priv.h"

#include <search.h>
#include <stdlib.h>

struct symbol {
    enum symbol_kind kind;
    const char *name;
    void *thing;
};

struct kept {
    struct kept *next;
    max_align_t data[];
};

struct import {
    struct import *next;
    const char *file;
};

/* A field on its way to the message that it extends. */
struct extension {
    struct extension *next;
    const char *extended;
    struct schema_field *field;
};

struct schema {
    struct kept *kept;
    void *symbols; /* tsearch()'s */
    struct schema_field *unlinked;
    struct extension *extensions; /* of messages that are not there */
    struct import *imports;       /* not told yet */
    void (*fetch)(void *arg, const char *name);
    void *fetch_arg;
};

struct schema *schema_create(void)
{
    return calloc(1, sizeof(struct schema));
}

static void leave(void *symbol)
{
    (void)symbol; /* it is among what is kept */
}

void schema_destroy(struct schema **schema)
{
    if (!*schema)
        return;
    tdestroy((*schema)->symbols, leave);
    struct kept *next;
    for (struct kept *kept = (*schema)->kept; kept; kept = next) {
        next = kept->next;
        free(kept);
    }
    free(*schema);
    *schema = NULL;
}

void schema_on_missing(struct schema *schema, void (*fetch)(void *arg, const char *name), void *arg)
{
    schema->fetch = fetch;
    schema->fetch_arg = arg;
}

void *schema_keep(struct schema *schema, size_t size)
{
    struct kept *kept = calloc(1, sizeof(*kept) + size);
    if (!kept)
        return NULL;
    kept->next = schema->kept;
    schema->kept = kept;
    return kept->data;
}

void *schema_keep_array(struct schema *schema, size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : schema_keep(schema, bytes);
}

const char *schema_keep_text(struct schema *schema, struct shoal_view text)
{
    return schema_keep_name(schema, "", text);
}

const char *schema_keep_name(struct schema *schema, const char *scope, struct shoal_view name)
{
    size_t scope_size = strlen(scope);
    bool dotted = scope_size > 0 && name.size > 0;
    char *kept = schema_keep(schema, scope_size + dotted + name.size + 1);
    if (!kept)
        return NULL;
    memcpy(kept, scope, scope_size);
    if (dotted)
        kept[scope_size] = '.';
    if (name.size > 0)
        memcpy(kept + scope_size + dotted, name.data, name.size);
    make_harmless(kept, scope_size + dotted + name.size);
    return kept;
}

/* Symbols */

static int compare_symbols(const void *a, const void *b)
{
    const struct symbol *left = a;
    const struct symbol *right = b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return strcmp(left->name, right->name);
}

bool schema_add_symbol(struct schema *schema, enum symbol_kind kind, const char *name, void *thing)
{
    struct symbol *symbol = schema_keep(schema, sizeof(*symbol));
    if (!symbol || !name)
        return false;
    *symbol = (struct symbol){kind, name, thing};
    return tsearch(symbol, &schema->symbols, compare_symbols) != NULL;
}

static void *find(const struct schema *schema, enum symbol_kind kind, const char *name)
{
    struct symbol wanted = {kind, name, NULL};
    struct symbol **found = tfind(&wanted, &schema->symbols, compare_symbols);
    return found ? (*found)->thing : NULL;
}

const struct schema_message *schema_message(const struct schema *schema, const char *name)
{
    return find(schema, SYMBOL_MESSAGE, name);
}

const struct schema_message *schema_need_message(struct schema *schema, const char *name)
{
    const struct schema_message *found = schema_message(schema, name);
    if (!found && schema->fetch) {
        schema->fetch(schema->fetch_arg, name);
        found = schema_message(schema, name);
    }
    return found;
}

const struct schema_enum *schema_enum(const struct schema *schema, const char *name)
{
    return find(schema, SYMBOL_ENUM, name);
}

const struct schema_service *schema_service(const struct schema *schema, const char *name)
{
    return find(schema, SYMBOL_SERVICE, name);
}

bool schema_has_file(const struct schema *schema, const char *name)
{
    return find(schema, SYMBOL_FILE, name) != NULL;
}

/* Imports */

bool schema_add_import(struct schema *schema, const char *file)
{
    struct import *import = schema_keep(schema, sizeof(*import));
    if (!import || !file)
        return false;
    *import = (struct import){schema->imports, file};
    schema->imports = import;
    return true;
}

const char *schema_next_import(struct schema *schema)
{
    while (schema->imports) {
        const char *file = schema->imports->file;
        schema->imports = schema->imports->next;
        if (!schema_has_file(schema, file))
            return file;
    }
    return NULL;
}

/* Types of fields */

void schema_link_later(struct schema *schema, struct schema_field *field)
{
    field->next_unlinked = schema->unlinked;
    schema->unlinked = field;
}

static bool is_linked(const struct schema_field *field)
{
    return field->message || field->enumeration;
}

static void link_field(const struct schema *schema, struct schema_field *field)
{
    if (field->type == TYPE_ENUM)
        field->enumeration = schema_enum(schema, field->type_name);
    else
        field->message = schema_message(schema, field->type_name);
}

/* Fields */

static int compare_fields(const void *a, const void *b)
{
    const struct schema_field *left = *(struct schema_field *const *)a;
    const struct schema_field *right = *(struct schema_field *const *)b;
    return left->number < right->number ? -1 : left->number > right->number;
}

void schema_sort_fields(struct schema_message *message)
{
    if (message->field_count > 1)
        qsort(message->fields, message->field_count, sizeof(struct schema_field *), compare_fields);
}

bool schema_extend_later(struct schema *schema, const char *extended, struct schema_field *field)
{
    struct extension *extension = schema_keep(schema, sizeof(*extension));
    if (!extension)
        return false;
    *extension = (struct extension){schema->extensions, extended, field};
    schema->extensions = extension;
    return true;
}

/* False where memory is out. A number that is taken stays so. */
static bool extend(struct schema *schema, struct schema_message *message,
                   struct schema_field *field)
{
    size_t count = message->field_count;
    struct schema_field **fields =
        schema_keep_array(schema, count + 1, sizeof(struct schema_field *));
    if (!fields || schema_field_numbered(message, field->number))
        return fields != NULL;
    if (count > 0)
        memcpy(fields, message->fields, count * sizeof(struct schema_field *));
    fields[count] = field;
    message->fields = fields;
    message->field_count++;
    schema_sort_fields(message);
    return true;
}

static void link_fields(struct schema *schema)
{
    struct schema_field **link = &schema->unlinked;
    while (*link) {
        struct schema_field *field = *link;
        link_field(schema, field);
        if (is_linked(field))
            *link = field->next_unlinked;
        else
            link = &field->next_unlinked;
    }
}

bool schema_link(struct schema *schema)
{
    link_fields(schema);
    struct extension **link = &schema->extensions;
    while (*link) {
        struct extension *extension = *link;
        struct schema_message *message = find(schema, SYMBOL_MESSAGE, extension->extended);
        if (message && !extend(schema, message, extension->field))
            return false;
        if (message)
            *link = extension->next;
        else
            link = &extension->next;
    }
    return true;
}

const struct schema_field *schema_field_numbered(const struct schema_message *message,
                                                 uint32_t number)
{
    struct schema_field wanted = {.number = number};
    struct schema_field *key = &wanted;
    struct schema_field **found = message->field_count == 0
                                      ? NULL
                                      : bsearch(&key, message->fields, message->field_count,
                                                sizeof(struct schema_field *), compare_fields);
    return found ? *found : NULL;
}

const struct schema_field *schema_field_named(const struct schema_message *message,
                                              const char *name)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct schema_field *field = message->fields[i];
        if (strcmp(field->json_name, name) == 0 || strcmp(field->name, name) == 0)
            return field;
    }
    return NULL;
}

const struct schema_method *schema_method(const struct schema_service *service, const char *name)
{
    for (size_t i = 0; i < service->method_count; i++) {
        if (strcmp(service->methods[i].name, name) == 0)
            return &service->methods[i];
    }
    return NULL;
}

/* Types */

static const struct {
    const char *name;
    enum wire_type wire;
} types[] = {
    [TYPE_DOUBLE] = {"double", WIRE_FIXED64},     [TYPE_FLOAT] = {"float", WIRE_FIXED32},
    [TYPE_INT64] = {"int64", WIRE_VARINT},        [TYPE_UINT64] = {"uint64", WIRE_VARINT},
    [TYPE_INT32] = {"int32", WIRE_VARINT},        [TYPE_FIXED64] = {"fixed64", WIRE_FIXED64},
    [TYPE_FIXED32] = {"fixed32", WIRE_FIXED32},   [TYPE_BOOL] = {"bool", WIRE_VARINT},
    [TYPE_STRING] = {"string", WIRE_BYTES},       [TYPE_GROUP] = {"group", WIRE_GROUP},
    [TYPE_MESSAGE] = {"message", WIRE_BYTES},     [TYPE_BYTES] = {"bytes", WIRE_BYTES},
    [TYPE_UINT32] = {"uint32", WIRE_VARINT},      [TYPE_ENUM] = {"enum", WIRE_VARINT},
    [TYPE_SFIXED32] = {"sfixed32", WIRE_FIXED32}, [TYPE_SFIXED64] = {"sfixed64", WIRE_FIXED64},
    [TYPE_SINT32] = {"sint32", WIRE_VARINT},      [TYPE_SINT64] = {"sint64", WIRE_VARINT},
};

enum wire_type schema_wire_type(enum field_type type)
{
    return types[type].wire;
}

const char *schema_type_name(const struct schema_field *field)
{
    return field->type_name ? field->type_name : types[field->type].name;
}

/* Which field a known type has to have, and how. */
static const struct {
    const char *name;
    enum known known;
    uint32_t number;
    enum field_type type;
    bool repeated;
} shapes[] = {
    {"Any", KNOWN_ANY, 1, TYPE_STRING, false},
    {"Any", KNOWN_ANY, 2, TYPE_BYTES, false},
    {"BoolValue", KNOWN_WRAPPER, 1, TYPE_BOOL, false},
    {"BytesValue", KNOWN_WRAPPER, 1, TYPE_BYTES, false},
    {"DoubleValue", KNOWN_WRAPPER, 1, TYPE_DOUBLE, false},
    {"Duration", KNOWN_DURATION, 1, TYPE_INT64, false},
    {"Duration", KNOWN_DURATION, 2, TYPE_INT32, false},
    {"FieldMask", KNOWN_FIELD_MASK, 1, TYPE_STRING, true},
    {"FloatValue", KNOWN_WRAPPER, 1, TYPE_FLOAT, false},
    {"Int32Value", KNOWN_WRAPPER, 1, TYPE_INT32, false},
    {"Int64Value", KNOWN_WRAPPER, 1, TYPE_INT64, false},
    {"ListValue", KNOWN_LIST, 1, TYPE_MESSAGE, true},
    {"StringValue", KNOWN_WRAPPER, 1, TYPE_STRING, false},
    {"Struct", KNOWN_STRUCT, 1, TYPE_MESSAGE, true},
    {"Timestamp", KNOWN_TIMESTAMP, 1, TYPE_INT64, false},
    {"Timestamp", KNOWN_TIMESTAMP, 2, TYPE_INT32, false},
    {"UInt32Value", KNOWN_WRAPPER, 1, TYPE_UINT32, false},
    {"UInt64Value", KNOWN_WRAPPER, 1, TYPE_UINT64, false},
    {"Value", KNOWN_VALUE, 1, TYPE_ENUM, false},
    {"Value", KNOWN_VALUE, 2, TYPE_DOUBLE, false},
    {"Value", KNOWN_VALUE, 3, TYPE_STRING, false},
    {"Value", KNOWN_VALUE, 4, TYPE_BOOL, false},
    {"Value", KNOWN_VALUE, 5, TYPE_MESSAGE, false},
    {"Value", KNOWN_VALUE, 6, TYPE_MESSAGE, false},
};

enum known schema_known(const struct schema_message *message)
{
    static const char package[] = "google.protobuf.";
    enum known known = KNOWN_NOT;
    if (strncmp(message->name, package, sizeof(package) - 1) != 0)
        return KNOWN_NOT;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (strcmp(message->name + sizeof(package) - 1, shapes[i].name) != 0)
            continue;
        const struct schema_field *field = schema_field_numbered(message, shapes[i].number);
        if (!field || field->type != shapes[i].type || field->repeated != shapes[i].repeated)
            return KNOWN_NOT;
        known = shapes[i].known;
    }
    return known;
}
