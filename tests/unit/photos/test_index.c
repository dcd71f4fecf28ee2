/* SPDX-License-Identifier: BSD-3-Clause */
/* The index: finds what was put in, in order, within its memory, and while it is written. */
#include "box.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

static struct shoal_view key_of(unsigned number, char out[16])
{
    return shoal_view(out, (size_t)snprintf(out, 16, "key-%08u", number));
}

static void set(struct index *index, unsigned number, uint64_t value)
{
    char text[16];
    struct photo *node = index_reserve(index, key_of(number, text));
    assert_non_null(node);
    index_set(index, node, &(struct photo_facts){.offset = value, .sequence = value});
}

static void keys_come_back_in_order_whatever_the_order_they_went_in(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    struct index *index = index_create();
    char text[16];
    struct photo_facts facts;
    for (unsigned i = 0; i < COUNT; i++)
        set(index, i * 7919 % COUNT, i * 7919 % COUNT + 1);
    unsigned expected = 0;
    for (struct photo *node = index_after(index, shoal_view("", 0)); node;
         node = photo_next(node)) {
        assert_true(shoal_view_equal(photo_key(node), key_of(expected, text)));
        assert_true(photo_read(node, &facts));
        assert_int_equal(facts.offset, ++expected);
    }
    assert_int_equal(expected, COUNT);
    assert_int_equal(index_count(index), COUNT);
    index_destroy(&index);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    struct index *index = index_create();
    char text[16];
    struct photo_facts facts;
    assert_null(index_find(index, key_of(1, text)));
    assert_null(index_after(index, shoal_view("", 0)));
    set(index, 2, 5);
    assert_null(index_find(index, key_of(1, text)));
    assert_null(index_find(index, key_of(3, text)));
    assert_non_null(index_find(index, key_of(2, text)));
    assert_null(index_after(index, key_of(2, text)));
    struct photo *node = index_find(index, key_of(2, text));
    index_clear(index, node);
    assert_false(photo_read(node, &facts));
    assert_int_equal(index_count(index), 0);
    index_destroy(&index);
}

static void a_prefix_comes_before_what_it_begins(void **state)
{
    (void)state;
    struct index *index = index_create();
    assert_non_null(index_reserve(index, shoal_view_of("ab")));
    assert_non_null(index_reserve(index, shoal_view_of("a")));
    assert_non_null(index_reserve(index, shoal_view_of("b")));
    struct photo *node = index_after(index, shoal_view("", 0));
    assert_true(shoal_view_equal(photo_key(node), shoal_view_of("a")));
    assert_true(shoal_view_equal(photo_key(photo_next(node)), shoal_view_of("ab")));
    assert_true(
        shoal_view_equal(photo_key(index_after(index, shoal_view_of("aa"))), shoal_view_of("ab")));
    index_destroy(&index);
}

static void a_check_holds_for_its_needle_only(void **state)
{
    (void)state;
    struct index *index = index_create();
    char text[16];
    set(index, 1, 10);
    struct photo *node = index_find(index, key_of(1, text));
    assert_int_equal(photo_checked(node, 10), PHOTO_UNCHECKED);
    photo_set_checked(node, 10, PHOTO_DAMAGED);
    assert_int_equal(photo_checked(node, 10), PHOTO_DAMAGED);
    assert_int_equal(photo_checked(node, 11), PHOTO_UNCHECKED);
    index_destroy(&index);
}

static void a_photo_takes_at_most_64_bytes_beyond_its_key(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    struct index *index = index_create();
    char text[16];
    for (unsigned i = 0; i < COUNT; i++)
        set(index, i, i + 1);
    uint64_t keys = (uint64_t)COUNT * key_of(0, text).size;
    assert_in_range((index_bytes(index) - keys) / COUNT, 1, 64);
    index_destroy(&index);
}

/* Readers beside the writer: every value has an offset equal to its sequence. */
struct shared {
    struct index *index;
    atomic_bool done;
};

static void *read_all(void *arg)
{
    struct shared *shared = arg;
    struct photo_facts facts;
    uint64_t torn = 0;
    while (!atomic_load_explicit(&shared->done, memory_order_acquire)) {
        struct photo *node = index_after(shared->index, shoal_view("", 0));
        for (; node; node = photo_next(node)) {
            if (photo_read(node, &facts) &&
                (facts.offset != facts.sequence || facts.size != (uint32_t)facts.offset))
                torn++;
        }
    }
    return (void *)(uintptr_t)torn;
}

static void readers_see_whole_photos_while_they_change(void **state)
{
    (void)state;
    struct shared shared = {.index = index_create()};
    pthread_t readers[2];
    char text[16];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_all, &shared), 0);
    for (unsigned i = 0; i < 20000; i++) {
        struct photo *node = index_reserve(shared.index, key_of(i * 31 % 64, text));
        if (i % 5 == 0)
            index_clear(shared.index, node);
        else
            index_set(shared.index, node,
                      &(struct photo_facts){.offset = i, .sequence = i, .size = i});
    }
    atomic_store_explicit(&shared.done, true, memory_order_release);
    for (size_t i = 0; i < 2; i++) {
        void *torn;
        assert_int_equal(pthread_join(readers[i], &torn), 0);
        assert_null(torn);
    }
    index_destroy(&shared.index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_back_in_order_whatever_the_order_they_went_in),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(a_prefix_comes_before_what_it_begins),
        cmocka_unit_test(a_check_holds_for_its_needle_only),
        cmocka_unit_test(a_photo_takes_at_most_64_bytes_beyond_its_key),
        cmocka_unit_test(readers_see_whole_photos_while_they_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
