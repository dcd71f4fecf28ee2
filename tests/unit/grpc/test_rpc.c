/* SPDX-License-Identifier: BSD-3-Clause */
/* A client call's life, with a server and a clock that do what the test says. */
#include "rpc_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/grpc/compression.h"
#include "proto/grpc/framing.h"

/* A call on a connection that is there. */
static struct rpc_stream *start(struct rpc_rig *rig, const struct shoal_rpc_cfg *cfg,
                                struct shoal_rpc **out_rpc)
{
    struct shoal_rpc *rpc = rpc_rig_call(rig, cfg);
    assert_non_null(rpc);
    if (!rig->sessions[0].open)
        rpc_rig_ready(rig);
    if (out_rpc)
        *out_rpc = rpc;
    rpc_rig_notes(rig);
    return rpc_rig_last(rig);
}

static struct rpc_stream *start_kind(struct rpc_rig *rig, enum shoal_grpc_kind kind,
                                     struct shoal_rpc **out_rpc)
{
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, kind, "hello");
    return start(rig, &cfg, out_rpc);
}

/* The end of a call, by what it was told. */
#define assert_done(rig, text)       \
    do {                             \
        connrig_run(&(rig)->rig);    \
        assert_rpc_notes(rig, text); \
    } while (0)

/* The four kinds */

static void a_unary_call_sends_one_request_and_gets_one_reply(void **state)
{
    struct rpc_rig *rig = *state;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
    assert_string_equal(stream->path, "/parcels.Post/Unary");
    assert_string_equal(rpc_rig_field(stream, "te"), "trailers");
    assert_string_equal(rpc_rig_field(stream, "content-type"), "application/grpc");
    assert_string_equal(rpc_rig_field(stream, "grpc-accept-encoding"), "identity,deflate,gzip");
    assert_null(rpc_rig_field(stream, "grpc-timeout"));
    assert_null(rpc_rig_field(stream, "grpc-encoding"));
    assert_string_equal(rpc_rig_requests(stream), "hello");
    assert_true(stream->ended);
    rpc_rig_answer(stream, "there");
    assert_false(stream->was_reset);
    assert_done(rig, "initial done(OK there)");
}

static void a_server_stream_brings_many_replies(void **state)
{
    struct rpc_rig *rig = *state;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_SERVER_STREAM, NULL);
    assert_true(stream->ended);
    rpc_rig_head(stream, NULL);
    rpc_rig_reply(stream, "a");
    rpc_rig_reply(stream, "");
    rpc_rig_reply(stream, "b");
    rpc_rig_status(stream, "0", NULL);
    assert_done(rig, "initial reply(a) reply() reply(b) done(OK)");
    assert_int_equal(stream->consumed, 8 + 5 + 8);
}

static void a_client_stream_sends_many_requests(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_CLIENT_STREAM, &rpc);
    assert_int_equal(rpc_rig_send(rpc, "a"), 0);
    assert_int_equal(rpc_rig_send(rpc, "b"), 0);
    assert_false(stream->ended);
    assert_int_equal(shoal_rpc_end(rpc), 0);
    assert_int_equal(shoal_rpc_end(rpc), -SHOAL_ESTATE);
    assert_int_equal(rpc_rig_send(rpc, "c"), -SHOAL_ESTATE);
    assert_true(stream->ended);
    assert_string_equal(rpc_rig_requests(stream), "a b");
    rpc_rig_answer(stream, "both");
    assert_done(rig, "initial done(OK both)");
}

static void both_may_talk_at_once(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_BIDI, &rpc);
    rpc_rig_head(stream, NULL);
    rpc_rig_reply(stream, "first");
    assert_int_equal(rpc_rig_send(rpc, "second"), 0);
    rpc_rig_reply(stream, "third");
    assert_int_equal(shoal_rpc_end(rpc), 0);
    rpc_rig_reply(stream, "fourth");
    rpc_rig_status(stream, "0", NULL);
    assert_done(rig, "initial reply(first) reply(third) reply(fourth) done(OK)");
}

static void a_server_may_end_before_the_client_has(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_BIDI, &rpc);
    rpc_rig_head(stream, NULL);
    rpc_rig_status(stream, "0", NULL);
    assert_true(stream->was_reset); /* nobody wants the rest of the requests */
    assert_int_equal(rpc_rig_send(rpc, "late"), -SHOAL_EPIPE);
    assert_int_equal(shoal_rpc_end(rpc), -SHOAL_EPIPE);
    assert_done(rig, "initial done(OK)");
}

