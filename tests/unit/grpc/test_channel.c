/* SPDX-License-Identifier: BSD-3-Clause */
/* Channels: servers in turn, backoff, calls sent again, keepalive, idleness. */
#include "rpc_rig.h"

#include <string.h>

#include "proto/grpc/rpc_priv.h"

#define REFUSED "cannot connect to tcp://a:1: Connection refused"

/* Connecting */

static void a_channel_connects_with_its_first_call(void **state)
{
    struct rpc_rig *rig = *state;
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "");
    assert_int_equal(shoal_grpc_channel_state(rig->channel), SHOAL_GRPC_CHANNEL_IDLE);
    rpc_rig_ask(rig, "hello");
    assert_rpc_notes(rig, "connect(tcp://a:1)");
    assert_int_equal(shoal_grpc_channel_state(rig->channel), SHOAL_GRPC_CHANNEL_CONNECTING);
    rpc_rig_opens(rig);
    assert_int_equal(rig->stream_count, 0);
    rpc_rig_settles(rig);
    assert_int_equal(shoal_grpc_channel_state(rig->channel), SHOAL_GRPC_CHANNEL_READY);
    assert_string_equal(rpc_rig_requests(rpc_rig_last(rig)), "hello");
    rpc_rig_answer(rpc_rig_last(rig), "there");
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "initial done(OK there)");
}

static void a_channel_connects_when_asked_to(void **state)
{
    struct rpc_rig *rig = *state;
    shoal_grpc_channel_connect(rig->channel);
    shoal_grpc_channel_connect(rig->channel);
    assert_rpc_notes(rig, "connect(tcp://a:1)");
    rpc_rig_ready(rig);
    rpc_rig_ask(rig, "hello");
    assert_int_equal(rig->stream_count, 1);
}

static void a_channel_that_is_connected_takes_no_wish_to_be(void **state)
{
    struct rpc_rig *rig = *state;
    rpc_rig_ask(rig, "hello");
    rpc_rig_ready(rig);
    shoal_grpc_channel_connect(rig->channel);
    rpc_rig_answer(rpc_rig_last(rig), "there");
    connrig_run(&rig->rig);
    rpc_rig_notes(rig);
    rpc_rig_loses(rig, 0, false);
    assert_rpc_notes(rig, "");
    assert_int_equal(shoal_grpc_channel_state(rig->channel), SHOAL_GRPC_CHANNEL_IDLE);
}

static void many_calls_share_a_connection(void **state)
{
    struct rpc_rig *rig = *state;
    for (int i = 0; i < 10; i++)
        rpc_rig_ask(rig, "hello");
    rpc_rig_ready(rig);
    rpc_rig_ask(rig, "hello");
    assert_int_equal(rig->stream_count, 11);
    assert_rpc_notes(rig, "connect(tcp://a:1)");
}

static void calls_beyond_the_servers_limit_wait_for_room(void **state)
{
    struct rpc_rig *rig = *state;
    rig->room = 2;
    rpc_rig_ask(rig, "first");
    rpc_rig_ask(rig, "second");
    rpc_rig_ask(rig, "third");
    rpc_rig_ready(rig);
    assert_int_equal(rig->stream_count, 2);
    rpc_rig_answer(&rig->streams[0], "one");
    rig->sessions[0].http.events->on_room(&rig->sessions[0].http);
    assert_int_equal(rig->stream_count, 3);
    assert_string_equal(rpc_rig_requests(rpc_rig_last(rig)), "third");
}

static void a_call_that_waits_for_room_asks_for_memory_once(void **state)
{
    struct rpc_rig *rig = *state;
    rig->room = 0;
    struct shoal_rpc *rpc = rpc_rig_ask(rig, "patient");
    rpc_rig_ready(rig);
    size_t room = rpc->arena.room;
    for (int i = 0; i < 1000; i++)
        rig->sessions[0].http.events->on_room(&rig->sessions[0].http);
    assert_int_equal(rpc->arena.room, room);
    assert_null(rpc->arena.large);
}

