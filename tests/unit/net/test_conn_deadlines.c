/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Deadlines, each by the fake clock: when it acts, what puts it off, what switches it off, and that
 * it looks whether the peer has done its part before it acts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "net/conn.h"
#include "support/connrig.h"
#include "support/faketls.h"

enum { LIMIT_MS = 1000 };

/* Feeds the wire without its telling the loop: as if the loop had been held up. */
static void feed_silently(struct connbench *bench, const char *text)
{
    unsigned watched = bench->wire.watched;
    bench->wire.watched = 0;
    memwire_feed_text(&bench->wire, text);
    bench->wire.watched = watched;
}

static void pass_ms(struct connbench *bench, int64_t ms)
{
    connrig_pass_ms(&bench->rig, ms);
}

static size_t leave_all(struct shoal_conn *conn, struct shoal_view in)
{
    (void)conn;
    (void)in;
    return 0;
}

/* First byte */

static void a_silent_peer_is_closed_at_the_first_byte_deadline(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.first_byte_ms = LIMIT_MS;
    connbench_open(bench, &limits);
    pass_ms(bench, LIMIT_MS - 1);
    assert_notes(bench, "open");
    pass_ms(bench, 1);
    assert_notes(bench, "open close(first_byte)");
}

static void the_first_byte_ends_its_deadline_for_good(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.first_byte_ms = LIMIT_MS;
    connbench_open(bench, &limits);
    pass_ms(bench, LIMIT_MS - 1);
    connbench_feed(bench, "x");
    pass_ms(bench, 100 * LIMIT_MS);
    assert_notes(bench, "open data(1)");
}

static void a_first_byte_that_is_there_is_read_before_the_deadline_acts(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.first_byte_ms = LIMIT_MS;
    connbench_open(bench, &limits);
    connrig_run(&bench->rig);
    feed_silently(bench, "late but here");
    pass_ms(bench, 2 * LIMIT_MS);
    assert_notes(bench, "open data(13)");
}

static void a_peer_that_ended_without_a_byte_owes_no_first_byte(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.first_byte_ms = LIMIT_MS;
    recorder_note_end(&bench->recorder);
    connbench_open(bench, &limits);
    connbench_end(bench);
    pass_ms(bench, 2 * LIMIT_MS);
    assert_notes(bench, "open end(0)");
}

/* Idle */

static void bytes_either_way_put_the_idle_timeout_off(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.idle_ms = LIMIT_MS;
    connbench_open(bench, &limits);
    pass_ms(bench, LIMIT_MS - 1);
    connbench_feed(bench, "in");
    pass_ms(bench, LIMIT_MS - 1);
    shoal_conn_write(bench->conn, "out", 3);
    connrig_run(&bench->rig);
    pass_ms(bench, LIMIT_MS - 1);
    assert_notes(bench, "open data(2)");
    pass_ms(bench, 1);
    assert_notes(bench, "open data(2) close(idle)");
}

static enum shoal_close_reason told_of;

static void say_last_words(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    told_of = reason;
    shoal_conn_write(conn, "goodbye", 7);
}

static void last_words_are_sent_before_an_idle_connection_is_closed(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.idle_ms = LIMIT_MS;
    bench->recorder.service.on_deadline = say_last_words;
    connbench_open(bench, &limits);
    connbench_feed(bench, "in");
    pass_ms(bench, LIMIT_MS);
    assert_notes(bench, "open data(2) close(idle)");
    assert_int_equal(told_of, SHOAL_CLOSED_IDLE);
    assert_true(shoal_view_equal(memwire_output(&bench->wire), shoal_view_of("goodbye")));
}

static void bytes_that_are_there_are_read_before_the_idle_timeout_acts(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.idle_ms = LIMIT_MS;
    connbench_open(bench, &limits);
    connrig_run(&bench->rig);
    feed_silently(bench, "here");
    pass_ms(bench, LIMIT_MS);
    assert_notes(bench, "open data(4)");
    pass_ms(bench, LIMIT_MS);
    assert_notes(bench, "open data(4) close(idle)");
}

