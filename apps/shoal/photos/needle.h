/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The volume's bytes: its header and its needles, as docs/photo-volume.md draws them. Pure
 * functions between bytes and structs; who reads and writes files is elsewhere. Any thread.
 */
#ifndef APPS_SHOAL_PHOTOS_NEEDLE_H
#define APPS_SHOAL_PHOTOS_NEEDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

enum {
    VOLUME_HEADER_SIZE = 64,
    NEEDLE_FIXED_SIZE = 56,
    NEEDLE_FOOTER_SIZE = 8,
    NEEDLE_ALIGN = 8,
    KEY_MAX = 255,
    TYPE_MAX = 127,
    NEEDLE_HEAD_MAX = NEEDLE_FIXED_SIZE + KEY_MAX + TYPE_MAX,
    NEEDLE_TAIL_MAX = NEEDLE_ALIGN - 1 + NEEDLE_FOOTER_SIZE,
};

/* The largest photo that the format holds. */
#define BODY_MAX UINT32_MAX

struct volume_header {
    uint64_t id;             /* random; the same for all editions of a volume */
    uint64_t edition;        /* grows by one with every compaction */
    uint64_t first_sequence; /* no needle of this edition was given a smaller new one */
};

struct needle {
    bool deleted; /* says that the key has no photo any more; no type, no body */
    struct shoal_view key;
    struct shoal_view type;
    uint64_t body_size;
    uint64_t sequence;   /* which write of the volume's this was */
    int64_t modified_ms; /* since 1970 */
    uint64_t body_sum;
    uint64_t synced; /* the file was durable up to here when this needle was written */
};

/* Thread: any. */
void volume_header_encode(const struct volume_header *header, uint8_t out[VOLUME_HEADER_SIZE]);

/* False where the bytes are no header of a volume. Thread: any. */
bool volume_header_decode(const uint8_t bytes[VOLUME_HEADER_SIZE], struct volume_header *out);

/* Whether these may be a header's first bytes. Thread: any. */
bool volume_header_begins(const uint8_t *bytes, size_t size);

/* Bytes before the body, and those of the whole needle. Thread: any. */
size_t needle_head_size(size_t key_size, size_t type_size);
uint64_t needle_size(size_t key_size, size_t type_size, uint64_t body_size);

/*
 * Writes what comes before the body. `offset` is where in the file the needle is to lie: it enters
 * the checksum, so that a needle counts at its own place only. Returns the size. Thread: any.
 */
size_t needle_encode_head(const struct needle *needle, uint64_t volume_id, uint64_t offset,
                          uint8_t out[NEEDLE_HEAD_MAX]);

/* Writes what comes after the body: padding and footer. Returns the size. Thread: any. */
size_t needle_encode_tail(const uint8_t *head, uint64_t body_size, uint8_t out[NEEDLE_TAIL_MAX]);

/*
 * Reads what needle_encode_head() wrote; the views point into `bytes`. False where there is no
 * whole and sound head. Thread: any.
 */
bool needle_decode_head(const uint8_t *bytes, size_t size, uint64_t volume_id, uint64_t offset,
                        struct needle *out);

/* Whether `tail` is what belongs behind the body. Thread: any. */
bool needle_tail_matches(const uint8_t *head, uint64_t body_size, const uint8_t *tail);

/* Whether a view is a key: 1 to 255 bytes of UTF-8 without control characters; or a type: at most
 * 127 of the same. Thread: any. */
bool key_is_valid(struct shoal_view key);
bool type_is_valid(struct shoal_view type);

#endif
