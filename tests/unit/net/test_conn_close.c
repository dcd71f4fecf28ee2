/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Closing: the four ways, from every place; that on_close comes once and last; half-closing our
 * side; what is refused afterwards; and that no failed allocation leaks or crashes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "net/conn.h"
#include "support/connrig.h"
#include "support/failmalloc.h"

static struct shoal_limits with_flush(int64_t flush_ms)
{
    struct shoal_limits limits = connrig_no_limits;
    limits.flush_ms = flush_ms;
    return limits;
}

/* The ways */

static void flush_then_close_sends_everything_first(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    bench->wire.capacity = 2;
    shoal_conn_write(bench->conn, "last words", 10);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_FLUSH);
    connrig_run(&bench->rig);
    assert_notes(bench, "open");
    assert_int_equal(bench->wire.closes, 0);
    bench->wire.capacity = 100;
    memwire_take(&bench->wire, 0);
    connrig_run(&bench->rig);
    assert_output(bench, "last words");
    assert_notes(bench, "open close(local)");
    assert_int_equal(bench->wire.closes, 1);
    assert_false(bench->wire.aborted);
}

static void flush_then_close_gives_up_on_a_peer_that_takes_nothing(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = with_flush(500);
    connbench_open(bench, &limits);
    bench->wire.capacity = 2;
    shoal_conn_write(bench->conn, "last words", 10);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_FLUSH);
    connrig_run(&bench->rig);
    connrig_pass_ms(&bench->rig, 499);
    memwire_take(&bench->wire, 1); /* progress: the time starts anew */
    connrig_run(&bench->rig);
    connrig_pass_ms(&bench->rig, 499);
    assert_notes(bench, "open");
    connrig_pass_ms(&bench->rig, 2);
    assert_notes(bench, "open close(write_stall)"); /* not "local": something was lost */
    assert_true(bench->wire.aborted);               /* and the peer can tell */
}

static void a_flush_that_is_due_looks_again_first(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = with_flush(500);
    connbench_open(bench, &limits);
    bench->wire.capacity = 2;
    shoal_conn_write(bench->conn, "last words", 10);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_FLUSH);
    connrig_run(&bench->rig);
    bench->wire.capacity = 100; /* the peer has read, but no event has told so yet */
    connrig_pass_ms(&bench->rig, 501);
    assert_output(bench, "last words");
    assert_notes(bench, "open close(local)");
}

static void a_lingering_close_drops_input_until_the_peer_ends(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = with_flush(500);
    connbench_open(bench, &limits);
    shoal_conn_write(bench->conn, "go away", 7);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_LINGER);
    connbench_feed(bench, "still talking");
    assert_output(bench, "go away");
    assert_int_equal(bench->wire.shutdowns, 1);
    assert_int_equal(bench->wire.in_start, bench->wire.in_end);
    assert_notes(bench, "open");
    connbench_end(bench);
    assert_notes(bench, "open close(local)");
    assert_false(bench->wire.aborted);
}

static void lingering_ends_with_its_time_however_much_comes(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = with_flush(500);
    connbench_open(bench, &limits);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_LINGER);
    for (int i = 0; i < 6; i++) {
        connbench_feed(bench, "more and more");
        connrig_pass_ms(&bench->rig, 83);
    }
    assert_notes(bench, "open");
    connrig_pass_ms(&bench->rig, 3);
    assert_notes(bench, "open close(local)");
}

static void lingering_is_over_at_once_where_the_peer_has_ended(void **state)
{
    struct connbench *bench = *state;
    recorder_note_end(&bench->recorder);
    connbench_open(bench, NULL);
    connbench_end(bench);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_LINGER);
    connrig_run(&bench->rig);
    assert_notes(bench, "open end(0) close(local)");
}

static void close_now_loses_what_waits(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    shoal_conn_write(bench->conn, "lost", 4);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_NOW);
    assert_notes(bench, "open"); /* on_close is for the end of the turn */
    connrig_run(&bench->rig);
    assert_output(bench, "");
    assert_notes(bench, "open close(local)");
    assert_false(bench->wire.aborted);
}

