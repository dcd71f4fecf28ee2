/* SPDX-License-Identifier: BSD-3-Clause */
/* Request-long memory. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/blocks.h"
#include "support/failmalloc.h"

static void pieces_are_aligned_apart_and_writable(void **state)
{
    (void)state;
    struct shoal__arena arena = {0};
    unsigned char *pieces[400];
    for (size_t i = 0; i < 400; i++) {
        pieces[i] = shoal__arena_alloc(&arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < 400; i++) {
        for (size_t j = 0; j < i; j++)
            assert_int_equal(pieces[i][j], i & 0xff);
    }
    shoal__arena_fini(&arena);
}

static void a_large_piece_does_not_end_the_current_chunk(void **state)
{
    (void)state;
    struct shoal__arena arena = {0};
    char *before = shoal__arena_alloc(&arena, 16);
    char *large = shoal__arena_alloc(&arena, 1000000);
    char *after = shoal__arena_alloc(&arena, 16);
    assert_non_null(large);
    memset(large, 7, 1000000);
    assert_ptr_equal(after, before + 16);
    shoal__arena_fini(&arena);
}

static void a_size_near_the_end_of_all_memory_is_out_of_memory(void **state)
{
    (void)state;
    struct shoal__arena arena = {0};
    assert_null(shoal__arena_alloc(&arena, SIZE_MAX));
    assert_null(shoal__arena_alloc(&arena, SIZE_MAX - 15));
    assert_null(shoal__arena_strdup(&arena, shoal_view("", SIZE_MAX)));
    assert_non_null(shoal__arena_alloc(&arena, 1));
    shoal__arena_fini(&arena);
}

static void a_usual_request_allocates_nothing_after_the_first(void **state)
{
    (void)state;
    struct shoal__arena arena;
    shoal__arena_init(&arena, NULL);
    for (int request = 0; request < 3; request++) {
        failmalloc_at(1000);
        for (int i = 0; i < 20; i++)
            assert_non_null(shoal__arena_printf(&arena, "header-%d: %d", i, request));
        assert_int_equal(failmalloc_count(), request == 0 ? 1 : 0);
        failmalloc_off();
        shoal__arena_reset(&arena);
    }
    shoal__arena_fini(&arena);
}

static void a_big_request_leaves_only_the_first_chunk_behind(void **state)
{
    (void)state;
    struct shoal__blocks blocks;
    struct shoal__arena arena;
    shoal__blocks_init(&blocks, 1024, 100);
    shoal__arena_init(&arena, &blocks);
    char *first = shoal__arena_alloc(&arena, 100);
    for (int i = 0; i < 100; i++)
        assert_non_null(shoal__arena_alloc(&arena, 100));
    assert_non_null(shoal__arena_alloc(&arena, 5000));
    shoal__arena_reset(&arena);
    assert_true(blocks.kept >= 10);
    assert_null(arena.large);
    assert_ptr_equal(shoal__arena_alloc(&arena, 100), first);
    size_t kept = blocks.kept;
    shoal__arena_fini(&arena);
    assert_int_equal(blocks.kept, kept + 1);
    shoal__blocks_fini(&blocks);
}

static void arenas_hand_chunks_to_each_other_through_the_freelist(void **state)
{
    (void)state;
    struct shoal__blocks blocks;
    struct shoal__arena one, two;
    shoal__blocks_init(&blocks, 4096, 1);
    shoal__arena_init(&one, &blocks);
    shoal__arena_init(&two, &blocks);
    assert_non_null(shoal__arena_alloc(&one, 100));
    shoal__arena_fini(&one);
    failmalloc_from(1);
    assert_non_null(shoal__arena_alloc(&two, 100));
    failmalloc_off();
    shoal__arena_fini(&two);
    shoal__blocks_fini(&blocks);
}

static void what_is_moved_stays_where_it_is_and_outlives_the_arena_it_was_in(void **state)
{
    (void)state;
    struct shoal__arena from = {0}, to = {0};
    char *small = shoal__arena_strdup(&from, shoal_view_of("small"));
    char *large = shoal__arena_alloc(&from, 100000);
    memset(large, 'x', 100000);
    shoal__arena_move(&to, &from);
    shoal__arena_fini(&from);
    assert_string_equal(small, "small");
    assert_int_equal(large[99999], 'x');
    assert_non_null(shoal__arena_alloc(&from, 10));
    shoal__arena_fini(&from);
    shoal__arena_fini(&to);
}

static void copies_are_terminated_and_may_hold_nul(void **state)
{
    (void)state;
    struct shoal__arena arena = {0};
    assert_string_equal(shoal__arena_strdup(&arena, shoal_view("herring", 3)), "her");
    assert_string_equal(shoal__arena_strdup(&arena, shoal_view(NULL, 0)), "");
    assert_memory_equal(shoal__arena_strdup(&arena, shoal_view("a\0b", 3)), "a\0b", 4);
    shoal__arena_fini(&arena);
}

static void formatted_text_has_any_length(void **state)
{
    (void)state;
    struct shoal__arena arena = {0};
    assert_string_equal(shoal__arena_printf(&arena, "%s-%d", "cod", 2), "cod-2");
    char *longer = shoal__arena_printf(&arena, "%09000d", 5);
    assert_int_equal(strlen(longer), 9000);
    assert_string_equal(shoal__arena_printf(&arena, "%s", ""), "");
    shoal__arena_fini(&arena);
}

static void an_arena_without_pieces_can_be_reset_and_ended(void **state)
{
    (void)state;
    struct shoal__arena arena = {0};
    shoal__arena_reset(&arena);
    shoal__arena_fini(&arena);
    assert_non_null(shoal__arena_alloc(&arena, 0));
    shoal__arena_fini(&arena);
    shoal__arena_fini(&arena);
}

/* One request that needs chunks and large pieces; false where memory ran out. */
static bool use(struct shoal__arena *arena)
{
    bool whole = true;
    for (int i = 0; i < 20 && whole; i++)
        whole = shoal__arena_alloc(arena, 200) != NULL &&
                shoal__arena_printf(arena, "%0*d", i * 150, i) != NULL &&
                shoal__arena_strdup(arena, shoal_view_of("trout")) != NULL;
    return whole;
}

