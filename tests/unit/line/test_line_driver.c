/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line driver on an in-memory wire and a fake clock: when lines are delivered, and when not.
 * The service under test writes down what it is told as text: "open [line] turn partial error(0)
 * end close(peer)".
 */
#include "proto/line/line_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/connrig.h"
#include "support/failmalloc.h"

/* One test's: a bench whose recorder only lends its service and its place for notes. */
struct linebench {
    struct connbench *bench;
    struct shoal_line_service lines;
    const char *pause_at; /* the line that pauses, holds, closes */
    const char *hold_at;
    const char *close_at;
    bool echo;
};

static struct linebench it;

static void note(const char *text)
{
    struct recorder *recorder = &it.bench->recorder;
    size_t size = strlen(text);
    assert_true(recorder->notes_size + size + 2 < sizeof(recorder->notes));
    if (recorder->notes_size > 0)
        recorder->notes[recorder->notes_size++] = ' ';
    memcpy(recorder->notes + recorder->notes_size, text, size + 1);
    recorder->notes_size += size;
}

static bool is(const char *wanted, struct shoal_view line)
{
    return wanted && shoal_view_equal(line, shoal_view_of(wanted));
}

static void on_open(struct shoal_conn *conn)
{
    assert_ptr_equal(shoal_line_arg(conn), &it);
    note("open");
}

static void on_line(struct shoal_conn *conn, struct shoal_view line)
{
    char text[80];
    assert_int_equal(line.data[line.size], '\0');
    snprintf(text, sizeof(text), "[%s]", line.data);
    note(text);
    if (is(it.pause_at, line))
        shoal_conn_pause(conn);
    if (is(it.hold_at, line))
        shoal_conn_hold(conn);
    if (is(it.close_at, line))
        shoal_conn_close(conn, SHOAL_CLOSE_FLUSH);
    if (it.echo) {
        shoal_conn_write_view(conn, line);
        shoal_conn_write(conn, ";", 1);
    }
}

static void on_turn(struct shoal_conn *conn, bool partial)
{
    (void)conn;
    note(partial ? "partial" : "turn");
}

static void on_error(struct shoal_conn *conn, enum shoal_line_error error)
{
    note(error == SHOAL_LINE_TOO_LONG ? "too_long" : "nul");
    shoal_conn_printf(conn, "bad line");
}

static void on_end(struct shoal_conn *conn)
{
    (void)conn;
    note("end");
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    char text[40];
    assert_ptr_equal(shoal_line_arg(conn), &it);
    snprintf(text, sizeof(text), "close(%s)", shoal_close_reason_name(reason));
    note(text);
}

static int start(void **state)
{
    connbench_start(state);
    it = (struct linebench){.bench = *state};
    it.lines = (struct shoal_line_service){.max_line = 16,
                                           .arg = &it,
                                           .on_open = on_open,
                                           .on_line = on_line,
                                           .on_error = on_error,
                                           .on_end = on_end,
                                           .on_close = on_close};
    return 0;
}

static void open_lines(void)
{
    it.bench->recorder.service = shoal__line_raw_service(&it.lines);
    connbench_open(it.bench, NULL);
}

static void feed(const char *text)
{
    connbench_feed(it.bench, text);
}

static void lines_come_whole_whatever_the_pieces(void **state)
{
    (void)state;
    it.bench->wire.read_most = 1;
    open_lines();
    feed("one\r\ntwo\n\nth");
    feed("ree\r\n");
    assert_notes(it.bench, "open [one] [two] [] [three]");
}

static void many_lines_come_from_one_read(void **state)
{
    (void)state;
    open_lines();
    feed("one\r\ntwo\n\nthree\r\n");
    assert_notes(it.bench, "open [one] [two] [] [three]");
    assert_int_equal(it.bench->wire.reads, 1);
}

static void a_turn_tells_whether_part_of_a_line_has_come(void **state)
{
    (void)state;
    it.lines.on_turn = on_turn;
    open_lines();
    feed("one\ntwo\n");
    feed("th");
    feed("re");
    feed("e\nfo");
    feed("ur\n");
    assert_notes(it.bench, "open [one] [two] turn partial partial [three] partial [four] turn");
}

static void only_so_many_lines_come_in_one_turn(void **state)
{
    (void)state;
    it.lines.on_turn = on_turn;
    it.lines.lines_per_turn = 2;
    open_lines();
    feed("1\n2\n3\n4\n5\n");
    assert_notes(it.bench, "open [1] [2] partial [3] [4] partial [5] turn");
}

static void a_pause_holds_back_the_lines_behind_it(void **state)
{
    (void)state;
    it.pause_at = "wait";
    open_lines();
    feed("one\nwait\ntwo\nthree\n");
    feed("four\n");
    assert_notes(it.bench, "open [one] [wait]");
    it.pause_at = NULL;
    shoal_conn_resume(it.bench->conn);
    connrig_run(&it.bench->rig);
    assert_notes(it.bench, "open [one] [wait] [two] [three] [four]");
}

static void a_pause_holds_back_the_end_too(void **state)
{
    (void)state;
    it.pause_at = "wait";
    open_lines();
    feed("wait\nlast");
    connbench_end(it.bench);
    assert_notes(it.bench, "open [wait]");
    it.pause_at = NULL;
    shoal_conn_resume(it.bench->conn);
    connrig_run(&it.bench->rig);
    assert_notes(it.bench, "open [wait] [last] end close(peer)");
}