static void servers_are_tried_in_turn(void **state)
{
    struct rpc_rig *rig = *state;
    rpc_rig_channel(rig, "tcp://a:1,tls://b:2,unix:/tmp/c", NULL);
    rpc_rig_ask(rig, "hello");
    assert_rpc_notes(rig, "connect(tcp://a:1)");
    rpc_rig_fails(rig, -ECONNREFUSED);
    assert_rpc_notes(rig, "connect(tls://b:2)");
    rpc_rig_fails(rig, -SHOAL_ECERT);
    assert_rpc_notes(rig, "connect(unix:/tmp/c)");
    rpc_rig_ready(rig);
    assert_string_equal(rpc_rig_last(rig)->authority, "localhost");
    rpc_rig_answer(rpc_rig_last(rig), "there");
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "initial done(OK there)");

    rpc_rig_loses(rig, 2, false); /* from the first one again */
    rpc_rig_ask(rig, "hello");
    assert_rpc_notes(rig, "connect(tcp://a:1)");
}

static void a_server_that_speaks_no_http2_counts_as_failed(void **state)
{
    struct rpc_rig *rig = *state;
    rpc_rig_channel(rig, "tcp://a:1,tcp://b:2", NULL);
    rpc_rig_ask(rig, "hello");
    rpc_rig_opens(rig);
    rpc_rig_loses(rig, 0, false);
    assert_rpc_notes(rig, "connect(tcp://a:1) connect(tcp://b:2)");
}

static void a_server_that_does_not_answer_is_given_up_in_time(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_grpc_channel_cfg cfg = SHOAL_GRPC_CHANNEL_CFG_INIT;
    cfg.connect_ms = 500;
    rpc_rig_channel(rig, "tcp://a:1", &cfg);
    rpc_rig_ask(rig, "hello");
    rpc_rig_opens(rig);
    connrig_pass_ms(&rig->rig, 499);
    assert_rpc_notes(rig, "connect(tcp://a:1)");
    connrig_pass_ms(&rig->rig, 1);
    assert_rpc_notes(rig, "abort");
    rpc_rig_loses(rig, 0, false);
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "done(UNAVAILABLE: cannot connect to tcp://a:1: no answer in time)");
}

static void the_head_says_whom_it_is_for(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_grpc_channel_cfg cfg = SHOAL_GRPC_CHANNEL_CFG_INIT;
    rpc_rig_channel(rig, "tls://[::1]:443", NULL);
    rpc_rig_ask(rig, "hello");
    rpc_rig_ready(rig);
    assert_string_equal(rpc_rig_last(rig)->authority, "[::1]:443");
    assert_string_equal(rpc_rig_last(rig)->scheme, "https");
    cfg.authority = "example.org";
    cfg.user_agent = "tests/1";
    rpc_rig_channel(rig, "tcp://a:1", &cfg);
    rpc_rig_ask(rig, "hello");
    rpc_rig_ready(rig);
    assert_string_equal(rpc_rig_last(rig)->authority, "example.org");
    assert_string_equal(rpc_rig_last(rig)->scheme, "http");
    assert_non_null(strstr(rpc_rig_field(rpc_rig_last(rig), "user-agent"), "tests/1 shoal/"));
}

static void bad_urls_and_options_are_refused(void **state)
{
    struct rpc_rig *rig = *state;
    static const char *const urls[] = {"",           "tcp://",        "tcp://a",  "http://a:1",
                                       "tcp://a:1,", ",tcp://a:1",    "tcp://:1", "fd:3",
                                       "tcp://a:0",  "tcp://a:1?x=1", "unix:"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct shoal_grpc_channel *channel = NULL;
        assert_int_equal(shoal_grpc_channel_create(rig->rig.loop, urls[i], NULL, &channel),
                         -SHOAL_EURL);
        assert_null(channel);
    }
    struct shoal_grpc_channel_cfg cfg = SHOAL_GRPC_CHANNEL_CFG_INIT;
    struct shoal_grpc_channel *channel;
    cfg.backoff_ms = 0;
    assert_int_equal(shoal_grpc_channel_create(rig->rig.loop, "tcp://a:1", &cfg, &channel),
                     -SHOAL_EINVAL);
    cfg = (struct shoal_grpc_channel_cfg)SHOAL_GRPC_CHANNEL_CFG_INIT;
    cfg.cert_file = "/nowhere";
    assert_int_equal(shoal_grpc_channel_create(rig->rig.loop, "tcp://a:1", &cfg, &channel),
                     -SHOAL_EINVAL);
    cfg.cert_file = NULL;
    cfg.ca_file = "/nowhere";
    assert_int_equal(shoal_grpc_channel_create(rig->rig.loop, "tcp://a:1", &cfg, &channel),
                     -SHOAL_ECERT);
}

