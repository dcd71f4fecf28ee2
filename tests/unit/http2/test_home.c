/* SPDX-License-Identifier: BSD-3-Clause */
/* Homes of sessions: what fits into one, what of it is resident, and when others may have it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/http2/http2_home.h"

enum { SESSION = 2928, BUFFER = 16416, SMALL = 256 };

static struct http2_homes homes;

static int tear_down(void **state)
{
    (void)state;
    shoal__http2_homes_fini(&homes);
    return 0;
}

/* Pages of the home that are in memory. */
static int resident_pages(struct http2_home *home)
{
    unsigned char pages[5];
    int count = 0;
    assert_int_equal(mincore(home, sizeof(pages) * 4096, pages), 0);
    for (size_t i = 0; i < sizeof(pages); i++)
        count += pages[i] & 1;
    return count;
}

static void an_idle_session_has_one_page(void **state)
{
    (void)state;
    if (sysconf(_SC_PAGESIZE) != 4096)
        skip();
    struct http2_home *home = shoal__http2_home_take(&homes);
    char *session = shoal__http2_home_alloc(home, SESSION);
    char *small = shoal__http2_home_alloc(home, SMALL);
    char *buffer = shoal__http2_home_alloc(home, BUFFER);
    assert_non_null(session);
    assert_non_null(small);
    assert_non_null(buffer);
    memset(session, 'a', SESSION);
    memset(small, 'b', SMALL);
    memset(buffer, 'c', 400);
    assert_int_equal(resident_pages(home), 1);
    memset(buffer, 'd', BUFFER);
    assert_int_equal(resident_pages(home), 5);
    assert_int_equal(session[SESSION - 1], 'a');
    assert_int_equal(small[SMALL - 1], 'b');
    shoal__http2_home_leave(&homes, home, session, SESSION);
    shoal__http2_home_leave(&homes, home, small, SMALL);
    shoal__http2_home_leave(&homes, home, buffer, BUFFER);
    shoal__http2_home_leave(&homes, home, NULL, 0);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct http2_home *home = shoal__http2_home_take(&homes);
    char *buffer = shoal__http2_home_alloc(home, BUFFER);
    assert_non_null(buffer);
    assert_null(shoal__http2_home_alloc(home, BUFFER));
    assert_null(shoal__http2_home_alloc(home, 4096));
    char *session = shoal__http2_home_alloc(home, SESSION);
    assert_non_null(session);
    assert_int_equal((uintptr_t)session % 16, 0);
    assert_null(shoal__http2_home_alloc(home, 1024));
    shoal__http2_home_leave(&homes, home, session, SESSION);
    shoal__http2_home_leave(&homes, home, buffer, BUFFER);
    shoal__http2_home_leave(&homes, home, NULL, 0);
}

static void a_home_goes_to_others_once_the_last_has_left(void **state)
{
    (void)state;
    struct http2_home *first = shoal__http2_home_take(&homes);
    char *piece = shoal__http2_home_alloc(first, SMALL);
    shoal__http2_home_leave(&homes, first, NULL, 0);
    struct http2_home *second = shoal__http2_home_take(&homes);
    assert_ptr_not_equal(second, first);
    shoal__http2_home_leave(&homes, first, piece, SMALL);
    assert_ptr_equal(shoal__http2_home_take(&homes), first);
    shoal__http2_home_leave(&homes, first, NULL, 0);
    shoal__http2_home_leave(&homes, second, NULL, 0);
}

static void a_burst_of_homes_does_not_stay_in_memory(void **state)
{
    (void)state;
    struct http2_home *taken[100];
    for (size_t i = 0; i < 100; i++)
        assert_non_null(taken[i] = shoal__http2_home_take(&homes));
    for (size_t i = 0; i < 100; i++)
        shoal__http2_home_leave(&homes, taken[i], NULL, 0);
    assert_in_range(homes.kept, 1, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_idle_session_has_one_page, tear_down),
        cmocka_unit_test_teardown(what_does_not_fit_is_refused, tear_down),
        cmocka_unit_test_teardown(a_home_goes_to_others_once_the_last_has_left, tear_down),
        cmocka_unit_test_teardown(a_burst_of_homes_does_not_stay_in_memory, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
