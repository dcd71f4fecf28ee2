/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The texts of google.protobuf.Timestamp, RFC 3339 from year 1 to 9999, and of Duration, seconds
 * with a fraction and an "s". Pure functions, any thread.
 */
#ifndef APPS_SHOAL_CALL_MOMENTS_H
#define APPS_SHOAL_CALL_MOMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <shoal/view.h>

enum { MOMENT_MAX = 48 };

/* Each writes a text; false where the numbers are out of the type's range. Thread: any. */
bool timestamp_text(int64_t seconds, int64_t nanos, char out[MOMENT_MAX]);
bool duration_text(int64_t seconds, int64_t nanos, char out[MOMENT_MAX]);

/* Each reads a text strictly; false, with the numbers untouched, for anything else. Thread: any. */
bool timestamp_parse(struct shoal_view text, int64_t *out_seconds, int32_t *out_nanos);
bool duration_parse(struct shoal_view text, int64_t *out_seconds, int32_t *out_nanos);

#endif