static void abort_shows_the_peer_a_reset(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    shoal_conn_close_for(bench->conn, SHOAL_CLOSE_ABORT, SHOAL_CLOSED_PROTOCOL);
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(protocol)");
    assert_true(bench->wire.aborted);
}

static void a_second_close_counts_only_where_it_is_more_abrupt(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    bench->wire.capacity = 0;
    shoal_conn_write(bench->conn, "x", 1);
    shoal_conn_close_for(bench->conn, SHOAL_CLOSE_FLUSH, SHOAL_CLOSED_PROTOCOL);
    shoal_conn_close_for(bench->conn, SHOAL_CLOSE_LINGER, SHOAL_CLOSED_IDLE);
    connrig_run(&bench->rig);
    assert_notes(bench, "open");
    shoal_conn_close(bench->conn, SHOAL_CLOSE_NOW);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_ABORT);
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(protocol)"); /* why it was closed at all */
    assert_false(bench->wire.aborted);
    assert_int_equal(bench->wire.closes, 1);
}

static void a_reset_while_flushing_is_the_reason_told(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    bench->wire.capacity = 0;
    shoal_conn_write(bench->conn, "x", 1);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_FLUSH);
    connrig_run(&bench->rig);
    memwire_break(&bench->wire, -ECONNRESET);
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(reset)");
}

static void a_reset_is_told_with_its_error(void **state)
{
    struct connbench *bench = *state;
    recorder_note_end(&bench->recorder);
    connbench_open(bench, NULL);
    memwire_break(&bench->wire, -ECONNRESET);
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(reset)");
    assert_int_equal(bench->recorder.error, -ECONNRESET);
}

static void any_other_error_is_told_as_failed(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    memwire_break(&bench->wire, -EIO);
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(failed)");
    assert_int_equal(bench->recorder.error, -EIO);
}

/* From callbacks: once and last, wherever it is called */

static enum shoal_close how_to_close;

static void write_and_close(struct shoal_conn *conn)
{
    shoal_conn_write(conn, "bye", 3);
    shoal_conn_close(conn, how_to_close);
    shoal_conn_close(conn, how_to_close);
}

static size_t write_and_close_on_data(struct shoal_conn *conn, struct shoal_view in)
{
    write_and_close(conn);
    return in.size;
}

static void check_last(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)reason;
    struct recorder *recorder = recorder_of(conn);
    recorder->number++;
    assert_int_equal(shoal_conn_write(conn, "x", 1), -SHOAL_EPIPE);
    assert_int_equal(shoal_conn_printf(conn, "%d", 1), -SHOAL_EPIPE);
    assert_int_equal(shoal_conn_send_file(conn, 0, 0, 1, false), -SHOAL_EPIPE);
    assert_int_equal(shoal_conn_end(conn), -SHOAL_EPIPE);
    assert_null(shoal_conn_find(shoal_conn_loop(conn), shoal_conn_get_id(conn)));
    shoal_conn_pause(conn); /* all of this is harmless, and none of it starts anything */
    shoal_conn_resume(conn);
    shoal_conn_again(conn);
    shoal_conn_hold(conn);
    shoal_conn_release(conn);
    shoal_conn_set_limits(conn, &connrig_no_limits);
    for (enum shoal_close how = SHOAL_CLOSE_FLUSH; how <= SHOAL_CLOSE_ABORT; how++)
        shoal_conn_close(conn, how);
}

enum place { IN_OPEN, IN_DATA, IN_END, IN_DRAINED, PLACES };

static void set_place(struct recorder *recorder, enum place place)
{
    recorder_note_end(recorder);
    recorder_note_drained(recorder);
    recorder->close = check_last;
    recorder->open = place == IN_OPEN ? write_and_close : NULL;
    recorder->data = place == IN_DATA ? write_and_close_on_data : NULL;
    recorder->end = place == IN_END ? write_and_close : NULL;
    recorder->drained = place == IN_DRAINED ? write_and_close : NULL;
}