/* Backoff */

static void where_no_server_can_be_reached_calls_fail_at_once(void **state)
{
    struct rpc_rig *rig = *state;
    rpc_rig_ask(rig, "hello");
    rpc_rig_fails(rig, -ECONNREFUSED);
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "connect(tcp://a:1) done(UNAVAILABLE: " REFUSED ")");
    assert_int_equal(shoal_grpc_channel_state(rig->channel), SHOAL_GRPC_CHANNEL_BACKOFF);
    rpc_rig_ask(rig, "hello"); /* without connecting */
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "done(UNAVAILABLE: " REFUSED ")");
}

static void a_call_may_wait_for_a_server(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, "hello");
    cfg.wait_for_ready = true;
    assert_non_null(rpc_rig_call(rig, &cfg));
    rpc_rig_fails(rig, -ECONNREFUSED);
    connrig_pass_ms(&rig->rig, 799);
    assert_rpc_notes(rig, "connect(tcp://a:1)");
    connrig_pass_ms(&rig->rig, 401);
    assert_rpc_notes(rig, "connect(tcp://a:1)");
    rpc_rig_ready(rig);
    rpc_rig_answer(rpc_rig_last(rig), "there");
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "initial done(OK there)");
}

/* How long until the next attempt after one that fails. */
static int64_t pause_of(struct rpc_rig *rig)
{
    unsigned before = rig->session_count;
    int64_t ms = 0;
    rpc_rig_fails(rig, -ECONNREFUSED);
    for (; rig->session_count == before; ms += 10)
        connrig_pass_ms(&rig->rig, 10);
    return ms;
}

static void pauses_between_attempts_grow_and_begin_again_after_success(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, "hello");
    cfg.wait_for_ready = true;
    assert_non_null(rpc_rig_call(rig, &cfg));
    const int64_t around[] = {1000, 1600, 2560, 4096};
    for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++)
        assert_in_range(pause_of(rig), around[i] * 8 / 10, around[i] * 12 / 10 + 10);
    rpc_rig_ready(rig);
    rpc_rig_loses(rig, rig->session_count - 1, true);
    assert_in_range(pause_of(rig), 800, 1210);
}

static void an_idle_channel_in_backoff_does_not_connect_by_itself(void **state)
{
    struct rpc_rig *rig = *state;
    rpc_rig_ask(rig, "hello");
    rpc_rig_fails(rig, -ECONNREFUSED);
    connrig_pass_ms(&rig->rig, 2000);
    rpc_rig_notes(rig);
    assert_int_equal(shoal_grpc_channel_state(rig->channel), SHOAL_GRPC_CHANNEL_IDLE);
    rpc_rig_ask(rig, "hello");
    assert_rpc_notes(rig, "connect(tcp://a:1)");
}

/* Calls that the server has not seen */

static void a_lost_connection_fails_what_was_sent_and_repeats_what_was_not(void **state)
{
    struct rpc_rig *rig = *state;
    rpc_rig_ask(rig, "hello");
    rpc_rig_ready(rig);
    rpc_rig_notes(rig);
    rpc_rig_loses(rig, 0, true);
    assert_rpc_notes(rig, "connect(tcp://a:1)");
    rpc_rig_ready(rig);
    assert_int_equal(rig->stream_count, 2);
    assert_string_equal(rpc_rig_requests(rpc_rig_last(rig)), "hello");
    assert_true(rpc_rig_last(rig)->ended);
    rpc_rig_loses(rig, 1, false);
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "done(UNAVAILABLE: the connection was lost)");
    assert_int_equal(shoal_grpc_channel_state(rig->channel), SHOAL_GRPC_CHANNEL_IDLE);
}

