/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts by key: the limit, forgetting, and threads that count the same keys. */
#include "runtime/counts.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <shoal/error.h>

#include "scale.h"
#include "support/failmalloc.h"

static struct shoal__counts *counts;

static int create(void **state)
{
    (void)state;
    return shoal__counts_create(&counts);
}

static int destroy(void **state)
{
    (void)state;
    shoal__counts_destroy(&counts);
    return counts != NULL;
}

static void a_key_is_refused_at_its_limit_and_no_other(void **state)
{
    (void)state;
    struct shoal_view a = shoal_view_of("a");
    struct shoal_view b = shoal_view_of("b");
    assert_int_equal(shoal__counts_try_inc(counts, a, 2), 0);
    assert_int_equal(shoal__counts_try_inc(counts, a, 2), 0);
    assert_int_equal(shoal__counts_try_inc(counts, a, 2), -SHOAL_EFULL);
    assert_int_equal(shoal__counts_get(counts, a), 2);
    assert_int_equal(shoal__counts_try_inc(counts, b, 2), 0);
    shoal__counts_dec(counts, a);
    assert_int_equal(shoal__counts_try_inc(counts, a, 2), 0);
    assert_int_equal(shoal__counts_try_inc(counts, b, 0), -SHOAL_EFULL);
}

static void a_key_that_sinks_to_zero_takes_no_memory(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct shoal_view key = shoal_view(&i, sizeof i);
        assert_int_equal(shoal__counts_try_inc(counts, key, 1), 0);
        shoal__counts_dec(counts, key);
        assert_int_equal(shoal__counts_get(counts, key), 0);
    } /* the leak sanitizer and destroy tell the rest */
}

static void without_memory_nothing_is_counted(void **state)
{
    (void)state;
    struct shoal_view key = shoal_view_of("key");
    failmalloc_at(1);
    assert_int_equal(shoal__counts_try_inc(counts, key, 1), -SHOAL_ENOMEM);
    failmalloc_off();
    assert_int_equal(shoal__counts_get(counts, key), 0);
    assert_int_equal(shoal__counts_try_inc(counts, key, 1), 0);

    struct shoal__counts *none = NULL;
    failmalloc_at(1);
    assert_int_equal(shoal__counts_create(&none), -SHOAL_ENOMEM);
    failmalloc_off();
    assert_null(none);
}

enum { THREADS = 4, ROUNDS = SCALED(20000), LIMIT = 2, KEYS = 3 };

/* Never more than the limit at once, and nothing counted is lost: dec asserts that. */
static void *count_up_and_down(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t number = i % KEYS;
        struct shoal_view key = shoal_view(&number, sizeof number);
        if (shoal__counts_try_inc(counts, key, LIMIT) < 0)
            continue;
        size_t now = shoal__counts_get(counts, key);
        shoal__counts_dec(counts, key);
        if (now < 1 || now > LIMIT)
            return (void *)1;
    }
    return NULL;
}

static void threads_share_the_limit(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up_and_down, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    for (uint32_t key = 0; key < KEYS; key++)
        assert_int_equal(shoal__counts_get(counts, shoal_view(&key, sizeof key)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_is_refused_at_its_limit_and_no_other, create,
                                        destroy),
        cmocka_unit_test_setup_teardown(a_key_that_sinks_to_zero_takes_no_memory, create, destroy),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_counted, create, destroy),
        cmocka_unit_test_setup_teardown(threads_share_the_limit, create, destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