static void who_is_owed_an_answer_is_not_idle(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.idle_ms = LIMIT_MS;
    connbench_open(bench, &limits);
    shoal_conn_hold(bench->conn);
    pass_ms(bench, 10 * LIMIT_MS);
    assert_notes(bench, "open");
    shoal_conn_release(bench->conn); /* the time begins with the answer */
    pass_ms(bench, LIMIT_MS - 1);
    assert_notes(bench, "open");
    pass_ms(bench, 1);
    assert_notes(bench, "open close(idle)");
}

static void a_pause_does_not_stop_the_idle_timeout_and_a_resume_starts_it_anew(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.idle_ms = LIMIT_MS;
    connbench_open(bench, &limits);
    pass_ms(bench, LIMIT_MS - 1);
    shoal_conn_pause(bench->conn);
    shoal_conn_resume(bench->conn);
    pass_ms(bench, LIMIT_MS - 1);
    shoal_conn_pause(bench->conn);
    assert_notes(bench, "open");
    pass_ms(bench, 1);
    assert_notes(bench, "open close(idle)");
}

/* Read stall */

static size_t take_lines(struct shoal_conn *conn, struct shoal_view in)
{
    (void)conn;
    const char *end = memrchr(in.data, '\n', in.size);
    return end ? (size_t)(end - in.data) + 1 : 0;
}

static void a_message_that_comes_drop_by_drop_is_cut_from_its_first_byte_on(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.read_stall_ms = LIMIT_MS;
    limits.idle_ms = LIMIT_MS;
    bench->recorder.data = leave_all;
    connbench_open(bench, &limits);
    for (int i = 0; i < 10; i++) {
        assert_null(strstr(bench->recorder.notes, "close"));
        connbench_feed(bench, "x");
        pass_ms(bench, LIMIT_MS / 10);
    }
    assert_non_null(strstr(bench->recorder.notes, "close(read_stall)"));
}

static void each_message_has_the_whole_time_to_itself(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.read_stall_ms = LIMIT_MS;
    bench->recorder.data = take_lines;
    connbench_open(bench, &limits);
    connbench_feed(bench, "half");
    pass_ms(bench, LIMIT_MS - 1);
    connbench_feed(bench, " a line\nhalf"); /* ends one and begins the next */
    pass_ms(bench, LIMIT_MS - 1);
    assert_null(strstr(bench->recorder.notes, "close"));
    pass_ms(bench, 1);
    assert_non_null(strstr(bench->recorder.notes, "close(read_stall)"));
}

static void between_messages_there_is_no_read_stall(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.read_stall_ms = LIMIT_MS;
    bench->recorder.data = take_lines;
    connbench_open(bench, &limits);
    connbench_feed(bench, "a line\n");
    pass_ms(bench, 100 * LIMIT_MS);
    assert_notes(bench, "open data(7)");
}

static void an_end_of_message_that_is_there_is_read_before_the_stall_acts(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.read_stall_ms = LIMIT_MS;
    bench->recorder.data = take_lines;
    connbench_open(bench, &limits);
    connbench_feed(bench, "half");
    feed_silently(bench, " a line\n");
    pass_ms(bench, LIMIT_MS);
    assert_notes(bench, "open data(4) data(12)");
}

static size_t pause_and_leave(struct shoal_conn *conn, struct shoal_view in)
{
    (void)in;
    shoal_conn_pause(conn);
    return 0;
}

static void a_paused_handler_is_not_the_peers_stall_but_counts_again_from_resume(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.read_stall_ms = LIMIT_MS;
    bench->recorder.data = pause_and_leave;
    connbench_open(bench, &limits);
    connbench_feed(bench, "half");
    pass_ms(bench, 10 * LIMIT_MS);
    assert_notes(bench, "open data(4)");
    bench->recorder.data = leave_all;
    shoal_conn_resume(bench->conn);
    pass_ms(bench, LIMIT_MS - 1);
    assert_null(strstr(bench->recorder.notes, "close"));
    pass_ms(bench, 1);
    assert_non_null(strstr(bench->recorder.notes, "close(read_stall)"));
}

static size_t write_and_leave(struct shoal_conn *conn, struct shoal_view in)
{
    recorder_of(conn)->data = leave_all;
    shoal_conn_write(conn, "far above the mark", 18);
    (void)in;
    return 0;
}