static void every_allocation_may_fail_and_the_arena_goes_on(void **state)
{
    (void)state;
    struct shoal__blocks blocks;
    struct shoal__arena arena;
    bool whole = false;
    long k = 0;
    shoal__blocks_init(&blocks, 1024, 2);
    shoal__arena_init(&arena, &blocks);
    while (!whole) {
        failmalloc_at(++k);
        whole = use(&arena);
        assert_int_equal(whole, failmalloc_failures() == 0);
        failmalloc_off();
        assert_non_null(shoal__arena_alloc(&arena, 2000));
        shoal__arena_fini(&arena);
        shoal__blocks_fini(&blocks);
    }
    assert_true(k > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_apart_and_writable),
        cmocka_unit_test(a_large_piece_does_not_end_the_current_chunk),
        cmocka_unit_test(a_size_near_the_end_of_all_memory_is_out_of_memory),
        cmocka_unit_test(a_usual_request_allocates_nothing_after_the_first),
        cmocka_unit_test(a_big_request_leaves_only_the_first_chunk_behind),
        cmocka_unit_test(arenas_hand_chunks_to_each_other_through_the_freelist),
        cmocka_unit_test(what_is_moved_stays_where_it_is_and_outlives_the_arena_it_was_in),
        cmocka_unit_test(copies_are_terminated_and_may_hold_nul),
        cmocka_unit_test(formatted_text_has_any_length),
        cmocka_unit_test(an_arena_without_pieces_can_be_reset_and_ended),
        cmocka_unit_test(every_allocation_may_fail_and_the_arena_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
