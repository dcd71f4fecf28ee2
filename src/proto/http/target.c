/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets: one reader of percent-encoding, strict for paths and lenient for queries. */
#include "proto/http/target.h"

static const char *query_mark(struct shoal_view target)
{
    return target.size > 0 ? memchr(target.data, '?', target.size) : NULL;
}

struct shoal_view shoal__http_path_of(struct shoal_view target)
{
    const char *mark = query_mark(target);
    return mark ? shoal_view(target.data, (size_t)(mark - target.data)) : target;
}

struct shoal_view shoal__http_query_of(struct shoal_view target)
{
    const char *mark = query_mark(target);
    if (!mark)
        return shoal_view(NULL, 0);
    return shoal_view(mark + 1, target.size - (size_t)(mark + 1 - target.data));
}

static int digit_of(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    char lower = (char)(byte | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte that is encoded at the start of `text`, never a NUL; 0 where there is none. */
static char encoded_byte(struct shoal_view text)
{
    if (text.size < 3 || text.data[0] != '%')
        return 0;
    int high = digit_of(text.data[1]);
    int low = digit_of(text.data[2]);
    return high < 0 || low < 0 ? 0 : (char)(high * 16 + low);
}

bool shoal__http_path_decode(struct shoal_view path, char *room)
{
    if (path.size == 0 || path.data[0] != '/')
        return false;
    for (size_t i = 0; i < path.size; i++) {
        char byte = path.data[i];
        if (byte == '%') {
            byte = encoded_byte(shoal_view_from(path, i));
            i += 2;
        }
        if (byte == 0)
            return false;
        *room++ = byte;
    }
    *room = '\0';
    return true;
}

/* Takes the next decoded byte of a query off the front of *text, which is not empty. */
static char next_byte(struct shoal_view *text)
{
    char byte = encoded_byte(*text);
    size_t taken = byte ? 3 : 1;
    if (!byte)
        byte = text->data[0] == '+' ? ' ' : text->data[0];
    *text = shoal_view_from(*text, taken);
    return byte;
}

static bool decodes_to(struct shoal_view encoded, struct shoal_view name)
{
    while (encoded.size > 0 && name.size > 0 && next_byte(&encoded) == name.data[0])
        name = shoal_view_from(name, 1);
    return encoded.size == 0 && name.size == 0;
}

static struct shoal_view cut_at(struct shoal_view text, char byte)
{
    const char *end = text.size > 0 ? memchr(text.data, byte, text.size) : NULL;
    return end ? shoal_view(text.data, (size_t)(end - text.data)) : text;
}

bool shoal__http_query_find(struct shoal_view query, struct shoal_view name,
                            struct shoal_view *out_value)
{
    while (query.size > 0) {
        struct shoal_view pair = cut_at(query, '&');
        struct shoal_view key = cut_at(pair, '=');
        if (decodes_to(key, name)) {
            *out_value = shoal_view_from(pair, key.size + 1);
            return true;
        }
        query = shoal_view_from(query, pair.size + 1);
    }
    return false;
}

void shoal__http_query_decode(struct shoal_view value, char *room)
{
    while (value.size > 0)
        *room++ = next_byte(&value);
    *room = '\0';
}
