/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cache of open files, one per loop for all roots: few names, for a second each, so that a file
 * which is asked for all the time is opened once a second and one that is replaced is seen as soon.
 * A sweep lets go of what is too old, or descriptors of removed files would keep their space on the
 * disk; it runs only while there is something to sweep.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/list.h"
#include "proto/http/files_open_driver.h"
#include "runtime/loop.h"

enum { CACHE_NAMES = 128, CACHE_FRESH_MS = 1000, CACHE_NAME_MAX = 1024 };

/* A name that was found. In the table and in the list of its cache, which owns it. */
struct cached {
    struct shoal__hashmap_node by_key;
    struct shoal__list by_age;
    struct shoal__found found;
    int64_t found_ms;
    char key[]; /* the root's address, then the path */
};

struct cache {
    struct shoal__loop_local local;
    struct shoal_loop *loop;
    struct shoal__hashmap names;
    struct shoal__list oldest; /* first; by when they were found */
    struct shoal_timer sweep;
};

static const char cache_key;

static void drop(struct cache *cache, struct cached *entry)
{
    shoal__hashmap_remove(&cache->names, &entry->by_key);
    shoal__list_remove(&entry->by_age);
    shoal__found_release(&entry->found);
    free(entry);
}

static struct cached *oldest(struct cache *cache)
{
    struct shoal__list *first = shoal__list_first(&cache->oldest);
    return first ? SHOAL_CONTAINER_OF(first, struct cached, by_age) : NULL;
}

static bool is_fresh(const struct cached *entry, int64_t now_ms)
{
    return now_ms - entry->found_ms < CACHE_FRESH_MS;
}

static void on_sweep(struct shoal_timer *timer, void *arg)
{
    struct cache *cache = arg;
    int64_t now_ms = shoal_loop_now_ms(cache->loop);
    struct cached *entry;
    while ((entry = oldest(cache)) && !is_fresh(entry, now_ms))
        drop(cache, entry);
    if (entry)
        (void)shoal_timer_start(cache->loop, timer, CACHE_FRESH_MS);
}

static void cache_destroy(struct shoal__loop_local *local)
{
    struct cache *cache = SHOAL_CONTAINER_OF(local, struct cache, local);
    shoal_timer_stop(&cache->sweep);
    struct cached *entry;
    while ((entry = oldest(cache)))
        drop(cache, entry);
    shoal__hashmap_fini(&cache->names);
    free(cache);
}

static struct shoal__loop_local *cache_create(void)
{
    struct shoal__hash_key seed;
    struct cache *cache = malloc(sizeof(*cache));
    if (!cache || shoal__hash_seed(&seed) < 0) {
        free(cache);
        return NULL;
    }
    *cache = (struct cache){.local.destroy = cache_destroy, .loop = shoal_loop_current()};
    shoal__hashmap_init(&cache->names, seed);
    shoal__list_init(&cache->oldest);
    shoal_timer_init(&cache->sweep, on_sweep, cache);
    return &cache->local;
}

static struct cache *cache_of(struct shoal_loop *loop)
{
    struct shoal__loop_local *local = shoal__loop_local(loop, &cache_key, cache_create);
    return local ? SHOAL_CONTAINER_OF(local, struct cache, local) : NULL;
}

/* Writes the key; its size, or 0 for a name that is too long to be kept. */
static size_t write_key(char *out, const void *root, const char *path)
{
    size_t length = strlen(path);
    if (length > CACHE_NAME_MAX)
        return 0;
    memcpy(out, &root, sizeof(root));
    memcpy(out + sizeof(root), path, length);
    return sizeof(root) + length;
}

static struct cached *look_up(struct cache *cache, struct shoal_view key)
{
    struct shoal__hashmap_node *node = shoal__hashmap_get(&cache->names, key);
    return node ? SHOAL_CONTAINER_OF(node, struct cached, by_key) : NULL;
}

const struct shoal__found *shoal__files_cached(struct shoal_loop *loop, const void *root,
                                               const char *path)
{
    char key[sizeof(root) + CACHE_NAME_MAX];
    size_t size = write_key(key, root, path);
    struct cache *cache = size > 0 ? cache_of(loop) : NULL;
    struct cached *entry = cache ? look_up(cache, shoal_view(key, size)) : NULL;
    return entry && is_fresh(entry, shoal_loop_now_ms(loop)) ? &entry->found : NULL;
}

/* A new entry at the end of the list; the name is not known. */
static void add(struct cache *cache, struct shoal_view key, const struct shoal__found *found)
{
    struct cached *entry = malloc(sizeof(*entry) + key.size);
    if (!entry)
        return;
    memcpy(entry->key, key.data, key.size);
    entry->by_key.key = shoal_view(entry->key, key.size);
    entry->found = *found;
    entry->found_ms = shoal_loop_now_ms(cache->loop);
    (void)shoal__hashmap_put(&cache->names, &entry->by_key);
    shoal__list_push_back(&cache->oldest, &entry->by_age);
    for (size_t i = 0; i < SHOAL__ENCODINGS; i++) {
        if (found->forms[i])
            shoal__file_ref(found->forms[i]);
    }
}

void shoal__files_keep(struct shoal_loop *loop, const void *root, const char *path,
                       struct shoal__found *found)
{
    char key[sizeof(root) + CACHE_NAME_MAX];
    size_t size = write_key(key, root, path);
    struct cache *cache = size > 0 ? cache_of(loop) : NULL;
    bool swept = cache && (shoal_timer_running(&cache->sweep) ||
                           shoal_timer_start(loop, &cache->sweep, CACHE_FRESH_MS) == 0);
    if (swept) {
        struct cached *known = look_up(cache, shoal_view(key, size));
        if (known)
            drop(cache, known);
        if (cache->names.count == CACHE_NAMES)
            drop(cache, oldest(cache));
        add(cache, shoal_view(key, size), found);
    }
    shoal__found_release(found);
}
