/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Draining, as a loop's layer is told to: what has come is answered, idle connections close at
 * once, who owes an answer gives it, and what does not end by itself is cut and counted as that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/conn.h"
#include "net/net_loop.h"
#include "support/connrig.h"
#include "support/faketls.h"

static struct shoal__loop_layer *layer_of(struct connbench *bench)
{
    return bench->rig.loop->layer;
}

static void drain(struct connbench *bench)
{
    bench->rig.loop->draining = true;
    layer_of(bench)->drain(layer_of(bench));
    connrig_run(&bench->rig);
}

static void force(struct connbench *bench)
{
    layer_of(bench)->force(layer_of(bench));
    connrig_run(&bench->rig);
}

static void assert_report(const struct connbench *bench, size_t graceful, size_t forced)
{
    assert_int_equal(bench->rig.loop->drained_graceful, graceful);
    assert_int_equal(bench->rig.loop->drained_forced, forced);
}

static size_t echo(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_write(conn, in.data, in.size);
    return in.size;
}

static size_t take_lines(struct shoal_conn *conn, struct shoal_view in)
{
    const char *end = memrchr(in.data, '\n', in.size);
    size_t used = end ? (size_t)(end - in.data) + 1 : 0;
    shoal_conn_write(conn, in.data, used);
    return used;
}

static void an_idle_connection_closes_at_once(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    connrig_run(&bench->rig);
    drain(bench);
    assert_notes(bench, "open close(drained)");
    assert_report(bench, 1, 0);
}

static void what_has_come_is_answered_first(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = echo;
    connbench_open(bench, NULL);
    connrig_run(&bench->rig);
    memwire_feed_text(&bench->wire, "in the kernel");
    drain(bench);
    assert_output(bench, "in the kernel");
    assert_notes(bench, "open data(13) close(drained)");
    assert_report(bench, 1, 0);
}

static void a_flood_does_not_keep_a_connection_from_draining(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = echo;
    connbench_open(bench, NULL);
    connrig_run(&bench->rig);
    char *block = calloc(1, 1024 * 1024);
    memwire_feed(&bench->wire, block, 1024 * 1024);
    free(block);
    drain(bench);
    assert_non_null(strstr(bench->recorder.notes, "close(drained)"));
    assert_true(bench->wire.written >= 4 * SHOAL__READ_SIZE);
    assert_true(bench->wire.written < 1024 * 1024);
}

static void half_a_message_is_not_waited_for(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = take_lines;
    connbench_open(bench, NULL);
    connbench_feed(bench, "whole\nhal");
    drain(bench);
    assert_output(bench, "whole\n");
    assert_notes(bench, "open data(9) close(drained)");
}

static void an_answer_that_is_owed_is_waited_for(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    shoal_conn_hold(bench->conn);
    drain(bench);
    assert_notes(bench, "open");
    shoal_conn_write(bench->conn, "answer", 6);
    shoal_conn_release(bench->conn);
    connrig_run(&bench->rig);
    assert_output(bench, "answer");
    assert_notes(bench, "open close(drained)");
    assert_report(bench, 1, 0);
}

static size_t answer_later(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_hold(conn);
    shoal_conn_pause(conn);
    return recorder_consume(recorder_of(conn), in, 1);
}

/* As a pipelined protocol with a pool does: one question at a time, the rest waits. */
static void questions_that_wait_behind_an_answer_are_answered_too(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = answer_later;
    connbench_open(bench, NULL);
    connbench_feed(bench, "abc");
    drain(bench);
    for (int i = 0; i < 3; i++) {
        assert_null(strstr(bench->recorder.notes, "close"));
        shoal_conn_write(bench->conn, "!", 1);
        shoal_conn_release(bench->conn);
        connrig_run(&bench->rig);
        if (i < 2) {
            assert_null(strstr(bench->recorder.notes, "close"));
            shoal_conn_resume(bench->conn);
            connrig_run(&bench->rig);
        }
    }
    assert_consumed(bench, "abc");
    assert_output(bench, "!!!");
    assert_non_null(strstr(bench->recorder.notes, "close(drained)"));
}

static void a_pause_with_nothing_left_is_no_reason_to_wait(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = answer_later;
    connbench_open(bench, NULL);
    connbench_feed(bench, "x");
    drain(bench);
    assert_notes(bench, "open data(1)");
    shoal_conn_release(bench->conn);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(1) close(drained)");
}

static size_t take_one_again(struct shoal_conn *conn, struct shoal_view in)
{
    if (in.size > 1)
        shoal_conn_again(conn);
    return recorder_consume(recorder_of(conn), in, 1);
}

static void a_handler_that_takes_turns_finishes_its_input(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = take_one_again;
    connbench_open(bench, NULL);
    connrig_run(&bench->rig);
    memwire_feed_text(&bench->wire, "abc");
    drain(bench);
    assert_consumed(bench, "abc");
    assert_notes(bench, "open data(3) data(2) data(1) close(drained)");
}

static void output_is_flushed_before_the_close(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    bench->wire.capacity = 2;
    shoal_conn_write(bench->conn, "slowly", 6);
    drain(bench);
    assert_notes(bench, "open");
    memwire_take(&bench->wire, 2);
    connrig_run(&bench->rig);
    memwire_take(&bench->wire, 2);
    connrig_run(&bench->rig);
    assert_output(bench, "slowly");
    assert_notes(bench, "open close(drained)");
    assert_report(bench, 1, 0);
}

