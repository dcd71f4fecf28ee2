/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Input of a connection: what on_data is offered and may leave, at every split; pause, resume and
 * again; the limit on what is kept; the end of the peer's side.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "net/conn.h"
#include "net/net_loop.h"
#include "runtime/server.h"
#include "support/connrig.h"

/* Consumes whole messages: a decimal digit says how many bytes follow it. */
static size_t take_messages(struct shoal_conn *conn, struct shoal_view in)
{
    struct recorder *recorder = recorder_of(conn);
    size_t used = 0;
    while (used < in.size) {
        size_t size = 1 + (size_t)(in.data[used] - '0');
        if (in.size - used < size)
            break;
        recorder_consume(recorder, shoal_view_from(in, used), size);
        recorder->number++;
        used += size;
    }
    return used;
}

static size_t take_nothing(struct shoal_conn *conn, struct shoal_view in)
{
    (void)conn;
    (void)in;
    return 0;
}

static size_t take_one_byte(struct shoal_conn *conn, struct shoal_view in)
{
    return recorder_consume(recorder_of(conn), in, in.size > 0);
}

static void what_comes_is_offered_once_and_as_it_came(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    connbench_feed(bench, "hello");
    connbench_feed(bench, "you");
    assert_notes(bench, "open data(5) data(3)");
    assert_consumed(bench, "helloyou");
}

static void what_was_not_consumed_comes_again_with_more_behind_it(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = take_messages;
    connbench_open(bench, NULL);
    connbench_feed(bench, "5he");
    connbench_feed(bench, "ll");
    connbench_feed(bench, "o3you1");
    assert_notes(bench, "open data(3) data(5) data(11)");
    assert_consumed(bench, "5hello3you");
}

static void messages_are_whole_however_the_bytes_are_split(void **state)
{
    static const char text[] = "0"
                               "1a"
                               "9abcdefghi"
                               "3xyz"
                               "0"
                               "2uv";
    struct connbench *bench = *state;
    size_t size = sizeof(text) - 1;
    for (size_t first = 0; first <= size; first++) {
        for (size_t second = first; second <= size; second++) {
            struct memwire wire;
            memwire_init(&wire, bench->rig.loop);
            recorder_init(&bench->recorder);
            bench->recorder.data = take_messages;
            struct shoal_conn *conn = connrig_open(&bench->rig, &wire, &bench->recorder, NULL);
            memwire_feed(&wire, text, first);
            connrig_turns(&bench->rig, 3);
            memwire_feed(&wire, text + first, second - first);
            connrig_turns(&bench->rig, 3);
            memwire_feed(&wire, text + second, size - second);
            connrig_turns(&bench->rig, 3);
            assert_consumed(bench, text);
            assert_int_equal(bench->recorder.number, 6);
            shoal_conn_close(conn, SHOAL_CLOSE_NOW);
            connrig_turns(&bench->rig, 3);
            memwire_fini(&wire);
        }
    }
}

static void one_byte_at_a_time_gives_the_same_messages(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = take_messages;
    bench->wire.read_most = 1;
    connbench_open(bench, NULL);
    memwire_feed_text(&bench->wire, "5hello0"
                                    "9abcdefghi");
    connrig_run(&bench->rig);
    assert_consumed(bench, "5hello0"
                           "9abcdefghi");
    assert_int_equal(bench->recorder.number, 3);
}

/* A message of `bench->recorder.number` bytes, compared byte by byte when it is whole. */
static size_t take_large(struct shoal_conn *conn, struct shoal_view in)
{
    struct recorder *recorder = recorder_of(conn);
    if (in.size < (size_t)recorder->number)
        return 0;
    for (size_t i = 0; i < (size_t)recorder->number; i++)
        assert_int_equal((unsigned char)in.data[i], i % 251);
    recorder->number = 0;
    return in.size;
}