static void on_close_comes_once_and_last_wherever_it_was_closed(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.out_high = 1;
    for (enum place place = IN_OPEN; place < PLACES; place++) {
        for (how_to_close = SHOAL_CLOSE_FLUSH; how_to_close <= SHOAL_CLOSE_ABORT; how_to_close++) {
            struct memwire wire;
            memwire_init(&wire, bench->rig.loop);
            recorder_init(&bench->recorder);
            set_place(&bench->recorder, place);
            struct shoal_conn *conn = connrig_open(&bench->rig, &wire, &bench->recorder, &limits);
            if (place == IN_DRAINED)
                shoal_conn_write(conn, "high", 4);
            memwire_feed_text(&wire, "data");
            connrig_run(&bench->rig);
            memwire_end(&wire);
            connrig_run(&bench->rig);
            const char *notes = bench->recorder.notes;
            const char *close = strstr(notes, "close(local)");
            assert_non_null(close);
            assert_string_equal(close, "close(local)");
            assert_int_equal(bench->recorder.number, 1);
            assert_int_equal(wire.closes, 1);
            bool bye = wire.written >= 3 && memcmp(wire.out + wire.written - 3, "bye", 3) == 0;
            assert_int_equal(bye, how_to_close <= SHOAL_CLOSE_LINGER);
            assert_int_equal(wire.aborted, how_to_close == SHOAL_CLOSE_ABORT);
            memwire_fini(&wire);
        }
    }
}

static struct shoal_conn *victim;

static size_t close_the_other(struct shoal_conn *conn, struct shoal_view in)
{
    (void)conn;
    shoal_conn_write(victim, "from a neighbour", 16);
    shoal_conn_close(victim, how_to_close);
    return in.size;
}

static void a_callback_may_close_another_connection(void **state)
{
    struct connbench *bench = *state;
    struct recorder *recorder = malloc(sizeof(*recorder));
    bench->recorder.data = close_the_other;
    connbench_open(bench, NULL);
    for (how_to_close = SHOAL_CLOSE_FLUSH; how_to_close <= SHOAL_CLOSE_ABORT; how_to_close++) {
        struct memwire wire;
        memwire_init(&wire, bench->rig.loop);
        recorder_init(recorder);
        recorder->close = check_last;
        victim = connrig_open(&bench->rig, &wire, recorder, NULL);
        memwire_feed_text(&wire, "both are ready in one turn");
        connbench_feed(bench, "x");
        memwire_end(&wire);
        connrig_run(&bench->rig);
        assert_int_equal(recorder->number, 1);
        assert_int_equal(wire.written, how_to_close <= SHOAL_CLOSE_LINGER ? 16 : 0);
        memwire_fini(&wire);
    }
    free(recorder);
}

static void write_to_victim(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)conn;
    (void)reason;
    shoal_conn_write(victim, "it has left", 11);
}

static void on_close_may_write_to_others(void **state)
{
    struct connbench *bench = *state;
    struct recorder *recorder = malloc(sizeof(*recorder));
    recorder_init(recorder);
    struct memwire wire;
    memwire_init(&wire, bench->rig.loop);
    victim = connrig_open(&bench->rig, &wire, recorder, NULL);
    bench->recorder.close = write_to_victim;
    connbench_open(bench, NULL);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_NOW);
    connrig_turns(&bench->rig, 1);
    assert_text(memwire_output(&wire), "it has left");
    shoal_conn_close(victim, SHOAL_CLOSE_NOW);
    connrig_run(&bench->rig);
    memwire_fini(&wire);
    free(recorder);
}

static void close_victim(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)conn;
    (void)reason;
    shoal_conn_close(victim, SHOAL_CLOSE_NOW);
}

