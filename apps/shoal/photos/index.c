/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index; see index.h. Links pair a release store with acquire loads. A node's sequence lock
 * has no fences: every field is stored with release and loaded with acquire, so that a reader who
 * sees one new field also sees the odd lock that was stored before it.
 */
#include "photos/index.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 16, CHUNK_SIZE = 1 << 20 };

/* In a chunk of its index. Written by the writer, read by anybody; key, sizes and levels never
 * change once the node is linked. */
struct photo {
    atomic_uint lock; /* odd while the writer changes what follows */
    _Atomic uint32_t size;
    _Atomic uint32_t modified_s;
    _Atomic uint16_t kind;
    uint8_t key_size;
    uint8_t levels;
    _Atomic uint64_t offset; /* 0: no photo */
    _Atomic uint64_t sequence;
    _Atomic uint64_t checked; /* sequence << 2 | enum photo_check; not under the lock */
    _Atomic(struct photo *) next[];
    /* then the key */
};

/* Nodes are cut from these, one after the other. */
struct chunk {
    struct chunk *next;
    size_t used, size;
    alignas(alignof(max_align_t)) char bytes[];
};

/* Owned by an edition. `chunks`, `last` and `random` are the writer's. */
struct index {
    _Atomic(struct photo *) first[LEVELS];
    struct photo *last[LEVELS]; /* keys that come in order are appended here without a search */
    struct chunk *chunks;
    uint64_t random;
    _Atomic uint64_t count;
    _Atomic uint64_t bytes;
};

struct index *index_create(void)
{
    struct index *index = calloc(1, sizeof(*index));
    if (index)
        index->random = 0x9e3779b97f4a7c15; /* shapes the list, protects nothing */
    return index;
}

