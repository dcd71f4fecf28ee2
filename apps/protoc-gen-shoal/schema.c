/* SPDX-License-Identifier: BSD-3-Clause */
/* Services and their words; see schema.h. */
#include "schema.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

/* Field numbers in FileDescriptorProto and ServiceDescriptorProto: parts of a comment's path. */
enum { SERVICES = 6, METHODS = 2 };

/* The comment before a definition, or else the one behind it; NULL: none. */
static const char *comment_at(const Plugin__File *file, const int32_t *path, size_t size)
{
    const Plugin__SourceInfo *info = file->source_code_info;
    for (size_t i = 0; info && i < info->n_location; i++) {
        const Plugin__Location *location = info->location[i];
        if (location->n_path == size && memcmp(location->path, path, size * sizeof(*path)) == 0)
            return location->leading_comments ? location->leading_comments
                                              : location->trailing_comments;
    }
    return NULL;
}

/* Whether the file has the type at its top, or has what holds it there. */
static bool defines(const Plugin__File *file, const char *full_name)
{
    bool found = false;
    for (size_t i = 0; i < file->n_message_type && !found; i++) {
        char *top = name_in_file(file, file->message_type[i]->name);
        size_t size = strlen(top);
        found = strncmp(full_name, top, size) == 0 &&
                (full_name[size] == '\0' || full_name[size] == '.');
        free(top);
    }
    return found;
}

static char *read_type(const Plugin__Request *request, const char *full_name)
{
    for (size_t i = 0; i < request->n_proto_file; i++) {
        if (!defines(request->proto_file[i], full_name))
            continue;
        char *in_c = name_in_c(request->proto_file[i], full_name);
        char *type = name_of_type(in_c);
        free(in_c);
        return type;
    }
    return name_of_type(full_name);
}

static const char *without_dot(const char *full_name)
{
    return full_name + (*full_name == '.');
}

static enum kind kind_of(const Plugin__Method *method)
{
    if (method->client_streaming)
        return method->server_streaming ? BIDI : CLIENT_STREAM;
    return method->server_streaming ? SERVER_STREAM : UNARY;
}

static char *describe(const Plugin__Method *method)
{
    return format("rpc %s(%s%s) returns (%s%s)", method->name,
                  method->client_streaming ? "stream " : "", without_dot(method->input_type),
                  method->server_streaming ? "stream " : "", without_dot(method->output_type));
}

static const char *const kinds[] = {
    [UNARY] = "SHOAL_GRPC_UNARY",
    [SERVER_STREAM] = "SHOAL_GRPC_SERVER_STREAM",
    [CLIENT_STREAM] = "SHOAL_GRPC_CLIENT_STREAM",
    [BIDI] = "SHOAL_GRPC_BIDI",
};

static void read_method(struct method *method, const struct word *service_words,
                        const Plugin__Request *request, const Plugin__Method *from)
{
    method->kind = kind_of(from);
    const struct word words[] = {
        service_words[0],
        service_words[1],
        {"method", name_of_symbol(from->name)},
        {"Method", format("%s", from->name)},
        {"input", read_type(request, without_dot(from->input_type))},
        {"output", read_type(request, without_dot(from->output_type))},
        {"rpc", describe(from)},
        {"kind", format("%s", kinds[method->kind])},
        {NULL, NULL},
    };
    memcpy(method->words, words, sizeof(words));
}

struct service *service_read(const Plugin__Request *request, const Plugin__File *file, size_t index)
{
    const Plugin__Service *from = file->service[index];
    struct service *service = allocate(sizeof(*service));
    const int32_t path[] = {SERVICES, (int32_t)index};
    service->comment = comment_at(file, path, 2);
    service->count = from->n_method;
    service->methods = reallocate(NULL, from->n_method, sizeof(*service->methods));

    char *full_name = name_in_file(file, from->name);
    char *in_c = name_in_c(file, full_name);
    service->words[0] = (struct word){"service", name_of_symbol(in_c)};
    service->words[1] = (struct word){"Service", full_name};
    service->words[2] = (struct word){NULL, NULL};
    free(in_c);

    for (size_t i = 0; i < from->n_method; i++) {
        const int32_t method_path[] = {SERVICES, (int32_t)index, METHODS, (int32_t)i};
        read_method(&service->methods[i], service->words, request, from->method[i]);
        service->methods[i].comment = comment_at(file, method_path, 4);
    }
    return service;
}

void service_free(struct service *service)
{
    for (size_t i = 0; i < service->count; i++) {
        for (const struct word *word = service->methods[i].words + 2; word->name; word++)
            free((char *)word->value);
    }
    for (const struct word *word = service->words; word->name; word++)
        free((char *)word->value);
    free(service->methods);
    free(service);
}
