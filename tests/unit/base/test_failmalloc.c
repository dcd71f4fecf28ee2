/* SPDX-License-Identifier: BSD-3-Clause */
/* The failing allocator itself: a sweep that fails nothing would prove nothing. */
#include "support/failmalloc.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

static bool malloc_works(void)
{
    void *volatile memory = malloc(10); /* volatile: the compiler may not drop the pair */
    free(memory);
    return memory != NULL;
}

static void only_the_kth_allocation_fails(void **state)
{
    (void)state;
    failmalloc_at(3);
    const bool works[] = {malloc_works(), malloc_works(), malloc_works(), malloc_works()};
    failmalloc_off();
    assert_true(works[0] && works[1] && !works[2] && works[3]);
    assert_int_equal(failmalloc_count(), 4);
    assert_int_equal(failmalloc_failures(), 1);
}

static void everything_fails_from_the_kth_on(void **state)
{
    (void)state;
    failmalloc_from(2);
    const bool works[] = {malloc_works(), malloc_works(), malloc_works()};
    failmalloc_off();
    assert_true(works[0] && !works[1] && !works[2]);
    assert_true(malloc_works());
    assert_int_equal(failmalloc_failures(), 2);
}

static void every_kind_of_allocation_can_fail(void **state)
{
    (void)state;
    void *volatile old = malloc(10);
    void *memory = NULL;
    failmalloc_from(1);
    errno = 0;
    void *volatile got[] = {calloc(1, 10), realloc(old, 20), aligned_alloc(64, 64), strdup("x"),
                            strndup("x", 1)};
    int seen_errno = errno;
    int rc = posix_memalign(&memory, 64, 64);
    failmalloc_off();
    for (size_t i = 0; i < sizeof got / sizeof *got; i++)
        assert_null(got[i]);
    assert_int_equal(seen_errno, ENOMEM);
    assert_int_equal(rc, ENOMEM);
    assert_int_equal(failmalloc_count(), 6);
    free(old);
}

static void *allocate_a_hundred_times(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++)
        (void)malloc_works();
    return NULL;
}

static void all_threads_are_counted_and_one_of_them_fails(void **state)
{
    (void)state;
    pthread_t threads[4];
    failmalloc_at(200);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_a_hundred_times, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    failmalloc_off();
    assert_int_equal(failmalloc_count(), 400);
    assert_int_equal(failmalloc_failures(), 1);
}

/* The last test: libevent's allocator is not set back. */
static void libevents_allocations_can_fail_too(void **state)
{
    (void)state;
    failmalloc_use_in_libevent();
    failmalloc_at(1);
    assert_null(event_config_new());
    failmalloc_off();
    struct event_config *config = event_config_new();
    assert_non_null(config);
    event_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_kth_allocation_fails),
        cmocka_unit_test(everything_fails_from_the_kth_on),
        cmocka_unit_test(every_kind_of_allocation_can_fail),
        cmocka_unit_test(all_threads_are_counted_and_one_of_them_fails),
        cmocka_unit_test(libevents_allocations_can_fail_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