static void a_request_that_the_server_did_not_wait_for_is_given_up(void **state)
{
    struct rpc_rig *rig = *state;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
    rig->pending = 100000;
    rpc_rig_head(stream, NULL);
    rpc_rig_status(stream, "8", NULL);
    assert_true(stream->was_reset); /* or its stream would wait for room for ever */
    assert_done(rig, "initial done(RESOURCE_EXHAUSTED)");
}

static void a_reply_may_come_in_any_pieces(void **state)
{
    struct rpc_rig *rig = *state;
    static const char frame[] = "\0\0\0\0\7\x0a\5hello";
    for (size_t cut = 1; cut < sizeof(frame) - 1; cut++) {
        struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
        rpc_rig_head(stream, NULL);
        rpc_rig_bytes(stream, frame, cut);
        rpc_rig_bytes(stream, frame + cut, sizeof(frame) - 1 - cut);
        rpc_rig_status(stream, "0", NULL);
        rpc_rig_close(stream, SHOAL__H2_NO_ERROR);
        assert_done(rig, "initial done(OK hello)");
    }
}

static struct shoal_view told_bytes;
static char told_memory[64];

static void keep_bytes(struct shoal_rpc *rpc, int status, void *arg)
{
    const struct shoal_view *bytes = shoal_rpc_reply(rpc);
    rpc_rig_note(arg, "done(%s)", shoal_grpc_status_name(status));
    memcpy(told_memory, bytes->data, bytes->size);
    told_bytes = shoal_view(told_memory, bytes->size);
}

static void a_call_without_description_is_of_bytes(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_view request = shoal_view("\x0a\2hi", 4);
    struct shoal_rpc_cfg cfg = {
        .method = "/parcels.Post/Unary", .request = &request, .done = keep_bytes, .arg = rig};
    struct rpc_stream *stream = start(rig, &cfg, NULL);
    assert_string_equal(stream->path, "/parcels.Post/Unary");
    assert_string_equal(rpc_rig_requests(stream), "hi");
    rpc_rig_answer(stream, "there");
    assert_done(rig, "done(OK)");
    assert_true(shoal_view_equal(told_bytes, shoal_view_of("\x0a\5there")));
}

/* Starting */

static void what_cannot_be_called_is_refused(void **state)
{
    struct rpc_rig *rig = *state;
    const struct shoal_rpc_cfg good = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, "hello");
    const struct shoal_grpc_pair bad_pairs[] = {{"Upper", shoal_view_of("x")},
                                                {"grpc-own", shoal_view_of("x")},
                                                {"te", shoal_view_of("x")},
                                                {"x", shoal_view_of("line\n")},
                                                {"", shoal_view_of("x")}};
    for (size_t i = 0; i < sizeof(bad_pairs) / sizeof(bad_pairs[0]); i++) {
        struct shoal_rpc_cfg cfg = good;
        cfg.metadata = &bad_pairs[i];
        cfg.metadata_count = 1;
        assert_int_equal(shoal_rpc_start(rig->channel, &cfg, NULL), -SHOAL_EINVAL);
    }
    struct shoal_rpc_cfg cfgs[8];
    for (size_t i = 0; i < 8; i++)
        cfgs[i] = good;
    struct shoal_view bytes = shoal_view_of("x");
    cfgs[0].method = "Nothing";
    cfgs[1].method = NULL;
    cfgs[2].request = NULL;
    cfgs[3].done = NULL;
    cfgs[4].service = NULL; /* and then the method is no path */
    cfgs[5].kind = SHOAL_GRPC_BIDI;
    cfgs[6].deadline_ms = -1;
    cfgs[7].service = NULL;
    cfgs[7].method = "/with\r\nline";
    cfgs[7].request = &bytes;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(shoal_rpc_start(rig->channel, &cfgs[i], NULL), -SHOAL_EINVAL);
    assert_rpc_notes(rig, "");
}

