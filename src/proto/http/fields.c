/* SPDX-License-Identifier: BSD-3-Clause */
/* Fields: how names compare, what may be sent, and the list of what is to be sent. */
#include "proto/http/fields.h"

#include <shoal/error.h>

#include "base/arena.h"
#include "proto/http/chars.h"

enum { FIRST_ROOM = 4 };

static unsigned char lower_of(char byte)
{
    return (unsigned char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
}

bool shoal__http_name_equal(struct shoal_view a, struct shoal_view b)
{
    bool same = a.size == b.size;
    for (size_t i = 0; same && i < a.size; i++)
        same = a.data[i] == b.data[i] || lower_of(a.data[i]) == lower_of(b.data[i]);
    return same;
}

const struct shoal__http_field *shoal__http_field_find(const struct shoal__http_field *fields,
                                                       size_t count, struct shoal_view name)
{
    for (size_t i = 0; i < count; i++) {
        if (shoal__http_name_equal(fields[i].name, name))
            return &fields[i];
    }
    return NULL;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static struct shoal_view trimmed(struct shoal_view text)
{
    while (text.size > 0 && is_blank(text.data[0]))
        text = shoal_view_from(text, 1);
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

bool shoal__http_list_has(struct shoal_view list, struct shoal_view word)
{
    while (list.size > 0) {
        const char *comma = memchr(list.data, ',', list.size);
        size_t size = comma ? (size_t)(comma - list.data) : list.size;
        if (shoal__http_name_equal(trimmed(shoal_view(list.data, size)), word))
            return true;
        list = shoal_view_from(list, size + 1);
    }
    return false;
}

bool shoal__http_is_token(struct shoal_view name)
{
    return shoal__http_is_all(name.data, name.size, HTTP_TOKEN_CHAR);
}

bool shoal__http_is_value(struct shoal_view value)
{
    if (value.size == 0)
        return true;
    const char *end = value.data + value.size;
    return shoal__http_skip_value(value.data, end) == end;
}

static bool is_among(struct shoal_view name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (shoal__http_name_is(name, names[i]))
            return true;
    }
    return false;
}

bool shoal__http_is_ours(struct shoal_view name)
{
    static const char *const ours[] = {
        "connection", "content-length",    "date", "host",   "keep-alive", "proxy-connection",
        "server",     "transfer-encoding", "te",   "upgrade"};
    return is_among(name, ours, sizeof(ours) / sizeof(ours[0]));
}

bool shoal__http_is_no_trailer(struct shoal_view name)
{
    static const char *const forbidden[] = {"age",
                                            "authorization",
                                            "cache-control",
                                            "content-encoding",
                                            "content-range",
                                            "content-type",
                                            "cookie",
                                            "expect",
                                            "expires",
                                            "if-match",
                                            "if-modified-since",
                                            "if-none-match",
                                            "if-range",
                                            "if-unmodified-since",
                                            "location",
                                            "max-forwards",
                                            "pragma",
                                            "proxy-authenticate",
                                            "proxy-authorization",
                                            "range",
                                            "retry-after",
                                            "set-cookie",
                                            "trailer",
                                            "vary",
                                            "warning",
                                            "www-authenticate"};
    return shoal__http_is_ours(name) ||
           is_among(name, forbidden, sizeof(forbidden) / sizeof(forbidden[0]));
}

static bool make_room(struct shoal__http_fields *list, struct shoal__arena *arena)
{
    if (list->count < list->room)
        return true;
    uint32_t room = list->room ? list->room * 2 : FIRST_ROOM;
    struct shoal__http_field *items = shoal__arena_alloc(arena, room * sizeof(*items));
    if (!items)
        return false;
    if (list->count > 0)
        memcpy(items, list->items, list->count * sizeof(*items));
    list->items = items;
    list->room = room;
    return true;
}

static bool keep(struct shoal__arena *arena, struct shoal__http_field *field)
{
    field->name.data = shoal__arena_strdup(arena, field->name);
    field->value.data = shoal__arena_strdup(arena, field->value);
    return field->name.data && field->value.data;
}

/* A checked copy of the field, and room for it in the list. */
static int prepare(struct shoal__http_fields *list, struct shoal__arena *arena,
                   struct shoal__http_field *field)
{
    if (!shoal__http_is_token(field->name) || shoal__http_is_ours(field->name) ||
        !shoal__http_is_value(field->value))
        return -SHOAL_EINVAL;
    return make_room(list, arena) && keep(arena, field) ? 0 : -SHOAL_ENOMEM;
}

int shoal__http_fields_add(struct shoal__http_fields *list, struct shoal__arena *arena,
                           struct shoal_view name, struct shoal_view value)
{
    struct shoal__http_field field = {name, value};
    int rc = prepare(list, arena, &field);
    if (rc == 0)
        list->items[list->count++] = field;
    return rc;
}

int shoal__http_fields_set(struct shoal__http_fields *list, struct shoal__arena *arena,
                           struct shoal_view name, struct shoal_view value)
{
    struct shoal__http_field field = {name, value};
    int rc = prepare(list, arena, &field);
    if (rc < 0)
        return rc;
    shoal__http_fields_remove(list, name);
    list->items[list->count++] = field;
    return 0;
}

void shoal__http_fields_remove(struct shoal__http_fields *list, struct shoal_view name)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        if (!shoal__http_name_equal(list->items[i].name, name))
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}
