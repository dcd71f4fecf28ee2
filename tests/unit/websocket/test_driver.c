/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The WebSocket driver on an in-memory wire and a fake clock, behind the opening handshake. The
 * service under test writes down what it is told: "open T(hello) close(1000,bye)"; the peer is a
 * client that masks with zeros, so that its payload can be read in this file.
 */
#include "proto/websocket/websocket_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "support/connrig.h"
#include "support/failmalloc.h"

static struct connbench *bench;
static struct shoal_websocket_service service;
static struct shoal_service raw;
static bool echoes, pauses, closes;

static void note(const char *format, ...)
{
    struct recorder *recorder = &bench->recorder;
    va_list args;
    va_start(args, format);
    char *at = recorder->notes + recorder->notes_size;
    size_t room = sizeof(recorder->notes) - recorder->notes_size;
    int size = snprintf(at, room, "%s", recorder->notes_size ? " " : "");
    size += vsnprintf(at + size, room - (size_t)size, format, args);
    assert_true((size_t)size < room);
    recorder->notes_size += (size_t)size;
    va_end(args);
}

static void on_open(struct shoal_conn *conn)
{
    assert_ptr_equal(shoal_websocket_arg(conn), &service);
    note("open");
}

static void on_message(struct shoal_conn *conn, enum shoal_websocket_kind kind,
                       struct shoal_view message)
{
    const char *sort = kind == SHOAL_WEBSOCKET_TEXT ? "T" : "B";
    if (message.size > 40)
        note("%s[%zu]", sort, message.size);
    else
        note("%s(%.*s)", sort, (int)message.size, message.data ? message.data : "");
    if (echoes)
        shoal_websocket_send(conn, kind, message);
    if (pauses)
        shoal_conn_pause(conn);
    if (closes)
        assert_int_equal(shoal_websocket_close(conn, 4000, "enough"), 0);
}

static void on_drained(struct shoal_conn *conn)
{
    (void)conn;
    note("drained");
}

static void on_close(struct shoal_conn *conn, unsigned code, struct shoal_view reason)
{
    assert_int_equal(shoal_websocket_send(conn, SHOAL_WEBSOCKET_TEXT, shoal_view("x", 1)),
                     -SHOAL_EPIPE);
    note("close(%u,%.*s)", code, (int)reason.size, reason.data);
}

static int start(void **state)
{
    connbench_start(state);
    bench = *state;
    echoes = pauses = closes = false;
    service = (struct shoal_websocket_service){.max_message = 200000,
                                               .ping_ms = -1,
                                               .arg = &service,
                                               .on_open = on_open,
                                               .on_message = on_message,
                                               .on_drained = on_drained,
                                               .on_close = on_close};
    return 0;
}

static void open_with(const struct shoal_limits *limits)
{
    raw = shoal__websocket_raw_service(&service);
    bench->recorder.service = raw;
    connbench_open(bench, limits);
    bench->recorder.service.arg = raw.arg;
}

static void open_websocket(void)
{
    open_with(NULL);
}

/* A frame with a mask of zeros. */
static void send_frame(int opcode, bool final, const char *payload, size_t size)
{
    static const uint8_t zeros[4];
    char head[14];
    head[0] = (char)(opcode | (final ? 0x80 : 0));
    size_t head_size = 2;
    if (size < 126) {
        head[1] = (char)(0x80 | size);
    } else {
        head[1] = (char)(0x80 | 126);
        head[2] = (char)(size >> 8);
        head[3] = (char)size;
        head_size = 4;
    }
    memcpy(head + head_size, zeros, 4);
    memwire_feed(&bench->wire, head, head_size + 4);
    memwire_feed(&bench->wire, payload, size);
}

static void send_text(const char *text)
{
    send_frame(1, true, text, strlen(text));
    connrig_run(&bench->rig);
}

static void messages_come_whole_and_go_out_as_frames(void **state)
{
    (void)state;
    echoes = true;
    open_websocket();
    send_text("hello");
    send_frame(2, true, "", 0);
    connrig_run(&bench->rig);
    assert_notes(bench, "open T(hello) B()");
    struct shoal_view out = memwire_output(&bench->wire);
    assert_int_equal(out.size, 9);
    assert_memory_equal(out.data, "\x81\x05hello\x82\x00", 9);
}

