/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GET and HEAD of a photo. A loop never waits for the disk: a photo is sent by the kernel straight
 * from the page cache, slice by slice. Where that does not hold it, a worker reads it first; before
 * anything is sent for the first time that is volume_check(), so that nothing is served unseen, and
 * bytes that were evicted and are read again are looked at again. A damaged photo is answered 500.
 *
 * The edition is held from the look-up until the request has ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <shoal/error.h>

#include "photos/conditions.h"
#include "photos/photos.h"

enum { SLICE = 512 * 1024 };

/* A photo on its way; in the request's memory, ended by its on_close. */
struct download {
    struct shoal_http_request *req;
    struct photos *photos;
    struct edition *edition;
    struct volume_photo photo;
    unsigned status;   /* 200 or 206 */
    bool begun;        /* the head was sent */
    bool waiting;      /* for a worker */
    uint64_t at, left; /* of the file */
};

/* What a worker reads; holds the edition itself, as the request may end meanwhile. */
struct reading {
    struct download *download; /* gone where the request is */
    struct volume *volume;
    struct edition *edition;
    struct volume_photo photo;
    bool checks; /* the whole needle; else only this: */
    uint64_t at, size;
    bool sound;
};

static void end(struct shoal_http_request *req, int status, void *arg)
{
    struct download *download = arg;
    (void)req;
    (void)status;
    edition_release(download->photos->volume, &download->edition);
}

/* Whether the kernel has the bytes at both ends in memory: it reads ahead and evicts in order, so
 * it rarely has them without what is between. */
static bool is_warm(int fd, uint64_t at, uint64_t size)
{
    char byte;
    struct iovec iov = {&byte, 1};
    return preadv2(fd, &iov, 1, (off_t)at, RWF_NOWAIT) == 1 &&
           (size == 1 || preadv2(fd, &iov, 1, (off_t)(at + size - 1), RWF_NOWAIT) == 1);
}

static uint64_t slice_of(const struct download *download)
{
    return download->left < SLICE ? download->left : SLICE;
}

static void give_up(struct download *download)
{
    if (download->begun)
        shoal_http_abort(download->req);
    else
        photo_fail(download->req, 503, "busy: try again later");
}

/* Sends the next slice, and the head before the first. Returns as shoal_http_write(). */
static int send_slice(struct download *download)
{
    uint64_t size = slice_of(download);
    const char *type = volume_type(download->photos->volume, &download->photo);
    bool is_all = !download->begun && size == download->left;
    struct shoal_buf *buf = shoal_buf_create();
    int rc = buf ? shoal_buf_append_file(buf, edition_fd(download->edition), (off_t)download->at,
                                         (size_t)size, false)
                 : -SHOAL_ENOMEM;
    if (rc == 0 && is_all)
        rc = shoal_http_reply_buf(download->req, download->status, type, buf);
    if (rc == 0 && !is_all && !download->begun)
        rc = shoal_http_begin(download->req, download->status, type, (int64_t)download->left);
    if (rc == 0 && !is_all) {
        download->begun = true;
        rc = shoal_http_write_buf(download->req, buf);
    }
    shoal_buf_destroy(&buf);
    if (rc >= 0) {
        download->at += size;
        download->left -= size;
    }
    if (rc >= 0 && download->left == 0 && !is_all)
        (void)shoal_http_end(download->req);
    return rc;
}

static int read_first(struct download *download, bool checks);

/* Sends until it is done, the output is full, or a worker has to read. */
static void pump(struct download *download)
{
    int rc = 0;
    while (rc == 0 && download->left > 0) {
        bool warm = is_warm(edition_fd(download->edition), download->at, slice_of(download));
        rc = warm ? send_slice(download) : read_first(download, !download->begun);
        if (!warm)
            break;
    }
    if (rc < 0)
        give_up(download);
}

static void on_drained(struct shoal_http_request *req, void *arg)
{
    struct download *download = arg;
    (void)req;
    if (!download->waiting && download->left > 0)
        pump(download);
}

/* Workers */

static void read_by_worker(void *arg)
{
    struct reading *reading = arg;
    char piece[16 * 1024];
    if (reading->checks)
        reading->sound = volume_check(reading->volume, reading->edition, &reading->photo);
    while (!reading->checks && reading->size > 0) {
        size_t want = reading->size < sizeof(piece) ? (size_t)reading->size : sizeof(piece);
        reading->sound =
            disk_read(edition_fd(reading->edition), piece, want, reading->at) == (ssize_t)want;
        reading->size = reading->sound ? reading->size - want : 0;
        reading->at += want;
    }
}

/* The bytes were read just now: they are sent without asking again whether they are in memory. */
static void go_on(struct download *download, bool sound)
{
    download->waiting = false;
    if (!sound && !download->begun) {
        photo_fail(download->req, 500, "this photo is damaged on disk");
        return;
    }
    int rc = sound ? send_slice(download) : -SHOAL_EINVAL;
    if (rc < 0)
        give_up(download);
    else if (rc == 0)
        pump(download);
}

static void on_read(struct shoal_http_request *req, int status, void *arg)
{
    struct reading *reading = arg;
    struct download *download = reading->download;
    bool sound = reading->sound;
    edition_release(reading->volume, &reading->edition);
    free(reading);
    if (!req)
        return;
    if (status < 0)
        give_up(download);
    else
        go_on(download, sound);
}

