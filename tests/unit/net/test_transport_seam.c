/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O seam under a transport as difficult as TLS: a handshake of several rounds, calls that
 * want the other direction, bytes held where no event tells of them, a shutdown that needs I/O.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "net/conn.h"
#include "support/connrig.h"
#include "support/faketls.h"

struct seam {
    struct connbench bench;
    struct faketls tls;
};

static int start(void **state)
{
    struct seam *seam = malloc(sizeof(*seam));
    connrig_start(&seam->bench.rig);
    memwire_init(&seam->bench.wire, seam->bench.rig.loop);
    recorder_init(&seam->bench.recorder);
    faketls_init(&seam->tls, &seam->bench.wire);
    *state = seam;
    return 0;
}

static int stop(void **state)
{
    struct seam *seam = *state;
    connrig_stop(&seam->bench.rig);
    memwire_fini(&seam->bench.wire);
    free(seam);
    return 0;
}

static void run(struct seam *seam)
{
    connrig_run(&seam->bench.rig);
}

static void open_seam(struct seam *seam, const struct shoal_limits *limits)
{
    struct shoal__transport transport = faketls_transport(&seam->tls);
    struct connbench *bench = &seam->bench;
    bench->conn = connrig_open_on(&bench->rig, &bench->wire, &transport, &bench->recorder, limits);
    assert_non_null(bench->conn);
    run(seam);
}

static void feed(struct seam *seam, const char *text)
{
    faketls_feed_text(&seam->tls, text);
    run(seam);
}

static void assert_sent(const struct seam *seam, const char *text)
{
    static char bytes[1024 * 1024];
    size_t size = faketls_output(&seam->tls, bytes, sizeof(bytes));
    assert_text(shoal_view(bytes, size), text);
}

static size_t echo(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_write(conn, in.data, in.size);
    return in.size;
}

/* Handshake */

static void on_open_comes_when_the_handshake_is_done(void **state)
{
    struct seam *seam = *state;
    seam->tls.rounds = 3;
    open_seam(seam, NULL);
    for (int round = 0; round < 3; round++) {
        assert_notes(&seam->bench, "");
        faketls_feed(&seam->tls, 'H', NULL, 0);
        run(seam);
    }
    assert_notes(&seam->bench, "open");
    assert_int_equal(faketls_written(&seam->tls, 'H'), 3);
}

static void a_handshake_waits_for_either_direction(void **state)
{
    struct seam *seam = *state;
    seam->tls.rounds = 1;
    seam->bench.wire.capacity = 0;
    open_seam(seam, NULL);
    assert_int_equal(seam->bench.wire.watched, SHOAL__WATCH_READ);
    faketls_feed(&seam->tls, 'H', NULL, 0);
    run(seam);
    assert_int_equal(seam->bench.wire.watched, SHOAL__WATCH_WRITE);
    seam->bench.wire.capacity = 100;
    memwire_take(&seam->bench.wire, 0);
    run(seam);
    assert_notes(&seam->bench, "open");
    assert_int_equal(seam->bench.wire.watched, SHOAL__WATCH_READ);
}

static void data_right_behind_the_handshake_is_not_lost(void **state)
{
    struct seam *seam = *state;
    seam->tls.rounds = 1;
    open_seam(seam, NULL);
    faketls_feed(&seam->tls, 'H', NULL, 0);
    faketls_feed_text(&seam->tls, "early");
    run(seam);
    assert_consumed(&seam->bench, "early");
}

static void a_failed_handshake_closes_without_on_open(void **state)
{
    struct seam *seam = *state;
    seam->tls.rounds = 1;
    seam->tls.handshake_fails = true;
    open_seam(seam, NULL);
    faketls_feed(&seam->tls, 'H', NULL, 0);
    run(seam);
    assert_notes(&seam->bench, "");
    assert_int_equal(seam->bench.wire.closes, 1);
}

static void a_peer_that_leaves_during_the_handshake_is_closed(void **state)
{
    struct seam *seam = *state;
    seam->tls.rounds = 2;
    open_seam(seam, NULL);
    faketls_feed(&seam->tls, 'H', NULL, 0);
    memwire_end(&seam->bench.wire);
    run(seam);
    assert_notes(&seam->bench, "");
    assert_int_equal(seam->bench.wire.closes, 1);
}