static void a_request_over_its_limit_is_not_sent(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_grpc_channel_cfg channel_cfg = SHOAL_GRPC_CHANNEL_CFG_INIT;
    channel_cfg.max_request = 10;
    rpc_rig_channel(rig, "tcp://a:1", &channel_cfg);
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, "123456789");
    assert_int_equal(shoal_rpc_start(rig->channel, &cfg, NULL), -SHOAL_EOVERFLOW);
    cfg = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, "12345678");
    assert_int_equal(shoal_rpc_start(rig->channel, &cfg, NULL), 0);
}

static void metadata_goes_out_and_comes_in(void **state)
{
    struct rpc_rig *rig = *state;
    const struct shoal_grpc_pair sent[] = {{"x-text", shoal_view_of("value")},
                                           {"x-data-bin", shoal_view("\0\1\2", 3)}};
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_SERVER_STREAM, "hello");
    cfg.metadata = sent;
    cfg.metadata_count = 2;
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start(rig, &cfg, &rpc);
    assert_string_equal(rpc_rig_field(stream, "x-text"), "value");
    assert_string_equal(rpc_rig_field(stream, "x-data-bin"), "AAEC");
    rpc_rig_head(stream, (const char *const[]){"x-a", "first", "x-b-bin", "AAEC", NULL});
    rpc_rig_status(stream, "0", (const char *const[]){"x-c", "last", NULL});
    assert_true(shoal_view_equal(shoal_rpc_initial(rpc, "x-a"), shoal_view_of("first")));
    assert_true(shoal_view_equal(shoal_rpc_initial(rpc, "x-b-bin"), shoal_view("\0\1\2", 3)));
    assert_null(shoal_rpc_initial(rpc, "x-c").data);
    assert_null(shoal_rpc_initial(rpc, "content-type").data);
    assert_true(shoal_view_equal(shoal_rpc_trailing(rpc, "x-c"), shoal_view_of("last")));
    struct shoal_grpc_pair pair;
    assert_true(shoal_rpc_initial_at(rpc, 1, &pair));
    assert_string_equal(pair.name, "x-b-bin");
    assert_false(shoal_rpc_initial_at(rpc, 2, &pair));
    assert_true(shoal_rpc_trailing_at(rpc, 0, &pair));
    assert_string_equal(pair.name, "x-c");
    assert_false(shoal_rpc_trailing_at(rpc, 1, &pair));
    assert_done(rig, "initial done(OK)");
}

static void metadata_over_its_limits_ends_the_call(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_grpc_channel_cfg cfg = SHOAL_GRPC_CHANNEL_CFG_INIT;
    cfg.max_metadata = 2;
    rpc_rig_channel(rig, "tcp://a:1", &cfg);
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
    rpc_rig_head(stream, (const char *const[]){"a", "1", "b", "2", "c", "3", NULL});
    assert_true(stream->was_reset);
    assert_done(rig, "done(RESOURCE_EXHAUSTED: too many metadata)");
}

/* How calls end */

static void a_status_comes_with_text_and_details(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, &rpc);
    rpc_rig_head(stream, NULL);
    rpc_rig_status(stream, "5",
                   (const char *const[]){"grpc-message", "no%20such%0Aparcel%25",
                                         "grpc-status-details-bin", "AAEC", NULL});
    assert_true(shoal_view_equal(shoal_rpc_details(rpc), shoal_view("\0\1\2", 3)));
    assert_done(rig, "initial done(NOT_FOUND: no such\nparcel%)");
}

static void a_status_may_be_all_there_is(void **state)
{
    struct rpc_rig *rig = *state;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
    rpc_rig_bare(stream, 200,
                 (const char *const[]){"content-type", "application/grpc", "grpc-status", "12",
                                       "grpc-message", "unknown", NULL},
                 true);
    assert_done(rig, "done(UNIMPLEMENTED: unknown)");
}

static void a_status_that_is_none_is_unknown(void **state)
{
    struct rpc_rig *rig = *state;
    static const char *const statuses[] = {"99", "-1", "", "x", "00", " 0"};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
        rpc_rig_head(stream, NULL);
        rpc_rig_status(stream, statuses[i], NULL);
        rpc_rig_close(stream, SHOAL__H2_NO_ERROR);
        assert_done(rig, "initial done(UNKNOWN)");
    }
}

static void a_response_without_a_status_is_unknown(void **state)
{
    struct rpc_rig *rig = *state;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
    rpc_rig_head(stream, NULL);
    rpc_rig_reply(stream, "there");
    rpc_rig_status(stream, NULL, NULL);
    assert_done(rig, "initial done(UNKNOWN: no grpc-status came, HTTP status 200 there)");
}

