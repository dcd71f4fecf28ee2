/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `shoal call` makes of messages, for a test that knows better: for each line "out TYPE HEX" a
 * line of JSON, for each "in TYPE JSON" a line of hexadecimal digits, or "error SENTENCE".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call/json_in.h"
#include "call/json_out.h"
#include "cases.h"

static void to_json(struct schema *schema, const struct schema_message *type, const char *hex)
{
    struct trouble trouble = {0};
    struct bytes text = {0};
    size_t room = strlen(hex) / 2 + 1;
    char *bytes = malloc(room);
    size_t size = bytes ? cases_bytes(hex, bytes, room) : 0;
    if (message_to_json(schema, type, shoal_view(bytes, size), &(struct json_style){0}, &text,
                        &trouble))
        printf("%.*s\n", (int)text.size, text.data);
    else
        printf("error %s\n", trouble.text);
    bytes_fini(&text);
    free(bytes);
}

static void to_message(struct schema *schema, const struct schema_message *type, const char *json)
{
    struct trouble trouble = {0};
    struct bytes message = {0};
    if (message_from_json(schema, type, shoal_view_of(json), &message, &trouble)) {
        for (size_t i = 0; i < message.size; i++)
            printf("%02x", (unsigned char)message.data[i]);
        printf("\n");
    } else {
        printf("error %s\n", trouble.text);
    }
    bytes_fini(&message);
}

static void answer(struct schema *schema, char *line)
{
    const char *way = strtok(line, " ");
    const char *name = strtok(NULL, " ");
    const char *rest = strtok(NULL, "\n");
    const struct schema_message *type = name ? schema_message(schema, name) : NULL;
    if (!type)
        printf("error no such type\n");
    else if (strcmp(way, "out") == 0)
        to_json(schema, type, rest ? rest : "");
    else
        to_message(schema, type, rest ? rest : "");
}

int main(void)
{
    struct schema *schema = cases_schema();
    char *line = NULL;
    size_t room = 0;
    while (schema && getline(&line, &room, stdin) > 0) {
        answer(schema, line);
        fflush(stdout);
    }
    free(line);
    schema_destroy(&schema);
    return 0;
}
