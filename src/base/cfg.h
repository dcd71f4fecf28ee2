/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Option structs. Their first member is the struct's size in the version that the caller was built
 * with; what that version does not have keeps its default.
 */
#ifndef SHOAL_BASE_CFG_H
#define SHOAL_BASE_CFG_H

#include <stddef.h>
#include <string.h>

/* Takes over what the caller's struct has into *full, which holds the defaults. NULL has nothing.
 * Thread: any. */
static inline void shoal__cfg_read(void *full, size_t full_size, const void *cfg)
{
    size_t size;
    if (!cfg)
        return;
    memcpy(&size, cfg, sizeof(size));
    memcpy(full, cfg, size < full_size ? size : full_size);
    memcpy(full, &full_size, sizeof(full_size));
}
#define SHOAL__CFG_READ(full, cfg) shoal__cfg_read((full), sizeof(*(full)), (cfg))

#endif