static void what_is_written_during_the_handshake_is_sent_after_it(void **state)
{
    struct seam *seam = *state;
    seam->tls.rounds = 1;
    open_seam(seam, NULL);
    shoal_conn_write(seam->bench.conn, "patience", 8);
    run(seam);
    assert_int_equal(faketls_written(&seam->tls, 'D'), 0);
    faketls_feed(&seam->tls, 'H', NULL, 0);
    run(seam);
    assert_sent(seam, "patience");
}

/* Held bytes */

static void bytes_held_by_the_transport_are_read_without_an_event(void **state)
{
    struct seam *seam = *state;
    seam->tls.deliver_most = 2;
    open_seam(seam, NULL);
    feed(seam, "abcdefg");
    assert_consumed(&seam->bench, "abcdefg");
    assert_notes(&seam->bench, "open data(2) data(2) data(2) data(1)");
}

static size_t pause_once(struct shoal_conn *conn, struct shoal_view in)
{
    recorder_of(conn)->data = NULL;
    shoal_conn_pause(conn);
    return recorder_consume(recorder_of(conn), in, in.size);
}

static void held_bytes_wait_through_a_pause(void **state)
{
    struct seam *seam = *state;
    seam->tls.deliver_most = 3;
    seam->bench.recorder.data = pause_once;
    open_seam(seam, NULL);
    feed(seam, "abcdef");
    assert_consumed(&seam->bench, "abc");
    shoal_conn_resume(seam->bench.conn);
    run(seam);
    assert_consumed(&seam->bench, "abcdef");
}

static void held_bytes_wait_for_the_low_mark(void **state)
{
    struct seam *seam = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.out_high = 2;
    seam->tls.deliver_most = 3;
    seam->bench.recorder.data = echo;
    seam->bench.wire.capacity = 0;
    open_seam(seam, &limits);
    feed(seam, "abcdef");
    assert_notes(&seam->bench, "open data(3)");
    seam->bench.wire.capacity = 1000;
    memwire_take(&seam->bench.wire, 0);
    run(seam);
    assert_sent(seam, "abcdef");
}

static size_t close_with_linger(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_write(conn, "bye", 3);
    shoal_conn_close(conn, SHOAL_CLOSE_LINGER);
    return in.size;
}

static void lingering_drops_held_bytes_too(void **state)
{
    struct seam *seam = *state;
    seam->tls.deliver_most = 1;
    seam->bench.recorder.data = close_with_linger;
    open_seam(seam, NULL);
    faketls_feed_text(&seam->tls, "twenty bytes are here");
    faketls_feed(&seam->tls, 'E', NULL, 0);
    run(seam);
    assert_notes(&seam->bench, "open data(1) close(local)");
    assert_sent(seam, "bye");
    assert_int_equal(faketls_written(&seam->tls, 'E'), 1);
}

static void lingering_needs_no_event_for_held_bytes(void **state)
{
    struct seam *seam = *state;
    seam->tls.deliver_most = 1;
    seam->bench.recorder.data = close_with_linger;
    open_seam(seam, NULL);
    feed(seam, "twenty bytes are here");
    assert_int_equal(seam->tls.held_end - seam->tls.held_start, 0);
    faketls_feed(&seam->tls, 'E', NULL, 0);
    run(seam);
    assert_notes(&seam->bench, "open data(1) close(local)");
}

static void a_close_over_held_input_lingers_by_itself(void **state)
{
    struct seam *seam = *state;
    seam->tls.deliver_most = 1;
    open_seam(seam, NULL);
    faketls_feed_text(&seam->tls, "abcdef");
    connrig_turns(&seam->bench.rig, 1);
    assert_true(seam->bench.recorder.consumed_size < 6);
    shoal_conn_close(seam->bench.conn, SHOAL_CLOSE_FLUSH);
    run(seam);
    assert_null(strstr(seam->bench.recorder.notes, "close"));
    faketls_feed(&seam->tls, 'E', NULL, 0);
    run(seam);
    assert_non_null(strstr(seam->bench.recorder.notes, "close(local)"));
}

