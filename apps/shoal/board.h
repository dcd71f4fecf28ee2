/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The price board: which price list is in force, on every loop. A list is constant and counted by
 * references; a new one is published by posting it to each loop, which drops the old one. A loop's
 * own thread thus reads its list without a lock and never sees half a change.
 */
#ifndef APPS_SHOAL_BOARD_H
#define APPS_SHOAL_BOARD_H

#include "host.h"
#include "market.h"

/*
 * Puts up the list that the options name, once however many services ask. Returns 0, or an exit
 * code after a sentence. Thread: main's, before start.
 */
int board_prepare(struct host *host);

/* Takes down main's reference. Thread: main's, after the server. */
void board_finish(struct host *host);

/* A loop begins with the list in force, and lets go of it. Thread: the loop's owner. */
void board_loop_start(struct host *host, struct host_loop *loop);
void board_loop_exit(struct host_loop *loop);

/* Reads the price file again and publishes it; a bad one is logged and the old list stays.
 * Thread: main's, while the server runs. */
void board_reload(struct host *host);

/* The list in force. Lives until the loop's turn ends. Thread: the loop's owner. */
const struct prices *board_prices(struct shoal_loop *loop);

#endif
