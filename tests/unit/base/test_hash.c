/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-1-3 and the table over it. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
#include "support/failmalloc.h"

struct entry {
    struct shoal__hashmap_node node;
    char name[24];
    bool is_in;
};

static const struct shoal__hash_key fixed_seed = {1, 2};

static void entry_init(struct entry *entry, int number)
{
    int length =
        snprintf(entry->name, sizeof entry->name, "10.0.%d.%d", number / 256, number % 256);
    entry->node.key = shoal_view(entry->name, (size_t)length);
    entry->is_in = false;
}

static void assert_holds_exactly(const struct shoal__hashmap *map, struct entry *entries, int count)
{
    size_t in = 0;
    for (int i = 0; i < count; i++) {
        struct shoal__hashmap_node *found = shoal__hashmap_get(map, entries[i].node.key);
        assert_ptr_equal(found, entries[i].is_in ? &entries[i].node : NULL);
        in += entries[i].is_in;
    }
    assert_int_equal(map->count, in);
}

static void known_inputs_have_their_known_hashes_under_the_zero_key(void **state)
{
    (void)state;
    /* From CPython 3.11, which hashes bytes with SipHash-1-3: PYTHONHASHSEED=0, hash(b"..."). */
    static const struct {
        const char *text;
        uint64_t hash;
    } known[] = {
        {"a", UINT64_C(0x407448d2b89b1813)},
        {"shoal", UINT64_C(0xd603293c03fb0d57)},
        {"12345678", UINT64_C(0x3489982430560a87)},
        {"123456789", UINT64_C(0x0fbc0f0007965fcf)},
        {"/photos/2026/07/img_0001.jpg", UINT64_C(0x7559dec49451ff6e)},
    };
    const struct shoal__hash_key zero = {0, 0};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(shoal__hash(&zero, shoal_view_of(known[i].text)) == known[i].hash);
}

static void the_empty_input_has_its_known_hash_under_a_counting_key(void **state)
{
    (void)state;
    const struct shoal__hash_key counting = {UINT64_C(0x0706050403020100),
                                             UINT64_C(0x0f0e0d0c0b0a0908)};
    assert_true(shoal__hash(&counting, shoal_view(NULL, 0)) == UINT64_C(0xabac0158050fc4dc));
}

static void another_key_gives_another_hash(void **state)
{
    (void)state;
    struct shoal__hash_key a = {0, 0}, b = {1, 0}, c = {0, 1};
    struct shoal_view text = shoal_view_of("haddock");
    assert_true(shoal__hash(&a, text) != shoal__hash(&b, text));
    assert_true(shoal__hash(&a, text) != shoal__hash(&c, text));
}

static void seeds_differ(void **state)
{
    (void)state;
    struct shoal__hash_key a = {0}, b = {0};
    assert_int_equal(shoal__hash_seed(&a), 0);
    assert_int_equal(shoal__hash_seed(&b), 0);
    assert_memory_not_equal(&a, &b, sizeof a);
}

static void an_empty_table_finds_nothing(void **state)
{
    (void)state;
    struct shoal__hashmap map;
    shoal__hashmap_init(&map, fixed_seed);
    assert_null(shoal__hashmap_get(&map, shoal_view_of("x")));
    assert_null(shoal__hashmap_get(&map, shoal_view(NULL, 0)));
    assert_null(shoal__hashmap_next(&map, NULL));
    shoal__hashmap_fini(&map);
}

static void a_key_that_is_there_is_not_inserted_again(void **state)
{
    (void)state;
    struct shoal__hashmap map;
    struct entry first, second;
    shoal__hashmap_init(&map, fixed_seed);
    entry_init(&first, 7);
    entry_init(&second, 7);
    assert_null(shoal__hashmap_put(&map, &first.node));
    assert_ptr_equal(shoal__hashmap_put(&map, &second.node), &first.node);
    assert_int_equal(map.count, 1);
    shoal__hashmap_remove(&map, &first.node);
    assert_null(shoal__hashmap_put(&map, &second.node));
    assert_ptr_equal(shoal__hashmap_get(&map, first.node.key), &second.node);
    shoal__hashmap_fini(&map);
}

/* Random puts and removes against a flag per entry. */
static void the_table_agrees_with_a_list_of_flags(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static struct entry entries[COUNT];
    struct shoal__hashmap map;
    uint32_t random = 1;
    shoal__hashmap_init(&map, fixed_seed);
    for (int i = 0; i < COUNT; i++)
        entry_init(&entries[i], i);
    for (int step = 0; step < 5000; step++) {
        random = random * 1664525 + 1013904223;
        struct entry *entry = &entries[(random >> 8) % COUNT];
        if (entry->is_in)
            shoal__hashmap_remove(&map, &entry->node);
        else
            assert_null(shoal__hashmap_put(&map, &entry->node));
        entry->is_in = !entry->is_in;
        if (step % 100 == 0)
            assert_holds_exactly(&map, entries, COUNT);
    }
    assert_true(map.mask + 1 >= 128);
    shoal__hashmap_fini(&map);
}

static void the_walk_meets_every_member_once_and_may_empty_the_table(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    static struct entry entries[COUNT];
    struct shoal__hashmap map;
    int met = 0;
    shoal__hashmap_init(&map, fixed_seed);
    for (int i = 0; i < COUNT; i++) {
        entry_init(&entries[i], i);
        shoal__hashmap_put(&map, &entries[i].node);
        entries[i].is_in = true;
    }
    for (struct shoal__hashmap_node *node = shoal__hashmap_next(&map, NULL), *next; node != NULL;
         node = next) {
        next = shoal__hashmap_next(&map, node);
        struct entry *entry = SHOAL_CONTAINER_OF(node, struct entry, node);
        assert_true(entry->is_in);
        entry->is_in = false;
        shoal__hashmap_remove(&map, node);
        met++;
    }
    assert_int_equal(met, COUNT);
    assert_int_equal(map.count, 0);
    shoal__hashmap_fini(&map);
}

static void without_memory_to_grow_the_table_still_works(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    static struct entry entries[COUNT];
    struct shoal__hashmap map;
    shoal__hashmap_init(&map, fixed_seed);
    failmalloc_from(1);
    for (int i = 0; i < COUNT; i++) {
        entry_init(&entries[i], i);
        assert_null(shoal__hashmap_put(&map, &entries[i].node));
        entries[i].is_in = true;
    }
    assert_true(failmalloc_failures() > 0);
    failmalloc_off();
    assert_int_equal(map.mask + 1, SHOAL__HASHMAP_FIRST_BUCKETS);
    assert_holds_exactly(&map, entries, COUNT);
    shoal__hashmap_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_inputs_have_their_known_hashes_under_the_zero_key),
        cmocka_unit_test(the_empty_input_has_its_known_hash_under_a_counting_key),
        cmocka_unit_test(another_key_gives_another_hash),
        cmocka_unit_test(seeds_differ),
        cmocka_unit_test(an_empty_table_finds_nothing),
        cmocka_unit_test(a_key_that_is_there_is_not_inserted_again),
        cmocka_unit_test(the_table_agrees_with_a_list_of_flags),
        cmocka_unit_test(the_walk_meets_every_member_once_and_may_empty_the_table),
        cmocka_unit_test(without_memory_to_grow_the_table_still_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
