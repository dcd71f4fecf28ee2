/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages: of the right size, and never the same where a mix-up has to be found. */
#include "bench_payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "options.h"
#include "support/failmalloc.h"

static const struct command command = {.name = "bench"};

static struct bench_payload make(struct options options)
{
    struct bench_payload payload;
    options.command = &command;
    assert_int_equal(bench_payload_make(&options, &payload), 0);
    return payload;
}

static int make_code(struct options options)
{
    struct bench_payload payload;
    options.command = &command;
    return bench_payload_make(&options, &payload);
}

static char *write_file(const char *content, size_t size)
{
    static char path[] = "bench_payload_XXXXXX";
    snprintf(path, sizeof(path), "bench_payload_XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, size), size);
    close(fd);
    return path;
}

static void a_message_has_the_size_asked_for(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 64, 65521, 100000};
    for (size_t i = 0; i < 4; i++) {
        struct bench_payload payload = make((struct options){.size = sizes[i]});
        assert_int_equal(bench_payload_message(&payload, 0, 0).size, sizes[i]);
        bench_payload_free(&payload);
    }
    struct bench_payload payload = make((struct options){0});
    assert_int_equal(bench_payload_message(&payload, 0, 0).size, BENCH_SIZE_DEFAULT);
    bench_payload_free(&payload);
}

static void neighbours_differ_and_so_do_connections(void **state)
{
    (void)state;
    struct bench_payload payload = make((struct options){.size = 16});
    for (uint64_t number = 0; number < 5000; number++) {
        struct shoal_view message = bench_payload_message(&payload, 3, number);
        assert_false(shoal_view_equal(message, bench_payload_message(&payload, 3, number + 1)));
        assert_false(shoal_view_equal(message, bench_payload_message(&payload, 4, number)));
        assert_true(shoal_view_equal(message, bench_payload_message(&payload, 3, number)));
    }
    bench_payload_free(&payload);
}

static void a_generated_line_is_printable_and_leaves_room_for_its_end(void **state)
{
    (void)state;
    struct bench_payload payload = make((struct options){.size = 80, .line = true});
    for (uint64_t number = 0; number < 1000; number++) {
        struct shoal_view line = bench_payload_message(&payload, number, number);
        assert_int_equal(line.size, 79);
        for (size_t i = 0; i < line.size; i++)
            assert_in_range(line.data[i], '!', '~');
    }
    bench_payload_free(&payload);
}

static void a_file_is_sent_as_it_is(void **state)
{
    (void)state;
    char *path = write_file("a\0b\n", 4);
    struct bench_payload payload = make((struct options){.data = path});
    struct shoal_view whole = shoal_view("a\0b\n", 4);
    assert_true(shoal_view_equal(bench_payload_message(&payload, 0, 0), whole));
    assert_true(shoal_view_equal(bench_payload_message(&payload, 9, 9), whole));
    bench_payload_free(&payload);
    unlink(path);
}

static void the_lines_of_a_file_come_in_turn_without_their_ends(void **state)
{
    (void)state;
    char *path = write_file("one\r\n\nlast of all", 17);
    struct bench_payload payload = make((struct options){.data = path, .line = true});
    static const char *const lines[] = {"one", "", "last of all", "one"};
    assert_int_equal(payload.line_count, 3);
    assert_int_equal(payload.size, 11);
    for (uint64_t i = 0; i < 4; i++)
        assert_true(
            shoal_view_equal(bench_payload_message(&payload, 0, i), shoal_view_of(lines[i])));
    assert_true(shoal_view_equal(bench_payload_message(&payload, 1, 0), shoal_view_of("")));
    bench_payload_free(&payload);
    unlink(path);
}

static void what_cannot_be_sent_is_refused(void **state)
{
    (void)state;
    char *path = write_file("", 0);
    assert_int_equal(make_code((struct options){.data = path}), 66);
    unlink(path);
    assert_int_equal(make_code((struct options){.data = path}), 66);
    assert_int_equal(make_code((struct options){.data = path, .size = 1}), 64);
    assert_int_equal(make_code((struct options){.size = BENCH_SIZE_MAX + 1}), 64);
    failmalloc_at(1);
    assert_int_equal(make_code((struct options){.size = 64}), 71);
    failmalloc_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_the_size_asked_for),
        cmocka_unit_test(neighbours_differ_and_so_do_connections),
        cmocka_unit_test(a_generated_line_is_printable_and_leaves_room_for_its_end),
        cmocka_unit_test(a_file_is_sent_as_it_is),
        cmocka_unit_test(the_lines_of_a_file_come_in_turn_without_their_ends),
        cmocka_unit_test(what_cannot_be_sent_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
