/* SPDX-License-Identifier: BSD-3-Clause */
/* The limit of open descriptors, and how many connections it allows. */
#ifndef SHOAL_RUNTIME_DESCRIPTORS_H
#define SHOAL_RUNTIME_DESCRIPTORS_H

#include <stddef.h>

/* Raises the process's soft limit as far as allowed and returns it; SIZE_MAX for none.
 * Thread: any. */
size_t shoal__descriptors_raise(void);

/*
 * How many connections may be accepted where `asked` were (0: as many as possible) and so many
 * descriptors are allowed: some are kept back for listeners, event bases, logs and files.
 * Never 0. Thread: any.
 */
size_t shoal__descriptors_connections(size_t asked, size_t allowed, unsigned loops);

#endif