static void large_messages_grow_whole_at_every_size_and_step(void **state)
{
    static const size_t sizes[] = {1,     8191,  8192,  8193,  65535,  65536,
                                   65537, 73728, 98304, 98305, 200000, 1000000};
    static const size_t steps[] = {0, 997, 8192, 65536};
    struct connbench *bench = *state;
    char *bytes = malloc(1000000);
    for (size_t i = 0; i < 1000000; i++)
        bytes[i] = (char)(unsigned char)(i % 251);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (size_t t = 0; t < sizeof(steps) / sizeof(steps[0]); t++) {
            struct memwire wire;
            memwire_init(&wire, bench->rig.loop);
            wire.read_most = steps[t];
            recorder_init(&bench->recorder);
            bench->recorder.data = take_large;
            bench->recorder.number = (long)sizes[s];
            struct shoal_conn *conn = connrig_open(&bench->rig, &wire, &bench->recorder, NULL);
            memwire_feed(&wire, bytes, sizes[s]);
            connrig_turns(&bench->rig, steps[t] ? (unsigned)(sizes[s] / steps[t]) + 8 : 40);
            assert_int_equal(bench->recorder.number, 0);
            shoal_conn_close(conn, SHOAL_CLOSE_NOW);
            connrig_turns(&bench->rig, 2);
            memwire_fini(&wire);
        }
    }
    free(bytes);
}

/* A stream of messages: four bytes of size, then as many that count up from the message's number.
 * One of them is taken at a time, so that most of a large read is kept and offered in place. */

enum { STREAM_MESSAGES = 60 };

static size_t stream_size(long number)
{
    return 4 + (size_t)(number * number * 7919 % (number % 5 == 4 ? 150000 : 3000));
}

static void write_stream_message(char *out, long number)
{
    uint32_t size = (uint32_t)stream_size(number);
    memcpy(out, &size, 4);
    for (size_t i = 4; i < size; i++)
        out[i] = (char)(unsigned char)((size_t)number + i);
}

static size_t take_stream_message(struct shoal_conn *conn, struct shoal_view in)
{
    struct recorder *recorder = recorder_of(conn);
    size_t size = stream_size(recorder->number);
    if (in.size < size)
        return 0;
    write_stream_message(recorder->arg, recorder->number);
    assert_memory_equal(in.data, recorder->arg, size);
    recorder->number++;
    if (in.size > size)
        shoal_conn_again(conn);
    return size;
}

static void a_stream_of_small_and_large_messages_keeps_its_bytes(void **state)
{
    static const size_t steps[] = {0, 40000, 1999};
    struct connbench *bench = *state;
    char *message = malloc(200000);
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        struct memwire wire;
        memwire_init(&wire, bench->rig.loop);
        wire.read_most = steps[s];
        recorder_init(&bench->recorder);
        bench->recorder.data = take_stream_message;
        bench->recorder.arg = malloc(200000);
        struct shoal_conn *conn = connrig_open(&bench->rig, &wire, &bench->recorder, NULL);
        for (long number = 0; number < STREAM_MESSAGES; number++) {
            write_stream_message(message, number);
            memwire_feed(&wire, message, stream_size(number));
        }
        connrig_turns(&bench->rig, 2000);
        assert_int_equal(bench->recorder.number, STREAM_MESSAGES);
        shoal_conn_close(conn, SHOAL_CLOSE_NOW);
        connrig_turns(&bench->rig, 2);
        free(bench->recorder.arg);
        memwire_fini(&wire);
    }
    free(message);
}

static size_t write_behind(struct shoal_conn *conn, struct shoal_view in)
{
    shoal__conn_writable(in)[in.size] = '\0';
    return recorder_of(conn)->number-- > 0 ? 0 : in.size;
}

static void a_driver_may_put_a_nul_behind_any_span(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = write_behind; /* AddressSanitizer looks on */
    bench->recorder.number = 12;
    connbench_open(bench, NULL);
    char *filler = calloc(1, SHOAL__READ_SIZE);
    for (int i = 0; i < 16; i++) {
        memwire_feed(&bench->wire, filler, i < 3 ? 3000 : SHOAL__READ_SIZE);
        connrig_run(&bench->rig);
    }
    assert_true(bench->recorder.number < 0);
    free(filler);
}