static void a_refused_call_is_sent_again(void **state)
{
    struct rpc_rig *rig = *state;
    rpc_rig_ask(rig, "hello");
    rpc_rig_ready(rig);
    rpc_rig_close(rpc_rig_last(rig), SHOAL__H2_REFUSED_STREAM);
    assert_int_equal(rig->stream_count, 2);
    rpc_rig_answer(rpc_rig_last(rig), "there");
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "connect(tcp://a:1) initial done(OK there)");
}

static void a_call_that_is_always_refused_fails(void **state)
{
    struct rpc_rig *rig = *state;
    rpc_rig_ask(rig, "hello");
    rpc_rig_ready(rig);
    rpc_rig_notes(rig);
    while (rpc_rig_last(rig)->open)
        rpc_rig_close(rpc_rig_last(rig), SHOAL__H2_REFUSED_STREAM);
    assert_int_equal(rig->stream_count, 6);
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "done(UNAVAILABLE: the call was reset: refused before any processing)");
}

static void a_refusal_after_the_first_byte_is_the_calls_end(void **state)
{
    struct rpc_rig *rig = *state;
    rpc_rig_ask(rig, "hello");
    rpc_rig_ready(rig);
    rpc_rig_notes(rig);
    rpc_rig_head(rpc_rig_last(rig), NULL);
    rpc_rig_close(rpc_rig_last(rig), SHOAL__H2_REFUSED_STREAM);
    connrig_run(&rig->rig);
    assert_int_equal(rig->stream_count, 1);
    assert_rpc_notes(
        rig, "initial done(UNAVAILABLE: the call was reset: refused before any processing)");
}

static void after_a_goaway_new_calls_and_unseen_ones_go_elsewhere(void **state)
{
    struct rpc_rig *rig = *state;
    rpc_rig_ask(rig, "seen");
    rpc_rig_ready(rig);
    rpc_rig_ask(rig, "unseen");
    rpc_rig_goaway(rig, 0, 1, SHOAL__H2_NO_ERROR, "");
    assert_rpc_notes(rig, "connect(tcp://a:1) connect(tcp://a:1)");
    rpc_rig_ask(rig, "new");
    rpc_rig_ready(rig);
    assert_int_equal(rig->stream_count, 4);
    assert_string_equal(rpc_rig_requests(&rig->streams[2]), "unseen");
    assert_string_equal(rpc_rig_requests(&rig->streams[3]), "new");
    rpc_rig_answer(&rig->streams[0], "late"); /* what was seen is finished where it is */
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "initial done(OK late)");
    rpc_rig_loses(rig, 0, false);
    assert_int_equal(shoal_grpc_channel_state(rig->channel), SHOAL_GRPC_CHANNEL_READY);
}

static void a_goaway_without_calls_makes_no_new_connection(void **state)
{
    struct rpc_rig *rig = *state;
    shoal_grpc_channel_connect(rig->channel);
    rpc_rig_ready(rig);
    rpc_rig_notes(rig);
    rpc_rig_goaway(rig, 0, 0, SHOAL__H2_NO_ERROR, "");
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "");
    assert_int_equal(shoal_grpc_channel_state(rig->channel), SHOAL_GRPC_CHANNEL_IDLE);
}

static void a_stream_of_requests_is_repeated_whole(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_CLIENT_STREAM, NULL);
    struct shoal_rpc *rpc = rpc_rig_call(rig, &cfg);
    assert_int_equal(rpc_rig_send(rpc, "before"), 0);
    assert_int_equal(rpc_rig_send(rpc, "and"), 0);
    rpc_rig_ready(rig);
    assert_int_equal(rpc_rig_send(rpc, "after"), 0);
    rpc_rig_close(rpc_rig_last(rig), SHOAL__H2_REFUSED_STREAM);
    assert_int_equal(rig->stream_count, 2);
    assert_false(rpc_rig_last(rig)->ended);
    assert_int_equal(shoal_rpc_end(rpc), 0);
    assert_true(rpc_rig_last(rig)->ended);
    assert_string_equal(rpc_rig_requests(rpc_rig_last(rig)), "before and after");
}

