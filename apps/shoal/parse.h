/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text from outside, read strictly: whole views of plain decimal digits, numbers with units, words.
 * No sign, no blanks, no locale, no other base, nothing left over. Pure functions, any thread.
 */
#ifndef APPS_SHOAL_PARSE_H
#define APPS_SHOAL_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

/* Reads decimal digits, leading zeros allowed. False, with *out untouched, for anything else and
 * for a number above `max`. Thread: any. */
bool parse_number(struct shoal_view text, uint64_t max, uint64_t *out);

/* Reads digits and a unit out of ms, s, m, h; digits alone are seconds. At most a year. False as
 * above. Thread: any. */
bool parse_duration_ms(struct shoal_view text, int64_t *out_ms);

/* Takes `word` from the front of *text. False, with *text untouched, where it does not start so.
 * Thread: any. */
bool take_text(struct shoal_view *text, const char *word);

/* Takes the bytes before the first `separator` from *text, and the separator; all of it where
 * there is none. Thread: any. */
struct shoal_view take_until(struct shoal_view *text, char separator);

/* The view without blanks and tabs at both ends. Thread: any. */
struct shoal_view trim(struct shoal_view text);

/* Orders views by their bytes, A to Z counting as a to z: below, above or equal to 0. Thread: any.
 */
int compare_nocase(struct shoal_view a, struct shoal_view b);

/* Writes `text` with control bytes, '"', '\' and everything beyond ASCII as \xHH, so that it does
 * no harm in a log or on a terminal; what does not fit is cut and marked "...". Returns `out`,
 * always terminated. `size` must be at least 8. Thread: any. */
char *escape_text(struct shoal_view text, char *out, size_t size);

#endif
