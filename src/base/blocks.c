/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The freelist of blocks. A kept block holds the link to the next one in its first bytes; the rest
 * of it is poisoned for AddressSanitizer until it is taken again. Single-threaded: no locks.
 */
#include "base/blocks.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/poison.h"

struct shoal__block {
    struct shoal__block *next;
};

/* What of a kept block is nobody's: all but the link. */
static void poison_rest(struct shoal__block *block, size_t block_bytes)
{
    SHOAL_POISON(block + 1, block_bytes - sizeof *block);
}

static void unpoison_rest(struct shoal__block *block, size_t block_bytes)
{
    SHOAL_UNPOISON(block + 1, block_bytes - sizeof *block);
}

void shoal__blocks_init(struct shoal__blocks *blocks, size_t block_bytes, size_t max_kept)
{
    SHOAL_ASSERT(block_bytes >= 64);
    *blocks = (struct shoal__blocks){.block_bytes = block_bytes, .max_kept = max_kept};
}

void shoal__blocks_fini(struct shoal__blocks *blocks)
{
    while (blocks->free != NULL)
        free(shoal__blocks_take(blocks));
}

void *shoal__blocks_take(struct shoal__blocks *blocks)
{
    struct shoal__block *block = blocks->free;
    if (block == NULL)
        return malloc(blocks->block_bytes);
    blocks->free = block->next;
    blocks->kept--;
    unpoison_rest(block, blocks->block_bytes);
    return block;
}

void shoal__blocks_give(struct shoal__blocks *blocks, void *memory)
{
    struct shoal__block *block = memory;
    if (block == NULL)
        return;
    if (blocks->kept == blocks->max_kept) {
        free(block);
        return;
    }
    block->next = blocks->free;
    blocks->free = block;
    blocks->kept++;
    poison_rest(block, blocks->block_bytes);
}
