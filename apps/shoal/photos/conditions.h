/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conditional requests and ranges (RFC 9110 §13 and §14) for resources with a strong ETag and a
 * date. Pure functions of fields' values, and one that reads a request.
 */
#ifndef APPS_SHOAL_PHOTOS_CONDITIONS_H
#define APPS_SHOAL_PHOTOS_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <shoal/http.h>
#include <shoal/view.h>

/* Views of the fields; NULL `data` where the request has none. */
struct conditions {
    struct shoal_view if_match, if_none_match;
    struct shoal_view if_modified_since, if_unmodified_since;
    struct shoal_view if_range, range;
};

enum verdict { VERDICT_PASS, VERDICT_UNCHANGED, VERDICT_FAILED };

/* Reads the fields; several of a list's name count as one. Thread: owner of the request. */
void conditions_read(struct shoal_http_request *req, struct conditions *out);

/* Whether `etag` is in the list, or the list is "*". A weak comparison ignores W/. Thread: any. */
bool etag_matches(struct shoal_view list, const char *etag, bool weak);

/* What the conditions say of a GET or HEAD. Thread: any. */
enum verdict conditions_of_get(const struct conditions *conditions, const char *etag,
                               uint32_t modified_s);

/* Whether they allow to write; a NULL `etag` is for a photo that does not exist. Thread: any. */
bool conditions_allow_write(const struct conditions *conditions, const char *etag);

/* Writes a date as HTTP has it. Returns `out`. Thread: any. */
char *http_date(uint32_t seconds, char *out, size_t size);

enum range { RANGE_ALL, RANGE_PART, RANGE_UNSATISFIABLE };

/*
 * The part of `size` bytes that is wanted. Several ranges, what is malformed, and what If-Range
 * forbids mean all of it. Thread: any.
 */
enum range conditions_range(const struct conditions *conditions, const char *etag,
                            uint32_t modified_s, uint64_t size, uint64_t *out_first,
                            uint64_t *out_count);

#endif
