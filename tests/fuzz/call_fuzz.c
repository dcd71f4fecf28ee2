/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libFuzzer on what `shoal call` makes of foreign bytes. The first byte chooses: JSON into a
 * message, a message into JSON (of the type that the second byte chooses), descriptors of a server
 * with a message of theirs, or a stream of documents cut two ways. Whatever comes out one way goes
 * back the other way, and is then the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call/documents.h"
#include "call/json_in.h"
#include "call/json_out.h"
#include "cases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what, struct shoal_view about)
{
    if (holds)
        return;
    fprintf(stderr, "this does not hold: %s: %.*s\n", what, (int)about.size, about.data);
    abort();
}

static const char *const types[] = {
    "shoal.cases.Scalars", "shoal.cases.Lists", "shoal.cases.Maps", "shoal.cases.Tree",
    "shoal.cases.Choice",  "shoal.cases.Known", "shoal.cases2.Old"};

static struct schema *cases(void)
{
    static struct schema *schema;
    if (!schema)
        schema = cases_schema();
    return schema;
}

static const struct schema_message *chosen_type(uint8_t byte)
{
    return schema_message(cases(), types[byte % (sizeof(types) / sizeof(types[0]))]);
}

static bool to_json(const struct schema_message *type, struct shoal_view message, struct bytes *out)
{
    struct trouble trouble = {0};
    bool whole = message_to_json(cases(), type, message, &(struct json_style){0}, out, &trouble);
    require(whole == (trouble.text[0] == '\0'), "failures are explained", message);
    return whole;
}

static bool to_message(const struct schema_message *type, struct shoal_view json, struct bytes *out)
{
    struct trouble trouble = {0};
    bool whole = message_from_json(cases(), type, json, out, &trouble);
    require(whole == (trouble.text[0] == '\0'), "failures are explained", json);
    return whole;
}

/* JSON has no way to say these: what is not described, a NUL in a key, what is required. */
static bool may_be_refused(const struct schema_message *type, struct shoal_view json)
{
    return strcmp(type->name, "shoal.cases2.Old") == 0 ||
           memmem(json.data, json.size, "@error", 6) || memmem(json.data, json.size, "\\u0000", 6);
}

static void require_round(const struct schema_message *type, struct shoal_view json)
{
    struct bytes message = {0};
    struct bytes again = {0};
    bool taken = to_message(type, json, &message);
    require(taken || may_be_refused(type, json), "JSON that was written can be read", json);
    if (taken) {
        require(to_json(type, bytes_view(&message), &again), "and written again", json);
        require(shoal_view_equal(json, bytes_view(&again)), "and is the same then", json);
    }
    bytes_fini(&message);
    bytes_fini(&again);
}

static void fuzz_message(const struct schema_message *type, struct shoal_view message)
{
    struct bytes json = {0};
    if (to_json(type, message, &json))
        require_round(type, bytes_view(&json));
    bytes_fini(&json);
}

static void fuzz_json(const struct schema_message *type, struct shoal_view json)
{
    struct bytes message = {0};
    if (to_message(type, json, &message))
        fuzz_message(type, bytes_view(&message));
    bytes_fini(&message);
}

/* The first half describes the message "M" that the second half is one of. */
static void fuzz_schema(struct shoal_view in)
{
    struct shoal_view file = shoal_view(in.data, in.size / 2);
    struct shoal_view rest = shoal_view_from(in, in.size / 2);
    struct schema *schema = schema_create();
    if (schema && schema_add_file(schema, file) && schema_message(schema, "M")) {
        struct trouble trouble = {0};
        struct bytes json = {0};
        struct bytes message = {0};
        const struct schema_message *type = schema_message(schema, "M");
        (void)message_to_json(schema, type, rest, &(struct json_style){.with_defaults = true},
                              &json, &trouble);
        (void)message_from_json(schema, type, rest, &message, &trouble);
        bytes_fini(&json);
        bytes_fini(&message);
    }
    schema_destroy(&schema);
}

/* The sum of the documents, and of where each ends. */
static uint64_t split(struct shoal_view stream, size_t piece)
{
    struct documents documents = {0};
    struct shoal_view document;
    uint64_t digest = 0;
    bool ended = false;
    while (!ended) {
        size_t size = piece < stream.size ? piece : stream.size;
        ended = size == 0;
        (void)documents_add(&documents, shoal_view(stream.data, size));
        stream = shoal_view_from(stream, size);
        while (documents_next(&documents, ended, &document)) {
            for (size_t i = 0; i < document.size; i++)
                digest = digest * 31 + (uint8_t)document.data[i];
            digest = digest * 31 + 256;
        }
    }
    documents_fini(&documents);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct shoal_view in = shoal_view(data + 2, size - 2);
    if (data[0] == 'j')
        fuzz_json(chosen_type(data[1]), in);
    else if (data[0] == 'm')
        fuzz_message(chosen_type(data[1]), in);
    else if (data[0] == 's')
        fuzz_schema(in);
    else if (data[0] == 'd')
        require(split(in, 1) == split(in, in.size + 1), "cuts make no difference", in);
    return 0;
}
