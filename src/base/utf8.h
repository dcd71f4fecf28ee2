/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Strict UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF. Text may come
 * in pieces that are cut anywhere, inside a character too.
 */
#ifndef SHOAL_BASE_UTF8_H
#define SHOAL_BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include <shoal/view.h>

/* Where a text in pieces stands. All zero is the beginning. A plain value. */
struct shoal__utf8 {
    uint8_t missing; /* continuation bytes still to come */
    uint8_t low;     /* range of the next one; meaningless while none is missing */
    uint8_t high;
};

/* True where the text so far, with `piece`, can still become UTF-8. After false the state is
 * useless until it is zeroed. Thread: owner. */
bool shoal__utf8_feed(struct shoal__utf8 *state, struct shoal_view piece);

/* True where the text so far ends between characters. Thread: owner. */
static inline bool shoal__utf8_is_complete(const struct shoal__utf8 *state)
{
    return state->missing == 0;
}

/* True where the whole view is UTF-8; an empty one is. Thread: any. */
bool shoal__utf8_is_valid(struct shoal_view text);

/* Size of the character at the start of `text`: 1 to 4, or 0 where there is none (empty, broken or
 * cut off). Thread: any. */
size_t shoal__utf8_char_size(struct shoal_view text);

#endif
