/* SPDX-License-Identifier: BSD-3-Clause */
/* Moving bytes between our buffers and libevent's. */
#include <shoal/libevent.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <shoal/error.h>

#include "support/failmalloc.h"

enum { LARGE = 300000 };

static char bytes[LARGE];
static char read_back[LARGE];
static struct shoal_buf *buf;
static struct evbuffer *evbuffer;

static int open_both(void **state)
{
    (void)state;
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (char)(i * 31 + i / 251);
    buf = shoal_buf_create();
    evbuffer = evbuffer_new();
    return buf == NULL || evbuffer == NULL;
}

static int close_both(void **state)
{
    (void)state;
    shoal_buf_destroy(&buf);
    evbuffer_free(evbuffer);
    return 0;
}

static void assert_buf_holds(size_t size)
{
    assert_int_equal(shoal_buf_size(buf), size);
    assert_int_equal(shoal_buf_copy_out(buf, read_back, size), size);
    assert_memory_equal(read_back, bytes, size);
}

static void an_evbuffer_of_any_size_comes_over_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, LARGE};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        evbuffer_add(evbuffer, bytes, sizes[i]);
        assert_int_equal(shoal_buf_from_evbuffer(buf, evbuffer), 0);
        assert_int_equal(evbuffer_get_length(evbuffer), 0);
        assert_buf_holds(sizes[i]);
        shoal_buf_consume(buf, sizes[i]);
    }
}

static void large_chains_are_not_copied(void **state)
{
    (void)state;
    evbuffer_add_reference(evbuffer, bytes, LARGE, NULL, NULL);
    assert_int_equal(shoal_buf_from_evbuffer(buf, evbuffer), 0);
    struct iovec first;
    assert_int_equal(shoal_buf_peek(buf, &first, 1), 1);
    assert_ptr_equal(first.iov_base, bytes);
}

static void count_cleanup(const void *data, size_t size, void *arg)
{
    (void)data, (void)size;
    ++*(int *)arg;
}

static void lent_chains_live_until_the_last_reader_is_done(void **state)
{
    (void)state;
    int cleanups = 0;
    evbuffer_add_reference(evbuffer, bytes, LARGE / 2, count_cleanup, &cleanups);
    evbuffer_add(evbuffer, bytes + LARGE / 2, LARGE / 2);
    assert_int_equal(shoal_buf_from_evbuffer(buf, evbuffer), 0);
    evbuffer_free(evbuffer);
    evbuffer = evbuffer_new();
    assert_buf_holds(LARGE);
    shoal_buf_consume(buf, LARGE - 1);
    assert_int_equal(cleanups, 0);
    shoal_buf_consume(buf, 1);
    assert_int_equal(cleanups, 1);
}

static void a_buffer_goes_to_an_evbuffer_behind_what_is_there(void **state)
{
    (void)state;
    evbuffer_add(evbuffer, bytes, 10);
    assert_int_equal(shoal_buf_append(buf, bytes + 10, 5000), 0);
    assert_int_equal(shoal_buf_append_lent(buf, bytes + 5010, LARGE - 5010, NULL, NULL), 0);
    assert_int_equal(shoal_buf_to_evbuffer(buf, evbuffer), 0);
    assert_int_equal(shoal_buf_size(buf), 0);
    assert_int_equal(evbuffer_get_length(evbuffer), LARGE);
    evbuffer_remove(evbuffer, read_back, LARGE);
    assert_memory_equal(read_back, bytes, LARGE);
    assert_int_equal(shoal_buf_to_evbuffer(buf, evbuffer), 0);
}

static void file_ranges_are_refused_and_nothing_moves(void **state)
{
    (void)state;
    int fd = memfd_create("range", MFD_CLOEXEC);
    assert_true(fd >= 0);
    evbuffer_add(evbuffer, bytes, 10);
    assert_int_equal(shoal_buf_append(buf, bytes, 100), 0);
    assert_int_equal(shoal_buf_append_file(buf, fd, 0, 50, true), 0);
    assert_int_equal(shoal_buf_to_evbuffer(buf, evbuffer), -SHOAL_EINVAL);
    assert_int_equal(shoal_buf_size(buf), 150);
    assert_int_equal(evbuffer_get_length(evbuffer), 10);
}

static void fill_evbuffer(size_t chains)
{
    for (size_t i = 0; i < chains; i++)
        evbuffer_add_reference(evbuffer, bytes + i * 5000, 5000, NULL, NULL);
}

static void taking_over_survives_every_failing_allocation(void **state)
{
    (void)state;
    int rc = -1;
    long k = 1;
    for (; rc != 0; k++) {
        evbuffer_drain(evbuffer, LARGE);
        fill_evbuffer(4);
        failmalloc_at(k);
        rc = shoal_buf_from_evbuffer(buf, evbuffer);
        failmalloc_off();
        assert_true(rc == 0 || rc == -SHOAL_ENOMEM);
        assert_int_equal(shoal_buf_size(buf), rc == 0 ? 20000 : 0);
        assert_int_equal(evbuffer_get_length(evbuffer), rc == 0 ? 0 : 20000);
    }
    assert_true(k > 5);
    assert_buf_holds(20000);
}

static void handing_over_survives_every_failing_allocation(void **state)
{
    (void)state;
    assert_int_equal(shoal_buf_append(buf, bytes, 20000), 0);
    int rc = -1;
    for (long k = 1; rc != 0; k++) {
        failmalloc_at(k);
        rc = shoal_buf_to_evbuffer(buf, evbuffer);
        failmalloc_off();
        assert_true(rc == 0 || rc == -SHOAL_ENOMEM);
        assert_int_equal(shoal_buf_size(buf), rc == 0 ? 0 : 20000);
        assert_int_equal(evbuffer_get_length(evbuffer), rc == 0 ? 20000 : 0);
    }
}

int main(void)
{
    failmalloc_use_in_libevent();
    const struct CMUnitTest tests[] = {
#define BRIDGE_TEST(name) cmocka_unit_test_setup_teardown(name, open_both, close_both)
        BRIDGE_TEST(an_evbuffer_of_any_size_comes_over_whole),
        BRIDGE_TEST(large_chains_are_not_copied),
        BRIDGE_TEST(lent_chains_live_until_the_last_reader_is_done),
        BRIDGE_TEST(a_buffer_goes_to_an_evbuffer_behind_what_is_there),
        BRIDGE_TEST(file_ranges_are_refused_and_nothing_moves),
        BRIDGE_TEST(taking_over_survives_every_failing_allocation),
        BRIDGE_TEST(handing_over_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