static void what_is_sent_while_a_stream_closes_is_repeated_too(void **state)
{
    struct rpc_rig *rig = *state;
    static uint8_t bytes[2000];
    Parcels__Parcel large = PARCELS__PARCEL__INIT;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_CLIENT_STREAM, NULL);
    struct shoal_rpc *rpc = rpc_rig_call(rig, &cfg);
    rpc_rig_ready(rig);
    assert_int_equal(rpc_rig_send(rpc, "before"), 0);
    rig->write_rc = rig->end_rc = -SHOAL_EPIPE;
    large.label = (char *)(uintptr_t) "large";
    large.payload = (ProtobufCBinaryData){sizeof(bytes), bytes};
    assert_int_equal(rpc_rig_send(rpc, "between"), 0);
    assert_int_equal(shoal_rpc_send(rpc, &large), 0);
    assert_int_equal(shoal_rpc_end(rpc), 0);
    rig->write_rc = rig->end_rc = 0;
    rpc_rig_close(rpc_rig_last(rig), SHOAL__H2_REFUSED_STREAM);
    assert_string_equal(rpc_rig_requests(rpc_rig_last(rig)), "before between large");
    assert_true(rpc_rig_last(rig)->ended);
}

static void once_the_server_answers_a_closing_stream_is_the_end(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_BIDI, NULL);
    struct shoal_rpc *rpc = rpc_rig_call(rig, &cfg);
    rpc_rig_ready(rig);
    rpc_rig_head(rpc_rig_last(rig), NULL);
    rig->write_rc = rig->end_rc = -SHOAL_EPIPE;
    assert_int_equal(rpc_rig_send(rpc, "late"), -SHOAL_EPIPE);
    assert_int_equal(shoal_rpc_end(rpc), -SHOAL_EPIPE);
}

static void what_is_too_much_to_be_kept_is_not_repeated(void **state)
{
    struct rpc_rig *rig = *state;
    static char bytes[100 * 1024];
    struct shoal_view request = shoal_view(bytes, sizeof(bytes));
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_CLIENT_STREAM, NULL);
    cfg.service = NULL;
    cfg.method = "/parcels.Post/Gather";
    struct shoal_rpc *rpc = rpc_rig_call(rig, &cfg);
    rpc_rig_ready(rig);
    for (int i = 0; i < 3; i++)
        assert_int_equal(shoal_rpc_send(rpc, &request), 0);
    rpc_rig_notes(rig);
    rpc_rig_close(rpc_rig_last(rig), SHOAL__H2_REFUSED_STREAM);
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "done(UNAVAILABLE: the call was reset: refused before any processing)");
}

/* Keepalive */

static void start_keepalive(struct rpc_rig *rig, bool idle)
{
    struct shoal_grpc_channel_cfg cfg = SHOAL_GRPC_CHANNEL_CFG_INIT;
    cfg.keepalive_ms = 1000;
    cfg.keepalive_timeout_ms = 300;
    cfg.keepalive_idle = idle;
    cfg.idle_ms = 0;
    rpc_rig_channel(rig, "tcp://a:1", &cfg);
    shoal_grpc_channel_connect(rig->channel);
    rpc_rig_ready(rig);
    rpc_rig_notes(rig);
}

static void pong(struct rpc_rig *rig)
{
    rig->sessions[0].http.events->on_pong(&rig->sessions[0].http);
}

static void a_silent_server_with_calls_is_pinged(void **state)
{
    struct rpc_rig *rig = *state;
    start_keepalive(rig, false);
    connrig_pass_ms(&rig->rig, 5000);
    assert_rpc_notes(rig, "");
    rpc_rig_ask(rig, "hello");
    connrig_pass_ms(&rig->rig, 999);
    assert_rpc_notes(rig, "");
    connrig_pass_ms(&rig->rig, 1);
    assert_rpc_notes(rig, "ping");
    connrig_pass_ms(&rig->rig, 299);
    pong(rig);
    connrig_pass_ms(&rig->rig, 999);
    assert_rpc_notes(rig, "");
    connrig_pass_ms(&rig->rig, 1);
    assert_rpc_notes(rig, "ping");
}