static void input_without_on_data_is_read_and_dropped(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.service.on_data = NULL;
    connbench_open(bench, NULL);
    connbench_feed(bench, "nobody wants this");
    assert_int_equal(bench->wire.in_start, bench->wire.in_end);
    connbench_end(bench);
    assert_notes(bench, "open close(peer)");
}

static size_t pause_at_once(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_pause(conn);
    return recorder_consume(recorder_of(conn), in, 1);
}

static void a_paused_connection_reads_and_offers_nothing(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = pause_at_once;
    connbench_open(bench, NULL);
    connbench_feed(bench, "abc");
    assert_true(shoal_conn_paused(bench->conn));
    unsigned reads = bench->wire.reads;
    connbench_feed(bench, "def");
    assert_notes(bench, "open data(3)");
    assert_int_equal(bench->wire.reads, reads);
    assert_int_equal(bench->wire.watched, 0);
}

static void resume_offers_what_is_kept_and_reads_on(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = pause_at_once;
    connbench_open(bench, NULL);
    connbench_feed(bench, "abc");
    bench->recorder.data = NULL;
    shoal_conn_resume(bench->conn);
    assert_notes(bench, "open data(3)"); /* not from inside resume */
    connbench_feed(bench, "def");
    assert_notes(bench, "open data(3) data(2) data(3)");
    assert_consumed(bench, "abcdef");
}

static void pausing_twice_is_undone_by_one_resume(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    shoal_conn_pause(bench->conn);
    shoal_conn_pause(bench->conn);
    shoal_conn_resume(bench->conn);
    assert_false(shoal_conn_paused(bench->conn));
    connbench_feed(bench, "x");
    assert_consumed(bench, "x");
}

static size_t take_one_again(struct shoal_conn *conn, struct shoal_view in)
{
    size_t used = take_one_byte(conn, in);
    if (used < in.size)
        shoal_conn_again(conn);
    return used;
}

static void again_offers_the_rest_once_a_turn(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = take_one_again;
    connbench_open(bench, NULL);
    memwire_feed_text(&bench->wire, "abcd");
    connrig_turns(&bench->rig, 1);
    size_t before = bench->recorder.consumed_size;
    connrig_turns(&bench->rig, 1);
    assert_true(bench->recorder.consumed_size - before <= 1);
    connrig_run(&bench->rig);
    assert_consumed(bench, "abcd");
}

static void again_does_not_wait_for_an_event(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = take_one_again;
    connbench_open(bench, NULL);
    memwire_feed_text(&bench->wire, "abcd");
    while (bench->recorder.consumed_size < 4) /* for ever, if it did */
        assert_true(shoal__loop_turn(bench->rig.loop, true));
}

static void without_again_the_rest_waits_for_more(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = take_one_byte;
    connbench_open(bench, NULL);
    connbench_feed(bench, "abcd");
    assert_consumed(bench, "a");
    connbench_feed(bench, "e");
    assert_consumed(bench, "ab");
}

static void a_handler_that_asks_again_is_not_read_further_before(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.max_input = 4096;
    bench->recorder.data = take_one_again;
    connbench_open(bench, &limits);
    char *flood = malloc(1024 * 1024);
    memset(flood, 'f', 1024 * 1024);
    memwire_feed(&bench->wire, flood, 1024 * 1024);
    connrig_run(&bench->rig);
    assert_true(bench->wire.in_start <= SHOAL__READ_SIZE);
    assert_null(strstr(bench->recorder.notes, "close"));
    free(flood);
}

static void the_end_is_told_after_all_input_was_offered(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = take_messages;
    recorder_note_end(&bench->recorder);
    connbench_open(bench, NULL);
    memwire_feed_text(&bench->wire, "2ab5cd");
    connbench_end(bench);
    assert_notes(bench, "open data(6) end(3)");
    assert_int_equal(shoal_conn_write(bench->conn, "ok", 2), 0); /* half-closed, still writable */
    connrig_run(&bench->rig);
    assert_output(bench, "ok");
}

