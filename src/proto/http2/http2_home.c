/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Homes are mapped one by one; the kernel joins neighbours into one mapping. Huge pages would fill
 * the holes that they are made for. Where pages are larger than 4 KiB nothing is gained or lost.
 */
#include "proto/http2/http2_home.h"

#include <stdalign.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "base/poison.h"

enum {
    ALIGNMENT = 16,
    HOME_BYTES = 5 * 4096,
    BUFFER_START = 4096 - 512, /* a usual head fits into the first page's rest */
    BUFFER_MIN = 16 * 1024,    /* what is smaller is no frame buffer */
    KEPT_HOMES = 8,
};

/* Owned by those who live in it, or kept by the homes; its loop's only. */
struct http2_home {
    alignas(ALIGNMENT) struct http2_home *next; /* while it is free */
    uint16_t used;                              /* of the front */
    uint16_t dwellers;
    bool has_buffer;
};

struct http2_home *shoal__http2_home_take(struct http2_homes *homes)
{
    struct http2_home *home = homes->free;
    if (home) {
        homes->free = home->next;
        homes->kept--;
    } else {
        home = mmap(NULL, HOME_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (home == MAP_FAILED)
            return NULL;
        (void)madvise(home, HOME_BYTES, MADV_NOHUGEPAGE);
    }
    *home = (struct http2_home){.used = sizeof(*home), .dwellers = 1};
    SHOAL_POISON(home + 1, HOME_BYTES - sizeof(*home));
    return home;
}

void *shoal__http2_home_alloc(struct http2_home *home, size_t size)
{
    char *room;
    if (size >= BUFFER_MIN && size <= HOME_BYTES - BUFFER_START && !home->has_buffer) {
        room = (char *)home + BUFFER_START;
        home->has_buffer = true;
    } else if (size <= (size_t)(BUFFER_START - home->used)) {
        room = (char *)home + home->used;
        size_t end = home->used + ((size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1));
        home->used = (uint16_t)(end < BUFFER_START ? end : BUFFER_START);
    } else {
        return NULL;
    }
    home->dwellers++;
    SHOAL_UNPOISON(room, size);
    return room;
}

static void unmap(struct http2_home *home)
{
    SHOAL_UNPOISON(home, HOME_BYTES);
    munmap(home, HOME_BYTES);
}

void shoal__http2_home_leave(struct http2_homes *homes, struct http2_home *home, void *piece,
                             size_t size)
{
    if (piece)
        SHOAL_POISON(piece, size);
    if (--home->dwellers > 0)
        return;
    if (homes->kept == KEPT_HOMES) {
        unmap(home);
        return;
    }
    home->next = homes->free;
    homes->free = home;
    homes->kept++;
}

void shoal__http2_homes_fini(struct http2_homes *homes)
{
    while (homes->free) {
        struct http2_home *home = homes->free;
        homes->free = home->next;
        unmap(home);
    }
    homes->kept = 0;
}
