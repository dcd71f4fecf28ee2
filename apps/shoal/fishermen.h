/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `fishermen`: the clients of the fish market; see fishermen.c. */
#ifndef APPS_SHOAL_FISHERMEN_H
#define APPS_SHOAL_FISHERMEN_H

#include "options.h"

/* Sells and tells. Returns 0; 69 where the market is closed; 76 where somebody was not paid right;
 * 71 for want of resources. Thread: main's. */
int go_fishing(const struct options *options);

#endif
