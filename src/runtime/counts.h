/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counts by key, shared by threads under one mutex: how many connections an address has, say. Keys
 * with a count of zero take no memory.
 */
#ifndef SHOAL_RUNTIME_COUNTS_H
#define SHOAL_RUNTIME_COUNTS_H

#include <stddef.h>

#include <shoal/view.h>

struct shoal__counts;

/* Makes an empty set of counts. Returns 0 or a negative code. Thread: any. */
int shoal__counts_create(struct shoal__counts **out_counts);

/* Frees it, whatever it counts, and clears *counts. NULL is a no-op. Thread: the last user. */
void shoal__counts_destroy(struct shoal__counts **counts);

/* Counts one more of `key`, which is copied. Returns 0, -SHOAL_EFULL where there are `max` of it
 * already, or -SHOAL_ENOMEM; nothing is counted then. Thread: any. */
int shoal__counts_try_inc(struct shoal__counts *counts, struct shoal_view key, size_t max);

/* Counts one less of a `key` that was counted. Thread: any. */
void shoal__counts_dec(struct shoal__counts *counts, struct shoal_view key);

/* How many there are of `key`. Thread: any. */
size_t shoal__counts_get(struct shoal__counts *counts, struct shoal_view key);

#endif
