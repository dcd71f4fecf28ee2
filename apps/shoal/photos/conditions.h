/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conditions of a write: If-Match and If-None-Match (RFC 9110 §13.1). Those of reading are the
 * library's business.
 */
#ifndef APPS_SHOAL_PHOTOS_CONDITIONS_H
#define APPS_SHOAL_PHOTOS_CONDITIONS_H

#include <stdbool.h>

#include <shoal/http.h>
#include <shoal/view.h>

/* Views of the fields; NULL `data` where the request has none. */
struct conditions {
    struct shoal_view if_match, if_none_match;
};

/* Reads the fields; several of a name count as one list. False where memory is out.
 * Thread: owner of the request. */
bool conditions_read(struct shoal_http_request *req, struct conditions *out);

/* Whether they allow to write; a NULL `etag` is for a photo that does not exist. Thread: any. */
bool conditions_allow_write(const struct conditions *conditions, const char *etag);

#endif
