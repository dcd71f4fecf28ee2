/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the handlers of the photo service share: the volume, and how answers look. The volume is
 * opened before the server starts and closed after it ended; handlers run on the loops.
 */
#ifndef APPS_SHOAL_PHOTOS_PHOTOS_H
#define APPS_SHOAL_PHOTOS_PHOTOS_H

#include <stdint.h>

#include <shoal/http.h>

#include "photos/volume.h"

enum { ETAG_SIZE = 32, DATE_SIZE = 32 };

/* Owned by the host. */
struct photos {
    struct shoal_server *server;
    struct volume *volume;
    char *folder;      /* the volume's; large uploads wait there for their end */
    uint64_t max_body; /* bytes */
};

/* The handlers; `arg` is the struct photos. Thread: owner of the request. */
void photo_get(struct shoal_http_request *req, void *arg);
void photo_put(struct shoal_http_request *req, void *arg);
void photo_delete(struct shoal_http_request *req, void *arg);
void photos_list(struct shoal_http_request *req, void *arg);
void photos_stats(struct shoal_http_request *req, void *arg);
void photos_gallery(struct shoal_http_request *req, void *arg);

/* The page; made from gallery.html when the program is built. */
extern const char gallery_page[];
extern const size_t gallery_page_size;

/* The ETag of a photo, quotes included. Returns `out`. Thread: any. */
char *photo_etag(const struct photos *photos, uint64_t sequence, char out[ETAG_SIZE]);

/* The key in the request's path; answers 400 and returns an empty view where it is none.
 * Thread: owner of the request. */
struct shoal_view photo_key_of(struct shoal_http_request *req);

/* Answers with a sentence for people. Thread: owner of the request. */
void photo_fail(struct shoal_http_request *req, unsigned status, const char *sentence);

/* Answers for a call that failed with a negative code. Thread: owner of the request. */
void photo_fail_for(struct shoal_http_request *req, int rc);

#endif
