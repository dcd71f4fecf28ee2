/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answering a request with a file: conditions, ranges, and bytes that never make a loop wait.
 */
#ifndef SHOAL_PROTO_HTTP_FILES_SEND_DRIVER_H
#define SHOAL_PROTO_HTTP_FILES_SEND_DRIVER_H

#include <stdbool.h>

#include "proto/http/files_open_driver.h"

struct shoal_http_request;

/* What goes with the file. Strings outlive the request or are in its memory; NULL: none. */
struct shoal__file_terms {
    const char *type;
    const char *cache_control;
    bool varies; /* by Accept-Encoding */
};

/*
 * Answers with the file, of which it takes a reference of its own. Returns 0 where an answer is on
 * its way; or as shoal_http_begin(), with nothing sent. Thread: owner.
 */
int shoal__file_reply(struct shoal_http_request *req, struct shoal__file *file,
                      const struct shoal__file_terms *terms);

#endif
