/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many CPUs this process may really use: those of its affinity mask, or fewer where a cgroup
 * (version 1 or 2) gives it less time than that.
 */
#ifndef SHOAL_RUNTIME_CPUS_H
#define SHOAL_RUNTIME_CPUS_H

/* At least 1. Reads /proc and /sys at every call. Thread: any. */
unsigned shoal__cpus_usable(void);

/*
 * The CPUs that a cgroup's quota amounts to, rounded up; UINT_MAX for no quota. `groups_path` is
 * /proc/self/cgroup or a stand-in, `mount_path` stands for /sys/fs/cgroup. Thread: any.
 */
unsigned shoal__cpus_by_quota(const char *groups_path, const char *mount_path);

/* Binds the calling process's thread to the n-th CPU of the affinity mask (counted modulo its
 * size). Returns 0 or a negative code. Thread: the one to be bound. */
int shoal__cpus_pin(unsigned n);

#endif