static void a_server_that_talks_is_not_pinged(void **state)
{
    struct rpc_rig *rig = *state;
    start_keepalive(rig, false);
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_SERVER_STREAM, "hello");
    cfg.on_initial = NULL;
    assert_non_null(rpc_rig_call(rig, &cfg));
    rpc_rig_head(rpc_rig_last(rig), NULL);
    for (int i = 0; i < 10; i++) {
        connrig_pass_ms(&rig->rig, 900);
        rpc_rig_reply(rpc_rig_last(rig), "x");
        assert_rpc_notes(rig, "reply(x)");
    }
    connrig_pass_ms(&rig->rig, 1000);
    assert_rpc_notes(rig, "ping");
}

static void a_server_that_does_not_answer_the_ping_is_given_up(void **state)
{
    struct rpc_rig *rig = *state;
    start_keepalive(rig, false);
    rpc_rig_ask(rig, "hello");
    connrig_pass_ms(&rig->rig, 1000);
    connrig_pass_ms(&rig->rig, 300);
    assert_rpc_notes(rig, "ping abort");
    rpc_rig_loses(rig, 0, false);
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "done(UNAVAILABLE: the connection was lost)");
}

static void without_calls_it_is_pinged_only_where_that_is_wanted(void **state)
{
    struct rpc_rig *rig = *state;
    start_keepalive(rig, true);
    connrig_pass_ms(&rig->rig, 1000);
    assert_rpc_notes(rig, "ping");
}

static void a_server_that_complains_is_pinged_half_as_often(void **state)
{
    struct rpc_rig *rig = *state;
    start_keepalive(rig, true);
    rpc_rig_goaway(rig, 0, 0, SHOAL__H2_ENHANCE_YOUR_CALM, "too_many_pings");
    rpc_rig_loses(rig, 0, false);
    shoal_grpc_channel_connect(rig->channel);
    rpc_rig_ready(rig);
    rpc_rig_notes(rig);
    connrig_pass_ms(&rig->rig, 1999);
    assert_rpc_notes(rig, "");
    connrig_pass_ms(&rig->rig, 1);
    assert_rpc_notes(rig, "ping");
}

static void complaints_without_end_do_not_end_the_pings(void **state)
{
    struct rpc_rig *rig = *state;
    start_keepalive(rig, true);
    for (int i = 0; i < 100; i++)
        rpc_rig_goaway(rig, 0, 0, SHOAL__H2_ENHANCE_YOUR_CALM, "too_many_pings");
    rpc_rig_loses(rig, 0, false);
    shoal_grpc_channel_connect(rig->channel);
    rpc_rig_ready(rig);
    rpc_rig_notes(rig);
    connrig_pass_ms(&rig->rig, 1000 * 60 * 60 * 24);
    assert_rpc_notes(rig, "ping");
}

/* Idleness and the end */

static void a_connection_without_calls_is_closed_after_a_while(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_grpc_channel_cfg cfg = SHOAL_GRPC_CHANNEL_CFG_INIT;
    cfg.idle_ms = 1000;
    rpc_rig_channel(rig, "tcp://a:1", &cfg);
    rpc_rig_ask(rig, "hello");
    rpc_rig_ready(rig);
    connrig_pass_ms(&rig->rig, 2000);
    rpc_rig_answer(rpc_rig_last(rig), "there");
    connrig_pass_ms(&rig->rig, 999);
    rpc_rig_notes(rig);
    connrig_pass_ms(&rig->rig, 1);
    assert_rpc_notes(rig, "shutdown");
    assert_int_equal(shoal_grpc_channel_state(rig->channel), SHOAL_GRPC_CHANNEL_IDLE);
    rpc_rig_ask(rig, "hello");
    assert_rpc_notes(rig, "connect(tcp://a:1)");
}

