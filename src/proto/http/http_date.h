/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Dates of HTTP, RFC 9110 §5.6.7: one format to write, three to read. Seconds since 1970 in UTC;
 * no locale, no time zone, no clock.
 */
#ifndef SHOAL_PROTO_HTTP_DATE_H
#define SHOAL_PROTO_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include <shoal/view.h>

enum { SHOAL__HTTP_DATE_SIZE = 30 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL */

/* Writes the date. What lies outside the years 0 to 9999 is written as the nearest that does not.
 * Thread: any. */
void shoal__http_date_write(int64_t seconds, char out[SHOAL__HTTP_DATE_SIZE]);

/*
 * Reads a date in any of the three formats. `now` decides the century of a year of two digits: one
 * that would lie more than 50 years ahead is of the past. False, with *out_seconds untouched, for
 * what is no date. Thread: any.
 */
bool shoal__http_date_read(struct shoal_view text, int64_t now, int64_t *out_seconds);

#endif