static void on_close_may_close_others_which_then_close_in_the_same_turn(void **state)
{
    struct connbench *bench = *state;
    struct recorder *recorder = malloc(sizeof(*recorder));
    recorder_init(recorder);
    struct memwire wire;
    memwire_init(&wire, bench->rig.loop);
    victim = connrig_open(&bench->rig, &wire, recorder, NULL);
    bench->recorder.close = close_victim;
    connbench_open(bench, NULL);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_NOW);
    connrig_turns(&bench->rig, 1);
    assert_string_equal(recorder->notes, "open close(local)");
    memwire_fini(&wire);
    free(recorder);
}

/* Our side's end */

static void ending_our_side_comes_after_the_output_and_input_goes_on(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    bench->wire.capacity = 1;
    shoal_conn_write(bench->conn, "all", 3);
    assert_int_equal(shoal_conn_end(bench->conn), 0);
    assert_int_equal(shoal_conn_end(bench->conn), -SHOAL_EPIPE);
    assert_int_equal(shoal_conn_write(bench->conn, "more", 4), -SHOAL_EPIPE);
    connrig_run(&bench->rig);
    assert_int_equal(bench->wire.shutdowns, 0);
    bench->wire.capacity = 3;
    memwire_take(&bench->wire, 0);
    connrig_run(&bench->rig);
    assert_int_equal(bench->wire.shutdowns, 1);
    connbench_feed(bench, "yes");
    assert_consumed(bench, "yes");
    connbench_end(bench);
    assert_output(bench, "all");
    assert_notes(bench, "open data(3) close(peer)");
    assert_int_equal(bench->wire.shutdowns, 1);
}

/* Pending connections */

struct cancel {
    int calls;
};

static void count_cancel(void *arg, struct shoal_conn *conn)
{
    (void)conn;
    ((struct cancel *)arg)->calls++;
}

static struct shoal_conn *make_pending(struct connbench *bench, struct cancel *cancel)
{
    struct shoal__shared_limits *limits = shoal__limits_create(&connrig_no_limits);
    struct shoal_conn *conn = NULL;
    assert_int_equal(shoal__conn_create_pending(bench->rig.loop, &bench->recorder.service, limits,
                                                count_cancel, cancel, &conn),
                     0);
    shoal__limits_unref(&limits);
    return conn;
}

static void closing_a_pending_connection_cancels_it_once(void **state)
{
    struct connbench *bench = *state;
    struct cancel cancel = {0};
    struct shoal_conn *conn = make_pending(bench, &cancel);
    shoal_conn_write(conn, "never sent", 10);
    shoal_conn_close(conn, SHOAL_CLOSE_FLUSH);
    shoal_conn_close(conn, SHOAL_CLOSE_NOW);
    connrig_run(&bench->rig);
    assert_int_equal(cancel.calls, 1);
    assert_notes(bench, "close(local)");
}

static void a_pending_connection_that_fails_says_why_and_is_not_cancelled(void **state)
{
    struct connbench *bench = *state;
    struct cancel cancel = {0};
    struct shoal_conn *conn = make_pending(bench, &cancel);
    shoal__conn_fail(conn, SHOAL_CLOSED_CONNECT, -ECONNREFUSED);
    connrig_run(&bench->rig);
    assert_int_equal(cancel.calls, 0);
    assert_notes(bench, "close(connect)");
    assert_int_equal(bench->recorder.error, -ECONNREFUSED);
}

static void what_was_written_while_pending_is_sent_after_on_open(void **state)
{
    struct connbench *bench = *state;
    struct cancel cancel = {0};
    struct shoal_conn *conn = make_pending(bench, &cancel);
    bench->recorder.open = write_and_close;
    how_to_close = SHOAL_CLOSE_FLUSH;
    shoal_conn_write(conn, "hello ", 6);
    connrig_run(&bench->rig);
    struct shoal__transport transport = memwire_transport(&bench->wire);
    struct shoal__address peer = {.family = AF_UNSPEC};
    bench->wire.conn = conn;
    shoal__conn_attach(conn, &transport, &peer);
    connrig_run(&bench->rig);
    assert_output(bench, "hello bye");
    assert_notes(bench, "open close(local)");
    assert_int_equal(cancel.calls, 0);
}

/* A real socket: what the peer sees */

