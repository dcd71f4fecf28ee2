/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GET and HEAD of a photo. What was found sound and is still in memory is answered at once: the
 * library sends it from the page cache, with conditions and ranges as for any file. Anything else
 * is first read and compared with its checksum by a worker, so that nothing is served unseen, and
 * bytes that were evicted and come from the disk again are looked at again. A damaged photo is
 * answered 500.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <shoal/error.h>

#include "photos/photos.h"

/* A photo that is asked for. Owned by whoever works on it: the loop, a worker, or in the end the
 * answer, as its content. */
struct download {
    struct photos *photos;
    struct edition *edition; /* held */
    struct volume_photo photo;
    int status; /* of the check */
};

static void free_download(void *arg)
{
    struct download *download = arg;
    edition_release(download->photos->volume, &download->edition);
    free(download);
}

static uint64_t body_offset(const struct download *download)
{
    return volume_body_offset(download->photos->volume, &download->photo);
}

/* Answering */

/* Photos come from anybody: a browser must not take one for a page of this origin. */
static int set_fields(struct shoal_http_request *req)
{
    int rc = shoal_http_set(req, "X-Content-Type-Options", "nosniff");
    return rc < 0 ? rc
                  : shoal_http_set(req, "Content-Security-Policy", "default-src 'none'; sandbox");
}

/* Answers with the photo, which is in memory, and takes the download. */
static void send_photo(struct shoal_http_request *req, struct download *download)
{
    const struct photo_facts *facts = &download->photo.facts;
    char etag[ETAG_SIZE];
    struct shoal_http_content content = SHOAL_HTTP_CONTENT_INIT;
    content.type = volume_type(download->photos->volume, &download->photo);
    content.etag = photo_etag(download->photos, facts->sequence, etag);
    content.modified = facts->modified_s;
    content.fd = edition_fd(download->edition);
    content.offset = body_offset(download);
    content.length = facts->size;
    content.in_memory = true;
    content.release = free_download;
    content.arg = download;
    int rc = set_fields(req);
    if (rc == 0)
        rc = shoal_http_reply_content(req, &content);
    if (rc < 0) {
        free_download(download);
        photo_fail_for(req, rc);
    }
}

/* Checking */

static void check_by_worker(void *arg)
{
    struct download *download = arg;
    download->status = volume_check(download->photos->volume, download->edition, &download->photo);
}

static void on_checked(struct shoal_http_request *req, int status, void *arg)
{
    struct download *download = arg;
    int rc = status < 0 ? status : download->status;
    if (req && rc == 0) {
        send_photo(req, download);
        return;
    }
    free_download(download);
    if (req && rc == -EIO)
        photo_fail(req, 500, "this photo is damaged on disk");
    else if (req)
        photo_fail_for(req, rc);
}

static void check_first(struct shoal_http_request *req, struct download *download)
{
    int rc = shoal_http_offload(req, check_by_worker, on_checked, download);
    if (rc < 0) {
        free_download(download);
        photo_fail_for(req, rc);
    }
}

/* Whether the kernel has the byte in memory. */
static bool is_here(int fd, uint64_t at)
{
    char byte;
    struct iovec iov = {&byte, 1};
    return preadv2(fd, &iov, 1, (off_t)at, RWF_NOWAIT) == 1;
}

/* Asked of both ends: a kernel that reads ahead and evicts in order rarely has them without what is
 * between. */
static bool is_warm(const struct download *download)
{
    int fd = edition_fd(download->edition);
    uint64_t at = body_offset(download), size = download->photo.facts.size;
    return size == 0 || (is_here(fd, at) && is_here(fd, at + size - 1));
}

static bool may_be_sent(const struct shoal_http_request *req, const struct download *download)
{
    const struct volume_photo *photo = &download->photo;
    if (strcmp(shoal_http_method(req), "HEAD") == 0)
        return true; /* sends none of its bytes */
    return photo_checked(photo->node, photo->facts.sequence) == PHOTO_SOUND && is_warm(download);
}

void photo_get(struct shoal_http_request *req, void *arg)
{
    struct photos *photos = arg;
    struct shoal_view key = photo_key_of(req);
    if (key.size == 0)
        return;
    struct download *download = malloc(sizeof(*download));
    if (!download) {
        photo_fail(req, 503, "out of memory");
        return;
    }
    *download = (struct download){.photos = photos, .edition = volume_hold(photos->volume)};
    if (!edition_find(download->edition, key, &download->photo)) {
        free_download(download);
        photo_fail(req, 404, "no such photo");
    } else if (may_be_sent(req, download)) {
        send_photo(req, download);
    } else {
        check_first(req, download);
    }
}
