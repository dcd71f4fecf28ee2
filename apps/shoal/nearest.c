/* SPDX-License-Identifier: BSD-3-Clause */
/* Guesses at names, by the number of edits between them; see nearest.h. */
#include "nearest.h"

#include <string.h>

static size_t edits_between(const char *a, const char *b)
{
    size_t previous[64];
    size_t columns = strnlen(b, 62);
    for (size_t j = 0; j <= columns; j++)
        previous[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = previous[0];
        previous[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = previous[j];
            size_t edited = (previous[j] < previous[j - 1] ? previous[j] : previous[j - 1]) + 1;
            previous[j] = replaced < edited ? replaced : edited;
        }
    }
    return previous[columns];
}

const char *nearest_name(const char *wrong_name, const char *const *names, size_t count)
{
    const char *nearest = names[0];
    for (size_t i = 1; i < count; i++) {
        if (edits_between(wrong_name, names[i]) < edits_between(wrong_name, nearest))
            nearest = names[i];
    }
    return nearest;
}