static void what_backpressure_kept_us_from_reading_is_not_the_peers_stall(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.read_stall_ms = LIMIT_MS;
    limits.out_high = 4;
    bench->recorder.data = write_and_leave;
    connbench_open(bench, &limits);
    bench->wire.capacity = 0;
    connbench_feed(bench, "half");
    pass_ms(bench, 10 * LIMIT_MS);
    bench->wire.capacity = 18;
    memwire_take(&bench->wire, 0);
    connrig_run(&bench->rig);
    pass_ms(bench, LIMIT_MS - 1);
    assert_null(strstr(bench->recorder.notes, "close"));
    pass_ms(bench, 1);
    assert_non_null(strstr(bench->recorder.notes, "close(read_stall)"));
}

/* Write stall */

static void a_peer_that_takes_nothing_is_cut_at_the_write_stall(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.write_stall_ms = LIMIT_MS;
    connbench_open(bench, &limits);
    pass_ms(bench, 10 * LIMIT_MS); /* nothing waits: nothing stalls */
    bench->wire.capacity = 2;
    shoal_conn_write(bench->conn, "four", 4);
    connrig_run(&bench->rig);
    pass_ms(bench, LIMIT_MS - 1);
    memwire_take(&bench->wire, 1);
    connrig_run(&bench->rig);
    pass_ms(bench, LIMIT_MS - 1); /* a byte was taken */
    assert_notes(bench, "open");
    pass_ms(bench, 1);
    assert_notes(bench, "open close(write_stall)");
    assert_true(bench->wire.aborted);
}

static void more_output_behind_what_waits_does_not_put_the_write_stall_off(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.write_stall_ms = LIMIT_MS;
    connbench_open(bench, &limits);
    bench->wire.capacity = 0;
    pass_ms(bench, 10 * LIMIT_MS); /* the time begins with the output */
    for (int i = 0; i < 10; i++) {
        assert_notes(bench, "open");
        assert_int_equal(shoal_conn_write(bench->conn, "x", 1), 0);
        connrig_run(&bench->rig);
        pass_ms(bench, LIMIT_MS / 10);
    }
    assert_notes(bench, "open close(write_stall)");
}

static void moved_buffers_stall_as_well(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.write_stall_ms = LIMIT_MS;
    connbench_open(bench, &limits);
    bench->wire.capacity = 0;
    struct shoal_buf *buf = shoal_buf_create();
    shoal_buf_append(buf, "moved", 5);
    shoal_conn_write_buf(bench->conn, buf);
    shoal_buf_destroy(&buf);
    connrig_run(&bench->rig);
    pass_ms(bench, LIMIT_MS - 1);
    assert_notes(bench, "open");
    pass_ms(bench, 1);
    assert_notes(bench, "open close(write_stall)");
}

static void the_earliest_of_several_deadlines_acts(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.idle_ms = 10 * LIMIT_MS; /* is waited for first, and has to be overtaken */
    limits.write_stall_ms = 3 * LIMIT_MS;
    limits.read_stall_ms = LIMIT_MS;
    bench->recorder.data = leave_all;
    connbench_open(bench, &limits);
    connrig_run(&bench->rig);
    bench->wire.capacity = 0;
    shoal_conn_write(bench->conn, "x", 1);
    connbench_feed(bench, "half");
    pass_ms(bench, LIMIT_MS - 1);
    assert_notes(bench, "open data(4)");
    pass_ms(bench, 1);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_NOW); /* it flushes now, which it cannot */
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(4) close(read_stall)");
}

static void a_wire_that_takes_again_is_written_to_before_the_stall_acts(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.write_stall_ms = LIMIT_MS;
    connbench_open(bench, &limits);
    bench->wire.capacity = 0;
    shoal_conn_write(bench->conn, "four", 4);
    connrig_run(&bench->rig);
    bench->wire.capacity = 4; /* without an event */
    pass_ms(bench, LIMIT_MS);
    assert_output(bench, "four");
    assert_notes(bench, "open");
}

/* Age */

static void an_old_connection_is_closed_as_if_drained(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.age_ms = LIMIT_MS;
    connbench_open(bench, &limits);
    for (int i = 0; i < 9; i++) {
        connbench_feed(bench, "x");
        pass_ms(bench, LIMIT_MS / 10);
    }
    shoal_conn_hold(bench->conn); /* an answer is owed: it still comes */
    pass_ms(bench, LIMIT_MS);
    assert_null(strstr(bench->recorder.notes, "close"));
    shoal_conn_write(bench->conn, "answer", 6);
    shoal_conn_release(bench->conn);
    connrig_run(&bench->rig);
    assert_non_null(strstr(bench->recorder.notes, "close(age)"));
    assert_output(bench, "answer");
}