static void a_message_in_pieces_is_put_together(void **state)
{
    (void)state;
    bench->wire.read_most = 7;
    open_websocket();
    send_frame(1, false, "one ", 4);
    send_frame(9, true, "hi", 2);
    send_frame(0, true, "two and three", 13);
    connrig_turns(&bench->rig, 40);
    assert_notes(bench, "open T(one two and three)");
    assert_output(bench, "\x8a\x02hi");
}

static void a_large_message_is_put_together(void **state)
{
    (void)state;
    static char payload[60000];
    memset(payload, 'x', sizeof(payload));
    bench->wire.read_most = 1000;
    open_websocket();
    send_frame(1, false, payload, sizeof(payload));
    send_frame(0, true, payload, sizeof(payload));
    connrig_turns(&bench->rig, 500);
    assert_notes(bench, "open T[120000]");
}

static void a_pause_holds_messages_back(void **state)
{
    (void)state;
    pauses = true;
    open_websocket();
    send_frame(1, true, "one", 3);
    send_text("two");
    assert_notes(bench, "open T(one)");
    shoal_conn_resume(bench->conn);
    connrig_run(&bench->rig);
    assert_notes(bench, "open T(one) T(two)");
}

static void the_peers_close_is_answered_and_told(void **state)
{
    (void)state;
    open_websocket();
    send_frame(8, true, "\x03\xe8 bye", 6);
    send_frame(1, true, "late", 4);
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(1000, bye)");
    assert_output(bench, "\x88\x02\x03\xe8");
    assert_int_equal(bench->wire.closes, 1);
}

static void a_close_without_a_code_is_answered_without_one(void **state)
{
    (void)state;
    open_websocket();
    send_frame(8, true, "", 0);
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(1005,)");
    struct shoal_view out = memwire_output(&bench->wire);
    assert_int_equal(out.size, 2);
    assert_memory_equal(out.data, "\x88\x00", 2);
}

static void our_close_waits_for_the_peers_and_delivers_nothing_more(void **state)
{
    (void)state;
    closes = true;
    open_websocket();
    send_text("one");
    send_text("two");
    assert_output(bench, "\x88\x08\x0f\xa0"
                         "enough");
    assert_notes(bench, "open T(one)");
    assert_int_equal(bench->wire.closes, 0);
    send_frame(8, true, "\x0f\xa0", 2);
    connrig_run(&bench->rig);
    assert_notes(bench, "open T(one) close(4000,)");
    assert_int_equal(bench->wire.closes, 1);
}

static void a_peer_that_does_not_answer_our_close_is_left(void **state)
{
    (void)state;
    open_websocket();
    connrig_run(&bench->rig);
    assert_int_equal(shoal_websocket_close(bench->conn, 1000, NULL), 0);
    assert_int_equal(shoal_websocket_close(bench->conn, 1000, NULL), -SHOAL_EPIPE);
    connrig_pass_ms(&bench->rig, 4900);
    assert_notes(bench, "open");
    connrig_pass_ms(&bench->rig, 200);
    assert_notes(bench, "open close(1006,)");
}

static void closes_that_may_not_be_sent_are_refused(void **state)
{
    (void)state;
    char reason[125];
    memset(reason, 'r', sizeof(reason));
    reason[124] = '\0';
    open_websocket();
    connrig_run(&bench->rig);
    assert_int_equal(shoal_websocket_close(bench->conn, 1005, NULL), -SHOAL_EINVAL);
    assert_int_equal(shoal_websocket_close(bench->conn, 0, NULL), -SHOAL_EINVAL);
    assert_int_equal(shoal_websocket_close(bench->conn, 1000, reason), -SHOAL_EINVAL);
    assert_int_equal(shoal_websocket_close(bench->conn, 1000, "\xff"), -SHOAL_EINVAL);
    assert_int_equal(memwire_output(&bench->wire).size, 0);
}

static void text_that_is_not_utf8_is_not_sent(void **state)
{
    (void)state;
    open_websocket();
    connrig_run(&bench->rig);
    assert_int_equal(shoal_websocket_send(bench->conn, SHOAL_WEBSOCKET_TEXT, shoal_view("\xff", 1)),
                     -SHOAL_EINVAL);
    assert_int_equal(
        shoal_websocket_send(bench->conn, SHOAL_WEBSOCKET_BINARY, shoal_view("\xff", 1)), 0);
}

static void a_peer_that_breaks_the_protocol_is_told_why(void **state)
{
    (void)state;
    open_websocket();
    memwire_feed(&bench->wire, "\x81\x01x", 3);
    connrig_run(&bench->rig);
    assert_output(bench, "\x88\x02\x03\xea");
    connbench_end(bench);
    assert_notes(bench, "open close(1002,)");
}