static struct shoal_conn *open_socket(struct connbench *bench, int *out_peer)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    struct shoal__transport transport = {&shoal__transport_plain, NULL, pair[0]};
    *out_peer = pair[1];
    return connrig_open_on(&bench->rig, &bench->wire, &transport, &bench->recorder, NULL);
}

static void closing_with_input_unread_still_delivers_the_answer(void **state)
{
    struct connbench *bench = *state;
    int peer;
    struct shoal_conn *conn = open_socket(bench, &peer);
    assert_int_equal(write(peer, "unread", 6), 6);
    shoal_conn_write(conn, "answer", 6);
    shoal_conn_close(conn, SHOAL_CLOSE_FLUSH);
    connrig_run(&bench->rig);
    char answer[16];
    assert_int_equal(read(peer, answer, sizeof(answer)), 6);
    assert_memory_equal(answer, "answer", 6);
    assert_int_equal(read(peer, answer, sizeof(answer)), 0); /* the end, and no reset */
    close(peer);
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(local)");
}

static void a_socket_exchange_works_and_a_vanished_peer_is_noticed(void **state)
{
    struct connbench *bench = *state;
    int peer;
    struct shoal_conn *conn = open_socket(bench, &peer);
    assert_int_equal(write(peer, "ping", 4), 4);
    connrig_run(&bench->rig);
    assert_consumed(bench, "ping");
    shoal_conn_write(conn, "pong", 4);
    connrig_run(&bench->rig);
    char answer[16];
    assert_int_equal(read(peer, answer, sizeof(answer)), 4);
    close(peer);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(4) close(peer)");
}

static bool has_edges(const struct connbench *bench)
{
    return (event_base_get_features(bench->rig.loop->base) & EV_FEATURE_ET) != 0;
}

static void a_reset_is_noticed_while_input_waits(void **state)
{
    struct connbench *bench = *state;
    if (!has_edges(bench))
        skip();
    int peer;
    struct shoal_conn *conn = open_socket(bench, &peer);
    shoal_conn_pause(conn);
    shoal_conn_write(conn, "unread", 6);
    assert_int_equal(write(peer, "waits", 5), 5);
    connrig_run(&bench->rig);
    assert_notes(bench, "open");
    close(peer); /* with "unread" in its queue: that is a reset */
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(reset)");
    assert_int_equal(bench->recorder.error, -ECONNRESET);
}

static void a_half_close_while_input_waits_is_no_reset(void **state)
{
    struct connbench *bench = *state;
    int peer;
    struct shoal_conn *conn = open_socket(bench, &peer);
    shoal_conn_pause(conn);
    connrig_run(&bench->rig);
    assert_int_equal(write(peer, "last", 4), 4);
    connrig_run(&bench->rig);
    shutdown(peer, SHUT_WR);
    connrig_run(&bench->rig);
    assert_notes(bench, "open");
    shoal_conn_write(conn, "answer", 6);
    shoal_conn_resume(conn);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(4) close(peer)");
    char answer[16];
    assert_int_equal(read(peer, answer, sizeof(answer)), 6);
    close(peer);
}

/* Memory */

/* Everything a connection does, with memory failing somewhere. 0 where nothing failed. */
static int exchange(struct connrig *rig, struct memwire *wire, struct recorder *recorder)
{
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    struct shoal_conn *conn = connrig_open(rig, wire, recorder, &limits);
    if (!conn)
        return -SHOAL_ENOMEM;
    memwire_feed_text(wire, "1a5part");
    connrig_run(rig);
    wire->capacity = 10;
    if (!strstr(recorder->notes, "close"))
        (void)shoal_conn_printf(conn, "%0600d", 7);
    connrig_run(rig);
    wire->capacity = MEMWIRE_ROOM;
    memwire_take(wire, 10);
    memwire_feed_text(wire, "y");
    memwire_end(wire);
    connrig_pass_ms(rig, 10);
    return failmalloc_failures() ? -SHOAL_ENOMEM : 0;
}

static size_t keep_a_partial_message(struct shoal_conn *conn, struct shoal_view in)
{
    (void)conn;
    return in.size > 2 ? 2 : 0;
}

