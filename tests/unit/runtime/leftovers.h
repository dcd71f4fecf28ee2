/* SPDX-License-Identifier: BSD-3-Clause */
/* What a process has at this moment: to prove that a server leaves nothing behind. */
#ifndef TESTS_UNIT_RUNTIME_LEFTOVERS_H
#define TESTS_UNIT_RUNTIME_LEFTOVERS_H

#include <dirent.h>
#include <sched.h>
#include <stddef.h>

static inline int count_entries(const char *directory)
{
    int count = 0;
    DIR *dir = opendir(directory);
    while (dir != NULL && readdir(dir) != NULL)
        count++;
    if (dir != NULL)
        closedir(dir);
    return count;
}

static inline int count_threads(void)
{
    return count_entries("/proc/self/task");
}

static inline int count_descriptors(void)
{
    return count_entries("/proc/self/fd");
}

/* A joined thread leaves /proc a moment after its join; one that never goes hangs the test. */
static inline void wait_for_threads(int count)
{
    while (count_threads() != count)
        sched_yield();
}

#endif