static void say_goodbye(struct shoal_conn *conn)
{
    recorder_of(conn)->number++;
    shoal_conn_write(conn, "bye", 3);
    shoal_conn_close_for(conn, SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_AGE);
}

static void a_service_that_sees_to_its_own_drain_sees_to_its_age(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.age_ms = LIMIT_MS;
    bench->recorder.service.on_server_drain = say_goodbye;
    connbench_open(bench, &limits);
    pass_ms(bench, LIMIT_MS);
    assert_int_equal(bench->recorder.number, 1);
    assert_output(bench, "bye");
    assert_notes(bench, "open close(age)");
}

static void ignore_drain(struct shoal_conn *conn)
{
    recorder_of(conn)->number++;
}

static void age_is_told_once(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.age_ms = LIMIT_MS;
    limits.idle_ms = 10 * LIMIT_MS;
    bench->recorder.service.on_server_drain = ignore_drain;
    connbench_open(bench, &limits);
    for (int i = 0; i < 9; i++)
        pass_ms(bench, LIMIT_MS);
    assert_int_equal(bench->recorder.number, 1);
    assert_notes(bench, "open");
    pass_ms(bench, LIMIT_MS);
    assert_notes(bench, "open close(idle)");
}

/* Handshake and connect */

static void a_slow_handshake_is_cut_and_a_finished_one_is_not(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.handshake_ms = LIMIT_MS;
    struct faketls *tls = malloc(sizeof(*tls));
    faketls_init(tls, &bench->wire);
    tls->rounds = 2;
    struct shoal__transport transport = faketls_transport(tls);
    bench->conn = connrig_open_on(&bench->rig, &bench->wire, &transport, &bench->recorder, &limits);
    connrig_run(&bench->rig);
    faketls_feed(tls, 'H', NULL, 0);
    pass_ms(bench, LIMIT_MS - 1);
    assert_int_equal(bench->wire.closes, 0);
    pass_ms(bench, 1);
    assert_int_equal(bench->wire.closes, 1);
    assert_notes(bench, ""); /* never opened, never closed */
    free(tls);
}

static void a_handshake_whose_last_step_is_there_is_finished_before_the_deadline_acts(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.handshake_ms = LIMIT_MS;
    struct faketls *tls = malloc(sizeof(*tls));
    faketls_init(tls, &bench->wire);
    tls->rounds = 1;
    struct shoal__transport transport = faketls_transport(tls);
    bench->conn = connrig_open_on(&bench->rig, &bench->wire, &transport, &bench->recorder, &limits);
    connrig_run(&bench->rig);
    unsigned watched = bench->wire.watched;
    bench->wire.watched = 0;
    faketls_feed(tls, 'H', NULL, 0);
    bench->wire.watched = watched;
    pass_ms(bench, 2 * LIMIT_MS);
    assert_notes(bench, "open");
    shoal_conn_close(bench->conn, SHOAL_CLOSE_NOW);
    connrig_run(&bench->rig);
    free(tls);
}

static void count_cancel(void *arg, struct shoal_conn *conn)
{
    (void)conn;
    ++*(int *)arg;
}

static void a_connect_that_takes_too_long_is_cancelled(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits values = connrig_no_limits;
    values.handshake_ms = LIMIT_MS;
    struct shoal__shared_limits *limits = shoal__limits_create(&values);
    struct shoal_conn *conn;
    int cancels = 0;
    assert_int_equal(shoal__conn_create_pending(bench->rig.loop, &bench->recorder.service, limits,
                                                count_cancel, &cancels, &conn),
                     0);
    shoal__limits_unref(&limits);
    pass_ms(bench, LIMIT_MS - 1);
    assert_int_equal(cancels, 0);
    pass_ms(bench, 1);
    assert_int_equal(cancels, 1);
    assert_notes(bench, "close(connect_timeout)");
    assert_int_equal(bench->recorder.error, -SHOAL_ETIMEDOUT);
}

/* All of them */

