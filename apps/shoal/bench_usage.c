/* SPDX-License-Identifier: BSD-3-Clause */
/* CPU time, context switches and memory, from the CPU clocks and proc(5). */
#include "bench_usage.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static uint64_t read_clock_ns(clockid_t clock)
{
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The sum of the numbers in those lines of a file that have this format. */
static uint64_t sum_of_lines(const char *path, const char *format)
{
    FILE *file = fopen(path, "re");
    uint64_t sum = 0, value;
    char line[256];
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, format, &value) == 1)
            sum += value;
    }
    if (file)
        fclose(file);
    return sum;
}

static uint64_t switches_of(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    uint64_t sum = 0;
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        char status[128];
        if (!isdigit((unsigned char)task->d_name[0]))
            continue;
        snprintf(status, sizeof(status), "%s/%.20s/status", path, task->d_name);
        sum += sum_of_lines(status, "voluntary_ctxt_switches: %" SCNu64) +
               sum_of_lines(status, "nonvoluntary_ctxt_switches: %" SCNu64);
    }
    if (tasks)
        closedir(tasks);
    return sum;
}

bool bench_usage_of_process(pid_t pid, struct bench_usage *out)
{
    clockid_t clock;
    if (clock_getcpuclockid(pid, &clock) != 0)
        return false;
    *out = (struct bench_usage){.cpu_ns = read_clock_ns(clock), .switches = switches_of(pid)};
    return true;
}

uint64_t bench_peak_memory_bytes(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    return sum_of_lines(path, "VmHWM: %" SCNu64 " kB") * 1024;
}

/* proc(5), schedstat: time run, time waited for a core, turns. */
static uint64_t waited_ns(pid_t thread_id)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", (int)thread_id);
    return sum_of_lines(path, "%*u %" SCNu64);
}

uint64_t bench_wanted_ns_of_thread(pthread_t thread, pid_t thread_id)
{
    clockid_t clock;
    uint64_t run_ns = pthread_getcpuclockid(thread, &clock) == 0 ? read_clock_ns(clock) : 0;
    return run_ns + waited_ns(thread_id);
}

uint64_t bench_own_cpu_ns(void)
{
    return read_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}
