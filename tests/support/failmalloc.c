/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The failing allocator: the targets of the linker's --wrap (see CMakeLists.txt beside this file).
 * Each wrapper first asks should_fail(), which counts. Any thread may allocate at any time.
 */
#include "support/failmalloc.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <event2/event.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);

/* Allocations first_failing to last_failing fail, counted from 1. */
static atomic_long first_failing = LONG_MAX;
static atomic_long last_failing = LONG_MAX;
static atomic_long allocations;
static atomic_long failures;

static bool should_fail(void)
{
    long number = atomic_fetch_add(&allocations, 1) + 1;
    if (number < atomic_load(&first_failing) || number > atomic_load(&last_failing))
        return false;
    atomic_fetch_add(&failures, 1);
    errno = ENOMEM;
    return true;
}

static void fail_range(long first, long last)
{
    failmalloc_off();
    atomic_store(&allocations, 0);
    atomic_store(&failures, 0);
    atomic_store(&last_failing, last);
    atomic_store(&first_failing, first);
}

void failmalloc_at(long k)
{
    fail_range(k, k);
}

void failmalloc_from(long k)
{
    fail_range(k, LONG_MAX);
}

void failmalloc_off(void)
{
    atomic_store(&first_failing, LONG_MAX);
}

long failmalloc_count(void)
{
    return atomic_load(&allocations);
}

long failmalloc_failures(void)
{
    return atomic_load(&failures);
}

void *__wrap_malloc(size_t size)
{
    return should_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return should_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return should_fail() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return should_fail() ? NULL : __real_aligned_alloc(alignment, size);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t size)
{
    return should_fail() ? ENOMEM : __real_posix_memalign(out, alignment, size);
}

char *__wrap_strdup(const char *text)
{
    return should_fail() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
    return should_fail() ? NULL : __real_strndup(text, size);
}

void failmalloc_use_in_libevent(void)
{
    event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
}