static void the_end_is_told_once_and_read_once(void **state)
{
    struct connbench *bench = *state;
    recorder_note_end(&bench->recorder);
    connbench_open(bench, NULL);
    connbench_end(bench);
    unsigned reads = bench->wire.reads;
    shoal_conn_pause(bench->conn);
    shoal_conn_resume(bench->conn);
    shoal_conn_again(bench->conn);
    connrig_run(&bench->rig);
    assert_notes(bench, "open end(0)");
    assert_int_equal(bench->wire.reads, reads); /* a level-triggered end must not spin */
}

static void the_end_waits_for_a_handler_that_takes_turns(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = take_one_again;
    recorder_note_end(&bench->recorder);
    connbench_open(bench, NULL);
    memwire_feed_text(&bench->wire, "abc");
    connbench_end(bench);
    assert_notes(bench, "open data(3) data(2) data(1) end(0)");
}

static size_t pause_after_one(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_pause(conn);
    return take_one_byte(conn, in);
}

static void the_end_waits_for_a_paused_handler(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = pause_after_one;
    recorder_note_end(&bench->recorder);
    connbench_open(bench, NULL);
    memwire_feed_text(&bench->wire, "ab");
    connbench_end(bench);
    assert_notes(bench, "open data(2)");
    shoal_conn_resume(bench->conn);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(2) data(1)");
    shoal_conn_resume(bench->conn);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(2) data(1) end(0)");
}

static size_t resume_after_end(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_again(conn); /* asks, and pauses at the same time */
    return pause_after_one(conn, in);
}

static void again_under_pause_counts_from_the_resume_on(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = resume_after_end;
    connbench_open(bench, NULL);
    connbench_feed(bench, "ab");
    assert_notes(bench, "open data(2)");
    bench->recorder.data = NULL;
    shoal_conn_resume(bench->conn);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(2) data(1)");
}

static void without_on_end_the_connection_closes_when_flushed(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    bench->wire.capacity = 3;
    memwire_end(&bench->wire);
    shoal_conn_write(bench->conn, "answer", 6);
    connrig_run(&bench->rig);
    assert_notes(bench, "open");
    memwire_take(&bench->wire, 3);
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(peer)");
    assert_output(bench, "answer");
}

static size_t hold_and_take(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_hold(conn);
    return in.size;
}

static void an_answer_that_is_owed_outlives_half_close(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = hold_and_take;
    connbench_open(bench, NULL);
    memwire_feed_text(&bench->wire, "question");
    connbench_end(bench);
    assert_notes(bench, "open data(8)");
    shoal_conn_hold(bench->conn);
    shoal_conn_release(bench->conn);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(8)"); /* as many releases as holds */
    shoal_conn_write(bench->conn, "answer", 6);
    shoal_conn_release(bench->conn);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(8) close(peer)");
    assert_output(bench, "answer");
}

static void finish_now(struct shoal_conn *conn)
{
    shoal__conn_finish(conn);
}

static void a_driver_that_finishes_in_on_end_gets_the_same(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = hold_and_take;
    bench->recorder.end = finish_now;
    recorder_note_end(&bench->recorder);
    connbench_open(bench, NULL);
    memwire_feed_text(&bench->wire, "q");
    connbench_end(bench);
    assert_notes(bench, "open data(1) end(0)");
    shoal_conn_write(bench->conn, "a", 1);
    shoal_conn_release(bench->conn);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(1) end(0) close(peer)");
    assert_output(bench, "a");
}

static void a_message_that_outgrows_max_input_closes_the_connection(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.max_input = 10;
    bench->recorder.data = take_nothing;
    connbench_open(bench, &limits);
    connbench_feed(bench, "0123456789");
    assert_notes(bench, "open data(10)");
    connbench_feed(bench, "0");
    connbench_end(bench);
    assert_notes(bench, "open data(10) data(11) close(too_much_input)");
}

