/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A view: bytes borrowed from somebody else. A view handed to a callback lives until the callback
 * returns; to keep the bytes, copy them. A view of zero size may have any `data`, NULL included.
 */
#ifndef SHOAL_VIEW_H
#define SHOAL_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shoal_view {
    const char *data;
    size_t size;
};

/* A view of a string literal, usable in constant initializers. */
#define SHOAL_VIEW(literal)             \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }

static inline struct shoal_view shoal_view(const void *data, size_t size)
{
    struct shoal_view view = {(const char *)data, size};
    return view;
}

static inline struct shoal_view shoal_view_of(const char *string)
{
    return shoal_view(string, strlen(string));
}

static inline bool shoal_view_equal(struct shoal_view a, struct shoal_view b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* The part of `view` from `offset` on; empty where `offset` lies at or past the end. */
static inline struct shoal_view shoal_view_from(struct shoal_view view, size_t offset)
{
    return offset >= view.size ? shoal_view(NULL, 0)
                               : shoal_view(view.data + offset, view.size - offset);
}

#ifdef __cplusplus
}
#endif
#endif
