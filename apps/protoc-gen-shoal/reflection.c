/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What server reflection tells about a file: its FileDescriptorSet, as bytes in the source. It is
 * made of what protoc has said; fields that this plugin has no name for are kept as they came.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

enum {
    BYTES_PER_LINE = 16,
    FILE_TAG = 0x0a /* of FileDescriptorSet: field 1, with a length */
};

/* The bytes being written, and which of the request's files they hold. */
struct set {
    FILE *out;
    const Plugin__Request *request;
    bool *taken;
    size_t size;
};

static void put_byte(struct set *set, unsigned byte)
{
    fprintf(set->out, "%s0x%02x,", set->size % BYTES_PER_LINE == 0 ? "\n    " : " ", byte);
    set->size++;
}

static void put_varint(struct set *set, size_t value)
{
    for (; value > 127; value >>= 7)
        put_byte(set, (value & 127) | 128);
    put_byte(set, (unsigned)value);
}

/* The file, without what stands where in its source: reflection has no use for that. */
static void put_file(struct set *set, const Plugin__File *file)
{
    Plugin__File brief = *file;
    brief.source_code_info = NULL;
    size_t size = plugin__file__get_packed_size(&brief);
    unsigned char *bytes = allocate(size);
    plugin__file__pack(&brief, bytes);
    put_byte(set, FILE_TAG);
    put_varint(set, size);
    for (size_t i = 0; i < size; i++)
        put_byte(set, bytes[i]);
    free(bytes);
}

/* The file behind those that it imports, each once. */
static void put_with_imports(struct set *set, const char *name)
{
    for (size_t i = 0; i < set->request->n_proto_file; i++) {
        const Plugin__File *file = set->request->proto_file[i];
        if (set->taken[i] || strcmp(file->name, name) != 0)
            continue;
        set->taken[i] = true;
        for (size_t j = 0; j < file->n_dependency; j++)
            put_with_imports(set, file->dependency[j]);
        put_file(set, file);
    }
}

void reflection_define_set(FILE *out, const Plugin__Request *request, const Plugin__File *file)
{
    bool *taken = reallocate(NULL, request->n_proto_file, sizeof(*taken));
    memset(taken, 0, request->n_proto_file * sizeof(*taken));
    struct set set = {.out = out, .request = request, .taken = taken};
    fputs("\n/* The file and what it imports, for server reflection. */\n"
          "static const unsigned char descriptor_set[] = {",
          out);
    put_with_imports(&set, file->name);
    fputs("\n};\n", out);
    free(taken);
}

static const char declaration[] =
    "/* shoal_grpc_reflect() with the descriptors of this service's file. Thread: as that. */\n"
    "int $service$_reflect(struct shoal_grpc *grpc);\n"
    "\n";

static const char definition[] =
    "\n"
    "int $service$_reflect(struct shoal_grpc *grpc)\n"
    "{\n"
    "    return shoal_grpc_reflect(grpc, shoal_view(descriptor_set, sizeof(descriptor_set)));\n"
    "}\n";

void reflection_declare(FILE *out, const struct service *service)
{
    put(out, declaration, service->words);
}

void reflection_define(FILE *out, const struct service *service)
{
    put(out, definition, service->words);
}