static void max_input_does_not_count_what_the_handler_takes(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.max_input = 10;
    connbench_open(bench, &limits);
    char flood[1000] = {0};
    memwire_feed(&bench->wire, flood, sizeof(flood));
    connrig_run(&bench->rig);
    assert_int_equal(bench->recorder.consumed_size, sizeof(flood));
    assert_notes(bench, "open data(1000)");
}

static void pausing_with_more_than_max_input_unread_is_no_fault_of_the_peer(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = connrig_no_limits;
    limits.max_input = 10;
    bench->recorder.data = pause_at_once;
    connbench_open(bench, &limits);
    connbench_feed(bench, "many messages in one read");
    assert_notes(bench, "open data(25)");
    bench->recorder.data = take_nothing;
    shoal_conn_resume(bench->conn);
    connbench_end(bench);
    assert_notes(bench, "open data(25) data(24) close(too_much_input)");
}

static void a_new_service_is_offered_what_the_old_one_left(void **state)
{
    struct connbench *bench = *state;
    struct recorder *next = malloc(sizeof(*next));
    recorder_init(next);
    bench->recorder.data = take_one_byte;
    connbench_open(bench, NULL);
    connbench_feed(bench, "xyz");
    shoal__conn_set_service(bench->conn, &next->service);
    assert_ptr_equal(shoal__conn_service(bench->conn), &next->service);
    connrig_run(&bench->rig);
    assert_string_equal(next->notes, "data(2)");
    shoal_conn_close(bench->conn, SHOAL_CLOSE_NOW);
    connrig_run(&bench->rig);
    assert_string_equal(next->notes, "data(2) close(local)");
    assert_notes(bench, "open data(3)");
    free(next);
}

static size_t close_and_leave(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_write(conn, in.data,
                     in.size); /* a span that is kept, written, and then closed over */
    shoal_conn_close(conn, SHOAL_CLOSE_FLUSH);
    return 0;
}

static void a_span_in_kept_input_outlives_the_close_that_writes_it(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = take_nothing;
    connbench_open(bench, NULL);
    char *block = malloc(30000);
    memset(block, 'k', 30000);
    memwire_feed(&bench->wire, block, 15000);
    connrig_run(&bench->rig);
    bench->recorder.data = close_and_leave;
    bench->wire.capacity = 100;
    memwire_feed(&bench->wire, block, 15000);
    connrig_run(&bench->rig);
    bench->wire.capacity = MEMWIRE_ROOM;
    memwire_take(&bench->wire, 100);
    connrig_run(&bench->rig);
    assert_int_equal(bench->wire.written, 30000);
    assert_memory_equal(bench->wire.out, block, 30000);
    assert_non_null(strstr(bench->recorder.notes, "close(local)"));
    free(block);
}

static void on_data_is_not_called_after_a_close(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = take_one_again;
    connbench_open(bench, NULL);
    memwire_feed_text(&bench->wire, "abc");
    connrig_turns(&bench->rig, 1);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_FLUSH);
    size_t before = bench->recorder.consumed_size;
    connbench_feed(bench, "def");
    assert_int_equal(bench->recorder.consumed_size, before);
}

static void a_pending_connection_resumed_early_still_hears_the_end(void **state)
{
    struct connbench *bench = *state;
    struct shoal__shared_limits *limits = shoal__limits_create(&connrig_no_limits);
    struct shoal_conn *conn;
    assert_int_equal(shoal__conn_create_pending(bench->rig.loop, &bench->recorder.service, limits,
                                                NULL, NULL, &conn),
                     0);
    shoal__limits_unref(&limits);
    shoal_conn_pause(conn);
    shoal_conn_resume(conn);
    shoal_conn_write(conn, "early", 5);
    connrig_run(&bench->rig);

    struct shoal__transport transport = memwire_transport(&bench->wire);
    struct shoal__address peer = {.family = AF_UNSPEC};
    bench->wire.conn = conn;
    assert_int_equal(shoal__conn_attach(conn, &transport, &peer), 0);
    connbench_end(bench);
    assert_output(bench, "early");
    assert_notes(bench, "open close(peer)");
}

