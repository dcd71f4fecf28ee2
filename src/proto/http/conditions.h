/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conditional requests, RFC 9110 §13: whether what a client has, or wants to go on with, is still
 * what we have. Fields that are malformed are ignored.
 */
#ifndef SHOAL_PROTO_HTTP_CONDITIONS_H
#define SHOAL_PROTO_HTTP_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <shoal/view.h>

/* A request's conditions as they came; absent ones have NULL `data`. */
struct shoal__conditions {
    struct shoal_view if_match;
    struct shoal_view if_none_match;
    struct shoal_view if_modified_since;
    struct shoal_view if_unmodified_since;
    struct shoal_view if_range;
};

/* What we have. The tag is strong, with its quotes. */
struct shoal__validators {
    struct shoal_view etag;
    int64_t modified; /* seconds since 1970 */
    int64_t now;
};

enum shoal__verdict {
    SHOAL__VERDICT_GO_ON,
    SHOAL__VERDICT_NOT_MODIFIED, /* 304 */
    SHOAL__VERDICT_FAILED,       /* 412 */
};

/* The verdict on a GET or HEAD of something that exists, all but If-Range. Thread: any. */
enum shoal__verdict shoal__conditions_judge(const struct shoal__conditions *conditions,
                                            const struct shoal__validators *ours);

/* Whether Range may be honoured: there is no If-Range, or it names exactly what we have.
 * Thread: any. */
bool shoal__conditions_allow_range(const struct shoal__conditions *conditions,
                                   const struct shoal__validators *ours);

#endif
