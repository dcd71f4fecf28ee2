/* SPDX-License-Identifier: BSD-3-Clause */
/* The intrusive list and queue. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int number;
    struct shoal__list node;
    struct shoal__link link;
};

static struct item *item_of(struct shoal__list *node)
{
    return SHOAL_CONTAINER_OF(node, struct item, node);
}

static int pop_number(struct shoal__queue *queue)
{
    struct shoal__link *link = shoal__queue_pop(queue);
    return link == NULL ? -1 : SHOAL_CONTAINER_OF(link, struct item, link)->number;
}

static void assert_numbers(const struct shoal__list *list, const int *expected, int count)
{
    int i = 0;
    SHOAL_LIST_FOREACH(node, list)
    {
        assert_true(i < count);
        assert_int_equal(item_of(node)->number, expected[i++]);
    }
    assert_int_equal(i, count);
}

static void a_list_keeps_the_order_of_both_ends(void **state)
{
    (void)state;
    struct shoal__list list;
    struct item a = {1, {0}, {0}}, b = {2, {0}, {0}}, c = {3, {0}, {0}};
    shoal__list_init(&list);
    assert_true(shoal__list_is_empty(&list));
    shoal__list_push_back(&list, &b.node);
    shoal__list_push_back(&list, &c.node);
    shoal__list_push_front(&list, &a.node);
    assert_numbers(&list, (int[]){1, 2, 3}, 3);
    assert_ptr_equal(shoal__list_first(&list), &a.node);
    assert_false(shoal__list_is_empty(&list));
}

static void a_node_leaves_from_anywhere_and_twice_is_harmless(void **state)
{
    (void)state;
    struct shoal__list list;
    struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    shoal__list_init(&list);
    for (int i = 0; i < 3; i++)
        shoal__list_push_back(&list, &items[i].node);
    shoal__list_remove(&items[1].node);
    shoal__list_remove(&items[1].node);
    assert_true(shoal__list_is_empty(&items[1].node));
    assert_numbers(&list, (int[]){0, 2}, 2);
}

static void the_first_is_taken_until_none_is_left(void **state)
{
    (void)state;
    struct shoal__list list;
    struct item items[2] = {{.number = 0}, {.number = 1}};
    shoal__list_init(&list);
    for (int i = 0; i < 2; i++)
        shoal__list_push_back(&list, &items[i].node);
    assert_ptr_equal(shoal__list_take_first(&list), &items[0].node);
    assert_ptr_equal(shoal__list_take_first(&list), &items[1].node);
    assert_null(shoal__list_take_first(&list));
    assert_null(shoal__list_first(&list));
    assert_true(shoal__list_is_empty(&list));
}

static void the_safe_walk_may_remove_every_node(void **state)
{
    (void)state;
    struct shoal__list list;
    struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    int seen = 0;
    shoal__list_init(&list);
    for (int i = 0; i < 4; i++)
        shoal__list_push_back(&list, &items[i].node);
    SHOAL_LIST_FOREACH_SAFE(node, &list)
    {
        assert_int_equal(item_of(node)->number, seen++);
        shoal__list_remove(node);
    }
    assert_int_equal(seen, 4);
    assert_true(shoal__list_is_empty(&list));
}

static void a_queue_is_first_in_first_out(void **state)
{
    (void)state;
    struct shoal__queue queue = {0};
    struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    assert_int_equal(pop_number(&queue), -1);
    shoal__queue_push(&queue, &items[0].link);
    shoal__queue_push(&queue, &items[1].link);
    assert_int_equal(pop_number(&queue), 0);
    shoal__queue_push(&queue, &items[2].link);
    assert_int_equal(pop_number(&queue), 1);
    assert_int_equal(pop_number(&queue), 2);
    assert_true(shoal__queue_is_empty(&queue));
    shoal__queue_push(&queue, &items[1].link);
    assert_int_equal(pop_number(&queue), 1);
}

static void moving_a_queue_appends_it_whole(void **state)
{
    (void)state;
    struct shoal__queue to = {0}, from = {0};
    struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    shoal__queue_move(&to, &from);
    assert_true(shoal__queue_is_empty(&to));
    shoal__queue_push(&from, &items[0].link);
    shoal__queue_move(&to, &from);
    shoal__queue_push(&from, &items[1].link);
    shoal__queue_push(&from, &items[2].link);
    shoal__queue_move(&to, &from);
    shoal__queue_move(&to, &from);
    shoal__queue_push(&to, &items[3].link);
    assert_true(shoal__queue_is_empty(&from));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pop_number(&to), i);
    assert_int_equal(pop_number(&to), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_keeps_the_order_of_both_ends),
        cmocka_unit_test(a_node_leaves_from_anywhere_and_twice_is_harmless),
        cmocka_unit_test(the_first_is_taken_until_none_is_left),
        cmocka_unit_test(the_safe_walk_may_remove_every_node),
        cmocka_unit_test(a_queue_is_first_in_first_out),
        cmocka_unit_test(moving_a_queue_appends_it_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