static void what_is_not_grpc_is_told_by_its_http_status(void **state)
{
    struct rpc_rig *rig = *state;
    static const struct {
        unsigned http;
        const char *name;
    } all[] = {{400, "INTERNAL"},      {401, "UNAUTHENTICATED"}, {403, "PERMISSION_DENIED"},
               {404, "UNIMPLEMENTED"}, {429, "UNAVAILABLE"},     {502, "UNAVAILABLE"},
               {503, "UNAVAILABLE"},   {504, "UNAVAILABLE"},     {500, "UNKNOWN"},
               {302, "UNKNOWN"},       {200, "UNKNOWN"}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char expected[128];
        struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
        rpc_rig_bare(stream, all[i].http, (const char *const[]){"content-type", "text/html", NULL},
                     false);
        assert_true(stream->was_reset);
        rpc_rig_close(stream, SHOAL__H2_CANCEL);
        snprintf(expected, sizeof(expected), "done(%s: HTTP status %u, content-type \"text/html\")",
                 all[i].name, all[i].http);
        assert_done(rig, expected);
    }
}

static void interim_heads_are_passed_over(void **state)
{
    struct rpc_rig *rig = *state;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
    rpc_rig_bare(stream, 103, NULL, false);
    rpc_rig_answer(stream, "there");
    assert_done(rig, "initial done(OK there)");
}

static void a_reset_is_told_by_its_code(void **state)
{
    struct rpc_rig *rig = *state;
    static const struct {
        uint32_t code;
        const char *done;
    } all[] = {
        {SHOAL__H2_NO_ERROR, "INTERNAL: the call was reset: ended in order"},
        {SHOAL__H2_PROTOCOL_ERROR, "INTERNAL: the call was reset: protocol error"},
        {SHOAL__H2_INTERNAL_ERROR, "INTERNAL: the call was reset: internal error"},
        {SHOAL__H2_FLOW_CONTROL_ERROR, "INTERNAL: the call was reset: flow control violated"},
        {SHOAL__H2_FRAME_SIZE_ERROR, "INTERNAL: the call was reset: frame of a wrong size"},
        {SHOAL__H2_CANCEL, "CANCELLED: the call was reset: no longer needed"},
        {SHOAL__H2_COMPRESSION_ERROR, "INTERNAL: the call was reset: field compression broken"},
        {SHOAL__H2_CONNECT_ERROR, "INTERNAL: the call was reset: tunnel broken"},
        {SHOAL__H2_ENHANCE_YOUR_CALM,
         "RESOURCE_EXHAUSTED: the call was reset: too much useless work"},
        {SHOAL__H2_INADEQUATE_SECURITY,
         "PERMISSION_DENIED: the call was reset: transport not secure enough"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char expected[128];
        rpc_rig_close(start_kind(rig, SHOAL_GRPC_UNARY, NULL), all[i].code);
        snprintf(expected, sizeof(expected), "done(%s)", all[i].done);
        assert_done(rig, expected);
    }
}

static void a_method_with_one_reply_must_bring_one(void **state)
{
    struct rpc_rig *rig = *state;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
    rpc_rig_head(stream, NULL);
    rpc_rig_status(stream, "0", NULL);
    assert_done(rig, "initial done(UNIMPLEMENTED: method has one reply, none came)");
    stream = start_kind(rig, SHOAL_GRPC_CLIENT_STREAM, NULL);
    rpc_rig_head(stream, NULL);
    rpc_rig_reply(stream, "a");
    rpc_rig_reply(stream, "b");
    assert_true(stream->was_reset);
    assert_done(rig, "initial done(UNIMPLEMENTED: method has one reply, more came a)");
}

static void a_reply_that_is_none_ends_the_call(void **state)
{
    struct rpc_rig *rig = *state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *text;
    } all[] = {
        {"\0\0\0\0\2\x0a\5", 7, "INTERNAL: reply cannot be decoded"},
        {"\2\0\0\0\0", 5, "INTERNAL: message with unknown flags"},
        {"\1\0\0\0\0", 5, "INTERNAL: compressed reply, but grpc-encoding is identity"},
        {"\0\0\x40\0\1", 5, "RESOURCE_EXHAUSTED: message too large"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char expected[128];
        struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
        rpc_rig_head(stream, NULL);
        rpc_rig_bytes(stream, all[i].bytes, all[i].size);
        assert_true(stream->was_reset);
        snprintf(expected, sizeof(expected), "initial done(%s)", all[i].text);
        assert_done(rig, expected);
    }
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
    rpc_rig_head(stream, NULL);
    rpc_rig_bytes(stream, "\0\0\0\0\7\x0a", 6);
    rpc_rig_status(stream, "0", NULL);
    assert_done(rig, "initial done(INTERNAL: reply cut off)");
}

/* Deadlines and cancelling */

static void a_deadline_is_told_to_the_server_and_kept(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, "hello");
    cfg.deadline_ms = 1500;
    struct rpc_stream *stream = start(rig, &cfg, NULL);
    assert_string_equal(rpc_rig_field(stream, "grpc-timeout"), "1500000u");
    connrig_pass_ms(&rig->rig, 1499);
    assert_rpc_notes(rig, "");
    connrig_pass_ms(&rig->rig, 1);
    assert_rpc_notes(rig, "done(DEADLINE_EXCEEDED: deadline exceeded)");
    assert_true(stream->was_reset);
    assert_int_equal(stream->reset_error, SHOAL__H2_CANCEL);
}

