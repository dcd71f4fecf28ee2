/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What cgroups (version 1 or 2) leave to this process. Every level of the group's path may have a
 * limit and the least one counts; levels that are not there (a container sees only a part of the
 * tree) count as having none.
 */
#ifndef SHOAL_RUNTIME_CGROUP_H
#define SHOAL_RUNTIME_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/* A limit: where version 1 mounts its controller, and how one directory of either version is read,
 * UINT64_MAX for no limit. */
struct shoal__cgroup_limit {
    const char *controller;   /* as version 1 lists it: "cpu" */
    const char *v1_mounts[2]; /* below the mount point; NULL: no second one */
    uint64_t (*read)(const char *dir);
};

/*
 * The least limit on the way from the group's directory up to the mount; UINT64_MAX for none.
 * `groups_path` is /proc/self/cgroup or a stand-in, `mount_path` stands for /sys/fs/cgroup.
 * Thread: any.
 */
uint64_t shoal__cgroup_least(const struct shoal__cgroup_limit *limit, const char *groups_path,
                             const char *mount_path);

/* Reads numbers of the file "DIR/NAME" as `format` says, `b` NULL where it names one; false where
 * the file is missing or says otherwise. Thread: any. */
bool shoal__cgroup_scan(const char *dir, const char *name, const char *format, long long *a,
                        long long *b);

#endif
