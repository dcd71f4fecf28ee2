/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's memory: how often calls ask for it, and what they do where there is none. */
#include "rpc_rig.h"

#include <stdlib.h>

#include "support/failmalloc.h"

static int last_status = -1;

static void note_status(struct shoal_rpc *rpc, int status, void *arg)
{
    (void)rpc;
    (void)arg;
    last_status = status;
}

static void ignore_initial(struct shoal_rpc *rpc, void *arg)
{
    (void)rpc;
    (void)arg;
}

static void ignore_reply(struct shoal_rpc *rpc, const void *reply, void *arg)
{
    (void)rpc;
    (void)reply;
    (void)arg;
}

static struct shoal_rpc_cfg quiet_cfg(struct rpc_rig *rig, enum shoal_grpc_kind kind)
{
    struct shoal_rpc_cfg cfg = rpc_rig_cfg(rig, kind, "hello");
    cfg.on_initial = ignore_initial;
    cfg.on_reply = ignore_reply;
    cfg.done = note_status;
    return cfg;
}

static void answer_in_pieces(struct rpc_stream *stream)
{
    static const struct shoal__http_field head_fields[] = {
        {SHOAL_VIEW("content-type"), SHOAL_VIEW("application/grpc")},
        {SHOAL_VIEW("x-a"), SHOAL_VIEW("value")},
        {SHOAL_VIEW("x-b-bin"), SHOAL_VIEW("AAAA")}};
    static const struct shoal__http_field trailers[] = {
        {SHOAL_VIEW("grpc-status"), SHOAL_VIEW("0")},
        {SHOAL_VIEW("grpc-message"), SHOAL_VIEW("fine")},
        {SHOAL_VIEW("x-c"), SHOAL_VIEW("value")}};
    struct shoal__head head = {
        .status = 200, .fields = head_fields, .field_count = 3, .content_length = -1};
    const struct shoal__stream_events *events = stream->stream.events;
    events->on_head(&stream->stream, &head, false);
    events->on_data(&stream->stream, shoal_view("\0\0\0\0\7\x0a\5he", 9));
    events->on_data(&stream->stream, shoal_view("llo", 3));
    events->on_end(&stream->stream, trailers, 3);
}

static void answer_whole(struct rpc_stream *stream)
{
    static const struct shoal__http_field head_fields[] = {
        {SHOAL_VIEW("content-type"), SHOAL_VIEW("application/grpc")}};
    static const struct shoal__http_field trailers[] = {
        {SHOAL_VIEW("grpc-status"), SHOAL_VIEW("0")}};
    struct shoal__head head = {
        .status = 200, .fields = head_fields, .field_count = 1, .content_length = -1};
    const struct shoal__stream_events *events = stream->stream.events;
    events->on_head(&stream->stream, &head, false);
    events->on_data(&stream->stream, shoal_view("\0\0\0\0\7\x0a\5hello", 12));
    events->on_end(&stream->stream, trailers, 1);
    rpc_rig_close(stream, SHOAL__H2_NO_ERROR);
}

static void ask_whole(struct rpc_rig *rig)
{
    struct shoal_rpc_cfg cfg = quiet_cfg(rig, SHOAL_GRPC_UNARY);
    cfg.deadline_ms = 1000;
    last_status = -1;
    assert_int_equal(shoal_rpc_start(rig->channel, &cfg, NULL), 0);
    if (!rig->sessions[0].open)
        rpc_rig_ready(rig);
    answer_whole(rpc_rig_last(rig));
    connrig_run(&rig->rig);
    assert_int_equal(last_status, SHOAL_GRPC_OK);
}

static void a_small_unary_call_after_the_first_allocates_nothing(void **state)
{
    struct rpc_rig *rig = *state;
    ask_whole(rig);
    ask_whole(rig);
    failmalloc_from(1000000);
    ask_whole(rig);
    ask_whole(rig);
    long count = failmalloc_count();
    failmalloc_off();
    assert_int_equal(count, 0);
}

/* What streams of requests send. Returns 0 or the first failure. */
static int send_some(struct shoal_rpc *rpc)
{
    static char bytes[2000];
    Parcels__Parcel large = PARCELS__PARCEL__INIT;
    large.payload = (ProtobufCBinaryData){sizeof(bytes), (uint8_t *)bytes};
    int rc = rpc_rig_send(rpc, "first");
    if (rc == 0)
        rc = rpc_rig_send(rpc, "second");
    if (rc == 0)
        rc = shoal_rpc_send(rpc, &large);
    return rc == 0 ? shoal_rpc_end(rpc) : rc;
}

/* One call of that kind, refused once, to its end. Returns its status, or why it did not start. */
static int call_once(struct rpc_rig *rig, enum shoal_grpc_kind kind)
{
    static const struct shoal_grpc_pair metadata = {"x-a", SHOAL_VIEW("value")};
    struct shoal_rpc_cfg cfg = quiet_cfg(rig, kind);
    struct shoal_rpc *rpc;
    cfg.metadata = &metadata;
    cfg.metadata_count = 1;
    cfg.deadline_ms = 5000;
    cfg.encoding = kind == SHOAL_GRPC_BIDI ? SHOAL_GRPC_GZIP : SHOAL_GRPC_IDENTITY;
    last_status = -1;
    int rc = shoal_rpc_start(rig->channel, &cfg, &rpc);
    if (rc < 0)
        return rc;
    if (rig->session_count > 0)
        rpc_rig_ready(rig);
    if (!cfg.request)
        rc = send_some(rpc);
    if (rc < 0)
        shoal_rpc_cancel(rpc);
    if (rig->stream_count > 0 && rpc_rig_last(rig)->open && !rpc_rig_last(rig)->was_reset)
        rpc_rig_close(rpc_rig_last(rig), SHOAL__H2_REFUSED_STREAM);
    if (rig->stream_count > 1 && !rpc_rig_last(rig)->was_reset)
        answer_in_pieces(rpc_rig_last(rig));
    connrig_run(&rig->rig);
    assert_true(last_status >= 0);
    return last_status;
}

/* Everything from the channel's creation on, with one allocation failing. */
static int sweep_once(enum shoal_grpc_kind kind)
{
    static struct rpc_rig rig;
    int rc = rpc_rig_try_start(&rig, "tcp://a:1,tcp://b:2", NULL);
    if (rc < 0)
        return rc;
    int status = call_once(&rig, kind);
    failmalloc_off();
    rpc_rig_end(&rig);
    return status;
}

static void every_failing_allocation_is_survived_by_calls_of_all_kinds(void **state)
{
    (void)state;
    for (int kind = SHOAL_GRPC_UNARY; kind <= SHOAL_GRPC_BIDI; kind++) {
        bool failed = true;
        for (long k = 1; failed; k++) {
            failmalloc_at(k);
            int status = sweep_once((enum shoal_grpc_kind)kind);
            failed = failmalloc_failures() > 0;
            failmalloc_off();
            if (!failed)
                assert_int_equal(status, SHOAL_GRPC_OK);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_small_unary_call_after_the_first_allocates_nothing,
                                        rpc_rig_start, rpc_rig_stop),
        cmocka_unit_test(every_failing_allocation_is_survived_by_calls_of_all_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