static void a_destroyed_channel_cancels_its_calls(void **state)
{
    struct rpc_rig *rig = *state;
    rpc_rig_ask(rig, "open");
    rpc_rig_ready(rig);
    rig->room = 1;
    rpc_rig_ask(rig, "waiting");
    rpc_rig_notes(rig);
    shoal_grpc_channel_destroy(&rig->channel);
    assert_null(rig->channel);
    assert_rpc_notes(rig, "shutdown");
    assert_true(rpc_rig_last(rig)->was_reset);
    assert_int_equal(rpc_rig_last(rig)->reset_error, SHOAL__H2_CANCEL);
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "done(CANCELLED: cancelled) done(CANCELLED: cancelled)");
    assert_false(rig->destroyed);
    rpc_rig_loses(rig, 0, false);
    assert_true(rig->destroyed);
}

static void a_channel_that_is_connecting_may_be_destroyed(void **state)
{
    struct rpc_rig *rig = *state;
    rpc_rig_ask(rig, "hello");
    rpc_rig_notes(rig);
    shoal_grpc_channel_destroy(&rig->channel);
    assert_rpc_notes(rig, "abort");
    rpc_rig_fails(rig, -SHOAL_ECANCELED);
    connrig_run(&rig->rig);
    assert_rpc_notes(rig, "done(CANCELLED: cancelled)");
    assert_true(rig->destroyed);
}

static void a_draining_server_takes_no_new_calls(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, "hello");
    rig->rig.loop->draining = true;
    assert_int_equal(shoal_rpc_start(rig->channel, &cfg, NULL), -SHOAL_ESTOPPED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rpc_rig_start, rpc_rig_stop)
    const struct CMUnitTest tests[] = {
        TEST(a_channel_connects_with_its_first_call),
        TEST(a_channel_connects_when_asked_to),
        TEST(a_channel_that_is_connected_takes_no_wish_to_be),
        TEST(many_calls_share_a_connection),
        TEST(calls_beyond_the_servers_limit_wait_for_room),
        TEST(a_call_that_waits_for_room_asks_for_memory_once),
        TEST(servers_are_tried_in_turn),
        TEST(a_server_that_speaks_no_http2_counts_as_failed),
        TEST(a_server_that_does_not_answer_is_given_up_in_time),
        TEST(the_head_says_whom_it_is_for),
        TEST(bad_urls_and_options_are_refused),
        TEST(where_no_server_can_be_reached_calls_fail_at_once),
        TEST(a_call_may_wait_for_a_server),
        TEST(pauses_between_attempts_grow_and_begin_again_after_success),
        TEST(an_idle_channel_in_backoff_does_not_connect_by_itself),
        TEST(a_lost_connection_fails_what_was_sent_and_repeats_what_was_not),
        TEST(a_refused_call_is_sent_again),
        TEST(a_call_that_is_always_refused_fails),
        TEST(a_refusal_after_the_first_byte_is_the_calls_end),
        TEST(after_a_goaway_new_calls_and_unseen_ones_go_elsewhere),
        TEST(a_goaway_without_calls_makes_no_new_connection),
        TEST(a_stream_of_requests_is_repeated_whole),
        TEST(what_is_sent_while_a_stream_closes_is_repeated_too),
        TEST(once_the_server_answers_a_closing_stream_is_the_end),
        TEST(what_is_too_much_to_be_kept_is_not_repeated),
        TEST(a_silent_server_with_calls_is_pinged),
        TEST(a_server_that_talks_is_not_pinged),
        TEST(a_server_that_does_not_answer_the_ping_is_given_up),
        TEST(without_calls_it_is_pinged_only_where_that_is_wanted),
        TEST(a_server_that_complains_is_pinged_half_as_often),
        TEST(complaints_without_end_do_not_end_the_pings),
        TEST(a_connection_without_calls_is_closed_after_a_while),
        TEST(a_destroyed_channel_cancels_its_calls),
        TEST(a_channel_that_is_connecting_may_be_destroyed),
        TEST(a_draining_server_takes_no_new_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
