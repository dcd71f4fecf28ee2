/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A freelist of equally sized memory blocks, for one thread. It keeps up to `max_kept` returned
 * blocks and gives the rest back to malloc, so that a steady load allocates nothing and a burst
 * does not stay in memory. It does not know the blocks that are out: who takes one gives it back
 * to the same freelist, or keeps it until then.
 */
#ifndef SHOAL_BASE_BLOCKS_H
#define SHOAL_BASE_BLOCKS_H

#include <stddef.h>

struct shoal__block;

/* Owned by what embeds it (a loop, say), touched by that thread only, dead after _fini. */
struct shoal__blocks {
    struct shoal__block *free;
    size_t block_bytes;
    size_t kept; /* blocks in `free`, at most max_kept */
    size_t max_kept;
};

/* `block_bytes` is at least 64. Allocates nothing. Thread: owner. */
void shoal__blocks_init(struct shoal__blocks *blocks, size_t block_bytes, size_t max_kept);

/* Frees the kept blocks. Blocks still out must not be given back after this. Thread: owner. */
void shoal__blocks_fini(struct shoal__blocks *blocks);

/* A block of block_bytes, aligned to 16, contents undefined; NULL where memory is out.
 * Thread: owner. */
void *shoal__blocks_take(struct shoal__blocks *blocks);

/* Returns a taken block. NULL is a no-op. Thread: owner. */
void shoal__blocks_give(struct shoal__blocks *blocks, void *block);

#endif