static void waiting_for_a_connection_counts(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, "hello");
    cfg.deadline_ms = 1000;
    assert_non_null(rpc_rig_call(rig, &cfg));
    connrig_pass_ms(&rig->rig, 400);
    rpc_rig_ready(rig);
    assert_string_equal(rpc_rig_field(rpc_rig_last(rig), "grpc-timeout"), "600000u");
    assert_non_null(rpc_rig_call(rig, &cfg));
    rpc_rig_notes(rig);
    fakeclock_advance_ms(&rig->rig.time, 1000);
    rpc_rig_close(rpc_rig_last(rig), SHOAL__H2_REFUSED_STREAM); /* no time to send it again */
    assert_int_equal(rig->stream_count, 2);
    assert_done(rig, "done(DEADLINE_EXCEEDED: deadline exceeded) "
                     "done(DEADLINE_EXCEEDED: deadline exceeded)");
}

static void a_call_without_server_ends_at_its_deadline(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, "hello");
    cfg.deadline_ms = 5000;
    cfg.wait_for_ready = true;
    assert_non_null(rpc_rig_call(rig, &cfg));
    rpc_rig_notes(rig);
    connrig_pass_ms(&rig->rig, 5000);
    assert_rpc_notes(rig, "done(DEADLINE_EXCEEDED: deadline exceeded)");
}

static void a_server_that_cancels_at_the_deadline_means_the_deadline(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, "hello");
    cfg.deadline_ms = 1000;
    struct rpc_stream *stream = start(rig, &cfg, NULL);
    fakeclock_advance_ms(&rig->rig.time, 1000);
    rpc_rig_close(stream, SHOAL__H2_CANCEL);
    assert_done(rig, "done(DEADLINE_EXCEEDED: deadline exceeded)");
}

static void a_cancelled_call_resets_its_stream(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_BIDI, &rpc);
    shoal_rpc_cancel(rpc);
    shoal_rpc_cancel(rpc);
    assert_int_equal(rpc_rig_send(rpc, "late"), -SHOAL_EPIPE);
    assert_rpc_notes(rig, "");
    assert_true(stream->was_reset);
    assert_int_equal(stream->reset_error, SHOAL__H2_CANCEL);
    assert_done(rig, "done(CANCELLED: cancelled)");
}

static void a_waiting_call_may_be_cancelled(void **state)
{
    struct rpc_rig *rig = *state;
    shoal_rpc_cancel(rpc_rig_ask(rig, "hello"));
    assert_done(rig, "connect(tcp://a:1) done(CANCELLED: cancelled)");
    rpc_rig_ready(rig);
    assert_int_equal(rig->stream_count, 0);
}

static void cancel_at_once(struct shoal_rpc *rpc, const void *reply, void *arg)
{
    rpc_rig_note(arg, "reply(%s)", ((const Parcels__Parcel *)reply)->label);
    shoal_rpc_cancel(rpc);
}

