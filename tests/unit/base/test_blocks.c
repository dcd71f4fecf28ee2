/* SPDX-License-Identifier: BSD-3-Clause */
/* The freelist of blocks. */
#include "base/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/failmalloc.h"

static void a_block_that_was_given_back_is_taken_again(void **state)
{
    (void)state;
    struct shoal__blocks blocks;
    shoal__blocks_init(&blocks, 4096, 4);
    void *block = shoal__blocks_take(&blocks);
    memset(block, 1, 4096);
    shoal__blocks_give(&blocks, block);
    failmalloc_from(1);
    void *again = shoal__blocks_take(&blocks);
    assert_int_equal(failmalloc_count(), 0);
    failmalloc_off();
    assert_ptr_equal(again, block);
    memset(again, 2, 4096);
    shoal__blocks_give(&blocks, again);
    shoal__blocks_fini(&blocks);
}

static void no_more_blocks_are_kept_than_the_bound(void **state)
{
    (void)state;
    struct shoal__blocks blocks;
    void *out[5];
    shoal__blocks_init(&blocks, 64, 3);
    for (int i = 0; i < 5; i++)
        out[i] = shoal__blocks_take(&blocks);
    for (int i = 0; i < 5; i++)
        shoal__blocks_give(&blocks, out[i]);
    assert_int_equal(blocks.kept, 3);
    failmalloc_at(1000);
    for (int i = 0; i < 4; i++)
        out[i] = shoal__blocks_take(&blocks);
    assert_int_equal(failmalloc_count(), 1);
    failmalloc_off();
    assert_int_equal(blocks.kept, 0);
    for (int i = 0; i < 4; i++)
        shoal__blocks_give(&blocks, out[i]);
    shoal__blocks_fini(&blocks);
    assert_int_equal(blocks.kept, 0);
}

static void a_bound_of_zero_keeps_nothing(void **state)
{
    (void)state;
    struct shoal__blocks blocks;
    shoal__blocks_init(&blocks, 64, 0);
    shoal__blocks_give(&blocks, shoal__blocks_take(&blocks));
    shoal__blocks_give(&blocks, NULL);
    assert_int_equal(blocks.kept, 0);
    shoal__blocks_fini(&blocks);
}

static void without_memory_no_block_is_taken(void **state)
{
    (void)state;
    struct shoal__blocks blocks;
    shoal__blocks_init(&blocks, 64, 1);
    failmalloc_at(1);
    assert_null(shoal__blocks_take(&blocks));
    failmalloc_off();
    shoal__blocks_give(&blocks, shoal__blocks_take(&blocks));
    shoal__blocks_fini(&blocks);
}

static void blocks_are_aligned_to_16(void **state)
{
    (void)state;
    struct shoal__blocks blocks;
    shoal__blocks_init(&blocks, 100, 1);
    void *block = shoal__blocks_take(&blocks);
    assert_int_equal((uintptr_t)block % 16, 0);
    shoal__blocks_give(&blocks, block);
    shoal__blocks_fini(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_that_was_given_back_is_taken_again),
        cmocka_unit_test(no_more_blocks_are_kept_than_the_bound),
        cmocka_unit_test(a_bound_of_zero_keeps_nothing),
        cmocka_unit_test(without_memory_no_block_is_taken),
        cmocka_unit_test(blocks_are_aligned_to_16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
