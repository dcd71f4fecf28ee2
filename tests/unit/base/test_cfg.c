/* SPDX-License-Identifier: BSD-3-Clause */
/* Option structs of callers that were built with an older version, or with a newer one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cfg.h"

struct options {
    size_t size;
    int old;
    int recent;
};

static const struct options defaults = {sizeof(struct options), 1, 2};

/* A caller's struct of that size, on the heap, where reading past its end is noticed. */
static void *of_size(size_t size)
{
    const int old = 10;
    char *bytes = calloc(1, size);
    assert_non_null(bytes);
    memcpy(bytes, &size, sizeof(size));
    memcpy(bytes + offsetof(struct options, old), &old, sizeof(old));
    return bytes;
}

static void what_an_older_caller_does_not_have_keeps_its_default(void **state)
{
    (void)state;
    struct options full = defaults;
    void *older = of_size(offsetof(struct options, recent));
    SHOAL__CFG_READ(&full, older);
    assert_int_equal(full.old, 10);
    assert_int_equal(full.recent, 2);
    assert_int_equal(full.size, sizeof(full));
    free(older);
}

static void what_a_newer_caller_has_more_is_left_alone(void **state)
{
    (void)state;
    struct {
        struct options full;
        int next;
    } ours = {defaults, 77};
    void *newer = of_size(sizeof(struct options) + 64);
    SHOAL__CFG_READ(&ours.full, newer);
    assert_int_equal(ours.full.old, 10);
    assert_int_equal(ours.full.recent, 0);
    assert_int_equal(ours.full.size, sizeof(ours.full));
    assert_int_equal(ours.next, 77);
    free(newer);
}

static void nothing_given_leaves_the_defaults(void **state)
{
    (void)state;
    struct options full = defaults;
    SHOAL__CFG_READ(&full, NULL);
    assert_memory_equal(&full, &defaults, sizeof(full));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_older_caller_does_not_have_keeps_its_default),
        cmocka_unit_test(what_a_newer_caller_has_more_is_left_alone),
        cmocka_unit_test(nothing_given_leaves_the_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
