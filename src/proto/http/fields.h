/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A field of an HTTP message, as both versions of the protocol see it: a name and a value borrowed
 * from the input, the name in the case it came in. Names compare without regard to case. And a list
 * of fields that somebody wants to send, copied and checked.
 */
#ifndef SHOAL_PROTO_HTTP_FIELDS_H
#define SHOAL_PROTO_HTTP_FIELDS_H

#include <stdint.h>

#include <shoal/view.h>

struct shoal__arena;

struct shoal__http_field {
    struct shoal_view name, value;
};

/*
 * Whether `name` is `lower`, whatever its case. `lower` is made of small letters, digits and
 * hyphens only, and `name` has been checked to hold no control byte: then setting bit 5 maps no
 * other byte onto them. Not strcasecmp(), which asks the locale.
 * Thread: any.
 */
static inline bool shoal__http_name_is(struct shoal_view name, const char *lower)
{
    const size_t size = strlen(lower);
    bool same = name.size == size;
    for (size_t i = 0; same && i < size; i++)
        same = (name.data[i] | 0x20) == lower[i];
    return same;
}

/* Whether the two are the same, whatever their case and whatever bytes they are. Thread: any. */
bool shoal__http_name_equal(struct shoal_view a, struct shoal_view b);

/* The first field of that name, whatever its case, or NULL. Thread: any. */
const struct shoal__http_field *shoal__http_field_find(const struct shoal__http_field *fields,
                                                       size_t count, struct shoal_view name);

/* Its value; NULL data where there is none. Thread: any. */
static inline struct shoal_view shoal__http_field_value(const struct shoal__http_field *fields,
                                                        size_t count, const char *name)
{
    const struct shoal__http_field *field =
        shoal__http_field_find(fields, count, shoal_view_of(name));
    return field ? field->value : shoal_view(NULL, 0);
}

/* Whether `word` is an element of the comma-separated list `list`, whatever its case.
 * Thread: any. */
bool shoal__http_list_has(struct shoal_view list, struct shoal_view word);

/* Whether it is a token (RFC 9110 §5.6.2), and whether it holds no control byte but tabs: what a
 * name and a value to be sent have to be. Thread: any. */
bool shoal__http_is_token(struct shoal_view name);
bool shoal__http_is_value(struct shoal_view value);

/* Whether a field of that name is the library's business: framing, connection, Date, Server.
 * Thread: any. */
bool shoal__http_is_ours(struct shoal_view name);

/* Whether a field of that name may not stand in trailers (RFC 9110 §6.5.1). Thread: any. */
bool shoal__http_is_no_trailer(struct shoal_view name);

/* Fields to be sent. All zero is an empty list; memory is the arena's that is passed with each
 * call, always the same. Owned by what embeds it. */
struct shoal__http_fields {
    struct shoal__http_field *items;
    uint32_t count;
    uint32_t room;
};

/* Adds a copy of the field. Returns 0; -SHOAL_EINVAL where the name is no token or is our
 * business, or the value has control bytes; or -SHOAL_ENOMEM. Thread: owner. */
int shoal__http_fields_add(struct shoal__http_fields *list, struct shoal__arena *arena,
                           struct shoal_view name, struct shoal_view value);

/* The same in place of the fields of that name. Thread: owner. */
int shoal__http_fields_set(struct shoal__http_fields *list, struct shoal__arena *arena,
                           struct shoal_view name, struct shoal_view value);

/* Takes out the fields of that name. Thread: owner. */
void shoal__http_fields_remove(struct shoal__http_fields *list, struct shoal_view name);

#endif