static void a_drain_answers_held_bytes(void **state)
{
    struct seam *seam = *state;
    seam->tls.deliver_most = 2;
    seam->bench.recorder.data = echo;
    open_seam(seam, NULL);
    faketls_feed_text(&seam->tls, "abcdef");
    connrig_turns(&seam->bench.rig, 1);
    struct shoal__loop_layer *layer = seam->bench.rig.loop->layer;
    layer->drain(layer);
    run(seam);
    assert_sent(seam, "abcdef");
    assert_non_null(strstr(seam->bench.recorder.notes, "close(drained)"));
}

/* The other direction */

static void a_read_that_wants_to_write_waits_for_room(void **state)
{
    struct seam *seam = *state;
    open_seam(seam, NULL);
    seam->bench.wire.capacity = 0;
    seam->tls.read_must_write = true;
    feed(seam, "behind new keys");
    assert_notes(&seam->bench, "open");
    assert_int_equal(seam->bench.wire.watched, SHOAL__WATCH_WRITE);
    seam->bench.wire.capacity = 100;
    memwire_take(&seam->bench.wire, 0);
    run(seam);
    assert_consumed(&seam->bench, "behind new keys");
    assert_int_equal(faketls_written(&seam->tls, 'K'), 1);
    assert_int_equal(seam->bench.wire.watched, SHOAL__WATCH_READ);
}

static void a_write_that_wants_to_read_waits_for_the_peer(void **state)
{
    struct seam *seam = *state;
    open_seam(seam, NULL);
    seam->tls.write_must_read = true;
    shoal_conn_write(seam->bench.conn, "after the keys", 14);
    run(seam);
    assert_int_equal(faketls_written(&seam->tls, 'D'), 0);
    assert_int_equal(seam->bench.wire.watched, SHOAL__WATCH_READ); /* writing would spin */
    faketls_feed(&seam->tls, 'K', NULL, 0);
    run(seam);
    assert_sent(seam, "after the keys");
}

static void after_a_write_has_read_it_waits_for_room_again(void **state)
{
    struct seam *seam = *state;
    char *bytes = malloc(3000001);
    memset(bytes, 'w', 3000000);
    bytes[3000000] = '\0';
    open_seam(seam, NULL);
    seam->tls.write_must_read = true;
    shoal_conn_write(seam->bench.conn, bytes, 3000000); /* of which one turn sends a part */
    run(seam);
    faketls_feed(&seam->tls, 'K', NULL, 0);
    run(seam);
    assert_int_equal(shoal_conn_pending(seam->bench.conn), 0);
    assert_true(faketls_written(&seam->tls, 'D') >= 3000000 / FAKETLS_RECORD);
    free(bytes);
}

static void a_write_may_read_while_reading_is_paused(void **state)
{
    struct seam *seam = *state;
    open_seam(seam, NULL);
    shoal_conn_pause(seam->bench.conn);
    seam->tls.write_must_read = true;
    shoal_conn_write(seam->bench.conn, "paused", 6);
    run(seam);
    faketls_feed(&seam->tls, 'K', NULL, 0);
    run(seam);
    assert_sent(seam, "paused");
}

static void data_that_a_write_had_to_read_is_offered(void **state)
{
    struct seam *seam = *state;
    open_seam(seam, NULL);
    seam->tls.write_must_read = true;
    faketls_feed_text(&seam->tls, "in between");
    faketls_feed(&seam->tls, 'K', NULL, 0);
    shoal_conn_write(seam->bench.conn, "out", 3);
    run(seam);
    assert_sent(seam, "out");
    assert_consumed(&seam->bench, "in between");
}

static void both_directions_may_be_turned_around_at_once(void **state)
{
    struct seam *seam = *state;
    seam->bench.recorder.data = echo;
    open_seam(seam, NULL);
    seam->tls.read_must_write = true;
    seam->tls.write_must_read = true;
    seam->bench.wire.capacity = 0;
    feed(seam, "ping");
    seam->bench.wire.capacity = 100;
    memwire_take(&seam->bench.wire, 0);
    run(seam);
    assert_consumed(&seam->bench, "");
    assert_notes(&seam->bench, "open data(4)");
    faketls_feed(&seam->tls, 'K', NULL, 0);
    run(seam);
    assert_sent(seam, "ping");
}

