/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The HTTP/2 driver on a wire in memory: what it makes of the connection's marks, deadlines, drain
 * and ends. At the wire's other end is an engine; `near` is the layer above the driver.
 */
#include "proto/http2/http2_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include <shoal/error.h>

#include "http2_wire.h"
#include "net/conn.h"
#include "support/connrig.h"
#include "support/failmalloc.h"

/* One test's. */
static struct connbench *bench;
static struct shoal_limits conn_limits;
static enum shoal__http_role near_role;
static struct peer near, far;
static size_t far_read; /* of the wire's output */
static bool far_is_deaf;
static bool hopeful; /* memory may be out */

static int set_up(void **state, enum shoal__http_role role)
{
    connbench_start(state);
    bench = *state;
    conn_limits = connrig_no_limits;
    near_role = role;
    peer_init(&near);
    peer_init(&far);
    peer_open(&far, role == SHOAL__HTTP_SERVER ? SHOAL__HTTP_CLIENT : SHOAL__HTTP_SERVER);
    far_read = 0;
    far_is_deaf = hopeful = false;
    return 0;
}

static int set_up_server(void **state)
{
    return set_up(state, SHOAL__HTTP_SERVER);
}

static int set_up_client(void **state)
{
    return set_up(state, SHOAL__HTTP_CLIENT);
}

static int tear_down(void **state)
{
    failmalloc_off();
    connbench_stop(state);
    peer_close(&far);
    shoal__http2_shared_fini(&near.shared);
    return 0;
}