static void a_call_may_be_cancelled_from_its_own_callback(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_SERVER_STREAM, "hello");
    cfg.on_reply = cancel_at_once;
    struct rpc_stream *stream = start(rig, &cfg, NULL);
    rpc_rig_head(stream, NULL);
    rpc_rig_bytes(stream, "\0\0\0\0\0\0\0\0\0\0", 10); /* two at once */
    assert_done(rig, "initial reply() done(CANCELLED: cancelled)");
}

static void call_again(struct shoal_rpc *rpc, int status, void *arg)
{
    (void)rpc;
    struct rpc_rig *rig = arg;
    rpc_rig_note(rig, "done(%s)", shoal_grpc_status_name(status));
    if (rig->stream_count == 1)
        rpc_rig_ask(rig, "again");
}

static void a_call_may_be_started_from_the_end_of_another(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, "hello");
    cfg.done = call_again;
    rpc_rig_answer(start(rig, &cfg, NULL), "there");
    assert_done(rig, "initial done(OK)");
    rpc_rig_answer(rpc_rig_last(rig), "there");
    assert_done(rig, "initial done(OK there)");
}

static void destroy_channel(struct shoal_rpc *rpc, int status, void *arg)
{
    (void)rpc;
    struct rpc_rig *rig = arg;
    rpc_rig_note(rig, "done(%s)", shoal_grpc_status_name(status));
    shoal_grpc_channel_destroy(&rig->channel);
}

static void a_channel_may_be_destroyed_from_the_end_of_a_call(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_UNARY, "hello");
    cfg.done = destroy_channel;
    struct rpc_stream *stream = start(rig, &cfg, NULL);
    rpc_rig_ask(rig, "other");
    rpc_rig_answer(stream, "there");
    assert_done(rig, "initial done(OK) shutdown done(CANCELLED: cancelled)");
}

/* Back-pressure */

static void a_paused_call_holds_replies_and_the_end_back(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_SERVER_STREAM, &rpc);
    rpc_rig_head(stream, NULL);
    rpc_rig_reply(stream, "a");
    shoal_rpc_pause(rpc);
    size_t consumed = stream->consumed;
    rpc_rig_reply(stream, "b");
    assert_int_equal(stream->consumed, consumed);
    rpc_rig_reply(stream, "c");
    rpc_rig_status(stream, "0", NULL);
    assert_done(rig, "initial reply(a)");
    shoal_rpc_resume(rpc);
    assert_rpc_notes(rig, "");
    assert_done(rig, "reply(b) reply(c) done(OK)");
}

static void a_resumed_call_consumes_what_was_held(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_SERVER_STREAM, &rpc);
    rpc_rig_head(stream, NULL);
    shoal_rpc_pause(rpc);
    rpc_rig_reply(stream, "a");
    rpc_rig_reply(stream, "b");
    assert_int_equal(stream->consumed, 0);
    shoal_rpc_resume(rpc);
    rpc_rig_reply(stream, "c"); /* behind those that are held */
    assert_done(rig, "initial reply(a) reply(b) reply(c)");
    assert_int_equal(stream->consumed, 24);
}

static void a_paused_call_may_be_cancelled_and_lost(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_SERVER_STREAM, &rpc);
    rpc_rig_head(stream, NULL);
    shoal_rpc_pause(rpc);
    rpc_rig_reply(stream, "a");
    shoal_rpc_cancel(rpc);
    assert_done(rig, "initial done(CANCELLED: cancelled)");
    stream = start_kind(rig, SHOAL_GRPC_SERVER_STREAM, &rpc);
    rpc_rig_head(stream, NULL);
    shoal_rpc_pause(rpc);
    rpc_rig_reply(stream, "a");
    rpc_rig_loses(rig, 0, false);
    assert_done(rig, "initial done(UNAVAILABLE: the connection was lost)");
}

static void pause_after_each(struct shoal_rpc *rpc, const void *reply, void *arg)
{
    rpc_rig_note(arg, "reply(%s)", ((const Parcels__Parcel *)reply)->label);
    shoal_rpc_pause(rpc);
}