static void a_message_over_the_limit_ends_it(void **state)
{
    (void)state;
    service.max_message = 4;
    open_websocket();
    send_text("four");
    send_text("five!");
    assert_output(bench, "\x88\x02\x03\xf1");
    connbench_end(bench);
    assert_notes(bench, "open T(four) close(1009,)");
}

static void an_end_without_a_close_is_abnormal(void **state)
{
    (void)state;
    open_websocket();
    send_text("a");
    connbench_end(bench);
    assert_notes(bench, "open T(a) close(1006,)");
}

static void pings_keep_a_live_peer_and_end_a_dead_one(void **state)
{
    (void)state;
    service.ping_ms = 1000;
    open_websocket();
    connrig_pass_ms(&bench->rig, 1100);
    struct shoal_view out = memwire_output(&bench->wire);
    assert_int_equal(out.size, 2);
    assert_memory_equal(out.data, "\x89\x00", 2);
    send_frame(10, true, "", 0);
    connrig_run(&bench->rig);
    connrig_pass_ms(&bench->rig, 1100);
    assert_notes(bench, "open");
    assert_int_equal(memwire_output(&bench->wire).size, 4);
    connrig_pass_ms(&bench->rig, 1100);
    assert_notes(bench, "open close(1006,)");
}

static void output_above_its_mark_is_told_and_so_is_its_end(void **state)
{
    (void)state;
    struct shoal_limits limits = connrig_no_limits;
    limits.out_high = 100;
    limits.out_low = 50;
    bench->wire.capacity = 40;
    open_with(&limits);
    connrig_run(&bench->rig);
    static const char payload[100];
    struct shoal_view message = shoal_view(payload, sizeof(payload));
    assert_int_equal(shoal_websocket_send(bench->conn, SHOAL_WEBSOCKET_BINARY, message), 1);
    connrig_run(&bench->rig);
    assert_notes(bench, "open");
    for (int i = 0; i < 5; i++) {
        memwire_take(&bench->wire, 40);
        connrig_run(&bench->rig);
    }
    assert_notes(bench, "open drained");
}

static size_t counted;

static void count_message(struct shoal_conn *conn, enum shoal_websocket_kind kind,
                          struct shoal_view message)
{
    (void)conn;
    (void)kind;
    (void)message;
    counted++;
}

static void a_flood_of_small_messages_leaves_others_their_turn(void **state)
{
    (void)state;
    counted = 0;
    service.on_message = count_message;
    open_websocket();
    for (int i = 0; i < 5000; i++)
        send_frame(1, true, "", 0);
    size_t before, turns = 0;
    do {
        before = counted;
        connrig_turns(&bench->rig, 1);
        assert_true(counted - before <= 128); /* what came, and what was kept before it */
    } while (++turns < 1000);
    assert_int_equal(counted, 5000);
}

static void without_memory_the_connection_ends_and_nothing_leaks(void **state)
{
    (void)state;
    raw = shoal__websocket_raw_service(&service);
    bench->recorder.service = raw;
    connbench_open(bench, NULL);
    connrig_run(&bench->rig);
    send_frame(1, false, "part", 4);
    failmalloc_from(1);
    connrig_run(&bench->rig);
    failmalloc_off();
    assert_notes(bench, "open close(1006,)");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, connbench_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_come_whole_and_go_out_as_frames),
        TEST(a_message_in_pieces_is_put_together),
        TEST(a_large_message_is_put_together),
        TEST(a_pause_holds_messages_back),
        TEST(the_peers_close_is_answered_and_told),
        TEST(a_close_without_a_code_is_answered_without_one),
        TEST(our_close_waits_for_the_peers_and_delivers_nothing_more),
        TEST(a_peer_that_does_not_answer_our_close_is_left),
        TEST(closes_that_may_not_be_sent_are_refused),
        TEST(text_that_is_not_utf8_is_not_sent),
        TEST(a_peer_that_breaks_the_protocol_is_told_why),
        TEST(a_message_over_the_limit_ends_it),
        TEST(an_end_without_a_close_is_abnormal),
        TEST(pings_keep_a_live_peer_and_end_a_dead_one),
        TEST(output_above_its_mark_is_told_and_so_is_its_end),
        TEST(a_flood_of_small_messages_leaves_others_their_turn),
        TEST(without_memory_the_connection_ends_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
