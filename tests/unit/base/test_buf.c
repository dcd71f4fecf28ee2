/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers, by example and against a model: a random run of every operation on three buffers is
 * compared with flat byte arrays. File ranges take part; the file's bytes are a function of their
 * offset.
 */
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "support/failmalloc.h"

/* What a release function saw. */
struct release {
    int calls;
    const void *data;
    size_t size;
};

static void note_release(void *arg, const void *data, size_t size)
{
    struct release *release = arg;
    release->calls++;
    release->data = data;
    release->size = size;
}

static int open_null(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void assert_text(const struct shoal_buf *buf, const char *expected)
{
    char out[256];
    assert_int_equal(shoal_buf_size(buf), strlen(expected));
    assert_int_equal(shoal_buf_copy_out(buf, out, sizeof out), strlen(expected));
    assert_memory_equal(out, expected, strlen(expected));
}

static int slices_of(const struct shoal_buf *buf)
{
    struct iovec iov[64];
    return shoal_buf_peek(buf, iov, 64);
}

static void append_text(struct shoal_buf *buf, const char *text)
{
    assert_int_equal(shoal_buf_append(buf, text, strlen(text)), 0);
}

static void a_new_buffer_is_empty(void **state)
{
    (void)state;
    struct shoal_buf *buf = shoal_buf_create();
    struct shoal_buf_file file;
    struct iovec iov;
    assert_int_equal(shoal_buf_size(buf), 0);
    assert_int_equal(shoal_buf_peek(buf, &iov, 1), 0);
    assert_false(shoal_buf_peek_file(buf, &file));
    shoal_buf_consume(buf, 10);
    shoal_buf_destroy(&buf);
    assert_null(buf);
    shoal_buf_destroy(&buf);
}

static void small_appends_gather_in_one_segment(void **state)
{
    (void)state;
    struct shoal_buf buf = {0};
    failmalloc_at(1000);
    append_text(&buf, "5 pounds");
    append_text(&buf, "");
    append_text(&buf, " of ");
    append_text(&buf, "haddock");
    assert_int_equal(failmalloc_count(), 1);
    failmalloc_off();
    assert_int_equal(slices_of(&buf), 1);
    assert_text(&buf, "5 pounds of haddock");
    shoal__buf_fini(&buf);
    assert_true(shoal__buf_is_empty(&buf));
}

static void a_long_queue_takes_few_segments(void **state)
{
    (void)state;
    static const char block[1000];
    struct shoal_buf buf = {0};
    failmalloc_at(1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(shoal_buf_append(&buf, block, sizeof block), 0);
    assert_in_range(failmalloc_count(), 2, 20);
    failmalloc_off();
    shoal__buf_fini(&buf);
}

static void consuming_frees_what_was_consumed(void **state)
{
    (void)state;
    struct shoal_buf buf = {0};
    struct release first = {0}, second = {0};
    assert_int_equal(shoal_buf_append_lent(&buf, "abc", 3, note_release, &first), 0);
    assert_int_equal(shoal_buf_append_lent(&buf, "def", 3, note_release, &second), 0);
    shoal_buf_consume(&buf, 2);
    assert_int_equal(first.calls, 0);
    assert_text(&buf, "cdef");
    shoal_buf_consume(&buf, 2);
    assert_int_equal(first.calls, 1);
    assert_text(&buf, "ef");
    shoal_buf_consume(&buf, 100);
    assert_int_equal(second.calls, 1);
    assert_int_equal(shoal_buf_size(&buf), 0);
    append_text(&buf, "again");
    assert_text(&buf, "again");
    shoal__buf_fini(&buf);
}

static void lent_bytes_are_not_copied_and_released_with_what_was_lent(void **state)
{
    (void)state;
    static const char bytes[] = "lent bytes";
    struct release release = {0};
    struct shoal_buf buf = {0};
    struct iovec iov[2];
    assert_int_equal(shoal_buf_append_lent(&buf, bytes, 10, note_release, &release), 0);
    append_text(&buf, "!");
    assert_int_equal(shoal_buf_peek(&buf, iov, 2), 2);
    assert_ptr_equal(iov[0].iov_base, bytes);
    shoal_buf_consume(&buf, 4);
    shoal__buf_fini(&buf);
    assert_int_equal(release.calls, 1);
    assert_ptr_equal(release.data, bytes);
    assert_int_equal(release.size, 10);
    assert_string_equal(bytes, "lent bytes");
}

static void lent_bytes_without_a_release_function_stay(void **state)
{
    (void)state;
    struct shoal_buf buf = {0};
    assert_int_equal(shoal_buf_append_lent(&buf, "constant", 8, NULL, NULL), 0);
    assert_text(&buf, "constant");
    shoal__buf_fini(&buf);
}

static void nothing_lent_is_released_at_once(void **state)
{
    (void)state;
    struct shoal_buf buf = {0};
    struct release release = {0};
    assert_int_equal(shoal_buf_append_lent(&buf, "", 0, note_release, &release), 0);
    assert_int_equal(release.calls, 1);
    assert_int_equal(slices_of(&buf), 0);
    assert_int_equal(shoal_buf_size(&buf), 0);
}

static void printf_appends_and_continues_the_segment(void **state)
{
    (void)state;
    struct shoal_buf buf = {0};
    assert_int_equal(shoal_buf_printf(&buf, "%d ", 1), 0);
    assert_int_equal(shoal_buf_printf(&buf, "%s", ""), 0);
    assert_int_equal(shoal_buf_printf(&buf, "%s", "two"), 0);
    assert_text(&buf, "1 two");
    assert_int_equal(slices_of(&buf), 1);
    shoal__buf_fini(&buf);
}

static void printf_of_every_length_is_whole(void **state)
{
    (void)state;
    static char out[4000], expected[4000];
    for (int length = 1; length < 2200; length++) {
        struct shoal_buf buf = {0};
        size_t size = (size_t)length;
        append_text(&buf, "x");
        assert_int_equal(shoal_buf_printf(&buf, "%*s", length, "y"), 0);
        memset(expected, ' ', size + 1);
        expected[0] = 'x';
        expected[size] = 'y';
        assert_int_equal(shoal_buf_copy_out(&buf, out, sizeof out), size + 1);
        assert_memory_equal(out, expected, size + 1);
        shoal__buf_fini(&buf);
    }
}

static void a_bad_format_is_refused(void **state)
{
    (void)state;
    struct shoal_buf buf = {0};
    const wchar_t no_character[] = {(wchar_t)0x7fffffff, 0}; /* EILSEQ in every locale */
    append_text(&buf, "before");
    assert_int_equal(shoal_buf_printf(&buf, "%ls", no_character), -SHOAL_EINVAL);
    assert_text(&buf, "before");
    shoal__buf_fini(&buf);
}

static void a_file_range_is_shown_and_consumed_like_bytes(void **state)
{
    (void)state;
    struct shoal_buf buf = {0};
    struct shoal_buf_file file;
    struct iovec iov;
    char out[10];
    int fd = open_null();
    append_text(&buf, "ab");
    assert_int_equal(shoal_buf_append_file(&buf, fd, 100, 50, true), 0);
    append_text(&buf, "cd");
    assert_int_equal(shoal_buf_size(&buf), 54);
    assert_int_equal(shoal_buf_copy_out(&buf, out, sizeof out), 2);
    assert_int_equal(shoal_buf_peek(&buf, &iov, 1), 1);
    assert_false(shoal_buf_peek_file(&buf, &file));
    shoal_buf_consume(&buf, 12);
    assert_int_equal(shoal_buf_peek(&buf, &iov, 1), 0);
    assert_int_equal(shoal_buf_copy_out(&buf, out, sizeof out), 0);
    assert_true(shoal_buf_peek_file(&buf, &file));
    assert_int_equal(file.fd, fd);
    assert_int_equal(file.offset, 110);
    assert_int_equal(file.size, 40);
    assert_true(is_open(fd));
    shoal_buf_consume(&buf, 40);
    assert_false(is_open(fd));
    assert_text(&buf, "cd");
    shoal__buf_fini(&buf);
}

static void a_descriptor_that_is_not_given_is_not_closed(void **state)
{
    (void)state;
    struct shoal_buf buf = {0};
    int fd = open_null();
    assert_int_equal(shoal_buf_append_file(&buf, fd, 0, 5, false), 0);
    shoal__buf_fini(&buf);
    assert_true(is_open(fd));
    close(fd);
}

static void a_shared_descriptor_is_closed_with_its_last_range(void **state)
{
    (void)state;
    struct shoal_buf one = {0}, two = {0};
    struct shoal_buf_file file;
    int fd = open_null();
    assert_int_equal(shoal_buf_append_file(&one, fd, 7, 100, true), 0);
    assert_int_equal(shoal_buf_share(&two, &one, 30), 0);
    shoal__buf_fini(&one);
    assert_true(is_open(fd));
    assert_true(shoal_buf_peek_file(&two, &file));
    assert_int_equal(file.offset, 7);
    assert_int_equal(file.size, 30);
    shoal__buf_fini(&two);
    assert_false(is_open(fd));
}

static void an_empty_file_range_closes_its_descriptor_at_once(void **state)
{
    (void)state;
    struct shoal_buf buf = {0};
    int fd = open_null();
    assert_int_equal(shoal_buf_append_file(&buf, fd, 0, 0, true), 0);
    assert_false(is_open(fd));
    assert_int_equal(shoal_buf_size(&buf), 0);
}

static void a_file_range_that_is_none_is_refused(void **state)
{
    (void)state;
    struct shoal_buf buf = {0};
    int fd = open_null();
    assert_int_equal(shoal_buf_append_file(&buf, fd, -1, 5, true), -SHOAL_EINVAL);
    assert_int_equal(shoal_buf_append_file(&buf, fd, INT64_MAX, 1, true), -SHOAL_EINVAL);
    assert_int_equal(shoal_buf_append_file(&buf, fd, 0, SIZE_MAX, true), -SHOAL_EINVAL);
    assert_int_equal(shoal_buf_append_file(&buf, fd, 0, INT64_MAX, false), 0);
    assert_int_equal(shoal_buf_append_file(&buf, fd, 0, INT64_MAX, false), 0);
    assert_int_equal(shoal_buf_append_file(&buf, fd, 0, 2, true), -SHOAL_EINVAL);
    shoal__buf_fini(&buf);
    assert_true(is_open(fd));
    close(fd);
}

static void moving_appends_everything_and_empties_the_source(void **state)
{
    (void)state;
    struct shoal_buf to = {0}, from = {0};
    failmalloc_from(3);
    append_text(&to, "left ");
    append_text(&from, "right");
    shoal_buf_move(&to, &from);
    assert_int_equal(failmalloc_failures(), 0);
    failmalloc_off();
    assert_int_equal(shoal_buf_size(&from), 0);
    assert_text(&to, "left right");
    shoal_buf_move(&to, &from);
    shoal_buf_move(&to, &to);
    assert_text(&to, "left right");
    shoal_buf_move(&from, &to);
    append_text(&from, "!");
    append_text(&to, "new");
    assert_text(&from, "left right!");
    assert_text(&to, "new");
    shoal__buf_fini(&to);
    shoal__buf_fini(&from);
}

static void sharing_leaves_the_source_and_copies_nothing(void **state)
{
    (void)state;
    struct shoal_buf one = {0}, two = {0};
    struct iovec a, b;
    append_text(&one, "salmon");
    append_text(&two, "two ");
    assert_int_equal(shoal_buf_share(&two, &one, 3), 0);
    assert_text(&one, "salmon");
    assert_text(&two, "two sal");
    shoal_buf_consume(&two, 4);
    assert_int_equal(shoal_buf_peek(&one, &a, 1), 1);
    assert_int_equal(shoal_buf_peek(&two, &b, 1), 1);
    assert_ptr_equal(a.iov_base, b.iov_base);
    shoal__buf_fini(&one);
    shoal__buf_fini(&two);
}

static void appending_behind_shared_bytes_does_not_show_in_the_other_buffer(void **state)
{
    (void)state;
    struct shoal_buf one = {0}, two = {0};
    append_text(&one, "common");
    assert_int_equal(shoal_buf_share(&two, &one, 6), 0);
    append_text(&one, " one");
    append_text(&two, " two");
    assert_text(&one, "common one");
    assert_text(&two, "common two");
    shoal__buf_fini(&one);
    append_text(&two, " more");
    assert_text(&two, "common two more");
    shoal__buf_fini(&two);
}

static void a_part_that_outlives_the_whole_may_be_continued(void **state)
{
    (void)state;
    struct shoal_buf one = {0}, two = {0};
    append_text(&one, "common tail");
    assert_int_equal(shoal_buf_share(&two, &one, 6), 0);
    shoal__buf_fini(&one);
    failmalloc_from(1);
    append_text(&two, " sense");
    failmalloc_off();
    assert_text(&two, "common sense");
    shoal__buf_fini(&two);
}

static void a_buffer_may_be_shared_into_itself(void **state)
{
    (void)state;
    struct shoal_buf buf = {0};
    append_text(&buf, "ha");
    assert_int_equal(shoal_buf_share(&buf, &buf, 2), 0);
    assert_int_equal(shoal_buf_share(&buf, &buf, 3), 0);
    assert_text(&buf, "hahahah");
    shoal__buf_fini(&buf);
}

static void more_than_there_is_cannot_be_shared(void **state)
{
    (void)state;
    struct shoal_buf one = {0}, two = {0};
    append_text(&one, "abc");
    assert_int_equal(shoal_buf_share(&two, &one, 4), -SHOAL_EINVAL);
    assert_int_equal(shoal_buf_share(&two, &one, 0), 0);
    assert_int_equal(shoal_buf_size(&two), 0);
    shoal__buf_fini(&one);
}

static void peeking_fills_no_more_than_asked(void **state)
{
    (void)state;
    struct shoal_buf buf = {0};
    struct iovec iov[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(shoal_buf_append_lent(&buf, "xyz", 3, NULL, NULL), 0);
    assert_int_equal(shoal_buf_peek(&buf, iov, 0), 0);
    assert_int_equal(shoal_buf_peek(&buf, iov, 2), 2);
    assert_int_equal(shoal_buf_peek(&buf, iov, 3), 3);
    assert_int_equal(iov[2].iov_len, 3);
    shoal__buf_fini(&buf);
}

/* One of every call that allocates; the first error, or 0. */
static int use_everything(struct shoal_buf *to, struct shoal_buf *from, int fd,
                          struct release *release)
{
    static char big[3000];
    int rc = shoal_buf_append(from, "some text", 9);
    if (rc == 0)
        rc = shoal_buf_append(from, big, sizeof big);
    if (rc == 0)
        rc = shoal_buf_printf(from, "%20000d", 1);
    if (rc == 0)
        rc = shoal_buf_append_lent(from, "lent", 4, note_release, release);
    if (rc == 0)
        rc = shoal_buf_append_file(from, fd, 0, 1000, true);
    if (rc == 0)
        rc = shoal_buf_share(to, from, from->size);
    return rc;
}

static void every_allocation_may_fail_and_nothing_is_taken(void **state)
{
    (void)state;
    int rc = -1;
    long k = 0;
    while (rc != 0) {
        struct shoal_buf to = {0}, from = {0};
        struct release release = {0};
        int fd = open_null();
        failmalloc_at(++k);
        rc = use_everything(&to, &from, fd, &release);
        assert_int_equal(rc, failmalloc_failures() == 0 ? 0 : -SHOAL_ENOMEM);
        failmalloc_off();
        assert_int_equal(release.calls, 0);
        assert_int_equal(shoal_buf_size(&to), rc == 0 ? shoal_buf_size(&from) : 0);
        bool file_was_taken = shoal_buf_size(&from) == 24013;
        shoal__buf_fini(&to);
        shoal__buf_fini(&from);
        assert_int_equal(is_open(fd), !file_was_taken);
        if (!file_was_taken)
            close(fd);
    }
    assert_true(k > 8);
}

static void a_failed_append_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    static char big[5000];
    struct shoal_buf buf = {0};
    append_text(&buf, "before");
    failmalloc_from(1);
    assert_int_equal(shoal_buf_append(&buf, big, sizeof big), -SHOAL_ENOMEM);
    assert_int_equal(shoal_buf_printf(&buf, "%5000d", 1), -SHOAL_ENOMEM);
    assert_null(shoal_buf_create());
    failmalloc_off();
    assert_text(&buf, "before");
    append_text(&buf, " after");
    assert_text(&buf, "before after");
    shoal__buf_fini(&buf);
}

static void *consume_slowly(void *arg)
{
    struct shoal_buf *buf = arg;
    char out[64];
    while (shoal_buf_size(buf) > 0) {
        assert_true(shoal_buf_copy_out(buf, out, sizeof out) > 0);
        shoal_buf_consume(buf, 7);
    }
    shoal_buf_destroy(&buf);
    return NULL;
}

/* For ThreadSanitizer as much as for the assertion: one writer, readers on other threads that drop
 * shared segments whenever they are done, and the writer going on behind them. */
static void shared_segments_are_released_on_any_thread(void **state)
{
    (void)state;
    enum { THREADS = 4, ROUNDS = 20 };
    struct release release = {0};
    for (int round = 0; round < ROUNDS; round++) {
        struct shoal_buf buf = {0};
        pthread_t threads[THREADS];
        append_text(&buf, "a message for everybody who is connected");
        assert_int_equal(shoal_buf_append_lent(&buf, "lent", 4, note_release, &release), 0);
        append_text(&buf, "and its end");
        for (int i = 0; i < THREADS; i++) {
            struct shoal_buf *copy = shoal_buf_create();
            assert_int_equal(shoal_buf_share(copy, &buf, shoal_buf_size(&buf)), 0);
            assert_int_equal(pthread_create(&threads[i], NULL, consume_slowly, copy), 0);
        }
        for (int i = 0; i < 50; i++)
            append_text(&buf, ", and more");
        shoal__buf_fini(&buf);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(release.calls, round + 1);
    }
}

/* The model: a flat array beside every buffer. */
enum { MODEL_BUFFERS = 3, MODEL_MAX = 200000 };

static struct model {
    struct shoal_buf *buf;
    size_t size;
    unsigned char bytes[MODEL_MAX];
} models[MODEL_BUFFERS];

static uint32_t random_state;
static int lent_out; /* lent blocks that were not released yet */

static uint32_t next_random(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % bound;
}

static size_t random_size(void)
{
    return next_random(4) == 0 ? next_random(20000) : next_random(40);
}

static unsigned char file_byte(size_t offset)
{
    return (unsigned char)(offset * 7 + offset / 251);
}

static void free_lent(void *arg, const void *data, size_t size)
{
    (void)data;
    (void)size;
    lent_out--;
    free(arg);
}

static void model_append(struct model *model, const void *bytes, size_t size)
{
    memcpy(model->bytes + model->size, bytes, size);
    model->size += size;
}

static void do_append(struct model *model)
{
    static unsigned char bytes[20000];
    size_t size = random_size();
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)next_random(256);
    assert_int_equal(shoal_buf_append(model->buf, bytes, size), 0);
    model_append(model, bytes, size);
}

static void do_printf(struct model *model)
{
    static char text[3100];
    int number = (int)next_random(1000000);
    int width = (int)next_random(next_random(4) == 0 ? 3000 : 12);
    int length = snprintf(text, sizeof text, "<%*d>", width, number);
    assert_int_equal(shoal_buf_printf(model->buf, "<%*d>", width, number), 0);
    model_append(model, text, (size_t)length);
}

static void do_lend(struct model *model)
{
    size_t size = random_size();
    unsigned char *bytes = malloc(size + 1);
    memset(bytes, (int)next_random(256), size + 1);
    lent_out++;
    model_append(model, bytes, size);
    assert_int_equal(shoal_buf_append_lent(model->buf, bytes, size, free_lent, bytes), 0);
}

static void do_file(struct model *model)
{
    size_t offset = next_random(100000);
    size_t size = random_size();
    assert_int_equal(shoal_buf_append_file(model->buf, open_null(), (off_t)offset, size, true), 0);
    for (size_t i = 0; i < size; i++)
        model->bytes[model->size++] = file_byte(offset + i);
}

static void do_move(struct model *to, struct model *from)
{
    shoal_buf_move(to->buf, from->buf);
    if (to == from)
        return;
    model_append(to, from->bytes, from->size);
    from->size = 0;
}

static void do_share(struct model *to, struct model *from)
{
    size_t size = next_random((uint32_t)from->size + 1);
    assert_int_equal(shoal_buf_share(to->buf, from->buf, size), 0);
    model_append(to, from->bytes, size);
}

static void do_consume(struct model *model)
{
    size_t size = next_random(2) == 0 ? random_size() : next_random((uint32_t)model->size + 1);
    shoal_buf_consume(model->buf, size);
    size_t gone = size < model->size ? size : model->size;
    memmove(model->bytes, model->bytes + gone, model->size - gone);
    model->size -= gone;
}

/* Compares what is at the front, and shows how much that was. */
static size_t compare_front(const struct shoal_buf *buf, const unsigned char *expected, size_t left)
{
    static unsigned char out[MODEL_MAX];
    struct shoal_buf_file file;
    if (shoal_buf_peek_file(buf, &file)) {
        assert_true(file.size <= left);
        for (size_t i = 0; i < file.size; i++)
            assert_int_equal(file_byte((size_t)file.offset + i), expected[i]);
        return file.size;
    }
    size_t copied = shoal_buf_copy_out(buf, out, left);
    assert_memory_equal(out, expected, copied);
    struct iovec iov;
    assert_int_equal(shoal_buf_peek(buf, &iov, 1), 1);
    assert_true(iov.iov_len <= copied);
    assert_memory_equal(iov.iov_base, expected, iov.iov_len);
    return copied;
}

/* Reads a shared copy from front to end; the buffer itself stays. */
static void compare(const struct model *model)
{
    struct shoal_buf copy = {0};
    assert_int_equal(shoal_buf_size(model->buf), model->size);
    assert_int_equal(shoal_buf_share(&copy, model->buf, model->size), 0);
    for (size_t at = 0; at < model->size;) {
        size_t part = compare_front(&copy, model->bytes + at, model->size - at);
        assert_true(part > 0);
        shoal_buf_consume(&copy, part);
        at += part;
    }
    assert_int_equal(shoal_buf_size(&copy), 0);
}

/* Keeps a model inside its array before an operation that doubles it. */
static void make_room(struct model *model)
{
    if (model->size <= MODEL_MAX / 4)
        return;
    shoal_buf_consume(model->buf, model->size);
    model->size = 0;
}

static void random_step(void)
{
    struct model *model = &models[next_random(MODEL_BUFFERS)];
    struct model *other = &models[next_random(MODEL_BUFFERS)];
    make_room(model);
    make_room(other);
    switch (next_random(8)) {
    case 0:
    case 1:
        do_append(model);
        break;
    case 2:
        do_printf(model);
        break;
    case 3:
        do_lend(model);
        break;
    case 4:
        do_file(model);
        break;
    case 5:
        do_move(model, other);
        break;
    case 6:
        do_share(model, other);
        break;
    default:
        do_consume(model);
    }
    compare(model);
    compare(other);
}

static void any_run_of_operations_agrees_with_flat_arrays(void **state)
{
    (void)state;
    int first_free = open_null();
    close(first_free);
    for (uint32_t seed = 1; seed <= 40; seed++) {
        random_state = seed * 2654435761u;
        for (int i = 0; i < MODEL_BUFFERS; i++) {
            models[i].buf = shoal_buf_create();
            models[i].size = 0;
        }
        for (int step = 0; step < 60; step++)
            random_step();
        for (int i = 0; i < MODEL_BUFFERS; i++)
            shoal_buf_destroy(&models[i].buf);
        assert_int_equal(lent_out, 0);
    }
    int still_free = open_null();
    assert_int_equal(still_free, first_free);
    close(still_free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_is_empty),
        cmocka_unit_test(small_appends_gather_in_one_segment),
        cmocka_unit_test(a_long_queue_takes_few_segments),
        cmocka_unit_test(consuming_frees_what_was_consumed),
        cmocka_unit_test(lent_bytes_are_not_copied_and_released_with_what_was_lent),
        cmocka_unit_test(lent_bytes_without_a_release_function_stay),
        cmocka_unit_test(nothing_lent_is_released_at_once),
        cmocka_unit_test(printf_appends_and_continues_the_segment),
        cmocka_unit_test(printf_of_every_length_is_whole),
        cmocka_unit_test(a_bad_format_is_refused),
        cmocka_unit_test(a_file_range_is_shown_and_consumed_like_bytes),
        cmocka_unit_test(a_descriptor_that_is_not_given_is_not_closed),
        cmocka_unit_test(a_shared_descriptor_is_closed_with_its_last_range),
        cmocka_unit_test(an_empty_file_range_closes_its_descriptor_at_once),
        cmocka_unit_test(a_file_range_that_is_none_is_refused),
        cmocka_unit_test(moving_appends_everything_and_empties_the_source),
        cmocka_unit_test(sharing_leaves_the_source_and_copies_nothing),
        cmocka_unit_test(appending_behind_shared_bytes_does_not_show_in_the_other_buffer),
        cmocka_unit_test(a_part_that_outlives_the_whole_may_be_continued),
        cmocka_unit_test(a_buffer_may_be_shared_into_itself),
        cmocka_unit_test(more_than_there_is_cannot_be_shared),
        cmocka_unit_test(peeking_fills_no_more_than_asked),
        cmocka_unit_test(every_allocation_may_fail_and_nothing_is_taken),
        cmocka_unit_test(a_failed_append_leaves_the_buffer_as_it_was),
        cmocka_unit_test(shared_segments_are_released_on_any_thread),
        cmocka_unit_test(any_run_of_operations_agrees_with_flat_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
