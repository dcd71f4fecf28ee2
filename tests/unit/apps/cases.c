/* SPDX-License-Identifier: BSD-3-Clause */
/* The schema that tests use; see cases.h. */
#include "cases.h"

#include <stdio.h>

extern const unsigned char cases_set[];
extern const size_t cases_set_size;

bool cases_add_set(struct schema *schema, struct shoal_view set)
{
    struct wire_field file;
    while (wire_next(&set, &file)) {
        if (!schema_add_file(schema, file.bytes))
            return false;
    }
    return set.size == 0;
}

struct schema *cases_schema(void)
{
    struct schema *schema = schema_create();
    if (schema && !cases_add_set(schema, shoal_view(cases_set, cases_set_size)))
        schema_destroy(&schema);
    return schema;
}

size_t cases_bytes(const char *hex, char *out, size_t room)
{
    size_t size = 0;
    unsigned byte;
    int taken;
    while (size < room && sscanf(hex, " %2x%n", &byte, &taken) == 1) {
        out[size++] = (char)byte;
        hex += taken;
    }
    return size;
}
