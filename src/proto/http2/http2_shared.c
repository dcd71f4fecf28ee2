/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nghttp2's allocator over freelists. nghttp2 frees by pointer alone, so each piece has a head in
 * front that says which class it came from, and, for what is larger than every class and comes
 * from malloc, its size.
 */
#include "proto/http2/http2_shared.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum {
    KEPT_BYTES = 128 * 1024, /* of one class: what a burst leaves behind */
    KEPT_CHUNKS = 512,       /* of streams: as many as a few busy sessions have open */
    RESERVE_BYTES = 4096,    /* a queue of 512 streams */
    OF_MALLOC = SHOAL__HTTP2_CLASSES,
    OF_HOME,
};

struct head {
    alignas(16) size_t size; /* usable */
    uint32_t class;
    uint32_t at; /* in its home */
};

/*
 * The sizes that are asked for, by doubling where they vary. Three of the last ones are what
 * nghttp2 makes once per session: a table's ring, the map of streams and, where it has no home, the
 * frame buffer.
 */
static const size_t class_sizes[SHOAL__HTTP2_CLASSES] = {48,   112,  240,  496,  1024,
                                                         2048, 2928, 4096, 16400};

static size_t class_bytes(uint32_t class)
{
    return class_sizes[class] + sizeof(struct head);
}

enum { FIRST_BITS = 6, LAST_BITS = 9, SMALL_MOST = 496 };

/* The first four are powers of two with their head, and most requests are for one of them. */
static uint32_t small_class_for(size_t size)
{
    unsigned bits = 64 - (unsigned)__builtin_clzl(size + sizeof(struct head) - 1);
    return bits > FIRST_BITS ? bits - FIRST_BITS : 0;
}

static uint32_t large_class_for(size_t size)
{
    uint32_t class = LAST_BITS - FIRST_BITS + 1;
    while (class < OF_MALLOC && class_sizes[class] < size)
        class ++;
    return class;
}

static struct head *head_of(void *memory)
{
    return (struct head *)memory - 1;
}

/* A piece of a session that is being made goes into its home, where it fits. */
static struct head *take_at_home(struct http2_home *home, size_t total)
{
    struct head *head = shoal__http2_home_alloc(home, total);
    if (head)
        *head = (struct head){.size = total - sizeof(*head),
                              .class = OF_HOME,
                              .at = (uint32_t)((char *)head - (char *)home)};
    return head;
}

static void *take(struct shoal__http2_shared *shared, uint32_t class)
{
    struct head *head = shoal__blocks_take(&shared->classes[class]);
    if (!head)
        return NULL;
    head->class = class;
    head->size = class_sizes[class];
    return head + 1;
}

static void *take_from_malloc(size_t size, size_t total)
{
    struct head *head = malloc(total);
    if (!head)
        return NULL;
    *head = (struct head){.size = size, .class = OF_MALLOC};
    return head + 1;
}

/* What is large, or of a session that is being made. */
static void *take_lasting(struct shoal__http2_shared *shared, size_t size)
{
    size_t total;
    if (!shoal__add_size(size, sizeof(struct head), &total))
        return NULL;
    struct head *at_home = shared->home ? take_at_home(shared->home, total) : NULL;
    if (at_home)
        return at_home + 1;
    uint32_t class = size <= SMALL_MOST ? small_class_for(size) : large_class_for(size);
    return class == OF_MALLOC ? take_from_malloc(size, total) : take(shared, class);
}

void *shoal__http2_alloc(struct shoal__http2_shared *shared, size_t size)
{
    if (size > SMALL_MOST || shared->home)
        return take_lasting(shared, size);
    return take(shared, small_class_for(size));
}

void shoal__http2_free(struct shoal__http2_shared *shared, void *memory)
{
    if (!memory)
        return;
    struct head *head = head_of(memory);
    if (head->class == OF_HOME)
        shoal__http2_home_leave(&shared->homes, (struct http2_home *)((char *)head - head->at),
                                head, head->size + sizeof(*head));
    else if (head->class == OF_MALLOC)
        free(head);
    else
        shoal__blocks_give(&shared->classes[head->class], head);
}

void shoal__http2_move_in(struct shoal__http2_shared *shared)
{
    shared->home = shoal__http2_home_take(&shared->homes);
}

void shoal__http2_moved_in(struct shoal__http2_shared *shared)
{
    if (shared->home)
        shoal__http2_home_leave(&shared->homes, shared->home, NULL, 0);
    shared->home = NULL;
}

static void *mem_malloc(size_t size, void *shared)
{
    return shoal__http2_alloc(shared, size);
}

static void mem_free(void *memory, void *shared)
{
    shoal__http2_free(shared, memory);
}

static void *mem_calloc(size_t count, size_t size, void *shared)
{
    size_t total;
    if (!shoal__mul_size(count, size, &total))
        return NULL;
    void *memory = shoal__http2_alloc(shared, total);
    return memory ? memset(memory, 0, total) : NULL;
}

bool shoal__http2_has_reserve(struct shoal__http2_shared *shared)
{
    if (!shared->reserve)
        shared->reserve = shoal__http2_alloc(shared, RESERVE_BYTES);
    return shared->reserve != NULL;
}

/* nghttp2 frees an item twice where its queue of data cannot grow: that may use the reserve. */
static void *alloc_larger(struct shoal__http2_shared *shared, size_t size)
{
    void *larger = shoal__http2_alloc(shared, size);
    if (larger || size > RESERVE_BYTES)
        return larger;
    larger = shared->reserve;
    shared->reserve = NULL;
    return larger;
}

static void *mem_realloc(void *memory, size_t size, void *shared)
{
    size_t had = memory ? head_of(memory)->size : 0;
    if (memory && size <= had)
        return memory;
    void *larger = alloc_larger(shared, size);
    if (!larger || !memory)
        return larger;
    memcpy(larger, memory, had);
    shoal__http2_free(shared, memory);
    return larger;
}

void shoal__http2_shared_init(struct shoal__http2_shared *shared)
{
    *shared = (struct shoal__http2_shared){.mem = {.mem_user_data = shared,
                                                   .malloc = mem_malloc,
                                                   .free = mem_free,
                                                   .calloc = mem_calloc,
                                                   .realloc = mem_realloc}};
    for (uint32_t i = 0; i < SHOAL__HTTP2_CLASSES; i++)
        shoal__blocks_init(&shared->classes[i], class_bytes(i), KEPT_BYTES / class_bytes(i));
    shoal__blocks_init(&shared->chunks, SHOAL__HTTP2_CHUNK_BYTES, KEPT_CHUNKS);
}

void shoal__http2_shared_fini(struct shoal__http2_shared *shared)
{
    nghttp2_session_callbacks_del(shared->callbacks);
    nghttp2_option_del(shared->options[0]);
    nghttp2_option_del(shared->options[1]);
    shoal__http2_free(shared, shared->reserve);
    shared->reserve = NULL;
    for (uint32_t i = 0; i < SHOAL__HTTP2_CLASSES; i++)
        shoal__blocks_fini(&shared->classes[i]);
    shoal__blocks_fini(&shared->chunks);
    shoal__http2_homes_fini(&shared->homes);
}
