/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much memory this process may really use: the machine's, or less where a cgroup (version 1 or
 * 2) allows it less.
 */
#ifndef SHOAL_RUNTIME_MEMORY_H
#define SHOAL_RUNTIME_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Bytes. Reads /proc and /sys at every call. Thread: any. */
size_t shoal__memory_usable(void);

/*
 * The bytes that a cgroup allows; UINT64_MAX for no limit. `groups_path` is /proc/self/cgroup or a
 * stand-in, `mount_path` stands for /sys/fs/cgroup. Thread: any.
 */
uint64_t shoal__memory_by_cgroup(const char *groups_path, const char *mount_path);

#endif