static void zero_switches_every_deadline_off(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = leave_all;
    connbench_open(bench, NULL);
    bench->wire.capacity = 0;
    shoal_conn_write(bench->conn, "x", 1);
    connbench_feed(bench, "half");
    pass_ms(bench, INT64_C(1000) * 60 * 60 * 24 * 5);
    assert_notes(bench, "open data(4)");
}

static void new_limits_count_at_once(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    connbench_open(bench, NULL);
    connrig_run(&bench->rig);
    limits.idle_ms = LIMIT_MS;
    assert_int_equal(shoal_conn_set_limits(bench->conn, &limits), 0);
    pass_ms(bench, LIMIT_MS / 2);
    limits.idle_ms = 2 * LIMIT_MS;
    assert_int_equal(shoal_conn_set_limits(bench->conn, &limits), 0);
    pass_ms(bench, LIMIT_MS);
    assert_notes(bench, "open");
    pass_ms(bench, LIMIT_MS / 2);
    assert_notes(bench, "open close(idle)");
}

static void absurdly_long_limits_do_not_act_early(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.idle_ms = INT64_MAX;
    limits.age_ms = INT64_C(1) << 33;
    connbench_open(bench, &limits);
    pass_ms(bench, INT64_C(1000) * 60 * 60 * 24 * 12);
    assert_notes(bench, "open");
}

/* The times of a connection are 32-bit milliseconds. */
static void deadlines_survive_the_wrap_of_the_short_clock(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    fakeclock_advance_ms(&bench->rig.time, (INT64_C(1) << 32) - 5 * 1000 - LIMIT_MS / 2);
    connrig_run(&bench->rig);
    limits.idle_ms = LIMIT_MS;
    limits.read_stall_ms = 2 * LIMIT_MS;
    bench->recorder.data = leave_all;
    connbench_open(bench, &limits);
    pass_ms(bench, LIMIT_MS - 1); /* past the wrap */
    connbench_feed(bench, "x");
    pass_ms(bench, LIMIT_MS - 1);
    assert_notes(bench, "open data(1)");
    pass_ms(bench, 1);
    assert_notes(bench, "open data(1) close(idle)");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, connbench_start, connbench_stop)
    const struct CMUnitTest tests[] = {
        TEST(a_silent_peer_is_closed_at_the_first_byte_deadline),
        TEST(the_first_byte_ends_its_deadline_for_good),
        TEST(a_first_byte_that_is_there_is_read_before_the_deadline_acts),
        TEST(a_peer_that_ended_without_a_byte_owes_no_first_byte),
        TEST(bytes_either_way_put_the_idle_timeout_off),
        TEST(last_words_are_sent_before_an_idle_connection_is_closed),
        TEST(bytes_that_are_there_are_read_before_the_idle_timeout_acts),
        TEST(who_is_owed_an_answer_is_not_idle),
        TEST(a_pause_does_not_stop_the_idle_timeout_and_a_resume_starts_it_anew),
        TEST(a_message_that_comes_drop_by_drop_is_cut_from_its_first_byte_on),
        TEST(each_message_has_the_whole_time_to_itself),
        TEST(between_messages_there_is_no_read_stall),
        TEST(an_end_of_message_that_is_there_is_read_before_the_stall_acts),
        TEST(a_paused_handler_is_not_the_peers_stall_but_counts_again_from_resume),
        TEST(what_backpressure_kept_us_from_reading_is_not_the_peers_stall),
        TEST(a_peer_that_takes_nothing_is_cut_at_the_write_stall),
        TEST(more_output_behind_what_waits_does_not_put_the_write_stall_off),
        TEST(moved_buffers_stall_as_well),
        TEST(the_earliest_of_several_deadlines_acts),
        TEST(a_wire_that_takes_again_is_written_to_before_the_stall_acts),
        TEST(an_old_connection_is_closed_as_if_drained),
        TEST(a_service_that_sees_to_its_own_drain_sees_to_its_age),
        TEST(age_is_told_once),
        TEST(a_slow_handshake_is_cut_and_a_finished_one_is_not),
        TEST(a_handshake_whose_last_step_is_there_is_finished_before_the_deadline_acts),
        TEST(a_connect_that_takes_too_long_is_cancelled),
        TEST(zero_switches_every_deadline_off),
        TEST(new_limits_count_at_once),
        TEST(absurdly_long_limits_do_not_act_early),
        TEST(deadlines_survive_the_wrap_of_the_short_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
