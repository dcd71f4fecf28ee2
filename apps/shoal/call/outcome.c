/* SPDX-License-Identifier: BSD-3-Clause */
/* What a call came to; see outcome.h. What a server says does no harm to a terminal. */
#include "call/outcome.h"

#include <stdio.h>
#include <string.h>

#include "call/base64.h"
#include "call/json_out.h"
#include "host.h"

/* The file google/protobuf/any.proto, for servers that do not describe it. */
static const struct shoal_view any_file =
    SHOAL_VIEW("\x0a\x19google/protobuf/any.proto\x12\x0fgoogle.protobuf\x22\x26\x0a\x03"
               "Any\x12\x10\x0a\x08type_url\x18\x01\x20\x01\x28\x09\x12\x0d\x0a\x05value\x18\x02"
               "\x20\x01\x28\x0c\x62\x06proto3");

static void print_line(struct bytes *line)
{
    if (!line->failed)
        fprintf(stderr, "%.*s\n", (int)line->size, line->data);
    bytes_fini(line);
}

/* Metadata */

static bool is_binary(const char *name)
{
    size_t size = strlen(name);
    return size >= 4 && strcmp(name + size - 4, "-bin") == 0;
}

static void show_pairs(const char *mark, const struct shoal_grpc_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes line = {0};
        bytes_format(&line, "%s %s: ", mark, pairs[i].name);
        if (is_binary(pairs[i].name))
            base64_encode(&line, pairs[i].value);
        else
            bytes_harmless(&line, pairs[i].value);
        print_line(&line);
    }
}

void outcome_show_request(const struct remote *remote, const char *path)
{
    if (remote->options->verbosity == 0)
        return;
    fprintf(stderr, "> %s\n", path);
    show_pairs(">", remote->pairs, remote->pair_count);
}

static void show_metadata(const struct shoal_grpc_result *result)
{
    show_pairs("<", result->initial, result->initial_count);
    fprintf(stderr, "< (trailers) %d %s\n", result->status, shoal_grpc_status_name(result->status));
    show_pairs("<", result->trailing, result->trailing_count);
}

/* Details: field 3 of google.rpc.Status, each an Any. */

static void show_detail(struct schema *schema, struct shoal_view detail)
{
    struct trouble trouble = {0};
    struct bytes line = {0};
    struct json_style style = {0};
    const struct schema_message *any = schema_message(schema, "google.protobuf.Any");
    bytes_text(&line, "  ");
    if (!any || !message_to_json(schema, any, detail, &style, &line, &trouble)) {
        bytes_cut(&line, 2);
        bytes_format(&line, "a detail that cannot be shown: %s", trouble.text);
    }
    print_line(&line);
}

static void show_details(struct schema *schema, struct shoal_view status)
{
    struct wire_field field;
    if (!schema_add_file(schema, any_file))
        return;
    while (wire_next(&status, &field)) {
        if (field.number == 3 && field.type == WIRE_BYTES)
            show_detail(schema, field.bytes);
    }
}

int outcome_report(const struct remote *remote, const char *path, struct schema *schema,
                   const struct shoal_grpc_result *result)
{
    if (remote->options->verbosity > 0)
        show_metadata(result);
    if (result->status == SHOAL_GRPC_OK)
        return 0;
    struct bytes text = {0};
    bytes_harmless(&text, shoal_view_of(result->text));
    host_fail(remote->options, 0, "%s of %s: %d %s: %.*s", path + 1, remote->url, result->status,
              shoal_grpc_status_name(result->status), (int)text.size, text.data ? text.data : "");
    bytes_fini(&text);
    show_details(schema, result->details);
    return result->status;
}