static void start_session(struct shoal_conn *conn)
{
    int rc = shoal__http2_start(conn, near_role, &peer_session_events, &near, &near.limits,
                                &near.session);
    assert_true(rc == 0 || hopeful);
    if (rc < 0)
        shoal_conn_close_for(conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
}

/* To and fro until nothing moves. */
static bool hear(void)
{
    struct shoal_view out = shoal_view_from(memwire_output(&bench->wire), far_read);
    if (far_is_deaf || out.size == 0)
        return false;
    far_read += out.size;
    memwire_take(&bench->wire, out.size);
    (void)shoal__http2_recv(far.engine, out, far.now_ms);
    return true;
}

static void say(void)
{
    char piece[4096];
    size_t size;
    far.now_ms = near.now_ms = shoal_loop_now_ms(bench->rig.loop);
    (void)peer_flush(&far);
    while ((size = shoal_buf_copy_out(&far.out, piece, sizeof(piece))) > 0) {
        shoal_buf_consume(&far.out, size);
        memwire_feed(&bench->wire, piece, size);
    }
}

static void run(void)
{
    do {
        say();
        connrig_run(&bench->rig);
    } while (hear());
}

static void open_wire(void)
{
    bench->recorder.open = start_session;
    bench->conn = connrig_open(&bench->rig, &bench->wire, &bench->recorder, &conn_limits);
    assert_true(bench->conn || hopeful);
    run();
}

static void pass_ms(int64_t ms)
{
    fakeclock_advance_ms(&bench->rig.time, ms);
    run();
}

static bool is_closed(void)
{
    return bench->wire.closes > 0;
}

static uint64_t closed_for(enum shoal_close_reason reason)
{
    return atomic_load_explicit(&bench->rig.loop->counters.closed[reason], memory_order_relaxed);
}

static char zeros[1 << 20];

/* Requests */

static void a_request_is_answered(void **state)
{
    (void)state;
    near.on_request = answer_hello;
    open_wire();
    ask(&far, "GET", "/a", true);
    run();
    assert_string_equal(peer_log(&near), "<GET /a.>[closed: ended in order]");
    assert_string_equal(peer_log(&far), "<200>(hello)[end][closed: ended in order]");
    assert_false(is_closed());
}

static void answers_of_one_turn_leave_in_one_write(void **state)
{
    (void)state;
    near.on_request = answer_hello;
    open_wire();
    unsigned writes = bench->wire.writes;
    for (int i = 0; i < 10; i++)
        ask(&far, "GET", "/", true);
    run();
    assert_int_equal(far.closes, 10);
    assert_in_range(bench->wire.writes - writes, 1, 2);
}

static void a_late_answer_is_sent_without_more_input(void **state)
{
    (void)state;
    open_wire();
    ask(&far, "GET", "/", true);
    run();
    answer_hello(&near, near.last, NULL, true);
    run();
    assert_string_equal(peer_log(&far), "<200>(hello)[end][closed: ended in order]");
}

static void the_input_may_come_byte_by_byte(void **state)
{
    (void)state;
    near.on_request = answer_hello;
    bench->wire.read_most = 1;
    open_wire();
    for (int i = 0; i < 20; i++)
        run();
    ask(&far, "GET", "/a", true);
    for (int i = 0; i < 20; i++)
        run();
    assert_string_equal(peer_log(&near), "<GET /a.>[closed: ended in order]");
}

/* Marks */

static void a_slow_reader_fills_the_connection_and_then_the_stream(void **state)
{
    (void)state;
    conn_limits.out_high = 20000;
    conn_limits.out_low = 5000;
    far.limits.stream_window = 1 << 20;
    open_wire();
    ask(&far, "GET", "/", true);
    run();
    far_is_deaf = true;
    bench->wire.capacity = 1000;
    send_status(near.last, 200, false);
    assert_int_equal(shoal__stream_write(near.last, shoal_view(zeros, 600000)), 1);
    connrig_run(&bench->rig);
    size_t in_conn = shoal_conn_pending(bench->conn);
    assert_in_range(in_conn, 20000, 20000 + 100000);
    assert_in_range(shoal__stream_pending(near.last), 600000 - in_conn - 2000, 600000 - in_conn);
}

static void end_now(struct peer *peer, struct shoal__stream *stream)
{
    (void)peer;
    (void)shoal__stream_end(stream, NULL, 0);
}

static void a_reader_that_goes_on_gets_all_of_it(void **state)
{
    (void)state;
    far.quiet = true;
    conn_limits.out_high = 20000;
    conn_limits.out_low = 5000;
    near.on_drained = end_now;
    open_wire();
    ask(&far, "GET", "/", true);
    run();
    bench->wire.capacity = 1000;
    send_status(near.last, 200, false);
    assert_int_equal(shoal__stream_write(near.last, shoal_view(zeros, 600000)), 1);
    for (int i = 0; i < 100 && far.closes == 0; i++)
        run();
    assert_int_equal(far.received, 600000);
    assert_string_equal(peer_log(&near), "<GET /.>[drained][closed: ended in order]");
}

static void what_is_not_consumed_is_not_sent(void **state)
{
    (void)state;
    near.quiet = true;
    near.hoards = true;
    near.limits.stream_window = 100000;
    open_wire();
    struct shoal__stream *stream = ask(&far, "POST", "/", false);
    shoal__stream_write(stream, shoal_view(zeros, 500000));
    run();
    assert_int_equal(near.received, 100000);
    shoal__stream_consume(near.last, 100000);
    run();
    assert_int_equal(near.received, 200000);
}

/* Deadlines */

static void an_open_stream_holds_the_connection(void **state)
{
    (void)state;
    conn_limits.idle_ms = 10000;
    open_wire();
    ask(&far, "GET", "/", true);
    run();
    pass_ms(60000);
    assert_false(is_closed());
    answer_hello(&near, near.last, NULL, true);
    run();
    pass_ms(9000);
    assert_false(is_closed());
    pass_ms(1000);
    assert_true(is_closed());
    assert_int_equal(closed_for(SHOAL_CLOSED_IDLE), 1);
}

static void a_body_that_stalls_is_reset(void **state)
{
    (void)state;
    open_wire();
    ask(&far, "POST", "/", false);
    run();
    pass_ms(29000);
    assert_int_equal(near.closes, 0);
    for (int i = 0; i < 3; i++)
        pass_ms(1000);
    assert_int_equal(near.closes, 1);
    assert_int_equal(far.closes, 1);
    assert_false(is_closed());
}

/* Draining */

static void drain(void)
{
    struct shoal_loop *loop = bench->rig.loop;
    loop->draining = true;
    loop->layer->drain(loop->layer);
}

static void a_drain_gives_notice_first_and_ends_after_the_round_trip(void **state)
{
    (void)state;
    near.on_request = answer_hello;
    open_wire();
    ask(&far, "GET", "/1", true);
    run();
    peer_log(&far);
    drain();
    run();
    assert_string_equal(peer_log(&far), "[goaway notice: ended in order]");
    memwire_end(&bench->wire);
    run();
    assert_true(is_closed());
    assert_false(bench->wire.aborted);
    assert_int_equal(closed_for(SHOAL_CLOSED_DRAINED), 1);
}

static void a_request_that_crosses_the_notice_is_answered(void **state)
{
    (void)state;
    near.on_request = answer_hello;
    open_wire();
    drain();
    connrig_run(&bench->rig); /* the notice is on its way */
    ask(&far, "GET", "/late", true);
    say();
    run();
    memwire_end(&bench->wire);
    run();
    assert_string_equal(peer_log(&near), "<GET /late.>[closed: ended in order]"
                                         "[session: ended in order]");
    assert_true(is_closed());
}

static void streams_under_way_finish_before_a_drained_connection_closes(void **state)
{
    (void)state;
    open_wire();
    ask(&far, "GET", "/", true);
    run();
    drain();
    run();
    pass_ms(10000);
    assert_false(is_closed());
    answer_hello(&near, near.last, NULL, true);
    run();
    assert_non_null(strstr(peer_log(&far), "<200>(hello)[end][closed: ended in order]"));
    memwire_end(&bench->wire);
    run();
    assert_true(is_closed());
}

static void a_peer_that_does_not_answer_the_notice_is_left_after_a_second(void **state)
{
    (void)state;
    open_wire();
    far_is_deaf = true;
    drain();
    run();
    pass_ms(999);
    assert_false(is_closed());
    pass_ms(1);
    assert_true(is_closed());
    far_is_deaf = false;
    run();
    assert_string_equal(peer_log(&far), "[goaway notice: ended in order]"
                                        "[goaway last none: ended in order]");
}

static void what_is_under_way_is_finished_also_without_an_answer_to_the_notice(void **state)
{
    (void)state;
    open_wire();
    ask(&far, "GET", "/a", true);
    run();
    far_is_deaf = true;
    drain();
    pass_ms(10000);
    assert_false(is_closed());
    answer_hello(&near, near.last, NULL, true);
    run();
    assert_true(is_closed()); /* without a wait for the peer's end */
}

/* Ends */

static void garbage_ends_the_connection(void **state)
{
    (void)state;
    conn_limits.flush_ms = 1000;
    shoal_buf_consume(&far.out, SIZE_MAX);
    bench->recorder.open = start_session;
    bench->conn = connrig_open(&bench->rig, &bench->wire, &bench->recorder, &conn_limits);
    memwire_feed_text(&bench->wire, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    connrig_pass_ms(&bench->rig, 0);
    connrig_pass_ms(&bench->rig, 1000);
    assert_true(is_closed());
    assert_int_equal(closed_for(SHOAL_CLOSED_PROTOCOL), 1);
}

static void a_flood_ends_in_goaway_and_a_close(void **state)
{
    (void)state;
    conn_limits.flush_ms = 1000;
    open_wire();
    far_is_deaf = true; /* or the answers would be a flood to it, too */
    static struct frames frames;
    frames.size = 0;
    for (int i = 0; i < 2000; i++)
        frame(&frames, NGHTTP2_PING, 0, 0, "12345678", 8);
    memwire_feed(&bench->wire, frames.bytes, frames.size);
    run();
    struct shoal_view out = memwire_output(&bench->wire);
    assert_memory_equal(out.data + out.size - 12, "useless_work", 12);
    pass_ms(1000);
    assert_true(is_closed());
    assert_string_equal(peer_log(&near), "[session: too much useless work]");
    assert_int_equal(closed_for(SHOAL_CLOSED_PROTOCOL), 1);
}

static void the_peer_s_end_closes_the_streams(void **state)
{
    (void)state;
    open_wire();
    ask(&far, "GET", "/", true);
    run();
    memwire_end(&bench->wire);
    run();
    assert_string_equal(peer_log(&near), "<GET /.>[closed: no longer needed]"
                                         "[session: ended in order]");
    assert_true(is_closed());
}

static void a_broken_connection_closes_the_streams(void **state)
{
    (void)state;
    open_wire();
    ask(&far, "GET", "/", true);
    run();
    memwire_break(&bench->wire, -ECONNRESET);
    connrig_run(&bench->rig);
    assert_string_equal(peer_log(&near), "<GET /.>[closed: no longer needed]"
                                         "[session: ended in order]");
}

static void talk_back(struct shoal__stream *stream, uint32_t error)
{
    (void)error;
    assert_int_equal(shoal__stream_write(stream, shoal_view("late", 4)), -SHOAL_EPIPE);
    shoal__stream_reset(stream, SHOAL__H2_CANCEL);
    shoal__session_shutdown(stream->session);
    (void)shoal__session_ping(stream->session);
    near.closes++;
}

static void listen_no_more(struct peer *peer, struct shoal__stream *stream,
                           const struct shoal__head *head, bool end)
{
    static const struct shoal__stream_events events = {.on_close = talk_back};
    (void)peer;
    (void)head;
    (void)end;
    stream->events = &events;
}

static void what_is_said_in_on_close_goes_nowhere(void **state)
{
    (void)state;
    near.on_request = listen_no_more;
    open_wire();
    ask(&far, "GET", "/", true);
    run();
    memwire_break(&bench->wire, -ECONNRESET);
    connrig_run(&bench->rig);
    assert_int_equal(near.closes, 1);
    assert_true(is_closed());
}

static void a_connection_closed_with_output_wanted_ends_quietly(void **state)
{
    (void)state;
    open_wire();
    ask(&far, "GET", "/", true);
    run();
    answer_hello(&near, near.last, NULL, true);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_NOW);
    connrig_run(&bench->rig);
    assert_true(is_closed());
    assert_int_equal(near.closes, 1);
}

static void an_idle_connection_says_goaway_and_closes(void **state)
{
    (void)state;
    near.on_request = answer_hello;
    conn_limits.idle_ms = 10000;
    open_wire();
    ask(&far, "GET", "/", true);
    run();
    peer_log(&far);
    pass_ms(9000);
    assert_false(is_closed());
    pass_ms(2000);
    assert_string_equal(peer_log(&far), "[goaway last: ended in order]");
    assert_true(is_closed());
    assert_int_equal(closed_for(SHOAL_CLOSED_IDLE), 1);
}

static void a_session_that_is_closed_says_goaway(void **state)
{
    (void)state;
    open_wire();
    ask(&far, "GET", "/", true);
    run();
    shoal__session_close(near.session, SHOAL__H2_ENHANCE_YOUR_CALM, shoal_view_of("bye"));
    run();
    assert_non_null(strstr(peer_log(&far), "too much useless work: bye]"));
    memwire_end(&bench->wire);
    run();
    assert_true(is_closed());
    assert_string_equal(peer_log(&near), "<GET /.>[closed: too much useless work]"
                                         "[session: too much useless work]");
}

/* The client's role */

static void a_client_s_request_goes_out_and_its_response_comes(void **state)
{
    (void)state;
    far.on_request = answer_hello;
    open_wire();
    assert_non_null(ask(&near, "GET", "/a", true));
    run();
    assert_string_equal(peer_log(&far), "<GET /a.>[closed: ended in order]");
    assert_string_equal(peer_log(&near), "<200>(hello)[end][closed: ended in order]");
}

static void a_client_reads_on_while_its_output_waits(void **state)
{
    (void)state;
    near.quiet = true;
    conn_limits.out_high = 20000;
    conn_limits.out_low = 5000;
    far.on_request = answer_echo;
    far.on_data = echo_data;
    open_wire();
    struct shoal__stream *stream = ask(&near, "POST", "/", false);
    run();
    bench->wire.capacity = 1000;
    shoal__stream_write(stream, shoal_view(zeros, 200000));
    connrig_run(&bench->rig);
    assert_in_range(shoal_conn_pending(bench->conn), 20000, 100000);
    shoal__stream_write(far.last, shoal_view("abc", 3));
    say();
    connrig_run(&bench->rig);
    assert_int_equal(near.received, 3);
}

static void a_client_is_told_that_the_server_leaves(void **state)
{
    (void)state;
    far.on_request = answer_hello;
    open_wire();
    shoal__session_shutdown(far.session);
    run();
    struct shoal__stream *stream;
    assert_int_equal(ask_rc(&near, "GET", "/", true, &stream), -SHOAL_ESTOPPED);
    assert_string_equal(peer_log(&near), "[goaway notice: ended in order]");
}

/* Memory */

static void scenario(void)
{
    open_wire();
    if (ask(&far, "POST", "/", false))
        run();
    if (near.last && send_status(near.last, 200, false) == 0) {
        (void)shoal__stream_write(near.last, shoal_view(zeros, 50000));
        (void)shoal__stream_end(near.last, NULL, 0);
    }
    run();
    pass_ms(2000);
    memwire_end(&bench->wire);
    run();
}

static void memory_may_run_out_anywhere(void **state)
{
    long failures = 1;
    for (long k = 1; failures > 0; k++) {
        hopeful = true;
        near.quiet = far.quiet = true;
        failmalloc_at(k);
        scenario();
        failures = failmalloc_failures();
        tear_down(state);
        set_up_server(state);
        assert_in_range(k, 1, 2000);
    }
}

#define SERVER(name) cmocka_unit_test_setup_teardown(name, set_up_server, tear_down)
#define CLIENT(name) cmocka_unit_test_setup_teardown(name, set_up_client, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER(a_request_is_answered),
        SERVER(answers_of_one_turn_leave_in_one_write),
        SERVER(a_late_answer_is_sent_without_more_input),
        SERVER(the_input_may_come_byte_by_byte),
        SERVER(a_slow_reader_fills_the_connection_and_then_the_stream),
        SERVER(a_reader_that_goes_on_gets_all_of_it),
        SERVER(what_is_not_consumed_is_not_sent),
        SERVER(an_open_stream_holds_the_connection),
        SERVER(a_body_that_stalls_is_reset),
        SERVER(a_drain_gives_notice_first_and_ends_after_the_round_trip),
        SERVER(a_request_that_crosses_the_notice_is_answered),
        SERVER(streams_under_way_finish_before_a_drained_connection_closes),
        SERVER(a_peer_that_does_not_answer_the_notice_is_left_after_a_second),
        SERVER(what_is_under_way_is_finished_also_without_an_answer_to_the_notice),
        SERVER(garbage_ends_the_connection),
        SERVER(a_flood_ends_in_goaway_and_a_close),
        SERVER(the_peer_s_end_closes_the_streams),
        SERVER(a_broken_connection_closes_the_streams),
        SERVER(what_is_said_in_on_close_goes_nowhere),
        SERVER(a_connection_closed_with_output_wanted_ends_quietly),
        SERVER(an_idle_connection_says_goaway_and_closes),
        SERVER(a_session_that_is_closed_says_goaway),
        CLIENT(a_client_s_request_goes_out_and_its_response_comes),
        CLIENT(a_client_reads_on_while_its_output_waits),
        CLIENT(a_client_is_told_that_the_server_leaves),
        SERVER(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests_name("http2 driver", tests, NULL, NULL);
}