void index_destroy(struct index **index)
{
    if (!*index)
        return;
    for (struct chunk *chunk = (*index)->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(*index);
    *index = NULL;
}

/* Searching */

struct shoal_view photo_key(const struct photo *photo)
{
    return shoal_view(&photo->next[photo->levels], photo->key_size);
}

static int compare(struct shoal_view a, struct shoal_view b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared > 0 ? memcmp(a.data, b.data, shared) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* A node's links, or the list's own where there is no node. */
static _Atomic(struct photo *) *links_of(const struct index *index, struct photo *photo)
{
    return photo ? photo->next : ((struct index *)index)->first;
}

/* The last node before `key`, or with `past` the last that is not after it; NULL for none. Fills
 * `path` with the like for every level unless that is NULL. */
static struct photo *find_before(const struct index *index, struct shoal_view key, bool past,
                                 struct photo **path)
{
    struct photo *at = NULL;
    for (size_t level = LEVELS; level-- > 0;) {
        for (;;) {
            struct photo *next =
                atomic_load_explicit(&links_of(index, at)[level], memory_order_acquire);
            if (!next || compare(photo_key(next), key) >= (past ? 1 : 0))
                break;
            at = next;
        }
        if (path)
            path[level] = at;
    }
    return at;
}

struct photo *index_after(const struct index *index, struct shoal_view key)
{
    struct photo *before = find_before(index, key, true, NULL);
    return atomic_load_explicit(&links_of(index, before)[0], memory_order_acquire);
}

struct photo *index_find(const struct index *index, struct shoal_view key)
{
    struct photo *photo = find_before(index, key, true, NULL);
    return photo && compare(photo_key(photo), key) == 0 ? photo : NULL;
}

struct photo *photo_next(const struct photo *photo)
{
    return atomic_load_explicit(&photo->next[0], memory_order_acquire);
}

/* Reading */

static struct photo_facts load_facts(const struct photo *photo)
{
    return (struct photo_facts){
        .offset = atomic_load_explicit(&photo->offset, memory_order_acquire),
        .sequence = atomic_load_explicit(&photo->sequence, memory_order_acquire),
        .size = atomic_load_explicit(&photo->size, memory_order_acquire),
        .modified_s = atomic_load_explicit(&photo->modified_s, memory_order_acquire),
        .kind = atomic_load_explicit(&photo->kind, memory_order_acquire),
    };
}

bool photo_read(const struct photo *photo, struct photo_facts *out)
{
    struct photo_facts facts;
    unsigned before, after;
    do {
        before = atomic_load_explicit(&photo->lock, memory_order_acquire);
        facts = load_facts(photo);
        after = atomic_load_explicit(&photo->lock, memory_order_relaxed);
    } while (before != after || before % 2 != 0);
    if (facts.offset == 0)
        return false;
    *out = facts;
    return true;
}

enum photo_check photo_checked(const struct photo *photo, uint64_t sequence)
{
    uint64_t checked = atomic_load_explicit(&photo->checked, memory_order_relaxed);
    return checked >> 2 == sequence ? (enum photo_check)(checked & 3) : PHOTO_UNCHECKED;
}

void photo_set_checked(struct photo *photo, uint64_t sequence, enum photo_check check)
{
    atomic_store_explicit(&photo->checked, sequence << 2 | check, memory_order_relaxed);
}

/* Writing */

static void *allocate(struct index *index, size_t size)
{
    struct chunk *chunk = index->chunks;
    if (!chunk || chunk->size - chunk->used < size) {
        chunk = malloc(sizeof(*chunk) + CHUNK_SIZE);
        if (!chunk)
            return NULL;
        *chunk = (struct chunk){.next = index->chunks, .size = CHUNK_SIZE};
        index->chunks = chunk;
        atomic_fetch_add_explicit(&index->bytes, sizeof(*chunk) + CHUNK_SIZE, memory_order_relaxed);
    }
    void *bytes = chunk->bytes + chunk->used;
    chunk->used += size;
    return bytes;
}

/* One node in four has two levels, one in sixteen three, and so on. */
static uint8_t choose_levels(struct index *index)
{
    index->random ^= index->random << 13;
    index->random ^= index->random >> 7;
    index->random ^= index->random << 17;
    uint8_t levels = 1;
    for (uint64_t bits = index->random >> 16; levels < LEVELS && bits % 4 == 0; bits /= 4)
        levels++;
    return levels;
}

static struct photo *make_node(struct index *index, struct shoal_view key)
{
    uint8_t levels = choose_levels(index);
    size_t size = sizeof(struct photo) + levels * sizeof(struct photo *) + key.size;
    struct photo *photo = allocate(index, (size + 7) / 8 * 8);
    if (!photo)
        return NULL;
    memset(photo, 0, size);
    photo->key_size = (uint8_t)key.size;
    photo->levels = levels;
    memcpy(&photo->next[levels], key.data, key.size);
    return photo;
}

static void link_node(struct index *index, struct photo *photo, struct photo **path)
{
    for (size_t level = 0; level < photo->levels; level++) {
        _Atomic(struct photo *) *link = &links_of(index, path[level])[level];
        struct photo *next = atomic_load_explicit(link, memory_order_relaxed);
        atomic_store_explicit(&photo->next[level], next, memory_order_relaxed);
        atomic_store_explicit(link, photo, memory_order_release);
        if (!next)
            index->last[level] = photo;
    }
}

struct photo *index_reserve(struct index *index, struct shoal_view key)
{
    struct photo *path[LEVELS];
    struct photo *last = index->last[0];
    if (last && compare(photo_key(last), key) < 0)
        memcpy(path, index->last, sizeof(path));
    else
        last = find_before(index, key, true, path);
    if (last && compare(photo_key(last), key) == 0)
        return last;
    struct photo *photo = make_node(index, key);
    if (photo)
        link_node(index, photo, path);
    return photo;
}

static void store_facts(struct photo *photo, const struct photo_facts *facts)
{
    unsigned lock = atomic_load_explicit(&photo->lock, memory_order_relaxed);
    atomic_store_explicit(&photo->lock, lock + 1, memory_order_relaxed);
    atomic_store_explicit(&photo->offset, facts->offset, memory_order_release);
    atomic_store_explicit(&photo->sequence, facts->sequence, memory_order_release);
    atomic_store_explicit(&photo->size, facts->size, memory_order_release);
    atomic_store_explicit(&photo->modified_s, facts->modified_s, memory_order_release);
    atomic_store_explicit(&photo->kind, facts->kind, memory_order_release);
    atomic_store_explicit(&photo->lock, lock + 2, memory_order_release);
}

void index_set(struct index *index, struct photo *photo, const struct photo_facts *facts)
{
    if (atomic_load_explicit(&photo->offset, memory_order_relaxed) == 0)
        atomic_fetch_add_explicit(&index->count, 1, memory_order_relaxed);
    store_facts(photo, facts);
}

void index_clear(struct index *index, struct photo *photo)
{
    if (atomic_load_explicit(&photo->offset, memory_order_relaxed) != 0)
        atomic_fetch_sub_explicit(&index->count, 1, memory_order_relaxed);
    store_facts(photo, &(struct photo_facts){0});
}

uint64_t index_count(const struct index *index)
{
    return atomic_load_explicit(&index->count, memory_order_relaxed);
}

uint64_t index_bytes(const struct index *index)
{
    return atomic_load_explicit(&index->bytes, memory_order_relaxed);
}
