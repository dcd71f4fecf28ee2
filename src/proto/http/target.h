/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is in a request's target: path and query, and their percent-encoding (RFC 3986). No memory
 * is allocated; the caller gives room for as many bytes as the encoded text has, and one more.
 */
#ifndef SHOAL_PROTO_HTTP_TARGET_H
#define SHOAL_PROTO_HTTP_TARGET_H

#include <stdbool.h>

#include <shoal/view.h>

/* The target up to its first "?", and what stands behind that (no data where there is none).
 * Thread: any. */
struct shoal_view shoal__http_path_of(struct shoal_view target);
struct shoal_view shoal__http_query_of(struct shoal_view target);

/*
 * Decodes a path into `room`, NUL-terminated. False where it does not begin with "/", an encoding
 * is malformed, or a NUL comes out. Thread: any.
 */
bool shoal__http_path_decode(struct shoal_view path, char *room);

/*
 * True, with *out_value still encoded, where the query has that name; the first one counts, and
 * the value is empty where there is no "=". Thread: any.
 */
bool shoal__http_query_find(struct shoal_view query, struct shoal_view name,
                            struct shoal_view *out_value);

/* Decodes a value of a query into `room`, NUL-terminated: "+" is a space, and what is malformed,
 * or would be a NUL, stays as it is. Thread: any. */
void shoal__http_query_decode(struct shoal_view value, char *room);

#endif
