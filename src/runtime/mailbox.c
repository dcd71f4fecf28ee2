/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mailbox: one atomic word and the transitions between its four kinds of value (mailbox.h).
 * There is no ABA problem: tasks are added one by one, but only ever taken all at once.
 */
#include "runtime/mailbox.h"

#include <stddef.h>

enum {
    EMPTY = 0,
    SLEEPING = 1,
    CLOSED = 2,
};

static bool is_task(uintptr_t head)
{
    return head > CLOSED;
}

void shoal__mailbox_init(struct shoal__mailbox *mailbox)
{
    atomic_init(&mailbox->head, EMPTY);
}

enum shoal__push shoal__mailbox_push(struct shoal__mailbox *mailbox, struct shoal_task *task)
{
    uintptr_t head = atomic_load(&mailbox->head);
    do {
        if (head == CLOSED)
            return SHOAL__PUSH_REFUSED;
        task->next_ = is_task(head) ? (struct shoal_task *)head : NULL;
    } while (!atomic_compare_exchange_weak(&mailbox->head, &head, (uintptr_t)task));

    return head == SLEEPING ? SHOAL__PUSHED_WAKE : SHOAL__PUSHED;
}

/* The chain is newest first; the owner wants the order of the pushes. */
static struct shoal_task *reverse(struct shoal_task *newest)
{
    struct shoal_task *oldest = NULL;
    while (newest != NULL) {
        struct shoal_task *next = newest->next_;
        newest->next_ = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

struct shoal_task *shoal__mailbox_take(struct shoal__mailbox *mailbox)
{
    if (atomic_load(&mailbox->head) == EMPTY)
        return NULL; /* a load is cheaper than an exchange, and most turns find nothing */

    uintptr_t head = atomic_exchange(&mailbox->head, EMPTY);
    return is_task(head) ? reverse((struct shoal_task *)head) : NULL;
}

/* Moves from one idle value to another. False where the head is something else. */
static bool move(struct shoal__mailbox *mailbox, uintptr_t from, uintptr_t to)
{
    return atomic_compare_exchange_strong(&mailbox->head, &from, to) || from == to;
}

bool shoal__mailbox_sleep(struct shoal__mailbox *mailbox)
{
    return move(mailbox, EMPTY, SLEEPING);
}

void shoal__mailbox_awake(struct shoal__mailbox *mailbox)
{
    move(mailbox, SLEEPING, EMPTY); /* where tasks wait, their push has seen us awake or woken us */
}

bool shoal__mailbox_try_close(struct shoal__mailbox *mailbox)
{
    return move(mailbox, EMPTY, CLOSED) || move(mailbox, SLEEPING, CLOSED);
}
