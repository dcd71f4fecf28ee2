/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line engine's promises: its rules for line ends and errors, and that no cut of the stream
 * changes the outcome. A `stream` plays the driver's part: it offers what has come and not been
 * taken, and notes what the engine finds as text ("[a][b]!long").
 */
#include "proto/line/line_engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FOUND_BYTES = 1 << 16 };

struct stream {
    struct shoal__line_engine engine;
    struct shoal_view received; /* the whole stream so far */
    size_t taken;
    bool failed;
    size_t found_size;
    char found[FOUND_BYTES];
};

static void note(struct stream *stream, const char *before, struct shoal_view text,
                 const char *after)
{
    size_t room = FOUND_BYTES - stream->found_size;
    assert_true(text.size + 16 < room);
    char *to = stream->found + stream->found_size;
    size_t size = (size_t)snprintf(to, room, "%s", before);
    if (text.size > 0)
        memcpy(to + size, text.data, text.size);
    size += text.size;
    size += (size_t)snprintf(to + size, room - size, "%s", after);
    stream->found_size += size;
}

static void note_step(struct stream *stream, enum shoal__line_step step,
                      const struct shoal__line *line)
{
    if (step == SHOAL__LINE_READY) {
        note(stream, "[", line->text, "]");
        stream->taken += line->taken;
    } else if (step != SHOAL__LINE_MORE) {
        stream->failed = true;
        note(stream, step == SHOAL__LINE_HAS_NUL ? "!nul" : "!long", shoal_view(NULL, 0), "");
    }
}

static void offer(struct stream *stream)
{
    enum shoal__line_step step = SHOAL__LINE_READY;
    while (!stream->failed && step == SHOAL__LINE_READY) {
        struct shoal__line line;
        step = shoal__line_next(&stream->engine, shoal_view_from(stream->received, stream->taken),
                                &line);
        note_step(stream, step, &line);
    }
}

static void end(struct stream *stream)
{
    if (stream->failed)
        return;
    struct shoal__line line;
    enum shoal__line_step step =
        shoal__line_last(&stream->engine, shoal_view_from(stream->received, stream->taken), &line);
    note_step(stream, step, &line);
}

static void begin(struct stream *stream, size_t max_line, bool allow_nul, const char *bytes)
{
    shoal__line_init(&stream->engine, max_line, allow_nul);
    stream->received = shoal_view(bytes, 0);
    stream->taken = 0;
    stream->failed = false;
    stream->found_size = 0;
    stream->found[0] = '\0';
}

static void receive(struct stream *stream, size_t size)
{
    stream->received.size += size;
    offer(stream);
}

static struct stream whole_stream, cut_stream;

/* What the engine makes of the bytes in one piece, which must be what it makes of them in two,
 * wherever the cut is, and in single bytes. */
static const char *outcome(size_t max_line, bool allow_nul, const char *bytes, size_t size)
{
    begin(&whole_stream, max_line, allow_nul, bytes);
    receive(&whole_stream, size);
    end(&whole_stream);
    for (size_t cut = 0; cut <= size; cut++) {
        begin(&cut_stream, max_line, allow_nul, bytes);
        receive(&cut_stream, cut);
        receive(&cut_stream, size - cut);
        end(&cut_stream);
        assert_string_equal(cut_stream.found, whole_stream.found);
    }
    begin(&cut_stream, max_line, allow_nul, bytes);
    for (size_t i = 0; i < size; i++)
        receive(&cut_stream, 1);
    end(&cut_stream);
    assert_string_equal(cut_stream.found, whole_stream.found);
    return whole_stream.found;
}

#define OUTCOME(max_line, literal) outcome((max_line), false, (literal), sizeof(literal) - 1)

static void lines_end_at_lf_or_crlf(void **state)
{
    (void)state;
    assert_string_equal(OUTCOME(9, "one\ntwo\r\nthree\n"), "[one][two][three]");
}

