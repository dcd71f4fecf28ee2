/* SPDX-License-Identifier: BSD-3-Clause */
/* The types of photos; see kinds.h. */
#include "photos/kinds.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <shoal/error.h>

void kinds_fini(struct kinds *kinds)
{
    for (size_t i = 0; i < kinds->count; i++)
        free(atomic_load_explicit(&kinds->names[i], memory_order_relaxed));
    atomic_store_explicit(&kinds->count, 0, memory_order_relaxed);
}

int kinds_number(struct kinds *kinds, struct shoal_view type, uint16_t *out_number)
{
    size_t count = atomic_load_explicit(&kinds->count, memory_order_acquire);
    for (size_t i = 0; i < count; i++) {
        if (shoal_view_equal(shoal_view_of(kinds_name(kinds, (uint16_t)i)), type)) {
            *out_number = (uint16_t)i;
            return 0;
        }
    }
    if (count == KINDS_MAX)
        return -SHOAL_EOVERFLOW;
    char *name = calloc(1, type.size + 1);
    if (!name)
        return -SHOAL_ENOMEM;
    if (type.size > 0)
        memcpy(name, type.data, type.size);
    *out_number = (uint16_t)count;
    atomic_store_explicit(&kinds->names[count], name, memory_order_release);
    atomic_store_explicit(&kinds->count, count + 1, memory_order_release);
    return 0;
}

const char *kinds_name(const struct kinds *kinds, uint16_t number)
{
    if (number >= KINDS_MAX)
        return "";
    const char *name = atomic_load_explicit(&kinds->names[number], memory_order_acquire);
    return name ? name : "";
}
