/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings and descriptions; see listing.h. */
#include "call/listing.h"

static const char *stream_of(bool streams)
{
    return streams ? "stream " : "";
}

void list_service(const struct schema_service *service, struct bytes *out)
{
    for (size_t i = 0; i < service->method_count; i++) {
        const struct schema_method *method = &service->methods[i];
        bytes_format(out, "%s/%s (%s%s) -> %s%s\n", service->name, method->name,
                     stream_of(method->client_streams), method->input,
                     stream_of(method->server_streams), method->output);
    }
}

/* Messages */

static void describe_map(const struct schema_field *field, struct bytes *out)
{
    const struct schema_field *key = schema_field_numbered(field->message, 1);
    const struct schema_field *value = schema_field_numbered(field->message, 2);
    if (key && value)
        bytes_format(out, "  map<%s, %s> %s = %u;\n", schema_type_name(key),
                     schema_type_name(value), field->name, field->number);
}

static void describe_field(const struct schema_message *message, const struct schema_field *field,
                           struct bytes *out)
{
    if (field->repeated && field->message && field->message->is_map_entry) {
        describe_map(field, out);
        return;
    }
    bool explicit = field->presence && !field->oneof && field->type != TYPE_MESSAGE;
    bytes_format(out, "  %s%s %s = %u;",
                 field->repeated   ? "repeated "
                 : field->required ? "required "
                 : explicit        ? "optional "
                                   : "",
                 schema_type_name(field), field->name, field->number);
    if (field->oneof)
        bytes_format(out, " // one of %s", message->oneofs[field->oneof - 1]);
    bytes_text(out, "\n");
}

void describe_message(const struct schema_message *message, struct bytes *out)
{
    bytes_format(out, "message %s {\n", message->name);
    for (size_t i = 0; i < message->field_count; i++)
        describe_field(message, message->fields[i], out);
    bytes_text(out, "}\n");
}

void describe_enum(const struct schema_enum *enumeration, struct bytes *out)
{
    bytes_format(out, "enum %s {\n", enumeration->name);
    for (size_t i = 0; i < enumeration->value_count; i++)
        bytes_format(out, "  %s = %d;\n", enumeration->values[i].name,
                     enumeration->values[i].number);
    bytes_text(out, "}\n");
}

/* Services, with the messages that their methods take and give */

static bool is_named_before(const struct schema_service *service, size_t before, const char *name)
{
    for (size_t i = 0; i < before; i++) {
        if (strcmp(service->methods[i].input, name) == 0 ||
            strcmp(service->methods[i].output, name) == 0)
            return true;
    }
    return false;
}

static void describe_once(const struct schema *schema, const struct schema_service *service,
                          size_t index, const char *name, struct bytes *out)
{
    const struct schema_message *message = schema_message(schema, name);
    if (message && !is_named_before(service, index, name))
        describe_message(message, out);
}

void describe_service(const struct schema *schema, const struct schema_service *service,
                      struct bytes *out)
{
    bytes_format(out, "service %s {\n", service->name);
    for (size_t i = 0; i < service->method_count; i++) {
        const struct schema_method *method = &service->methods[i];
        bytes_format(out, "  rpc %s(%s%s) returns (%s%s);\n", method->name,
                     stream_of(method->client_streams), method->input,
                     stream_of(method->server_streams), method->output);
    }
    bytes_text(out, "}\n");
    for (size_t i = 0; i < service->method_count; i++) {
        const struct schema_method *method = &service->methods[i];
        describe_once(schema, service, i, method->input, out);
        if (strcmp(method->input, method->output) != 0)
            describe_once(schema, service, i, method->output, out);
    }
}
