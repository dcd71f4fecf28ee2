/* SPDX-License-Identifier: BSD-3-Clause */
/* The striped table; see table.h. */
#include "table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STRIPES = 64, FIRST_BUCKETS = 64 };

struct stripe {
    _Alignas(64) pthread_mutex_t lock; /* guards all of it; nobody takes two */
    struct item **buckets;
    size_t mask;
    size_t count;
    uint64_t unique;
};

static struct stripe stripes[STRIPES];
static _Atomic int64_t flushed_before; /* second; nothing is ordered by it */

int64_t now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

char *put_digits(char *at, uint64_t number)
{
    char digits[20];
    size_t first = sizeof(digits);
    do
        digits[--first] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    memcpy(at, digits + first, sizeof(digits) - first);
    return at + sizeof(digits) - first;
}

/* Writes the line before the value. */
static void put_head(struct item *item, struct shoal_view key)
{
    memcpy(item->bytes, "VALUE ", 6);
    memcpy(item->bytes + 6, key.data, key.size);
    char *at = item->bytes + 6 + key.size;
    *at++ = ' ';
    at = put_digits(at, item->flags);
    *at++ = ' ';
    at = put_digits(at, item->size);
    *at++ = '\r';
    *at++ = '\n';
    item->head_size = (uint16_t)(at - item->bytes);
}

struct item *item_create(struct shoal_view key, uint32_t flags, int64_t expires, size_t size)
{
    enum { BESIDE_KEY = 6 + 1 + 10 + 1 + 10 + 2 }; /* bytes of a head, at most */
    struct item *item = malloc(sizeof(*item) + BESIDE_KEY + key.size + size + 2);
    if (!item)
        return NULL;
    *item = (struct item){.expires = expires,
                          .stored = now_seconds(),
                          .flags = flags,
                          .size = (uint32_t)size,
                          .key_size = (uint8_t)key.size};
    put_head(item, key);
    memcpy(item_value(item) + size, "\r\n", 2);
    return item;
}

/* FNV-1a, and its high bits mixed into the low ones. */
static uint64_t hash_of(struct shoal_view key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

struct stripe *table_lock(struct shoal_view key, uint64_t *out_hash)
{
    *out_hash = hash_of(key);
    struct stripe *stripe = &stripes[*out_hash >> 58];
    pthread_mutex_lock(&stripe->lock);
    return stripe;
}

void table_unlock(struct stripe *stripe)
{
    pthread_mutex_unlock(&stripe->lock);
}

static struct item **place_of(struct stripe *stripe, uint64_t hash, struct shoal_view key)
{
    struct item **place = &stripe->buckets[hash & stripe->mask];
    while (*place && ((*place)->hash != hash || !shoal_view_equal(item_key(*place), key)))
        place = &(*place)->next;
    return place;
}

static void drop(struct stripe *stripe, struct item **place)
{
    struct item *item = *place;
    *place = item->next;
    free(item);
    stripe->count--;
}

static bool is_over(const struct item *item, int64_t now)
{
    int64_t flushed = atomic_load_explicit(&flushed_before, memory_order_relaxed);
    return (item->expires != 0 && item->expires <= now) ||
           (flushed <= now && item->stored < flushed);
}

struct item *table_find(struct stripe *stripe, uint64_t hash, struct shoal_view key)
{
    struct item **place = place_of(stripe, hash, key);
    if (*place && is_over(*place, now_seconds()))
        drop(stripe, place);
    else if (*place)
        return *place;
    return NULL;
}

/* Doubles the buckets; where memory is out the chains get longer. */
static void grow(struct stripe *stripe)
{
    size_t buckets = 2 * (stripe->mask + 1);
    struct item **grown = calloc(buckets, sizeof(struct item *));
    if (!grown)
        return;
    for (size_t i = 0; i <= stripe->mask; i++) {
        for (struct item *item = stripe->buckets[i], *next; item; item = next) {
            next = item->next;
            item->next = grown[item->hash & (buckets - 1)];
            grown[item->hash & (buckets - 1)] = item;
        }
    }
    free(stripe->buckets);
    stripe->buckets = grown;
    stripe->mask = buckets - 1;
}

void table_put(struct stripe *stripe, uint64_t hash, struct item *item)
{
    table_delete(stripe, hash, item_key(item));
    if (stripe->count > stripe->mask)
        grow(stripe);
    item->hash = hash;
    item->unique = ++stripe->unique;
    item->next = stripe->buckets[hash & stripe->mask];
    stripe->buckets[hash & stripe->mask] = item;
    stripe->count++;
}

void table_delete(struct stripe *stripe, uint64_t hash, struct shoal_view key)
{
    struct item **place = place_of(stripe, hash, key);
    if (*place)
        drop(stripe, place);
}

void table_flush(int64_t second)
{
    /* What is stored later within this very second has to stay: memcached's rule, too. */
    for (size_t i = 0; i < STRIPES && second <= now_seconds(); i++) {
        pthread_mutex_lock(&stripes[i].lock);
        for (size_t j = 0; j <= stripes[i].mask; j++) {
            while (stripes[i].buckets[j])
                drop(&stripes[i], &stripes[i].buckets[j]);
        }
        pthread_mutex_unlock(&stripes[i].lock);
    }
    atomic_store_explicit(&flushed_before, second, memory_order_relaxed);
}

size_t table_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < STRIPES; i++) {
        pthread_mutex_lock(&stripes[i].lock);
        count += stripes[i].count;
        pthread_mutex_unlock(&stripes[i].lock);
    }
    return count;
}

bool table_create(void)
{
    for (size_t i = 0; i < STRIPES; i++) {
        stripes[i].mask = FIRST_BUCKETS - 1;
        stripes[i].buckets = calloc(FIRST_BUCKETS, sizeof(struct item *));
        if (!stripes[i].buckets || pthread_mutex_init(&stripes[i].lock, NULL) != 0)
            return false;
    }
    return true;
}

void table_destroy(void)
{
    table_flush(now_seconds());
    for (size_t i = 0; i < STRIPES; i++) {
        free(stripes[i].buckets);
        pthread_mutex_destroy(&stripes[i].lock);
    }
}
