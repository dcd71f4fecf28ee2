/* SPDX-License-Identifier: BSD-3-Clause */
/* From request to response; see generate.h. */
#include "generate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "parts.h"

#define FEATURE_PROTO3_OPTIONAL 1 /* as plugin.proto has it: we need not care */

static const char header_begin[] = "/* Made by protoc-gen-shoal from $file$. */\n"
                                   "#ifndef PROTOC_GEN_SHOAL_$guard$_H\n"
                                   "#define PROTOC_GEN_SHOAL_$guard$_H\n"
                                   "\n"
                                   "#include <shoal/grpc.h>\n"
                                   "#include <shoal/grpc_client.h>\n"
                                   "\n"
                                   "#include \"$stem$.pb-c.h\"\n"
                                   "\n"
                                   "#ifdef __cplusplus\n"
                                   "extern \"C\" {\n"
                                   "#endif\n"
                                   "\n";

static const char header_end[] = "#ifdef __cplusplus\n"
                                 "}\n"
                                 "#endif\n"
                                 "#endif\n";

static const char source_begin[] = "/* Made by protoc-gen-shoal from $file$. */\n"
                                   "#include \"$stem$.shoal.h\"\n";

/* One line of a comment, which may end no comment and begin none. */
static void put_comment_line(FILE *out, const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool joins = i > 0 && ((line[i - 1] == '*' && line[i] == '/') ||
                               (line[i - 1] == '/' && line[i] == '*'));
        if (joins)
            fputc(' ', out);
        fputc(line[i], out);
    }
    fputc('\n', out);
}

/* `comment` as protoc gives it: lines that mostly begin with a blank. Where it
 * began with two stars, one is left. */
static void put_comment_lines(FILE *out, const char *indent, const char *comment)
{
    if (*comment == '*')
        comment += strspn(comment, "* \n");
    while (*comment) {
        size_t size = strcspn(comment, "\n");
        const char *next = comment + size + (comment[size] == '\n');
        while (size > 0 && comment[size - 1] == ' ')
            size--;
        fprintf(out, "%s *%s", indent, size == 0 || *comment == ' ' ? "" : " ");
        put_comment_line(out, comment, size);
        comment = next;
    }
}

void put_comment(FILE *out, const char *indent, const struct method *method)
{
    fputs(indent, out);
    put(out, method->comment ? "/*\n" : "/* $rpc$ */\n", method->words);
    if (!method->comment)
        return;
    fputs(indent, out);
    put(out, " * $rpc$\n", method->words);
    put_comment_lines(out, indent, method->comment);
    fprintf(out, "%s */\n", indent);
}

static void declare_service(FILE *out, const struct service *service)
{
    put(out, "/*\n * $Service$\n", service->words);
    if (service->comment) {
        fputs(" *\n", out);
        put_comment_lines(out, "", service->comment);
    }
    fputs(" */\n\n", out);
    server_declare(out, service);
    reflection_declare(out, service);
    client_declare(out, service);
}

static void define_service(FILE *out, const struct service *service)
{
    put(out, "\n/* $Service$ */\n\n", service->words);
    server_define(out, service);
    reflection_define(out, service);
    client_define(out, service);
}

/* A part for each service that has methods: C has no empty struct, and nobody needs one. */
static void for_each_service(FILE *out, const Plugin__Request *request, const Plugin__File *file,
                             void (*part)(FILE *out, const struct service *service))
{
    for (size_t i = 0; i < file->n_service; i++) {
        struct service *service = service_read(request, file, i);
        if (service->count > 0)
            part(out, service);
        service_free(service);
    }
}

static bool has_methods(const Plugin__File *file)
{
    bool has = false;
    for (size_t i = 0; i < file->n_service; i++)
        has |= file->service[i]->n_method > 0;
    return has;
}

static void write_header(FILE *out, const Plugin__Request *request, const Plugin__File *file,
                         const struct word *words)
{
    put(out, header_begin, words);
    for_each_service(out, request, file, declare_service);
    put(out, header_end, words);
}

static void write_source(FILE *out, const Plugin__Request *request, const Plugin__File *file,
                         const struct word *words)
{
    put(out, source_begin, words);
    if (has_methods(file)) {
        reflection_define_set(out, request, file);
        client_define_help(out);
    }
    for_each_service(out, request, file, define_service);
}

typedef void write_fn(FILE *out, const Plugin__Request *request, const Plugin__File *file,
                      const struct word *words);

static Plugin__Output *make_output(const char *end, write_fn *write, const Plugin__Request *request,
                                   const Plugin__File *file)
{
    Plugin__Output *output = allocate(sizeof(*output));
    plugin__output__init(output);
    char *stem = name_of_stem(file->name);
    char *guard = name_of_guard(stem);
    const struct word words[] = {
        {"file", file->name}, {"stem", stem}, {"guard", guard}, {NULL, NULL}};

    size_t size;
    FILE *out = open_memstream(&output->content, &size);
    if (out)
        write(out, request, file, words);
    if (!out || fclose(out) != 0)
        fail("out of memory");
    output->name = format("%s%s", stem, end);
    free(guard);
    free(stem);
    return output;
}

static const Plugin__File *find_file(const Plugin__Request *request, const char *name)
{
    for (size_t i = 0; i < request->n_proto_file; i++) {
        if (strcmp(request->proto_file[i]->name, name) == 0)
            return request->proto_file[i];
    }
    return NULL;
}

/* Whether protoc-c makes nothing of the file. */
static bool is_left_out(const Plugin__File *file)
{
    return file->options && file->options->pb_c_file && file->options->pb_c_file->no_generate;
}

static void add_file(Plugin__Response *response, const Plugin__Request *request,
                     const Plugin__File *file)
{
    response->file = reallocate(response->file, response->n_file + 2, sizeof(*response->file));
    response->file[response->n_file++] = make_output(".shoal.h", write_header, request, file);
    response->file[response->n_file++] = make_output(".shoal.c", write_source, request, file);
}

Plugin__Response *generate(const Plugin__Request *request)
{
    Plugin__Response *response = allocate(sizeof(*response));
    plugin__response__init(response);
    response->has_supported_features = true;
    response->supported_features = FEATURE_PROTO3_OPTIONAL;
    if (*request->parameter) {
        response->error = format("there is no option \"%s\"", request->parameter);
        return response;
    }
    for (size_t i = 0; i < request->n_file_to_generate && !response->error; i++) {
        const Plugin__File *file = find_file(request, request->file_to_generate[i]);
        if (!file)
            response->error =
                format("%s: protoc has not described it", request->file_to_generate[i]);
        else if (!is_left_out(file))
            add_file(response, request, file);
    }
    return response;
}

void response_free(Plugin__Response *response)
{
    plugin__response__free_unpacked(response, NULL);
}
