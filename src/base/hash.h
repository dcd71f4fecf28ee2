/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A keyed hash (SipHash-1-3) for bytes that a peer chooses, and an intrusive chained hash table on
 * top of it. Without the secret key nobody outside can pick names that land in one bucket.
 *
 * The table owns no member and no key: a member is an object that holds a node. Only the bucket
 * array is allocated, and only to grow; where that fails the table goes on with longer chains, so
 * inserting never fails.
 */
#ifndef SHOAL_BASE_HASH_H
#define SHOAL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

/* The secret of a hash: 128 random bits. */
struct shoal__hash_key {
    uint64_t k0;
    uint64_t k1;
};

/* Fills *out_key from the kernel's random source. Returns 0 or -errno. Thread: any. */
int shoal__hash_seed(struct shoal__hash_key *out_key);

/* SipHash-1-3 of the view's bytes. Thread: any. */
uint64_t shoal__hash(const struct shoal__hash_key *key, struct shoal_view bytes);

/* One member's place in a table. `key` is set by the owner, whose bytes must outlive membership. */
struct shoal__hashmap_node {
    struct shoal__hashmap_node *next;
    uint64_t hash;
    struct shoal_view key;
};

#define SHOAL__HASHMAP_FIRST_BUCKETS 8

/* Owned by what embeds it, touched by that owner's thread only, dead after _fini. It must not be
 * moved in memory: `buckets` starts as a pointer into itself. */
struct shoal__hashmap {
    struct shoal__hashmap_node **buckets;
    size_t mask; /* number of buckets, a power of two, minus one */
    size_t count;
    struct shoal__hash_key seed;
    struct shoal__hashmap_node *first_buckets[SHOAL__HASHMAP_FIRST_BUCKETS];
};

/* An empty table with this secret. Allocates nothing. Thread: owner. */
void shoal__hashmap_init(struct shoal__hashmap *map, struct shoal__hash_key seed);

/* Frees the bucket array. Members are untouched; take them out first where they need freeing.
 * Thread: owner. */
void shoal__hashmap_fini(struct shoal__hashmap *map);

/* The member with this key, or NULL. Thread: owner. */
struct shoal__hashmap_node *shoal__hashmap_get(const struct shoal__hashmap *map,
                                               struct shoal_view key);

/* Inserts `node` under node->key and returns NULL; or returns the member that already has this
 * key, and `node` is not inserted. Thread: owner. */
struct shoal__hashmap_node *shoal__hashmap_put(struct shoal__hashmap *map,
                                               struct shoal__hashmap_node *node);

/* Takes a member out. It must be one. Thread: owner. */
void shoal__hashmap_remove(struct shoal__hashmap *map, struct shoal__hashmap_node *node);

/* Walks all members in no particular order: the first one for NULL, else the one after `node`,
 * NULL at the end. The table must not change in between, except that `node` may be removed once
 * its successor is known. Thread: owner. */
struct shoal__hashmap_node *shoal__hashmap_next(const struct shoal__hashmap *map,
                                                const struct shoal__hashmap_node *node);

#endif