static void replies_may_be_taken_one_by_one(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc *rpc;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_SERVER_STREAM, "hello");
    cfg.on_reply = pause_after_each;
    struct rpc_stream *stream = start(rig, &cfg, &rpc);
    rpc_rig_head(stream, NULL);
    rpc_rig_bytes(stream, "\0\0\0\0\3\x0a\1a\0\0\0\0\3\x0a\1b", 16);
    rpc_rig_status(stream, "0", NULL);
    assert_done(rig, "initial reply(a)");
    shoal_rpc_resume(rpc);
    assert_done(rig, "reply(b)");
    shoal_rpc_resume(rpc);
    assert_done(rig, "done(OK)");
}

static void a_writer_is_told_to_stop_and_to_go_on(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_BIDI, &rpc);
    rig->write_rc = 1;
    assert_int_equal(rpc_rig_send(rpc, "a"), 1);
    rig->write_rc = 0;
    stream->stream.events->on_drained(&stream->stream);
    assert_rpc_notes(rig, "drained");
    rig->write_rc = -SHOAL_EFULL;
    assert_int_equal(rpc_rig_send(rpc, "b"), -SHOAL_EFULL);
    rig->write_rc = 0;
    assert_int_equal(rpc_rig_send(rpc, "c"), 0);
    assert_string_equal(rpc_rig_requests(stream), "a c");
}

static void a_writer_that_waits_for_a_connection_is_told_too(void **state)
{
    struct rpc_rig *rig = *state;
    static char bytes[200 * 1024];
    struct shoal_view request = shoal_view(bytes, sizeof(bytes));
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_BIDI, NULL);
    cfg.service = NULL;
    cfg.method = "/parcels.Post/Chat";
    struct shoal_rpc *rpc = rpc_rig_call(rig, &cfg);
    assert_int_equal(shoal_rpc_send(rpc, &request), 0);
    assert_int_equal(shoal_rpc_send(rpc, &request), 1);
    rpc_rig_ready(rig);
    assert_int_equal(rpc_rig_last(rig)->body_size, 2 * (sizeof(bytes) + 5));
    assert_done(rig, "connect(tcp://a:1) drained");
}

static void a_writer_that_holds_the_end_back_is_told_of_it(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_BIDI, &rpc);
    shoal_rpc_pause(rpc);
    rig->write_rc = 1;
    assert_int_equal(rpc_rig_send(rpc, "a"), 1);
    rpc_rig_head(stream, NULL);
    rpc_rig_status(stream, "8", NULL);
    assert_done(rig, "initial drained");
    assert_int_equal(rpc_rig_send(rpc, "b"), -SHOAL_EPIPE);
    shoal_rpc_resume(rpc);
    assert_done(rig, "done(RESOURCE_EXHAUSTED)");
}

/* Compression */

static void compressed_requests_say_so(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, SHOAL_GRPC_CLIENT_STREAM, NULL);
    cfg.encoding = SHOAL_GRPC_GZIP;
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start(rig, &cfg, &rpc);
    assert_string_equal(rpc_rig_field(stream, "grpc-encoding"), "gzip");
    assert_int_equal(rpc_rig_send(rpc, "hello hello hello"), 0);
    assert_int_equal(stream->body[0], 1);
    size_t first = stream->body_size;
    shoal_rpc_compress(rpc, false);
    assert_int_equal(rpc_rig_send(rpc, "plain"), 0);
    assert_int_equal(stream->body[first], 0);

    struct shoal__grpc_codec *codec = shoal__grpc_codec_create();
    char *plain;
    size_t size;
    assert_null(shoal__grpc_inflate(codec, SHOAL__GRPC_GZIP,
                                    shoal_view(stream->body + 5, first - 5), 0, &plain, &size));
    assert_memory_equal(plain, "\x0a\x11hello hello hello", size);
    free(plain);
    shoal__grpc_codec_destroy(&codec);
}

static void compressed_replies_are_read(void **state)
{
    struct rpc_rig *rig = *state;
    struct shoal__grpc_codec *codec = shoal__grpc_codec_create();
    char *frame;
    size_t size;
    assert_int_equal(shoal__grpc_deflate(codec, SHOAL__GRPC_DEFLATE, shoal_view("\x0a\3yes", 5),
                                         SHOAL__GRPC_PREFIX, &frame, &size),
                     0);
    shoal__grpc_prefix_write((uint8_t *)frame, true, (uint32_t)size);
    struct shoal_rpc *rpc;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, &rpc);
    rpc_rig_head(stream, (const char *const[]){"grpc-encoding", "deflate", NULL});
    rpc_rig_bytes(stream, frame, size + SHOAL__GRPC_PREFIX);
    rpc_rig_status(stream, "0", NULL);
    assert_true(shoal_rpc_was_compressed(rpc));
    assert_done(rig, "initial done(OK yes)");
    free(frame);
    shoal__grpc_codec_destroy(&codec);
}

