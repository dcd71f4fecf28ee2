/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers from outside: arithmetic that says when it overflows, and strict readers of decimal
 * numbers, durations and sizes. No sign, no blanks, no locale, no other base, nothing left over.
 */
#ifndef SHOAL_BASE_CHECKED_H
#define SHOAL_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

/* a + b in *out; false, with *out untouched, where it overflows. Thread: any. */
static inline bool shoal__add_size(size_t a, size_t b, size_t *out)
{
    size_t sum;
    return !__builtin_add_overflow(a, b, &sum) && (*out = sum, true);
}

/* a * b in *out; false, with *out untouched, where it overflows. Thread: any. */
static inline bool shoal__mul_size(size_t a, size_t b, size_t *out)
{
    size_t product;
    return !__builtin_mul_overflow(a, b, &product) && (*out = product, true);
}

/* a + b in *out; false, with *out untouched, where it overflows. Thread: any. */
static inline bool shoal__add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t sum;
    return !__builtin_add_overflow(a, b, &sum) && (*out = sum, true);
}

/* a * b in *out; false, with *out untouched, where it overflows. Thread: any. */
static inline bool shoal__mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t product;
    return !__builtin_mul_overflow(a, b, &product) && (*out = product, true);
}

/*
 * Reads a whole view of decimal digits (leading zeros allowed). Returns 0, -SHOAL_EINVAL where it
 * is empty or holds anything else, or -SHOAL_EOVERFLOW where it is a number above `max`; *out is
 * untouched on failure. Thread: any.
 */
int shoal__parse_u64(struct shoal_view text, uint64_t max, uint64_t *out);

/*
 * Reads a duration: digits and a unit out of ms, s, m, h; digits alone are seconds. Returns 0 with
 * milliseconds in *out_ms, -SHOAL_EINVAL, or -SHOAL_EOVERFLOW above INT64_MAX ns (292 years), so
 * that a deadline in nanoseconds can always be made of it. Thread: any.
 */
int shoal__parse_duration_ms(struct shoal_view text, uint64_t *out_ms);

/*
 * Reads a size: digits and a unit out of k, m, g (either case, powers of 1024); digits alone are
 * bytes. Returns 0, -SHOAL_EINVAL, or -SHOAL_EOVERFLOW above SIZE_MAX. Thread: any.
 */
int shoal__parse_size(struct shoal_view text, size_t *out_bytes);

#endif