static void a_flush_before_closing_may_want_to_read(void **state)
{
    struct seam *seam = *state;
    open_seam(seam, NULL);
    seam->tls.write_must_read = true;
    shoal_conn_write(seam->bench.conn, "last", 4);
    shoal_conn_close(seam->bench.conn, SHOAL_CLOSE_FLUSH);
    run(seam);
    assert_notes(&seam->bench, "open");
    faketls_feed(&seam->tls, 'K', NULL, 0);
    run(seam);
    assert_sent(seam, "last");
    assert_notes(&seam->bench, "open close(local)");
}

/* The end */

static void closing_tells_the_peer_with_the_transports_own_end(void **state)
{
    struct seam *seam = *state;
    open_seam(seam, NULL);
    shoal_conn_close(seam->bench.conn, SHOAL_CLOSE_FLUSH);
    run(seam);
    assert_int_equal(faketls_written(&seam->tls, 'E'), 1);
    assert_notes(&seam->bench, "open close(local)");
}

static void a_shutdown_that_finds_no_room_waits_for_it(void **state)
{
    struct seam *seam = *state;
    open_seam(seam, NULL);
    seam->bench.wire.capacity = 0;
    shoal_conn_close(seam->bench.conn, SHOAL_CLOSE_FLUSH);
    run(seam);
    assert_notes(&seam->bench, "open");
    assert_int_equal(seam->bench.wire.watched, SHOAL__WATCH_WRITE);
    seam->bench.wire.capacity = 100;
    memwire_take(&seam->bench.wire, 0);
    run(seam);
    assert_int_equal(faketls_written(&seam->tls, 'E'), 1);
    assert_notes(&seam->bench, "open close(local)");
}

static void a_shutdown_that_reads_waits_for_the_peers_end(void **state)
{
    struct seam *seam = *state;
    seam->tls.shutdown_reads = true;
    open_seam(seam, NULL);
    shoal_conn_close(seam->bench.conn, SHOAL_CLOSE_FLUSH);
    run(seam);
    assert_notes(&seam->bench, "open");
    assert_int_equal(seam->bench.wire.watched, SHOAL__WATCH_READ);
    faketls_feed(&seam->tls, 'E', NULL, 0);
    run(seam);
    assert_notes(&seam->bench, "open close(local)");
}

static void a_shutdown_that_never_ends_is_cut_by_flush_ms(void **state)
{
    struct seam *seam = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.flush_ms = 100;
    seam->tls.shutdown_reads = true;
    open_seam(seam, &limits);
    shoal_conn_close(seam->bench.conn, SHOAL_CLOSE_FLUSH);
    run(seam);
    connrig_pass_ms(&seam->bench.rig, 99);
    assert_notes(&seam->bench, "open");
    connrig_pass_ms(&seam->bench.rig, 1);
    assert_notes(&seam->bench, "open close(local)");
}

static void ending_our_side_may_need_io_and_input_goes_on(void **state)
{
    struct seam *seam = *state;
    open_seam(seam, NULL);
    seam->bench.wire.capacity = 0;
    shoal_conn_end(seam->bench.conn);
    run(seam);
    feed(seam, "still read");
    assert_consumed(&seam->bench, "still read");
    assert_int_equal(faketls_written(&seam->tls, 'E'), 0);
    seam->bench.wire.capacity = 100;
    memwire_take(&seam->bench.wire, 0);
    run(seam);
    assert_int_equal(faketls_written(&seam->tls, 'E'), 1);
    assert_int_equal(seam->bench.wire.watched, SHOAL__WATCH_READ);
}

static void the_peers_end_is_told_after_what_was_held(void **state)
{
    struct seam *seam = *state;
    seam->tls.deliver_most = 2;
    recorder_note_end(&seam->bench.recorder);
    open_seam(seam, NULL);
    faketls_feed_text(&seam->tls, "abc");
    faketls_feed(&seam->tls, 'E', NULL, 0);
    memwire_end(&seam->bench.wire);
    run(seam);
    assert_notes(&seam->bench, "open data(2) data(1) end(0)");
}

static void a_truncated_stream_is_a_failure_and_no_end(void **state)
{
    struct seam *seam = *state;
    recorder_note_end(&seam->bench.recorder);
    open_seam(seam, NULL);
    faketls_feed_text(&seam->tls, "cut");
    memwire_end(&seam->bench.wire);
    run(seam);
    assert_notes(&seam->bench, "open data(3) close(failed)");
    assert_int_equal(seam->bench.recorder.error, -EPROTO);
}

/* Files and bulk */

