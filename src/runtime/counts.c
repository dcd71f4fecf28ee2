/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts by key: a keyed hash table under a mutex, because peers choose the keys. */
#include "runtime/counts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <shoal/error.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/list.h"

/* Owned by who created it, used by any thread, dies in _destroy(). */
struct shoal__counts {
    pthread_mutex_t lock;
    struct shoal__hashmap map; /* under the lock */
};

struct counted {
    struct shoal__hashmap_node node;
    size_t count; /* never 0 */
    char key[];
};

static struct counted *counted_of(struct shoal__hashmap_node *node)
{
    return node != NULL ? SHOAL_CONTAINER_OF(node, struct counted, node) : NULL;
}

int shoal__counts_create(struct shoal__counts **out_counts)
{
    struct shoal__hash_key seed;
    int rc = shoal__hash_seed(&seed);
    if (rc < 0)
        return rc;
    struct shoal__counts *counts = malloc(sizeof *counts);
    if (counts == NULL)
        return -SHOAL_ENOMEM;
    rc = -pthread_mutex_init(&counts->lock, NULL);
    if (rc < 0) {
        free(counts);
        return rc;
    }
    shoal__hashmap_init(&counts->map, seed);
    *out_counts = counts;
    return 0;
}

void shoal__counts_destroy(struct shoal__counts **counts)
{
    struct shoal__counts *self = *counts;
    if (self == NULL)
        return;

    *counts = NULL;
    struct shoal__hashmap_node *node = shoal__hashmap_next(&self->map, NULL);
    while (node != NULL) {
        struct counted *counted = counted_of(node);
        node = shoal__hashmap_next(&self->map, node);
        shoal__hashmap_remove(&self->map, &counted->node);
        free(counted);
    }
    shoal__hashmap_fini(&self->map);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static int add_locked(struct shoal__counts *counts, struct shoal_view key)
{
    struct counted *counted = malloc(sizeof *counted + key.size);
    if (counted == NULL)
        return -SHOAL_ENOMEM;

    memcpy(counted->key, key.data, key.size);
    counted->node.key = shoal_view(counted->key, key.size);
    counted->count = 1;
    shoal__hashmap_put(&counts->map, &counted->node);
    return 0;
}

static int try_inc_locked(struct shoal__counts *counts, struct shoal_view key, size_t max)
{
    struct counted *counted = counted_of(shoal__hashmap_get(&counts->map, key));
    if ((counted != NULL ? counted->count : 0) >= max)
        return -SHOAL_EFULL;
    if (counted == NULL)
        return add_locked(counts, key);
    counted->count++;
    return 0;
}

int shoal__counts_try_inc(struct shoal__counts *counts, struct shoal_view key, size_t max)
{
    pthread_mutex_lock(&counts->lock);
    int rc = try_inc_locked(counts, key, max);
    pthread_mutex_unlock(&counts->lock);
    return rc;
}

void shoal__counts_dec(struct shoal__counts *counts, struct shoal_view key)
{
    pthread_mutex_lock(&counts->lock);
    struct counted *counted = counted_of(shoal__hashmap_get(&counts->map, key));
    SHOAL_ASSERT(counted != NULL);
    if (--counted->count == 0) {
        shoal__hashmap_remove(&counts->map, &counted->node);
        free(counted);
    }
    pthread_mutex_unlock(&counts->lock);
}

size_t shoal__counts_get(struct shoal__counts *counts, struct shoal_view key)
{
    pthread_mutex_lock(&counts->lock);
    const struct counted *counted = counted_of(shoal__hashmap_get(&counts->map, key));
    size_t count = counted != NULL ? counted->count : 0;
    pthread_mutex_unlock(&counts->lock);
    return count;
}
