/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading the machine's memory and the cgroup's limit. */
#include "runtime/memory.h"

#include <unistd.h>

#include "runtime/cgroup.h"

/* The limit of one directory of either version. "max", which version 2 says for none, does not scan
 * as a number; version 1 says a very large one, which is as good. */
static uint64_t limit_of(const char *dir)
{
    long long bytes;
    if ((shoal__cgroup_scan(dir, "memory.max", "%lld", &bytes, NULL) ||
         shoal__cgroup_scan(dir, "memory.limit_in_bytes", "%lld", &bytes, NULL)) &&
        bytes > 0)
        return (uint64_t)bytes;
    return UINT64_MAX;
}

uint64_t shoal__memory_by_cgroup(const char *groups_path, const char *mount_path)
{
    static const struct shoal__cgroup_limit limit = {"memory", {"memory"}, limit_of};
    return shoal__cgroup_least(&limit, groups_path, mount_path);
}

static uint64_t machine_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : SIZE_MAX;
}

size_t shoal__memory_usable(void)
{
    uint64_t machine = machine_bytes();
    uint64_t allowed = shoal__memory_by_cgroup("/proc/self/cgroup", "/sys/fs/cgroup");
    uint64_t usable = allowed < machine ? allowed : machine;
    return usable < SIZE_MAX ? (size_t)usable : SIZE_MAX;
}
