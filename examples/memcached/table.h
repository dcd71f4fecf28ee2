/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The items, shared by all loops: a hash table in stripes, each behind a lock of its own. A client
 * may be on any loop and must see what another one stored, so a table per loop would be wrong; and
 * sending each command to the loop that owns its key would cost a wake-up where a lock that nobody
 * else holds costs some nanoseconds. Nothing is evicted: an item goes when it is deleted, replaced,
 * or found to have expired.
 */
#ifndef EXAMPLES_MEMCACHED_TABLE_H
#define EXAMPLES_MEMCACHED_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

struct stripe;

/* Lives in its stripe; touched with that locked. */
struct item {
    struct item *next;
    uint64_t hash;
    uint64_t unique; /* of `gets` and `cas` */
    int64_t expires; /* second of the wall clock; 0: never */
    int64_t stored;  /* the same */
    uint32_t flags;
    uint32_t size;      /* of the value */
    uint16_t head_size; /* of the line before the value, its CRLF included */
    uint8_t key_size;   /* at most 250 */
    char bytes[];       /* the whole answer to a `get`: VALUE KEY FLAGS SIZE CRLF, value, CRLF */
};

static inline struct shoal_view item_key(const struct item *item)
{
    return shoal_view(item->bytes + 6, item->key_size);
}

static inline char *item_value(struct item *item)
{
    return item->bytes + item->head_size;
}

/* Makes an item that is in no table, its value not yet set; NULL where memory is out.
 * Thread: any. */
struct item *item_create(struct shoal_view key, uint32_t flags, int64_t expires, size_t size);

/* The number in decimal digits; returns where they end, 20 bytes on at most. Thread: any. */
char *put_digits(char *at, uint64_t number);

/* Locks the key's stripe. Thread: any that holds no stripe. */
struct stripe *table_lock(struct shoal_view key, uint64_t *out_hash);
void table_unlock(struct stripe *stripe);

/* The key's item where it has not expired, or NULL. Thread: the stripe's holder. */
struct item *table_find(struct stripe *stripe, uint64_t hash, struct shoal_view key);

/* Takes the item in the place of its key's old one. Thread: the stripe's holder. */
void table_put(struct stripe *stripe, uint64_t hash, struct item *item);

/* Frees the key's item, if any. Thread: the stripe's holder. */
void table_delete(struct stripe *stripe, uint64_t hash, struct shoal_view key);

/* What was stored before this second has expired from then on. Thread: any. */
void table_flush(int64_t second);

/* How many items there are, more or less. Thread: any. */
size_t table_count(void);

/* Seconds of the wall clock. Thread: any. */
int64_t now_seconds(void);

/* Thread: main's, before and after all others. */
bool table_create(void);
void table_destroy(void);

#endif
