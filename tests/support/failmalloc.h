/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes chosen allocations fail. It stands between the test program, with libshoal's static
 * archive in it, and the C library's allocator (by the linker's --wrap), so it works under the
 * sanitizers too. Allocations inside shared libraries are neither counted nor failed, except
 * libevent's after failmalloc_use_in_libevent().
 *
 * A sweep over every allocation of a scenario:
 *
 *     int rc = -1;
 *     for (long k = 1; rc != 0; k++) {
 *         failmalloc_at(k);
 *         rc = scenario();
 *         failmalloc_off();
 *     }
 */
#ifndef TESTS_SUPPORT_FAILMALLOC_H
#define TESTS_SUPPORT_FAILMALLOC_H

/* Fails the k-th allocation from now on (1 is the next one), and only that one; restarts the
 * count. Thread: any. */
void failmalloc_at(long k);

/* Fails the k-th allocation from now on and every later one; restarts the count. Thread: any. */
void failmalloc_from(long k);

/* Fails nothing any more; the count goes on. Thread: any. */
void failmalloc_off(void);

/* Allocations asked for since failmalloc_at() or failmalloc_from(), failed ones included; since
 * the program's start where neither was called. Thread: any. */
long failmalloc_count(void);

/* How many of those were made to fail. Thread: any. */
long failmalloc_failures(void);

/* Routes libevent's allocations through here as well. Thread: before any other libevent call. */
void failmalloc_use_in_libevent(void);

#endif
