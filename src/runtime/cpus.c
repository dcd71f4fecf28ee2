/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading affinity and cgroup quota. Every level of the group's path may have a quota and the
 * least one counts; levels that are not there (a container sees only a part of the tree) count as
 * having none.
 */
#include "runtime/cpus.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where the controllers of version 1 are mounted; the directory has either name. */
static const char *const v1_mounts[] = {"cpu", "cpu,cpuacct"};

/* Quota and period in microseconds, to CPUs; what makes no sense is no quota. */
static unsigned to_cpus(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return UINT_MAX;
    long long cpus = (quota - 1) / period + 1;
    return cpus < (long long)UINT_MAX ? (unsigned)cpus : UINT_MAX;
}

/* Reads one file "DIR/NAME" as `format` says; false where it is missing or says otherwise. */
static bool scan(const char *dir, const char *name, const char *format, long long *a, long long *b)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;

    int expected = b != NULL ? 2 : 1;
    bool is_read = fscanf(file, format, a, b) == expected;
    fclose(file);
    return is_read;
}

/* The quota of one directory of either version. "max", which version 2 says for none, does not
 * scan as a number. */
static unsigned quota_of(const char *dir)
{
    long long quota;
    long long period;
    if (scan(dir, "cpu.max", "%lld %lld", &quota, &period))
        return to_cpus(quota, period);
    if (scan(dir, "cpu.cfs_quota_us", "%lld", &quota, NULL) &&
        scan(dir, "cpu.cfs_period_us", "%lld", &period, NULL))
        return to_cpus(quota, period);
    return UINT_MAX;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* The least quota on the way from the group's directory up to the mount itself. */
static unsigned quota_of_path(const char *mount, const char *group)
{
    char dir[PATH_MAX];
    int length = snprintf(dir, sizeof dir, "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof dir)
        return UINT_MAX;

    unsigned cpus = UINT_MAX;
    size_t mount_length = strlen(mount);
    for (;;) {
        cpus = least(cpus, quota_of(dir));
        char *slash = strrchr(dir, '/');
        if (slash == NULL || (size_t)(slash - dir) < mount_length)
            return cpus;
        *slash = '\0';
    }
}

/* True where the comma-separated list of controllers has "cpu". */
static bool lists_cpu(const char *controllers)
{
    for (const char *at = controllers; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, "cpu", 3) == 0 && (at[3] == ',' || at[3] == '\0'))
            return true;
    }
    return false;
}

/* One line of the groups file: "HIERARCHY:CONTROLLERS:PATH"; version 2 lists no controllers. */
static unsigned quota_of_line(char *line, const char *mount)
{
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL)
        return UINT_MAX;
    *group++ = '\0';
    controllers++;
    if (*controllers == '\0')
        return quota_of_path(mount, group);
    if (!lists_cpu(controllers))
        return UINT_MAX;

    unsigned cpus = UINT_MAX;
    for (size_t i = 0; i < sizeof v1_mounts / sizeof *v1_mounts; i++) {
        char v1_mount[PATH_MAX];
        snprintf(v1_mount, sizeof v1_mount, "%s/%s", mount, v1_mounts[i]);
        cpus = least(cpus, quota_of_path(v1_mount, group));
    }
    return cpus;
}

unsigned shoal__cpus_by_quota(const char *groups_path, const char *mount_path)
{
    FILE *file = fopen(groups_path, "re");
    if (file == NULL)
        return UINT_MAX;

    unsigned cpus = UINT_MAX;
    char line[PATH_MAX + 64];
    while (fgets(line, sizeof line, file) != NULL)
        cpus = least(cpus, quota_of_line(line, mount_path));
    fclose(file);
    return cpus;
}

/* A machine with more CPUs than the set can hold is counted by what is online. */
static unsigned count_affinity(void)
{
    cpu_set_t set;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    return online > 0 ? (unsigned)online : 1;
}

unsigned shoal__cpus_usable(void)
{
    return least(count_affinity(), shoal__cpus_by_quota("/proc/self/cgroup", "/sys/fs/cgroup"));
}

/* The number of the n-th member of the set. */
static size_t nth_cpu(const cpu_set_t *set, unsigned n)
{
    size_t cpu = 0;
    for (;; cpu++) {
        if (CPU_ISSET(cpu, set) && n-- == 0)
            return cpu;
    }
}

int shoal__cpus_pin(unsigned n)
{
    cpu_set_t all;
    if (sched_getaffinity(0, sizeof all, &all) < 0)
        return -errno;

    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(nth_cpu(&all, n % (unsigned)CPU_COUNT(&all)), &one);
    return -pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}
