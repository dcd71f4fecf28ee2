/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading affinity and cgroup quota. */
#include "runtime/cpus.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "runtime/cgroup.h"

/* Quota and period in microseconds, to CPUs; what makes no sense is no quota. */
static uint64_t to_cpus(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return UINT64_MAX;
    return (uint64_t)((quota - 1) / period + 1);
}

/* The quota of one directory of either version. "max", which version 2 says for none, does not
 * scan as a number. */
static uint64_t quota_of(const char *dir)
{
    long long quota;
    long long period;
    if (shoal__cgroup_scan(dir, "cpu.max", "%lld %lld", &quota, &period))
        return to_cpus(quota, period);
    if (shoal__cgroup_scan(dir, "cpu.cfs_quota_us", "%lld", &quota, NULL) &&
        shoal__cgroup_scan(dir, "cpu.cfs_period_us", "%lld", &period, NULL))
        return to_cpus(quota, period);
    return UINT64_MAX;
}

unsigned shoal__cpus_by_quota(const char *groups_path, const char *mount_path)
{
    /* version 1's directory has either name */
    static const struct shoal__cgroup_limit quota = {"cpu", {"cpu", "cpu,cpuacct"}, quota_of};
    uint64_t cpus = shoal__cgroup_least(&quota, groups_path, mount_path);
    return cpus < UINT_MAX ? (unsigned)cpus : UINT_MAX;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
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
