/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading needles again to see whether they are what was written. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <shoal/error.h>
#include <xxhash.h>

#include "photos/volume_priv.h"

enum { PIECE_SIZE = 256 * 1024 };

/* The sum of what the file holds; -EIO where it holds less, or cannot be read. */
static int sum_range(int fd, uint64_t offset, uint64_t size, uint64_t *out_sum)
{
    XXH3_state_t *sum = XXH3_createState();
    char *piece = malloc(PIECE_SIZE);
    int rc = sum && piece ? 0 : -SHOAL_ENOMEM;
    if (rc == 0)
        XXH3_64bits_reset(sum);
    while (rc == 0 && size > 0) {
        size_t want = size < PIECE_SIZE ? (size_t)size : PIECE_SIZE;
        rc = disk_read(fd, piece, want, offset) == (ssize_t)want ? 0 : -EIO;
        if (rc == 0)
            XXH3_64bits_update(sum, piece, want);
        offset += want;
        size -= want;
    }
    if (rc == 0)
        *out_sum = XXH3_64bits_digest(sum);
    free(piece);
    XXH3_freeState(sum);
    return rc;
}

/* Whether the needle is the one that the index means. */
static bool is_meant(const struct volume *volume, const struct volume_photo *photo,
                     const struct needle *needle)
{
    return needle->sequence == photo->facts.sequence && needle->body_size == photo->facts.size &&
           shoal_view_equal(needle->key, photo_key(photo->node)) &&
           shoal_view_equal(needle->type, shoal_view_of(volume_type(volume, photo)));
}

static int compare(const struct volume *volume, const struct edition *edition,
                   const struct volume_photo *photo)
{
    uint8_t head[NEEDLE_HEAD_MAX];
    struct needle needle;
    uint64_t sum;
    uint64_t offset = photo->facts.offset;
    ssize_t got = disk_read(edition->fd, head, sizeof(head), offset);
    if (got <= 0 || !needle_decode_head(head, (size_t)got, edition->header.id, offset, &needle) ||
        !is_meant(volume, photo, &needle))
        return -EIO;
    uint64_t body = offset + needle_head_size(needle.key.size, needle.type.size);
    int rc = sum_range(edition->fd, body, needle.body_size, &sum);
    return rc == 0 && sum != needle.body_sum ? -EIO : rc;
}

static void tell_damage(struct volume *volume, const struct volume_photo *photo)
{
    struct shoal_view key = photo_key(photo->node);
    atomic_fetch_add_explicit(&volume->damaged, 1, memory_order_relaxed);
    volume_log(volume, SHOAL_LOG_ERROR, "msg=\"photo is damaged\" key=\"%.*s\" offset=%llu",
               (int)key.size, key.data, (unsigned long long)photo->facts.offset);
}

int volume_check(struct volume *volume, const struct edition *edition,
                 const struct volume_photo *photo)
{
    int rc = compare(volume, edition, photo);
    if (rc == 0 || rc == -EIO)
        photo_set_checked(photo->node, photo->facts.sequence,
                          rc == 0 ? PHOTO_SOUND : PHOTO_DAMAGED);
    if (rc == -EIO)
        tell_damage(volume, photo);
    return rc;
}

uint64_t volume_verify(struct volume *volume, uint64_t *out_photos)
{
    struct edition *edition = volume_hold(volume);
    struct volume_photo photo;
    uint64_t damaged = 0, photos = 0;
    for (photo.node = index_after(edition->index, shoal_view(NULL, 0)); photo.node;
         photo.node = photo_next(photo.node)) {
        if (!photo_read(photo.node, &photo.facts))
            continue;
        photos++;
        damaged += volume_check(volume, edition, &photo) < 0;
    }
    edition_release(volume, &edition);
    *out_photos = photos;
    return damaged;
}
