/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of photos and the figures, as JSON, and the gallery. */
#include <stdio.h>
#include <string.h>

#include <shoal/error.h>

#include "parse.h"
#include "photos/photos.h"

enum { LIMIT = 100, LIMIT_MOST = 1000, LOOKS = 10000 };

/* A string as JSON has it; keys and types are UTF-8 without control characters. */
static int append_string(struct shoal_buf *buf, struct shoal_view text)
{
    int rc = shoal_buf_append(buf, "\"", 1);
    while (rc == 0 && text.size > 0) {
        size_t plain = 0;
        while (plain < text.size && text.data[plain] != '"' && text.data[plain] != '\\')
            plain++;
        if (plain > 0)
            rc = shoal_buf_append(buf, text.data, plain);
        if (rc == 0 && plain < text.size)
            rc = shoal_buf_append(buf, text.data[plain] == '"' ? "\\\"" : "\\\\", 2);
        text = shoal_view_from(text, plain + 1);
    }
    return rc < 0 ? rc : shoal_buf_append(buf, "\"", 1);
}

static int append_photo(const struct photos *photos, struct shoal_buf *buf,
                        const struct volume_photo *photo)
{
    char etag[ETAG_SIZE];
    struct shoal_view tag = shoal_view_of(photo_etag(photos, photo->facts.sequence, etag));
    int rc = shoal_buf_printf(buf, "{\"key\":");
    if (rc == 0)
        rc = append_string(buf, photo_key(photo->node));
    if (rc == 0)
        rc = shoal_buf_printf(buf, ",\"size\":%u,\"modified\":%u,\"type\":", photo->facts.size,
                              photo->facts.modified_s);
    if (rc == 0)
        rc = append_string(buf, shoal_view_of(volume_type(photos->volume, photo)));
    if (rc == 0)
        rc = shoal_buf_printf(buf, ",\"etag\":");
    if (rc == 0)
        rc = append_string(buf, tag);
    return rc < 0 ? rc : shoal_buf_append(buf, "}", 1);
}

/* A walk over the index, which ends after LOOKS nodes: a loop has others to serve. */
struct walk {
    struct volume_photo photo; /* the node is the next one; NULL: no more */
    struct shoal_view after;   /* the key before it */
    unsigned looks;
};

static void step(struct walk *walk)
{
    walk->after = photo_key(walk->photo.node);
    walk->photo.node = photo_next(walk->photo.node);
    walk->looks++;
}

/* Goes to the next node that has a photo. False where there is none, or it would take too long. */
static bool find_photo(struct walk *walk)
{
    while (walk->photo.node && walk->looks < LOOKS &&
           !photo_read(walk->photo.node, &walk->photo.facts))
        step(walk);
    return walk->photo.node && walk->looks < LOOKS;
}

/* Appends up to `limit` photos behind `after`, fewer among many that were deleted; and where the
 * next list begins if there is more. */
static int append_list(const struct photos *photos, const struct edition *edition,
                       struct shoal_buf *buf, struct shoal_view after, uint64_t limit)
{
    struct walk walk = {.photo.node = edition_after(edition, after), .after = after};
    int rc = shoal_buf_printf(buf, "{\"photos\":[");
    uint64_t count = 0;
    for (; rc == 0 && find_photo(&walk) && count < limit; count++, step(&walk)) {
        if (count > 0)
            rc = shoal_buf_append(buf, ",\n", 2);
        if (rc == 0)
            rc = append_photo(photos, buf, &walk.photo);
    }
    if (rc == 0)
        rc = shoal_buf_printf(buf, "],\"next\":");
    if (rc == 0 && walk.photo.node)
        rc = append_string(buf, walk.after);
    else if (rc == 0)
        rc = shoal_buf_printf(buf, "null");
    return rc < 0 ? rc : shoal_buf_append(buf, "}\n", 2);
}

static void reply_list(struct shoal_http_request *req, struct photos *photos,
                       struct shoal_view after, uint64_t limit)
{
    struct edition *edition = volume_hold(photos->volume);
    struct shoal_buf *buf = shoal_buf_create();
    int rc = buf ? append_list(photos, edition, buf, after, limit) : -SHOAL_ENOMEM;
    if (rc == 0)
        rc = shoal_http_set(req, "Cache-Control", "no-store");
    if (rc == 0)
        rc = shoal_http_reply_buf(req, 200, "application/json", buf);
    if (rc < 0)
        photo_fail_for(req, rc);
    shoal_buf_destroy(&buf);
    edition_release(photos->volume, &edition);
}

void photos_list(struct shoal_http_request *req, void *arg)
{
    const char *after = shoal_http_query(req, "after");
    const char *text = shoal_http_query(req, "limit");
    uint64_t limit = LIMIT;
    if (text && (!parse_number(shoal_view_of(text), LIMIT_MOST, &limit) || limit == 0))
        photo_fail(req, 400, "limit is a number from 1 to 1000");
    else
        reply_list(req, arg, shoal_view_of(after ? after : ""), limit);
}

void photos_stats(struct shoal_http_request *req, void *arg)
{
    struct photos *photos = arg;
    struct volume_stats s;
    volume_stats(photos->volume, &s);
    (void)shoal_http_set(req, "Cache-Control", "no-store");
    shoal_http_reply(req, 200, "application/json",
                     "{\"photos\":%llu,\"volume_bytes\":%llu,\"live_bytes\":%llu,"
                     "\"dead_bytes\":%llu,\"index_bytes\":%llu,\"puts\":%llu,\"deletes\":%llu,"
                     "\"syncs\":%llu,\"sync_us\":{\"median\":%llu,\"p99\":%llu,\"max\":%llu},"
                     "\"damaged\":%llu,\"lost\":%llu,\"compactions\":%llu,\"checkpoints\":%llu,"
                     "\"read_only\":%s}\n",
                     (unsigned long long)s.photos, (unsigned long long)s.file_bytes,
                     (unsigned long long)s.live_bytes, (unsigned long long)s.dead_bytes,
                     (unsigned long long)s.index_bytes, (unsigned long long)s.puts,
                     (unsigned long long)s.deletes, (unsigned long long)s.syncs,
                     (unsigned long long)s.sync_us_median, (unsigned long long)s.sync_us_p99,
                     (unsigned long long)s.sync_us_max, (unsigned long long)s.damaged,
                     (unsigned long long)s.lost, (unsigned long long)s.compactions,
                     (unsigned long long)s.checkpoints, s.read_only ? "true" : "false");
}

void photos_gallery(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    (void)shoal_http_set(req, "Cache-Control", "no-cache");
    (void)shoal_http_set(req, "X-Content-Type-Options", "nosniff");
    (void)shoal_http_set(req, "Content-Security-Policy",
                         "default-src 'none'; img-src 'self' blob:; connect-src 'self'; "
                         "style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                         "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    if (shoal_http_reply_view(req, 200, "text/html; charset=utf-8",
                              shoal_view(gallery_page, gallery_page_size)) < 0)
        photo_fail(req, 503, "out of memory");
}