static void a_reply_that_grows_over_its_limit_is_not_read(void **state)
{
    struct rpc_rig *rig = *state;
    static char zeros[8 << 20];
    struct shoal__grpc_codec *codec = shoal__grpc_codec_create();
    char *frame;
    size_t size;
    assert_int_equal(shoal__grpc_deflate(codec, SHOAL__GRPC_GZIP, shoal_view(zeros, sizeof(zeros)),
                                         SHOAL__GRPC_PREFIX, &frame, &size),
                     0);
    shoal__grpc_prefix_write((uint8_t *)frame, true, (uint32_t)size);
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
    rpc_rig_head(stream, (const char *const[]){"grpc-encoding", "gzip", NULL});
    rpc_rig_bytes(stream, frame, size + SHOAL__GRPC_PREFIX);
    assert_true(stream->was_reset);
    assert_done(rig, "initial done(RESOURCE_EXHAUSTED: decompressed message too large)");
    free(frame);
    shoal__grpc_codec_destroy(&codec);
}

static void an_unknown_encoding_of_replies_is_refused(void **state)
{
    struct rpc_rig *rig = *state;
    struct rpc_stream *stream = start_kind(rig, SHOAL_GRPC_UNARY, NULL);
    rpc_rig_head(stream, (const char *const[]){"grpc-encoding", "snappy", NULL});
    assert_true(stream->was_reset);
    assert_done(rig, "done(INTERNAL: unknown grpc-encoding)");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rpc_rig_start, rpc_rig_stop)
    const struct CMUnitTest tests[] = {
        TEST(a_unary_call_sends_one_request_and_gets_one_reply),
        TEST(a_server_stream_brings_many_replies),
        TEST(a_client_stream_sends_many_requests),
        TEST(both_may_talk_at_once),
        TEST(a_server_may_end_before_the_client_has),
        TEST(a_request_that_the_server_did_not_wait_for_is_given_up),
        TEST(a_reply_may_come_in_any_pieces),
        TEST(a_call_without_description_is_of_bytes),
        TEST(what_cannot_be_called_is_refused),
        TEST(a_request_over_its_limit_is_not_sent),
        TEST(metadata_goes_out_and_comes_in),
        TEST(metadata_over_its_limits_ends_the_call),
        TEST(a_status_comes_with_text_and_details),
        TEST(a_status_may_be_all_there_is),
        TEST(a_status_that_is_none_is_unknown),
        TEST(a_response_without_a_status_is_unknown),
        TEST(what_is_not_grpc_is_told_by_its_http_status),
        TEST(interim_heads_are_passed_over),
        TEST(a_reset_is_told_by_its_code),
        TEST(a_method_with_one_reply_must_bring_one),
        TEST(a_reply_that_is_none_ends_the_call),
        TEST(a_deadline_is_told_to_the_server_and_kept),
        TEST(waiting_for_a_connection_counts),
        TEST(a_call_without_server_ends_at_its_deadline),
        TEST(a_server_that_cancels_at_the_deadline_means_the_deadline),
        TEST(a_cancelled_call_resets_its_stream),
        TEST(a_waiting_call_may_be_cancelled),
        TEST(a_call_may_be_cancelled_from_its_own_callback),
        TEST(a_call_may_be_started_from_the_end_of_another),
        TEST(a_channel_may_be_destroyed_from_the_end_of_a_call),
        TEST(a_paused_call_holds_replies_and_the_end_back),
        TEST(a_resumed_call_consumes_what_was_held),
        TEST(a_paused_call_may_be_cancelled_and_lost),
        TEST(replies_may_be_taken_one_by_one),
        TEST(a_writer_is_told_to_stop_and_to_go_on),
        TEST(a_writer_that_waits_for_a_connection_is_told_too),
        TEST(a_writer_that_holds_the_end_back_is_told_of_it),
        TEST(compressed_requests_say_so),
        TEST(compressed_replies_are_read),
        TEST(a_reply_that_grows_over_its_limit_is_not_read),
        TEST(an_unknown_encoding_of_replies_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