static int read_first(struct download *download, bool checks)
{
    struct reading *reading = malloc(sizeof(*reading));
    if (!reading)
        return -SHOAL_ENOMEM;
    struct volume *volume = download->photos->volume;
    *reading = (struct reading){.download = download,
                                .volume = volume,
                                .edition = edition_hold(download->edition),
                                .photo = download->photo,
                                .checks = checks,
                                .at = download->at,
                                .size = slice_of(download)};
    download->waiting = true;
    int rc = shoal_http_offload(download->req, read_by_worker, on_read, reading);
    if (rc < 0) {
        download->waiting = false;
        edition_release(volume, &reading->edition);
        free(reading);
    }
    return rc;
}

/* Answers */

static int set_fields(struct shoal_http_request *req, const char *etag, uint32_t modified_s)
{
    char date[DATE_SIZE];
    int rc = shoal_http_set(req, "ETag", etag);
    if (rc == 0)
        rc = shoal_http_set(req, "Last-Modified", http_date(modified_s, date, sizeof(date)));
    if (rc == 0)
        rc = shoal_http_set(req, "Accept-Ranges", "bytes");
    /* Photos come from anybody: a browser must not take one for a page of this origin. */
    if (rc == 0)
        rc = shoal_http_set(req, "X-Content-Type-Options", "nosniff");
    if (rc == 0)
        rc = shoal_http_set(req, "Content-Security-Policy", "default-src 'none'; sandbox");
    return rc;
}

static int set_content_range(struct shoal_http_request *req, uint64_t first, uint64_t count,
                             uint64_t size)
{
    char text[80];
    if (count > 0)
        snprintf(text, sizeof(text), "bytes %llu-%llu/%llu", (unsigned long long)first,
                 (unsigned long long)(first + count - 1), (unsigned long long)size);
    else
        snprintf(text, sizeof(text), "bytes */%llu", (unsigned long long)size);
    return shoal_http_set(req, "Content-Range", text);
}

static void send_head_only(struct download *download)
{
    const char *type = volume_type(download->photos->volume, &download->photo);
    if (shoal_http_begin(download->req, download->status, type, (int64_t)download->left) < 0)
        give_up(download);
    else
        (void)shoal_http_end(download->req);
}

static void send_photo(struct download *download)
{
    const struct volume_photo *photo = &download->photo;
    bool is_head = strcmp(shoal_http_method(download->req), "HEAD") == 0;
    enum photo_check check = photo_checked(photo->node, photo->facts.sequence);
    if (is_head || photo->facts.size == 0)
        send_head_only(download);
    else if (check == PHOTO_SOUND)
        pump(download);
    else if (read_first(download, true) < 0)
        give_up(download);
}

static void answer_wanted(struct download *download, const struct conditions *conditions,
                          const char *etag)
{
    struct shoal_http_request *req = download->req;
    const struct photo_facts *facts = &download->photo.facts;
    uint64_t first = 0, count = facts->size;
    enum range range =
        conditions_range(conditions, etag, facts->modified_s, facts->size, &first, &count);
    int rc = 0;
    if (range != RANGE_ALL)
        rc = set_content_range(req, first, range == RANGE_PART ? count : 0, facts->size);
    if (rc < 0) {
        give_up(download);
    } else if (range == RANGE_UNSATISFIABLE) {
        photo_fail(req, 416, "the photo is shorter than that");
    } else {
        download->status = range == RANGE_PART ? 206 : 200;
        download->at = volume_body_offset(download->photos->volume, &download->photo) + first;
        download->left = count;
        send_photo(download);
    }
}

static void answer(struct download *download)
{
    struct shoal_http_request *req = download->req;
    const struct photo_facts *facts = &download->photo.facts;
    struct conditions conditions;
    char etag[ETAG_SIZE];
    conditions_read(req, &conditions);
    photo_etag(download->photos, facts->sequence, etag);
    if (set_fields(req, etag, facts->modified_s) < 0) {
        give_up(download);
        return;
    }
    switch (conditions_of_get(&conditions, etag, facts->modified_s)) {
    case VERDICT_UNCHANGED:
        (void)shoal_http_reply_status(req, 304);
        break;
    case VERDICT_FAILED:
        photo_fail(req, 412, "the photo is not the one that you expect");
        break;
    case VERDICT_PASS:
        answer_wanted(download, &conditions, etag);
        break;
    }
}

void photo_get(struct shoal_http_request *req, void *arg)
{
    struct photos *photos = arg;
    struct shoal_view key = photo_key_of(req);
    if (key.size == 0)
        return;
    struct download *download = shoal_http_alloc(req, sizeof(*download));
    if (!download) {
        photo_fail(req, 503, "out of memory");
        return;
    }
    *download =
        (struct download){.req = req, .photos = photos, .edition = volume_hold(photos->volume)};
    if (shoal_http_on_close(req, end, download) < 0) {
        edition_release(photos->volume, &download->edition);
        photo_fail(req, 503, "out of memory");
        return;
    }
    shoal_http_on_drained(req, on_drained, download);
    if (edition_find(download->edition, key, &download->photo))
        answer(download);
    else
        photo_fail(req, 404, "no such photo");
}
