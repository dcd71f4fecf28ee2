/* SPDX-License-Identifier: BSD-3-Clause */
/* CPU time and context switches of a process, and of the cores it runs on. */
#include "usage.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_clock_ns(clockid_t clock)
{
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_now_ns(void)
{
    return read_clock_ns(CLOCK_MONOTONIC);
}

static uint64_t switches_of_thread(const char *tasks, const char *thread)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%.20s/status", tasks, thread);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;

    uint64_t sum = 0;
    unsigned long long switches;
    char line[256];
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "voluntary_ctxt_switches: %llu", &switches) == 1 ||
            sscanf(line, "nonvoluntary_ctxt_switches: %llu", &switches) == 1)
            sum += switches;
    fclose(file);
    return sum;
}

static uint64_t switches_of(pid_t pid)
{
    char tasks[64];
    snprintf(tasks, sizeof tasks, "/proc/%d/task", (int)pid);
    DIR *folder = opendir(tasks);
    if (folder == NULL)
        return 0;

    uint64_t sum = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            sum += switches_of_thread(tasks, entry->d_name);
    closedir(folder);
    return sum;
}

struct bench_usage bench_usage_of(pid_t pid)
{
    struct bench_usage usage = {0};
    clockid_t clock;
    if (clock_getcpuclockid(pid, &clock) == 0)
        usage.cpu_ns = read_clock_ns(clock);
    if (pid != 0)
        usage.context_switches = switches_of(pid);
    return usage;
}

static cpu_set_t cores_of_both(pid_t pid)
{
    cpu_set_t own, other, both;
    CPU_ZERO(&own);
    CPU_ZERO(&other);
    sched_getaffinity(0, sizeof own, &own);
    sched_getaffinity(pid, sizeof other, &other);
    CPU_OR(&both, &own, &other);
    return both;
}

/* The busy ticks in one line of /proc/stat, if it is that of one of the cores (proc(5): user, nice,
 * system, idle, iowait, irq, softirq, steal). */
static uint64_t busy_ticks(const char *line, const cpu_set_t *cores)
{
    unsigned core;
    unsigned long long user, nice, system, irq, soft, steal;
    if (sscanf(line, "cpu%u %llu %llu %llu %*u %*u %llu %llu %llu", &core, &user, &nice, &system,
               &irq, &soft, &steal) != 7 ||
        !CPU_ISSET(core, cores))
        return 0;
    return user + nice + system + irq + soft + steal;
}

uint64_t bench_busy_ns(pid_t pid)
{
    cpu_set_t cores = cores_of_both(pid);
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL)
        return 0;

    uint64_t ticks = 0;
    char line[256];
    while (fgets(line, sizeof line, file) != NULL)
        ticks += busy_ticks(line, &cores);
    fclose(file);
    return ticks * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
}
