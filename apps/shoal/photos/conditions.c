/* SPDX-License-Identifier: BSD-3-Clause */
/* Conditions of a write; see conditions.h. */
#include "photos/conditions.h"

#include <string.h>
#include <strings.h>

#include "parse.h"

static bool name_is(struct shoal_view name, const char *expected)
{
    return name.size == strlen(expected) && strncasecmp(name.data, expected, name.size) == 0;
}

/* Adds one field to what its name has said so far. */
static bool add(struct shoal_http_request *req, struct shoal_view *list, struct shoal_view value)
{
    const char *text =
        list->data
            ? shoal_http_format(req, "%.*s, %.*s", (int)list->size, list->data, (int)value.size,
                                value.size > 0 ? value.data : "")
            : shoal_http_format(req, "%.*s", (int)value.size, value.size > 0 ? value.data : "");
    *list = text ? shoal_view_of(text) : shoal_view(NULL, 0);
    return text;
}

bool conditions_read(struct shoal_http_request *req, struct conditions *out)
{
    struct shoal_view name, value;
    bool read = true;
    *out = (struct conditions){{NULL, 0}, {NULL, 0}};
    for (size_t i = 0; read && shoal_http_field_at(req, i, &name, &value); i++) {
        if (name_is(name, "if-match"))
            read = add(req, &out->if_match, value);
        else if (name_is(name, "if-none-match"))
            read = add(req, &out->if_none_match, value);
    }
    return read;
}

/* Whether the list has our tag, or is "*". A weak comparison ignores W/. Our tags hold no comma, so
 * what a comma cuts apart is not one of ours. */
static bool has_tag(struct shoal_view list, const char *etag, bool weak)
{
    if (shoal_view_equal(trim(list), shoal_view_of("*")))
        return true;
    while (list.size > 0) {
        struct shoal_view tag = trim(take_until(&list, ','));
        if (weak)
            take_text(&tag, "W/");
        if (shoal_view_equal(tag, shoal_view_of(etag)))
            return true;
    }
    return false;
}

bool conditions_allow_write(const struct conditions *conditions, const char *etag)
{
    if (conditions->if_match.data && (!etag || !has_tag(conditions->if_match, etag, false)))
        return false;
    return !conditions->if_none_match.data || !etag ||
           !has_tag(conditions->if_none_match, etag, true);
}
