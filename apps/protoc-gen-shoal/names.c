/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The names of C; see names.h. They are ASCII, whatever the locale. None grows to more than three
 * times its source, so each is written into room made once.
 */
#include "names.h"

#include <stdbool.h>
#include <string.h>

#include "text.h"

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static char to_upper(char c)
{
    return is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

static char to_lower(char c)
{
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

static char *room_for(const char *source)
{
    return allocate(3 * strlen(source) + 1);
}

/* The two underscores that a dot becomes: between parts that are not empty. */
static char *put_dot(char *to, const char *begin, char next)
{
    if (to > begin && next != '.' && next != '\0')
        to = mempcpy(to, "__", 2);
    return to;
}

char *name_of_type(const char *full_name)
{
    char *name = room_for(full_name), *to = name;
    bool begins = true; /* a word, which has a capital then */
    for (const char *from = full_name; *from; from++) {
        if (*from == '.')
            to = put_dot(to, name, from[1]);
        else if (*from != '_')
            *to++ = begins ? to_upper(*from) : *from;
        begins = *from == '.' || *from == '_';
    }
    *to = '\0';
    return name;
}

char *name_of_symbol(const char *full_name)
{
    char *name = room_for(full_name), *to = name;
    bool begins = true; /* a word, or goes on in capitals: no underscore before a capital */
    for (const char *from = full_name; *from; from++) {
        if (*from == '.')
            to = put_dot(to, name, from[1]);
        else if (is_upper(*from) && !begins)
            *to++ = '_';
        if (*from != '.')
            *to++ = to_lower(*from);
        begins = *from == '.' || is_upper(*from);
    }
    *to = '\0';
    return name;
}

char *name_of_guard(const char *file_name)
{
    static const char digits[] = "0123456789abcdef";
    char *name = room_for(file_name), *to = name;
    for (const char *from = file_name; *from; from++) {
        if (is_upper(*from) || is_lower(*from) || (*from >= '0' && *from <= '9')) {
            *to++ = *from;
            continue;
        }
        *to++ = '_';
        *to++ = digits[(unsigned char)*from >> 4];
        *to++ = digits[*from & 15];
    }
    *to = '\0';
    return name;
}

char *name_of_stem(const char *file_name)
{
    static const char *const ends[] = {".protodevel", ".proto"};
    size_t size = strlen(file_name);
    for (size_t i = 0; i < 2; i++) {
        size_t end = strlen(ends[i]);
        if (size >= end && strcmp(file_name + size - end, ends[i]) == 0)
            return format("%.*s", (int)(size - end), file_name);
    }
    return format("%s", file_name);
}

char *name_in_file(const Plugin__File *file, const char *name)
{
    return format("%s%s%s", file->package, *file->package ? "." : "", name);
}

char *name_in_c(const Plugin__File *file, const char *full_name)
{
    const Plugin__ProtobufCFileOptions *options = file->options ? file->options->pb_c_file : NULL;
    if (!options || !options->c_package)
        return format("%s", full_name);
    return format("%s%s%s", options->c_package, *file->package ? "" : ".",
                  full_name + strlen(file->package));
}
