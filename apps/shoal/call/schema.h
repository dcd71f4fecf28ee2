/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a server's methods and messages look like: read from FileDescriptorProtos, as protoc writes
 * and reflection hands them out, whatever a hostile server has put in. Names are full, without a
 * dot in front. Extensions of a message are fields of it, named "[pkg.name]".
 */
#ifndef APPS_SHOAL_CALL_SCHEMA_H
#define APPS_SHOAL_CALL_SCHEMA_H

#include <stdint.h>

#include "call/wire.h"

/* As FieldDescriptorProto numbers them. */
enum field_type {
    TYPE_DOUBLE = 1,
    TYPE_FLOAT,
    TYPE_INT64,
    TYPE_UINT64,
    TYPE_INT32,
    TYPE_FIXED64,
    TYPE_FIXED32,
    TYPE_BOOL,
    TYPE_STRING,
    TYPE_GROUP,
    TYPE_MESSAGE,
    TYPE_BYTES,
    TYPE_UINT32,
    TYPE_ENUM,
    TYPE_SFIXED32,
    TYPE_SFIXED64,
    TYPE_SINT32,
    TYPE_SINT64,
};

/* The messages that JSON writes in a way of their own. */
enum known {
    KNOWN_NOT,
    KNOWN_ANY,
    KNOWN_DURATION,
    KNOWN_FIELD_MASK,
    KNOWN_LIST,
    KNOWN_STRUCT,
    KNOWN_TIMESTAMP,
    KNOWN_VALUE,
    KNOWN_WRAPPER,
};

struct schema_enum {
    const char *name;
    bool is_null; /* google.protobuf.NullValue */
    struct schema_value {
        const char *name;
        int32_t number;
    } * values;
    size_t value_count;
};

struct schema_field {
    const char *name;
    const char *json_name;
    uint32_t number;
    enum field_type type;
    const char *type_name; /* of a message, group or enum */
    bool repeated;
    bool required;
    bool packed;
    bool presence; /* absent is something else than zero */
    size_t oneof;  /* from 1; 0: in none */

    /* By type_name, NULL where that is not known, or the type is another. */
    const struct schema_message *message;
    const struct schema_enum *enumeration;

    struct schema_field *next_unlinked; /* the schema's own */
};

struct schema_message {
    const char *name;
    enum known known;
    bool is_map_entry;
    struct schema_field **fields; /* by number */
    size_t field_count;
    const char **oneofs; /* their names */
    size_t oneof_count;
};

struct schema_method {
    const char *name; /* without the service's */
    const char *input, *output;
    bool client_streams, server_streams;
};

struct schema_service {
    const char *name;
    struct schema_method *methods;
    size_t method_count;
};

struct schema;

/* Thread: any; a schema and all in it is one thread's. */
struct schema *schema_create(void);
void schema_destroy(struct schema **schema);

/* Has `fetch` called for a message that is not there but wanted, to add it, before it is given up.
 * Thread: owner. */
void schema_on_missing(struct schema *schema, void (*fetch)(void *arg, const char *name),
                       void *arg);

/*
 * Adds a FileDescriptorProto; what is there already stays. The bytes are copied. False where it is
 * malformed, or memory is out. Thread: owner.
 */
bool schema_add_file(struct schema *schema, struct shoal_view file);

/* Whether a file of this name was added. Thread: owner. */
bool schema_has_file(const struct schema *schema, const char *name);

/* A file that one of the added ones imports, not added and not told yet; NULL: none. Thread: owner.
 */
const char *schema_next_import(struct schema *schema);

/* By full name; NULL where there is none. schema_need_message() has it fetched. Thread: owner. */
const struct schema_message *schema_message(const struct schema *schema, const char *name);
const struct schema_message *schema_need_message(struct schema *schema, const char *name);
const struct schema_enum *schema_enum(const struct schema *schema, const char *name);
const struct schema_service *schema_service(const struct schema *schema, const char *name);

/* Thread: owner. */
const struct schema_field *schema_field_numbered(const struct schema_message *message,
                                                 uint32_t number);

/* By its name in JSON or in the .proto file. Thread: owner. */
const struct schema_field *schema_field_named(const struct schema_message *message,
                                              const char *name);

/* NULL where there is none. Thread: owner. */
const struct schema_method *schema_method(const struct schema_service *service, const char *name);

/* How a type lies on the wire. Thread: any. */
enum wire_type schema_wire_type(enum field_type type);

/* "int32", or the name of the message or enum. Thread: any. */
const char *schema_type_name(const struct schema_field *field);

#endif