static void files_go_through_the_transport(void **state)
{
    struct seam *seam = *state;
    open_seam(seam, NULL);
    int fd = memfd_create("test", MFD_CLOEXEC);
    char *bytes = malloc(100001);
    memset(bytes, 'f', 100000);
    bytes[100000] = '\0';
    assert_int_equal(write(fd, bytes, 100000), 100000);
    seam->bench.wire.capacity = 7000;
    assert_int_equal(shoal_conn_send_file(seam->bench.conn, fd, 0, 100000, true), 0);
    for (int i = 0; i < 40; i++) {
        run(seam);
        memwire_take(&seam->bench.wire, 7000);
    }
    assert_sent(seam, bytes);
    free(bytes);
}

static void an_exchange_is_exact_with_everything_difficult_at_once(void **state)
{
    struct seam *seam = *state;
    char expected[2001] = "";
    seam->bench.recorder.data = echo;
    seam->tls.rounds = 2;
    seam->tls.deliver_most = 3;
    seam->bench.wire.capacity = 9;
    open_seam(seam, NULL);
    faketls_feed(&seam->tls, 'H', NULL, 0);
    faketls_feed(&seam->tls, 'H', NULL, 0);
    for (int i = 0; i < 200; i++) {
        char text[11];
        snprintf(text, sizeof(text), "message%03d", i);
        strcat(expected, text);
        faketls_feed_text(&seam->tls, text);
        if (i % 7 == 0)
            seam->tls.read_must_write = true;
        if (i % 5 == 0) {
            seam->tls.write_must_read = true;
            faketls_feed(&seam->tls, 'K', NULL, 0);
        }
        if (i % 3 == 0)
            shoal_conn_pause(seam->bench.conn);
        for (int turn = 0; turn < 4; turn++) {
            connrig_turns(&seam->bench.rig, 1);
            memwire_take(&seam->bench.wire, 5);
        }
        shoal_conn_resume(seam->bench.conn);
    }
    faketls_feed(&seam->tls, 'K', NULL, 0);
    faketls_feed(&seam->tls, 'E', NULL, 0);
    for (int i = 0; i < 3000; i++) {
        connrig_turns(&seam->bench.rig, 1);
        memwire_take(&seam->bench.wire, 9);
    }
    assert_sent(seam, expected);
    assert_int_equal(faketls_written(&seam->tls, 'E'), 1);
    assert_int_equal(seam->bench.wire.closes, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(on_open_comes_when_the_handshake_is_done),
        TEST(a_handshake_waits_for_either_direction),
        TEST(data_right_behind_the_handshake_is_not_lost),
        TEST(a_failed_handshake_closes_without_on_open),
        TEST(a_peer_that_leaves_during_the_handshake_is_closed),
        TEST(what_is_written_during_the_handshake_is_sent_after_it),
        TEST(bytes_held_by_the_transport_are_read_without_an_event),
        TEST(held_bytes_wait_through_a_pause),
        TEST(held_bytes_wait_for_the_low_mark),
        TEST(lingering_drops_held_bytes_too),
        TEST(lingering_needs_no_event_for_held_bytes),
        TEST(a_close_over_held_input_lingers_by_itself),
        TEST(a_drain_answers_held_bytes),
        TEST(a_read_that_wants_to_write_waits_for_room),
        TEST(a_write_that_wants_to_read_waits_for_the_peer),
        TEST(after_a_write_has_read_it_waits_for_room_again),
        TEST(a_write_may_read_while_reading_is_paused),
        TEST(data_that_a_write_had_to_read_is_offered),
        TEST(both_directions_may_be_turned_around_at_once),
        TEST(a_flush_before_closing_may_want_to_read),
        TEST(closing_tells_the_peer_with_the_transports_own_end),
        TEST(a_shutdown_that_finds_no_room_waits_for_it),
        TEST(a_shutdown_that_reads_waits_for_the_peers_end),
        TEST(a_shutdown_that_never_ends_is_cut_by_flush_ms),
        TEST(ending_our_side_may_need_io_and_input_goes_on),
        TEST(the_peers_end_is_told_after_what_was_held),
        TEST(a_truncated_stream_is_a_failure_and_no_end),
        TEST(files_go_through_the_transport),
        TEST(an_exchange_is_exact_with_everything_difficult_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