/* As the listener opens it, with what the peer has sent by then. */
static void accept_after(struct connbench *bench, const char *sent)
{
    const struct shoal__address peer = {.family = AF_UNSPEC};
    struct shoal__transport transport = memwire_transport(&bench->wire);
    struct shoal__shared_limits *limits = shoal__limits_create(&connrig_no_limits);
    assert_non_null(limits);
    atomic_fetch_add(shoal__server_connections(bench->rig.server), 1); /* as it is admitted */
    memwire_feed_text(&bench->wire, sent);
    assert_int_equal(shoal__conn_create(bench->rig.loop, &transport, &bench->recorder.service,
                                        limits, &peer, true, &bench->wire.conn),
                     0);
    shoal__limits_unref(&limits);
}

static void an_accepted_connection_is_read_before_it_waits(void **state)
{
    struct connbench *bench = *state;
    accept_after(bench, "hello");
    assert_notes(bench, "open data(5)");
}

static void an_accepted_connection_whose_peer_is_silent_waits(void **state)
{
    struct connbench *bench = *state;
    accept_after(bench, "");
    assert_notes(bench, "open");
    connbench_feed(bench, "hello");
    assert_notes(bench, "open data(5)");
}

static void close_at_once(struct shoal_conn *conn)
{
    shoal_conn_close(conn, SHOAL_CLOSE_NOW);
}

static void what_is_closed_as_it_opens_is_not_read(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.open = close_at_once;
    accept_after(bench, "hello");
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(local)");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, connbench_start, connbench_stop)
    const struct CMUnitTest tests[] = {
        TEST(an_accepted_connection_is_read_before_it_waits),
        TEST(an_accepted_connection_whose_peer_is_silent_waits),
        TEST(what_is_closed_as_it_opens_is_not_read),
        TEST(what_comes_is_offered_once_and_as_it_came),
        TEST(what_was_not_consumed_comes_again_with_more_behind_it),
        TEST(messages_are_whole_however_the_bytes_are_split),
        TEST(one_byte_at_a_time_gives_the_same_messages),
        TEST(large_messages_grow_whole_at_every_size_and_step),
        TEST(a_stream_of_small_and_large_messages_keeps_its_bytes),
        TEST(a_driver_may_put_a_nul_behind_any_span),
        TEST(input_without_on_data_is_read_and_dropped),
        TEST(a_paused_connection_reads_and_offers_nothing),
        TEST(resume_offers_what_is_kept_and_reads_on),
        TEST(pausing_twice_is_undone_by_one_resume),
        TEST(again_offers_the_rest_once_a_turn),
        TEST(again_does_not_wait_for_an_event),
        TEST(without_again_the_rest_waits_for_more),
        TEST(a_handler_that_asks_again_is_not_read_further_before),
        TEST(the_end_is_told_after_all_input_was_offered),
        TEST(the_end_is_told_once_and_read_once),
        TEST(the_end_waits_for_a_handler_that_takes_turns),
        TEST(the_end_waits_for_a_paused_handler),
        TEST(again_under_pause_counts_from_the_resume_on),
        TEST(without_on_end_the_connection_closes_when_flushed),
        TEST(an_answer_that_is_owed_outlives_half_close),
        TEST(a_driver_that_finishes_in_on_end_gets_the_same),
        TEST(a_message_that_outgrows_max_input_closes_the_connection),
        TEST(max_input_does_not_count_what_the_handler_takes),
        TEST(pausing_with_more_than_max_input_unread_is_no_fault_of_the_peer),
        TEST(a_new_service_is_offered_what_the_old_one_left),
        TEST(a_span_in_kept_input_outlives_the_close_that_writes_it),
        TEST(on_data_is_not_called_after_a_close),
        TEST(a_pending_connection_resumed_early_still_hears_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
