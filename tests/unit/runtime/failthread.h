/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes one creation of a thread fail. It stands in front of the C library's (or the sanitizer's)
 * pthread_create, so include it in exactly one file of a test.
 */
#ifndef TESTS_UNIT_RUNTIME_FAILTHREAD_H
#define TESTS_UNIT_RUNTIME_FAILTHREAD_H

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

static atomic_long threads_until_failure = LONG_MAX;

/* Fails the k-th thread from now on (1 is the next one), and only that one. Thread: any. */
static inline void failthread_at(long k)
{
    atomic_store(&threads_until_failure, k);
}

static inline void failthread_off(void)
{
    atomic_store(&threads_until_failure, LONG_MAX);
}

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    if (atomic_fetch_sub(&threads_until_failure, 1) == 1)
        return EAGAIN;
    union {
        void *object;
        create_fn *function;
    } next = {.object = dlsym(RTLD_NEXT, "pthread_create")};
    return next.function(thread, attr, run, arg);
}

#endif
