/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The arena. Chunks form a list with the newest first, and only the newest is bumped; pieces above
 * a quarter of a chunk get memory of their own, so that they neither waste a chunk's rest nor
 * outgrow it. The free room of a chunk is poisoned for AddressSanitizer, which finds a pointer
 * that is kept across a reset. Single-threaded: one arena belongs to one request.
 */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/blocks.h"
#include "base/poison.h"

#define ALIGNMENT 16
#define DEFAULT_CHUNK_BYTES 4096

/* The head of a chunk or of a large piece; the bytes follow it. */
struct shoal__chunk {
    _Alignas(ALIGNMENT) struct shoal__chunk *next;
};

static size_t chunk_bytes(const struct shoal__arena *arena)
{
    return arena->blocks != NULL ? arena->blocks->block_bytes : DEFAULT_CHUNK_BYTES;
}

static size_t chunk_room(const struct shoal__arena *arena)
{
    return chunk_bytes(arena) - sizeof(struct shoal__chunk);
}

void shoal__arena_init(struct shoal__arena *arena, struct shoal__blocks *blocks)
{
    *arena = (struct shoal__arena){.blocks = blocks};
}

/* Makes all of a chunk's room free. */
static void bump_from_start(struct shoal__arena *arena, struct shoal__chunk *chunk)
{
    arena->next = (char *)(chunk + 1);
    arena->room = chunk_room(arena);
    SHOAL_POISON(arena->next, arena->room);
}

static void release_chunk(struct shoal__arena *arena, struct shoal__chunk *chunk)
{
    SHOAL_UNPOISON(chunk + 1, chunk_room(arena));
    if (arena->blocks != NULL)
        shoal__blocks_give(arena->blocks, chunk);
    else
        free(chunk);
}

static void release_large(struct shoal__arena *arena)
{
    while (arena->large != NULL) {
        struct shoal__chunk *piece = arena->large;
        arena->large = piece->next;
        free(piece);
    }
}

/* Releases chunks, the newest first, until `last` is the newest. */
static void release_chunks_above(struct shoal__arena *arena, struct shoal__chunk *last)
{
    while (arena->chunks != last) {
        struct shoal__chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        release_chunk(arena, chunk);
    }
}

void shoal__arena_fini(struct shoal__arena *arena)
{
    release_large(arena);
    release_chunks_above(arena, NULL);
    arena->next = NULL;
    arena->room = 0;
}

void shoal__arena_move(struct shoal__arena *to, struct shoal__arena *from)
{
    *to = *from;
    shoal__arena_init(from, from->blocks);
}

static struct shoal__chunk *first_chunk(const struct shoal__arena *arena)
{
    struct shoal__chunk *chunk = arena->chunks;
    while (chunk->next != NULL)
        chunk = chunk->next;
    return chunk;
}

void shoal__arena_reset(struct shoal__arena *arena)
{
    release_large(arena);
    if (arena->chunks == NULL)
        return;
    release_chunks_above(arena, first_chunk(arena));
    bump_from_start(arena, arena->chunks);
}

static void *alloc_large(struct shoal__arena *arena, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct shoal__chunk))
        return NULL;
    struct shoal__chunk *piece = malloc(sizeof *piece + size);
    if (piece == NULL)
        return NULL;
    piece->next = arena->large;
    arena->large = piece;
    return piece + 1;
}

static bool add_chunk(struct shoal__arena *arena)
{
    struct shoal__chunk *chunk =
        arena->blocks != NULL ? shoal__blocks_take(arena->blocks) : malloc(DEFAULT_CHUNK_BYTES);
    if (chunk == NULL)
        return false;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    bump_from_start(arena, chunk);
    return true;
}

/* The bytes a small piece takes in a chunk: never none, always a multiple of the alignment. */
static size_t padded(size_t size)
{
    return size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static void *take_from_chunk(struct shoal__arena *arena, size_t size)
{
    void *piece = arena->next;
    arena->next += padded(size);
    arena->room -= padded(size);
    SHOAL_UNPOISON(piece, size);
    return piece;
}

/* Apart, so that the many that fit do not pay for the calls of the few that do not. */
__attribute__((noinline)) static void *alloc_elsewhere(struct shoal__arena *arena, size_t size)
{
    if (size > chunk_room(arena) / 4)
        return alloc_large(arena, size);
    return add_chunk(arena) ? take_from_chunk(arena, size) : NULL;
}

void *shoal__arena_alloc(struct shoal__arena *arena, size_t size)
{
    bool fits = size <= arena->room && padded(size) <= arena->room;
    return fits ? take_from_chunk(arena, size) : alloc_elsewhere(arena, size);
}

char *shoal__arena_strdup(struct shoal__arena *arena, struct shoal_view text)
{
    char *copy = text.size == SIZE_MAX ? NULL : shoal__arena_alloc(arena, text.size + 1);
    if (copy == NULL)
        return NULL;
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

char *shoal__arena_vprintf(struct shoal__arena *arena, const char *format, va_list args)
{
    va_list measured;
    va_copy(measured, args);
    int length = vsnprintf(NULL, 0, format, measured);
    va_end(measured);
    if (length < 0)
        return NULL;

    char *text = shoal__arena_alloc(arena, (size_t)length + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)length + 1, format, args);
    return text;
}

char *shoal__arena_printf(struct shoal__arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = shoal__arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}
