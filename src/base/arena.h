/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that lives as long as one request: allocated piece by piece by moving a pointer, released
 * all at once. Chunks come from a freelist of blocks where one is given, else from malloc; a piece
 * that is large for a chunk is allocated for itself. An arena that is reset keeps its first chunk,
 * so that requests of usual size on one connection call malloc once.
 */
#ifndef SHOAL_BASE_ARENA_H
#define SHOAL_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include <shoal/export.h>
#include <shoal/view.h>

struct shoal__blocks;
struct shoal__chunk;

/* Owned by the object that embeds it, touched by that object's thread only, dead after _fini.
 * All zero is an empty arena on malloc. */
struct shoal__arena {
    struct shoal__blocks *blocks;
    struct shoal__chunk *chunks; /* newest first; the last one is kept by a reset */
    struct shoal__chunk *large;  /* pieces of their own */
    char *next;                  /* free room of the newest chunk */
    size_t room;
};

/* Allocates nothing. `blocks` may be NULL; it must outlive the arena. Thread: owner. */
void shoal__arena_init(struct shoal__arena *arena, struct shoal__blocks *blocks);

/* Releases everything; the arena is empty and usable afterwards. Thread: owner. */
void shoal__arena_fini(struct shoal__arena *arena);

/* Makes everything that `from` has allocated `to`'s, which is empty; `from` is empty then. Pieces
 * stay where they are. Thread: owner of both. */
void shoal__arena_move(struct shoal__arena *to, struct shoal__arena *from);

/* Releases every piece, but keeps the first chunk for the next request. Thread: owner. */
void shoal__arena_reset(struct shoal__arena *arena);

/* `size` bytes aligned to 16, contents undefined, never NULL for size 0; NULL where memory is out.
 * Thread: owner. */
void *shoal__arena_alloc(struct shoal__arena *arena, size_t size);

/* A NUL-terminated copy of `text`, or NULL where memory is out. Thread: owner. */
char *shoal__arena_strdup(struct shoal__arena *arena, struct shoal_view text);

/* Formatted text, or NULL where memory is out or the format is bad. Thread: owner. */
char *shoal__arena_printf(struct shoal__arena *arena, const char *format, ...) SHOAL_PRINTF(2, 3);
char *shoal__arena_vprintf(struct shoal__arena *arena, const char *format, va_list args)
    SHOAL_PRINTF(2, 0);

#endif
