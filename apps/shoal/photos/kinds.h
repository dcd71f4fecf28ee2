/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The types of photos ("image/jpeg"), each kept once and known by a number. They are few: the table
 * only grows, up to a limit, and is read without a lock while one thread adds to it.
 */
#ifndef APPS_SHOAL_PHOTOS_KINDS_H
#define APPS_SHOAL_PHOTOS_KINDS_H

#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

enum { KINDS_MAX = 1024 };

/* Owned by the volume. */
struct kinds {
    _Atomic(char *) names[KINDS_MAX];
    _Atomic size_t count;
};

/* Thread: the writer. */
void kinds_fini(struct kinds *kinds);

/* The number of a type, added where it is new. Returns 0, -SHOAL_EOVERFLOW or -SHOAL_ENOMEM.
 * Thread: the writer; any for a type that is known to be there. */
int kinds_number(struct kinds *kinds, struct shoal_view type, uint16_t *out_number);

/* The type of that number, "" for none. Thread: any. */
const char *kinds_name(const struct kinds *kinds, uint16_t number);

#endif
