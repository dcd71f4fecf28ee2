/* SPDX-License-Identifier: BSD-3-Clause */
/* Text; see text.h. */
#include "text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void fail(const char *why)
{
    fprintf(stderr, "protoc-gen-shoal: %s\n", why);
    exit(1);
}

void *allocate(size_t size)
{
    return reallocate(NULL, size, 1);
}

void *reallocate(void *old, size_t count, size_t size)
{
    void *memory = reallocarray(old, count > 0 ? count : 1, size);
    if (!memory)
        fail("out of memory");
    return memory;
}

char *format(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&text, format, args);
    va_end(args);
    if (size < 0)
        fail("out of memory");
    return text;
}

static const char *value_of(const struct word *words, const char *name, size_t size)
{
    for (const struct word *word = words; word->name; word++) {
        if (strlen(word->name) == size && memcmp(word->name, name, size) == 0)
            return word->value;
    }
    fail("a template has a word of no meaning");
}

void put(FILE *out, const char *template, const struct word *words)
{
    for (const char *dollar; (dollar = strchr(template, '$')) != NULL;) {
        const char *name = dollar + 1;
        size_t size = strcspn(name, "$");
        fwrite(template, 1, (size_t)(dollar - template), out);
        fputs(value_of(words, name, size), out);
        template = name + size + 1;
    }
    fputs(template, out);
}