static void only_the_cr_directly_before_lf_belongs_to_the_end(void **state)
{
    (void)state;
    assert_string_equal(OUTCOME(9, "a\rb\r\n"), "[a\rb]");
    assert_string_equal(OUTCOME(9, "a\r\r\n"), "[a\r]");
    assert_string_equal(OUTCOME(9, "a\n\rb\n"), "[a][\rb]");
    assert_string_equal(OUTCOME(9, "\r\n\r\n"), "[][]");
}

static void empty_lines_are_lines(void **state)
{
    (void)state;
    assert_string_equal(OUTCOME(9, "\n\n\r\na\n\n"), "[][][][a][]");
}

static void the_last_line_needs_no_end(void **state)
{
    (void)state;
    assert_string_equal(OUTCOME(9, "a\nb"), "[a][b]");
    assert_string_equal(OUTCOME(9, "a\nb\r"), "[a][b]");
    assert_string_equal(OUTCOME(9, "a\n"), "[a]");
    assert_string_equal(OUTCOME(9, ""), "");
}

static void a_line_may_have_max_line_bytes_and_not_one_more(void **state)
{
    (void)state;
    assert_string_equal(OUTCOME(4, "abc\nabcd\nx\n"), "[abc][abcd][x]");
    assert_string_equal(OUTCOME(4, "abc\r\nabcd\r\nx\r\n"), "[abc][abcd][x]");
    assert_string_equal(OUTCOME(4, "abcd\nabcde\nx\n"), "[abcd]!long");
    assert_string_equal(OUTCOME(4, "abcde\r\nx\n"), "!long");
    assert_string_equal(OUTCOME(4, "abcd\rx\n"), "!long");
    assert_string_equal(OUTCOME(4, "abcd\r\r\n"), "!long");
}

static void the_limit_holds_for_a_line_without_end_too(void **state)
{
    (void)state;
    assert_string_equal(OUTCOME(4, "abcd"), "[abcd]");
    assert_string_equal(OUTCOME(4, "abcd\r"), "[abcd]");
    assert_string_equal(OUTCOME(4, "abcde"), "!long");
    assert_string_equal(OUTCOME(4, "abcdefghijklmnop"), "!long");
}

static void a_nul_is_an_error_or_a_byte_of_the_line(void **state)
{
    (void)state;
    assert_string_equal(OUTCOME(9, "a\nb\0c\nd\n"), "[a]!nul");
    assert_string_equal(OUTCOME(9, "\0"), "!nul");
    static const char bytes[] = "b\0c\n";
    begin(&whole_stream, 9, true, bytes);
    receive(&whole_stream, sizeof(bytes) - 1);
    assert_int_equal(whole_stream.found_size, 5);
    assert_memory_equal(whole_stream.found, "[b\0c]", 5);
}

static void of_two_errors_the_first_one_counts(void **state)
{
    (void)state;
    assert_string_equal(OUTCOME(4, "ab\0defgh\n"), "!nul");
    assert_string_equal(OUTCOME(4, "abcd\0\n"), "!nul");
    assert_string_equal(OUTCOME(4, "abcde\0\n"), "!long");
    assert_string_equal(OUTCOME(4, "abcd\r\0\n"), "!long");
}

static void an_endless_line_is_refused_when_the_limit_is_passed_not_later(void **state)
{
    (void)state;
    char bytes[10];
    memset(bytes, 'a', sizeof(bytes));
    begin(&whole_stream, 8, false, bytes);
    receive(&whole_stream, 8);
    assert_false(whole_stream.failed);
    receive(&whole_stream, 1);
    assert_true(whole_stream.failed);
}

/* Quadratic searching would take minutes here: 16 MiB offered byte by byte. */
static void every_byte_is_searched_once(void **state)
{
    (void)state;
    size_t size = 16u << 20;
    char *bytes = malloc(size);
    assert_non_null(bytes);
    memset(bytes, 'a', size);
    struct shoal__line_engine engine;
    struct shoal__line line;
    shoal__line_init(&engine, size, false);
    for (size_t i = 1; i <= size; i++)
        assert_true(shoal__line_next(&engine, shoal_view(bytes, i), &line) == SHOAL__LINE_MORE);
    bytes[size - 1] = '\n';
    engine.searched = size - 1;
    assert_int_equal(shoal__line_next(&engine, shoal_view(bytes, size), &line), SHOAL__LINE_READY);
    assert_int_equal(line.text.size, size - 1);
    free(bytes);
}

