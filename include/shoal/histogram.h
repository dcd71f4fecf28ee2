/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A histogram of 64-bit values, nanoseconds as a rule, in fixed memory (58 KiB). Each power of two
 * is cut into 128 equal steps: values below 256 are exact, and a percentile is never below the
 * true one and above it by less than 1/128 (0.8 %). Count, minimum, maximum and mean are exact.
 *
 * It holds no lock: one thread uses it at a time. Where many threads count, each has its own, and
 * a reader merges them.
 */
#ifndef SHOAL_HISTOGRAM_H
#define SHOAL_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The greatest error of a percentile, relative to the true one. */
#define SHOAL_HISTOGRAM_ERROR (1.0 / 128)

struct shoal_histogram;

/* Returns an empty histogram, or NULL where memory is out. Thread: any. */
SHOAL_API struct shoal_histogram *shoal_histogram_create(void);

/* Frees it and clears *histogram. NULL is a no-op. Thread: owner. */
SHOAL_API void shoal_histogram_destroy(struct shoal_histogram **histogram);

/* Makes it empty. Thread: owner. */
SHOAL_API void shoal_histogram_reset(struct shoal_histogram *histogram);

/* Counts one value. Thread: owner. */
SHOAL_API void shoal_histogram_record(struct shoal_histogram *histogram, uint64_t value);

/* Counts one value `n` times. Thread: owner. */
SHOAL_API void shoal_histogram_record_n(struct shoal_histogram *histogram, uint64_t value,
                                        uint64_t n);

/* Counts everything of `from` in `to` as well. Thread: owner of both. */
SHOAL_API void shoal_histogram_merge(struct shoal_histogram *to,
                                     const struct shoal_histogram *from);

/* The value that `percent` (0 to 100) of all values do not exceed, within the error above; 0 where
 * nothing was counted. 0 gives the minimum, 100 the maximum. Thread: owner. */
SHOAL_API uint64_t shoal_histogram_percentile(const struct shoal_histogram *histogram,
                                              double percent);

/* How many values were counted. Thread: owner. */
SHOAL_API uint64_t shoal_histogram_count(const struct shoal_histogram *histogram);

/* The least value, 0 where nothing was counted. Thread: owner. */
SHOAL_API uint64_t shoal_histogram_min(const struct shoal_histogram *histogram);

/* The greatest value, 0 where nothing was counted. Thread: owner. */
SHOAL_API uint64_t shoal_histogram_max(const struct shoal_histogram *histogram);

/* The arithmetic mean, 0 where nothing was counted. Thread: owner. */
SHOAL_API double shoal_histogram_mean(const struct shoal_histogram *histogram);

/*
 * Goes through what was counted, in rising order. *cursor is 0 at first. Returns true with the
 * greatest value of the next step that is not empty, and how many values fell into it; false at
 * the end, with the outs untouched. Thread: owner.
 */
SHOAL_API bool shoal_histogram_next(const struct shoal_histogram *histogram, size_t *cursor,
                                    uint64_t *out_value, uint64_t *out_count);

#ifdef __cplusplus
}
#endif
#endif
