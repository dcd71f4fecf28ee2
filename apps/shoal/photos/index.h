/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is where: keys in order, in memory, as a skip list. One thread writes; any number of others
 * read at the same time without a lock. Nodes are never taken out or freed while the index lives:
 * a photo that was deleted leaves a node that says so, and compaction makes a new index without
 * them. What a node says changes under a sequence lock of its own.
 *
 * Memory for a photo, beyond its key: 40 bytes, 10.7 on average for the list's pointers, and 3.5
 * for alignment.
 */
#ifndef APPS_SHOAL_PHOTOS_INDEX_H
#define APPS_SHOAL_PHOTOS_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

struct index;
struct photo; /* a node; lives as long as its index */

/* Where a photo is and what it is; one moment's values that belong together. */
struct photo_facts {
    uint64_t offset; /* of its needle in the edition's file */
    uint64_t sequence;
    uint32_t size;       /* of the body */
    uint32_t modified_s; /* since 1970 */
    uint16_t kind;       /* its type; see kinds.h */
};

enum photo_check { PHOTO_UNCHECKED, PHOTO_SOUND, PHOTO_DAMAGED };

/* Returns an empty index, or NULL where memory is out. Thread: any. */
struct index *index_create(void);

/* Frees it and clears *index. NULL is a no-op. Thread: the last to use it. */
void index_destroy(struct index **index);

/* The node of a key, or NULL where it has none. Thread: any. */
struct photo *index_find(const struct index *index, struct shoal_view key);

/* The first node whose key is greater than `key`; an empty key is before all others. NULL at the
 * end. Thread: any. */
struct photo *index_after(const struct index *index, struct shoal_view key);

/* The next node in order, or NULL. Thread: any. */
struct photo *photo_next(const struct photo *photo);

/* Thread: any. */
struct shoal_view photo_key(const struct photo *photo);

/* Reads what a node says. False, with *out untouched, where the key has no photo. Thread: any. */
bool photo_read(const struct photo *photo, struct photo_facts *out);

/* Whether the needle of that sequence was read and found sound. Thread: any. */
enum photo_check photo_checked(const struct photo *photo, uint64_t sequence);

/* Notes what a reader found; of no effect once the key has another needle. Thread: any. */
void photo_set_checked(struct photo *photo, uint64_t sequence, enum photo_check check);

/* The node of a key, made without a photo where there is none. NULL where memory is out.
 * Thread: the writer. */
struct photo *index_reserve(struct index *index, struct shoal_view key);

/* Publishes a photo, or that there is none. Thread: the writer. */
void index_set(struct index *index, struct photo *photo, const struct photo_facts *facts);
void index_clear(struct index *index, struct photo *photo);

/* How many photos there are, and the memory that the index takes. Thread: any. */
uint64_t index_count(const struct index *index);
uint64_t index_bytes(const struct index *index);

#endif
