/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two intrusive lists, with the node inside the object: a circular doubly linked list, from which
 * an object can leave at any place, and a singly linked queue, which is first in, first out.
 * Neither allocates and neither owns its members.
 *
 * A list's head is itself a node and must stay where it was initialised. A node that is in no list
 * points to itself, so removing it again does nothing.
 */
#ifndef SHOAL_BASE_LIST_H
#define SHOAL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* The object of `type` whose field `member` is *node. */
#define SHOAL_CONTAINER_OF(node, type, member) \
    ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* A list's head, or a member's node. */
struct shoal__list {
    struct shoal__list *next;
    struct shoal__list *prev;
};

/* Visits every node; the body must not remove the current one. */
#define SHOAL_LIST_FOREACH(node, list) \
    for (struct shoal__list *node = (list)->next; node != (list); node = node->next)

/* Visits every node; the body may remove the current one, and only that one. */
#define SHOAL_LIST_FOREACH_SAFE(node, list)                                                  \
    for (struct shoal__list *node = (list)->next, *node##_next = node->next; node != (list); \
         node = node##_next, node##_next = node->next)

/* Makes a head empty, or a node a member of nothing. Thread: owner. */
static inline void shoal__list_init(struct shoal__list *list)
{
    list->next = list->prev = list;
}

/* True for a head without members, and for a node that is in no list. Thread: owner. */
static inline bool shoal__list_is_empty(const struct shoal__list *list)
{
    return list->next == list;
}

/* Thread: owner. */
static inline void shoal__list_push_back(struct shoal__list *list, struct shoal__list *node)
{
    node->next = list;
    node->prev = list->prev;
    list->prev->next = node;
    list->prev = node;
}

/* Thread: owner. */
static inline void shoal__list_push_front(struct shoal__list *list, struct shoal__list *node)
{
    shoal__list_push_back(list->next, node);
}

/* Takes the node out of whatever list it is in, if any. Thread: owner. */
static inline void shoal__list_remove(struct shoal__list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    shoal__list_init(node);
}

/* The first member's node, or NULL. Thread: owner. */
static inline struct shoal__list *shoal__list_first(const struct shoal__list *list)
{
    return list->next == list ? NULL : list->next;
}

/* Takes out and returns the first member's node, or NULL. Thread: owner. */
static inline struct shoal__list *shoal__list_take_first(struct shoal__list *list)
{
    struct shoal__list *node = list->next;
    shoal__list_remove(node);
    return node == list ? NULL : node;
}

/* A member of a queue. */
struct shoal__link {
    struct shoal__link *next;
};

/* A queue; all zero is empty. It may be copied by value, after which only one copy is used. */
struct shoal__queue {
    struct shoal__link *first;
    struct shoal__link *last;
};

/* Thread: owner. */
static inline bool shoal__queue_is_empty(const struct shoal__queue *queue)
{
    return queue->first == NULL;
}

/* Thread: owner. */
static inline void shoal__queue_push(struct shoal__queue *queue, struct shoal__link *link)
{
    link->next = NULL;
    *(queue->first == NULL ? &queue->first : &queue->last->next) = link;
    queue->last = link;
}

/* Takes out and returns the oldest link, or NULL. Thread: owner. */
static inline struct shoal__link *shoal__queue_pop(struct shoal__queue *queue)
{
    struct shoal__link *link = queue->first;
    queue->first = link == NULL ? NULL : link->next;
    return link;
}

/* Moves everything in `from` to the end of `to`; `from` is empty afterwards. Thread: owner. */
static inline void shoal__queue_move(struct shoal__queue *to, struct shoal__queue *from)
{
    *(to->first == NULL ? &to->first : &to->last->next) = from->first;
    to->last = from->first == NULL ? to->last : from->last;
    from->first = NULL;
}

#endif