/* One run on a loop of its own, so that the loop's own allocations fail, too. */
static int sweep_at(long k)
{
    struct connrig rig;
    struct memwire wire;
    struct recorder *recorder = malloc(sizeof(*recorder));
    recorder_init(recorder);
    recorder->data = keep_a_partial_message;
    failmalloc_at(k);
    int rc = connrig_try_start(&rig);
    if (rc == 0) {
        memwire_init(&wire, rig.loop);
        rc = exchange(&rig, &wire, recorder);
        failmalloc_off();
        connrig_stop(&rig);
        memwire_fini(&wire);
        bool opened = strstr(recorder->notes, "open");
        bool closed = strstr(recorder->notes, "close");
        assert_int_equal(opened, closed); /* on_close for exactly those that saw on_open */
    }
    failmalloc_off();
    free(recorder);
    return rc;
}

static void every_failed_allocation_is_survived_and_the_next_exchange_succeeds(void **state)
{
    (void)state;
    int rc = -1;
    for (long k = 1; rc != 0; k++) {
        assert_true(k < 1000);
        rc = sweep_at(k);
        int clean = rc == 0 ? 0 : sweep_at(1000000);
        assert_int_equal(clean, 0);
    }
}

/* The same inside one living loop: the connection after the one that failed is served. */
static void a_loop_goes_on_serving_after_any_failed_allocation(void **state)
{
    struct connbench *bench = *state;
    int rc = -1;
    for (long k = 1; rc != 0; k++) {
        for (int clean = 0; clean <= 1; clean++) {
            struct memwire wire;
            memwire_init(&wire, bench->rig.loop);
            recorder_init(&bench->recorder);
            bench->recorder.data = keep_a_partial_message;
            failmalloc_at(clean ? 1000000 : k);
            int this_rc = exchange(&bench->rig, &wire, &bench->recorder);
            failmalloc_off();
            if (clean)
                assert_int_equal(this_rc, 0);
            else
                rc = this_rc;
            connrig_turns(&bench->rig, 2);
            memwire_fini(&wire);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, connbench_start, connbench_stop)
    const struct CMUnitTest tests[] = {
        TEST(flush_then_close_sends_everything_first),
        TEST(flush_then_close_gives_up_on_a_peer_that_takes_nothing),
        TEST(a_flush_that_is_due_looks_again_first),
        TEST(a_lingering_close_drops_input_until_the_peer_ends),
        TEST(lingering_ends_with_its_time_however_much_comes),
        TEST(lingering_is_over_at_once_where_the_peer_has_ended),
        TEST(close_now_loses_what_waits),
        TEST(abort_shows_the_peer_a_reset),
        TEST(a_second_close_counts_only_where_it_is_more_abrupt),
        TEST(a_reset_while_flushing_is_the_reason_told),
        TEST(a_reset_is_told_with_its_error),
        TEST(any_other_error_is_told_as_failed),
        TEST(on_close_comes_once_and_last_wherever_it_was_closed),
        TEST(a_callback_may_close_another_connection),
        TEST(on_close_may_write_to_others),
        TEST(on_close_may_close_others_which_then_close_in_the_same_turn),
        TEST(ending_our_side_comes_after_the_output_and_input_goes_on),
        TEST(closing_a_pending_connection_cancels_it_once),
        TEST(a_pending_connection_that_fails_says_why_and_is_not_cancelled),
        TEST(what_was_written_while_pending_is_sent_after_on_open),
        TEST(closing_with_input_unread_still_delivers_the_answer),
        TEST(a_socket_exchange_works_and_a_vanished_peer_is_noticed),
        TEST(a_reset_is_noticed_while_input_waits),
        TEST(a_half_close_while_input_waits_is_no_reset),
        cmocka_unit_test(every_failed_allocation_is_survived_and_the_next_exchange_succeeds),
        TEST(a_loop_goes_on_serving_after_any_failed_allocation),
    };
    failmalloc_use_in_libevent();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