static void above_the_high_mark_a_drain_waits_for_the_low_one(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.out_high = 4;
    bench->recorder.data = echo;
    connbench_open(bench, &limits);
    bench->wire.capacity = 0;
    connbench_feed(bench, "first question");
    memwire_feed_text(&bench->wire, " second");
    drain(bench);
    bench->wire.capacity = 100;
    memwire_take(&bench->wire, 0);
    connrig_run(&bench->rig);
    assert_output(bench, "first question second");
    assert_non_null(strstr(bench->recorder.notes, "close(drained)"));
}

static void the_end_of_the_peer_during_a_drain_is_the_peers(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    connrig_run(&bench->rig);
    memwire_feed_text(&bench->wire, "x");
    memwire_end(&bench->wire);
    drain(bench);
    assert_notes(bench, "open data(1) close(peer)");
    assert_report(bench, 1, 0);
}

static void note_drain(struct shoal_conn *conn)
{
    recorder_of(conn)->number++;
    shoal_conn_write(conn, "bye", 3);
}

static void a_service_with_its_own_drain_is_told_and_otherwise_left_alone(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.service.on_server_drain = note_drain;
    connbench_open(bench, NULL);
    drain(bench);
    assert_int_equal(bench->recorder.number, 1);
    assert_output(bench, "bye");
    connbench_feed(bench, "goes on");
    assert_notes(bench, "open data(7)");
    shoal_conn_close(bench->conn, SHOAL_CLOSE_FLUSH);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(7) close(local)");
    assert_report(bench, 1, 0);
}

static void at_the_deadline_everything_is_cut_and_counted_as_forced(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.service.on_server_drain = note_drain;
    connbench_open(bench, NULL);
    drain(bench);
    force(bench);
    assert_notes(bench, "open close(forced)");
    assert_report(bench, 0, 1);
    assert_false(bench->wire.aborted); /* nothing was lost */
}

static void who_is_cut_in_the_middle_of_an_answer_sees_a_reset(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    bench->wire.capacity = 2;
    shoal_conn_write(bench->conn, "not all of this", 15);
    drain(bench);
    force(bench);
    assert_notes(bench, "open close(forced)");
    assert_report(bench, 0, 1);
    assert_true(bench->wire.aborted);
}

static void who_stalls_while_draining_is_not_counted_as_graceful(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.flush_ms = 100;
    connbench_open(bench, &limits);
    bench->wire.capacity = 2;
    shoal_conn_write(bench->conn, "not all of this", 15);
    drain(bench);
    connrig_pass_ms(&bench->rig, 101);
    assert_notes(bench, "open close(write_stall)");
    assert_report(bench, 0, 1);
}

static void who_comes_during_a_drain_is_answered_and_closed(void **state)
{
    struct connbench *bench = *state;
    assert_non_null(shoal__net_loop_get(bench->rig.loop));
    drain(bench);
    bench->recorder.data = echo;
    memwire_feed_text(&bench->wire, "queued");
    connbench_open(bench, NULL);
    connrig_run(&bench->rig);
    assert_output(bench, "queued");
    assert_notes(bench, "open data(6) close(drained)");
    assert_report(bench, 1, 0);
}

static void who_comes_after_the_deadline_is_closed_before_it_opens(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.service.on_server_drain = note_drain;
    assert_non_null(shoal__net_loop_get(bench->rig.loop));
    drain(bench);
    force(bench);
    connbench_open(bench, NULL);
    connrig_run(&bench->rig);
    assert_notes(bench, "");
    assert_int_equal(bench->wire.closes, 1);
}

static void a_handshake_under_way_is_not_waited_for(void **state)
{
    struct connbench *bench = *state;
    struct faketls *tls = malloc(sizeof(*tls));
    faketls_init(tls, &bench->wire);
    tls->rounds = 1;
    struct shoal__transport transport = faketls_transport(tls);
    bench->conn = connrig_open_on(&bench->rig, &bench->wire, &transport, &bench->recorder, NULL);
    connrig_run(&bench->rig);
    drain(bench);
    assert_int_equal(bench->wire.closes, 1);
    assert_notes(bench, "");
    assert_report(bench, 0, 0);
    free(tls);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, connbench_start, connbench_stop)
    const struct CMUnitTest tests[] = {
        TEST(an_idle_connection_closes_at_once),
        TEST(what_has_come_is_answered_first),
        TEST(a_flood_does_not_keep_a_connection_from_draining),
        TEST(half_a_message_is_not_waited_for),
        TEST(an_answer_that_is_owed_is_waited_for),
        TEST(questions_that_wait_behind_an_answer_are_answered_too),
        TEST(a_pause_with_nothing_left_is_no_reason_to_wait),
        TEST(a_handler_that_takes_turns_finishes_its_input),
        TEST(output_is_flushed_before_the_close),
        TEST(above_the_high_mark_a_drain_waits_for_the_low_one),
        TEST(the_end_of_the_peer_during_a_drain_is_the_peers),
        TEST(a_service_with_its_own_drain_is_told_and_otherwise_left_alone),
        TEST(at_the_deadline_everything_is_cut_and_counted_as_forced),
        TEST(who_is_cut_in_the_middle_of_an_answer_sees_a_reset),
        TEST(who_stalls_while_draining_is_not_counted_as_graceful),
        TEST(who_comes_during_a_drain_is_answered_and_closed),
        TEST(who_comes_after_the_deadline_is_closed_before_it_opens),
        TEST(a_handshake_under_way_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
