/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; one round per word
 * and three at the end, as hash tables use it) and the table over it. A node remembers its hash,
 * so growing hashes no key again.
 */
#include "base/hash.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/assert.h"

int shoal__hash_seed(struct shoal__hash_key *out_key)
{
    struct shoal__hash_key key;
    ssize_t got;
    do
        got = getrandom(&key, sizeof key, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    SHOAL_ASSERT(got == sizeof key); /* up to 256 bytes come whole or not at all: getrandom(2) */
    *out_key = key;
    return 0;
}

static uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

static uint64_t sip_finish(uint64_t v[4])
{
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t load_le64(const char *data, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, data, size);
    return le64toh(word);
}

uint64_t shoal__hash(const struct shoal__hash_key *key, struct shoal_view bytes)
{
    uint64_t v[4] = {
        UINT64_C(0x736f6d6570736575) ^ key->k0,
        UINT64_C(0x646f72616e646f6d) ^ key->k1,
        UINT64_C(0x6c7967656e657261) ^ key->k0,
        UINT64_C(0x7465646279746573) ^ key->k1,
    };
    size_t i = 0;
    for (; bytes.size - i >= 8; i += 8)
        sip_absorb(v, load_le64(bytes.data + i, 8));

    uint64_t tail = bytes.size > i ? load_le64(bytes.data + i, bytes.size - i) : 0;
    sip_absorb(v, tail | (uint64_t)bytes.size << 56);
    return sip_finish(v);
}

void shoal__hashmap_init(struct shoal__hashmap *map, struct shoal__hash_key seed)
{
    *map = (struct shoal__hashmap){.mask = SHOAL__HASHMAP_FIRST_BUCKETS - 1, .seed = seed};
    map->buckets = map->first_buckets;
}

void shoal__hashmap_fini(struct shoal__hashmap *map)
{
    if (map->buckets != map->first_buckets)
        free(map->buckets);
    shoal__hashmap_init(map, map->seed);
}

static void push(struct shoal__hashmap_node **bucket, struct shoal__hashmap_node *node)
{
    node->next = *bucket;
    *bucket = node;
}

static struct shoal__hashmap_node *find(const struct shoal__hashmap *map, uint64_t hash,
                                        struct shoal_view key)
{
    struct shoal__hashmap_node *node = map->buckets[hash & map->mask];
    while (node != NULL && (node->hash != hash || !shoal_view_equal(node->key, key)))
        node = node->next;
    return node;
}

struct shoal__hashmap_node *shoal__hashmap_get(const struct shoal__hashmap *map,
                                               struct shoal_view key)
{
    return find(map, shoal__hash(&map->seed, key), key);
}

static void rehash(struct shoal__hashmap *map, struct shoal__hashmap_node **to, size_t to_mask)
{
    for (size_t i = 0; i <= map->mask; i++) {
        for (struct shoal__hashmap_node *node = map->buckets[i], *next; node != NULL; node = next) {
            next = node->next;
            push(&to[node->hash & to_mask], node);
        }
    }
}

/* Doubles the buckets. Out of memory is no failure: the chains get longer, nothing else. */
static void grow(struct shoal__hashmap *map)
{
    size_t wanted = (map->mask + 1) * 2;
    struct shoal__hashmap_node **buckets = calloc(wanted, sizeof *buckets);
    if (buckets == NULL)
        return;
    rehash(map, buckets, wanted - 1);
    if (map->buckets != map->first_buckets)
        free(map->buckets);
    map->buckets = buckets;
    map->mask = wanted - 1;
}

struct shoal__hashmap_node *shoal__hashmap_put(struct shoal__hashmap *map,
                                               struct shoal__hashmap_node *node)
{
    uint64_t hash = shoal__hash(&map->seed, node->key);
    struct shoal__hashmap_node *present = find(map, hash, node->key);
    if (present != NULL)
        return present;

    if (map->count > map->mask)
        grow(map);
    node->hash = hash;
    push(&map->buckets[hash & map->mask], node);
    map->count++;
    return NULL;
}

void shoal__hashmap_remove(struct shoal__hashmap *map, struct shoal__hashmap_node *node)
{
    struct shoal__hashmap_node **link = &map->buckets[node->hash & map->mask];
    while (*link != node) {
        SHOAL_ASSERT(*link != NULL);
        link = &(*link)->next;
    }
    *link = node->next;
    map->count--;
}

/* The first member in bucket `i` or a later one. */
static struct shoal__hashmap_node *first_from(const struct shoal__hashmap *map, size_t i)
{
    for (; i <= map->mask; i++) {
        if (map->buckets[i] != NULL)
            return map->buckets[i];
    }
    return NULL;
}

struct shoal__hashmap_node *shoal__hashmap_next(const struct shoal__hashmap *map,
                                                const struct shoal__hashmap_node *node)
{
    if (node == NULL)
        return first_from(map, 0);
    return node->next != NULL ? node->next : first_from(map, (node->hash & map->mask) + 1);
}