static void the_end_comes_after_every_line(void **state)
{
    (void)state;
    it.lines.lines_per_turn = 1;
    open_lines();
    memwire_feed_text(&it.bench->wire, "1\n2\n3\n4");
    connbench_end(it.bench);
    assert_notes(it.bench, "open [1] [2] [3] [4] end close(peer)");
}

static void a_held_connection_is_closed_when_it_is_released(void **state)
{
    (void)state;
    it.hold_at = "work";
    open_lines();
    feed("work\n");
    connbench_end(it.bench);
    assert_notes(it.bench, "open [work] end");
    shoal_conn_printf(it.bench->conn, "done");
    shoal_conn_release(it.bench->conn);
    connrig_run(&it.bench->rig);
    assert_notes(it.bench, "open [work] end close(peer)");
    assert_output(it.bench, "done");
}

static void nothing_is_delivered_after_a_close(void **state)
{
    (void)state;
    it.lines.on_turn = on_turn;
    it.close_at = "quit";
    open_lines();
    feed("one\nquit\ntwo\n");
    feed("three\n");
    connbench_end(it.bench);
    assert_notes(it.bench, "open [one] [quit] close(local)");
}

static void a_line_too_long_is_told_answered_and_the_last(void **state)
{
    (void)state;
    open_lines();
    feed("1234567890123456\n12345678901234567\nnext\n");
    connbench_end(it.bench);
    assert_notes(it.bench, "open [1234567890123456] too_long close(protocol)");
    assert_output(it.bench, "bad line");
}

static void a_line_without_end_is_refused_as_soon_as_it_is_too_long(void **state)
{
    (void)state;
    open_lines();
    feed("12345678901234567");
    assert_output(it.bench, "bad line");
}

static void a_nul_is_an_error_unless_it_is_allowed(void **state)
{
    (void)state;
    open_lines();
    memwire_feed(&it.bench->wire, "a\nb\0c\n", 6);
    connbench_end(it.bench);
    assert_notes(it.bench, "open [a] nul close(protocol)");
}

static void an_allowed_nul_is_a_byte_of_the_line(void **state)
{
    (void)state;
    it.lines.allow_nul = true;
    it.echo = true;
    open_lines();
    memwire_feed(&it.bench->wire, "b\0c\n", 4);
    connrig_run(&it.bench->rig);
    assert_true(shoal_view_equal(memwire_output(&it.bench->wire), shoal_view("b\0c;", 4)));
}

static void without_callbacks_errors_and_ends_still_close(void **state)
{
    (void)state;
    it.lines.on_error = NULL;
    it.lines.on_end = NULL;
    open_lines();
    memwire_feed(&it.bench->wire, "\0\n", 2);
    connbench_end(it.bench);
    assert_notes(it.bench, "open close(protocol)");
}

static void lines_may_be_written_back_from_where_they_lie(void **state)
{
    (void)state;
    it.echo = true;
    it.bench->wire.write_most = 3;
    open_lines();
    feed("one\r\ntwo\nthr");
    feed("ee\nfour\n");
    assert_output(it.bench, "one;two;three;four;");
}

static int exchange_without_memory(long k)
{
    it.bench->recorder.notes_size = 0;
    it.bench->recorder.notes[0] = '\0';
    it.bench->recorder.service = shoal__line_raw_service(&it.lines);
    memwire_fini(&it.bench->wire);
    memwire_init(&it.bench->wire, it.bench->rig.loop);
    failmalloc_at(k);
    it.bench->conn =
        connrig_open(&it.bench->rig, &it.bench->wire, &it.bench->recorder, &connrig_no_limits);
    if (it.bench->conn) {
        feed("one\nt");
        feed("wo\n");
        connbench_end(it.bench);
    }
    failmalloc_off();
    return failmalloc_failures() > 0 ? -1 : 0;
}

static void want_of_memory_closes_one_connection_and_leaks_nothing(void **state)
{
    (void)state;
    long k = 1;
    while (exchange_without_memory(k) < 0) {
        bool quiet = it.bench->recorder.notes_size == 0; /* the service never heard of it */
        bool closed = strstr(it.bench->recorder.notes, "close(") != NULL;
        assert_true(quiet || closed);
        assert_true(++k < 100);
    }
    assert_true(k > 2);
    assert_notes(it.bench, "open [one] [two] end close(peer)");
}

#define LINE_TEST(name) cmocka_unit_test_setup_teardown(name, start, connbench_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINE_TEST(lines_come_whole_whatever_the_pieces),
        LINE_TEST(many_lines_come_from_one_read),
        LINE_TEST(a_turn_tells_whether_part_of_a_line_has_come),
        LINE_TEST(only_so_many_lines_come_in_one_turn),
        LINE_TEST(a_pause_holds_back_the_lines_behind_it),
        LINE_TEST(a_pause_holds_back_the_end_too),
        LINE_TEST(the_end_comes_after_every_line),
        LINE_TEST(a_held_connection_is_closed_when_it_is_released),
        LINE_TEST(nothing_is_delivered_after_a_close),
        LINE_TEST(a_line_too_long_is_told_answered_and_the_last),
        LINE_TEST(a_line_without_end_is_refused_as_soon_as_it_is_too_long),
        LINE_TEST(a_nul_is_an_error_unless_it_is_allowed),
        LINE_TEST(an_allowed_nul_is_a_byte_of_the_line),
        LINE_TEST(without_callbacks_errors_and_ends_still_close),
        LINE_TEST(lines_may_be_written_back_from_where_they_lie),
        LINE_TEST(want_of_memory_closes_one_connection_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