static void a_million_lines_come_out_in_order(void **state)
{
    (void)state;
    enum { LINES = 1000000 };
    char *bytes = malloc(LINES * 9 + 1);
    assert_non_null(bytes);
    size_t size = 0;
    for (int i = 0; i < LINES; i++)
        size += (size_t)sprintf(bytes + size, "%d\r\n", i);

    struct shoal__line_engine engine;
    shoal__line_init(&engine, 6, false);
    struct shoal_view in = shoal_view(bytes, size);
    for (int i = 0; i < LINES; i++) {
        struct shoal__line line;
        assert_true(shoal__line_next(&engine, in, &line) == SHOAL__LINE_READY);
        bytes[(size_t)(line.text.data - bytes) + line.text.size] = '\0';
        assert_int_equal(atoi(line.text.data), i);
        in = shoal_view_from(in, line.taken);
    }
    assert_int_equal(in.size, 0);
    free(bytes);
}

/* The model: one byte at a time, with the whole line in hand. */
static void model(struct stream *stream, size_t max_line, const char *bytes, size_t size)
{
    begin(stream, max_line, false, bytes);
    size_t start = 0;
    for (size_t i = 0; i <= size; i++) {
        bool at_end = i == size;
        size_t length = i - start;
        if (at_end && length == 0)
            return;
        if (at_end || bytes[i] == '\n') {
            length -= length > 0 && bytes[i - 1] == '\r';
            if (length > max_line)
                break;
            note(stream, "[", shoal_view(bytes + start, length), "]");
            start = i + 1;
        } else if (length > max_line || (length == max_line && bytes[i] != '\r' && bytes[i])) {
            break;
        } else if (!bytes[i]) {
            note(stream, "!nul", shoal_view(NULL, 0), "");
            return;
        }
    }
    if (start <= size)
        note(stream, "!long", shoal_view(NULL, 0), "");
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void random_streams_in_random_pieces_give_what_the_model_gives(void **state)
{
    (void)state;
    static const char alphabet[] = {'a', 'a', 'a', 'b', '\r', '\r', '\n', '\n', '\0'};
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        uint64_t random = seed * 0x9E3779B97F4A7C15u;
        char bytes[64];
        size_t size = next_random(&random) % sizeof(bytes);
        size_t kinds = sizeof(alphabet) - (next_random(&random) % 4 != 0);
        for (size_t i = 0; i < size; i++)
            bytes[i] = alphabet[next_random(&random) % kinds];
        size_t max_line = next_random(&random) % 8;

        model(&whole_stream, max_line, bytes, size);
        begin(&cut_stream, max_line, false, bytes);
        for (size_t left = size; left > 0;) {
            size_t piece = 1 + next_random(&random) % left;
            receive(&cut_stream, piece);
            left -= piece;
        }
        end(&cut_stream);
        if (strcmp(cut_stream.found, whole_stream.found) != 0)
            fail_msg("seed %llu, max_line %zu", (unsigned long long)seed, max_line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_at_lf_or_crlf),
        cmocka_unit_test(only_the_cr_directly_before_lf_belongs_to_the_end),
        cmocka_unit_test(empty_lines_are_lines),
        cmocka_unit_test(the_last_line_needs_no_end),
        cmocka_unit_test(a_line_may_have_max_line_bytes_and_not_one_more),
        cmocka_unit_test(the_limit_holds_for_a_line_without_end_too),
        cmocka_unit_test(a_nul_is_an_error_or_a_byte_of_the_line),
        cmocka_unit_test(of_two_errors_the_first_one_counts),
        cmocka_unit_test(an_endless_line_is_refused_when_the_limit_is_passed_not_later),
        cmocka_unit_test(every_byte_is_searched_once),
        cmocka_unit_test(a_million_lines_come_out_in_order),
        cmocka_unit_test(random_streams_in_random_pieces_give_what_the_model_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
