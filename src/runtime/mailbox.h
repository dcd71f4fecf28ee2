/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mailbox: tasks on their way to one loop. Many threads push, the owner takes. No lock: the
 * whole state is one atomic word, `head`, which is
 *
 *     EMPTY     nothing waits and the owner is awake
 *     SLEEPING  nothing waits and the owner is (about to be) asleep: whoever pushes must wake it
 *     CLOSED    the owner has ended: pushes are refused
 *     a task    the newest of a chain, each linked to the one pushed before it
 *
 * One push in a burst finds SLEEPING, so a burst costs one wake-up. Taking exchanges the whole
 * chain and reverses it, which gives the order of the pushes back. It knows no descriptors: the
 * loop does the waking. All accesses are sequentially consistent read-modify-writes or loads.
 */
#ifndef SHOAL_RUNTIME_MAILBOX_H
#define SHOAL_RUNTIME_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <shoal/loop.h>

struct shoal__mailbox {
    _Atomic uintptr_t head;
};

enum shoal__push {
    SHOAL__PUSHED,       /* the owner will see it by itself */
    SHOAL__PUSHED_WAKE,  /* the caller must wake the owner */
    SHOAL__PUSH_REFUSED, /* closed; the task was not taken */
};

/* Makes it empty with its owner awake. Thread: before start. */
void shoal__mailbox_init(struct shoal__mailbox *mailbox);

/* Adds one task. Thread: any. */
enum shoal__push shoal__mailbox_push(struct shoal__mailbox *mailbox, struct shoal_task *task);

/* Takes everything, oldest first, linked by next_; NULL for nothing. The owner counts as awake
 * afterwards. Thread: owner. */
struct shoal_task *shoal__mailbox_take(struct shoal__mailbox *mailbox);

/* Declares the owner asleep. False where tasks wait: then do not sleep. Thread: owner. */
bool shoal__mailbox_sleep(struct shoal__mailbox *mailbox);

/* Declares the owner awake again, so that pushes stop paying for wake-ups. Thread: owner. */
void shoal__mailbox_awake(struct shoal__mailbox *mailbox);

/* Closes it if it is empty; false where tasks wait. Thread: owner. */
bool shoal__mailbox_try_close(struct shoal__mailbox *mailbox);

#endif
