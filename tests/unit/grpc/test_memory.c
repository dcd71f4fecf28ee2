/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory: none in steady state, and every failing allocation is survived, by calls of all kinds. */
#include "grpc_rig.h"

#include <stdlib.h>
#include <string.h>

#include "support/failmalloc.h"

#define POST_SERVICE (&parcels__post__descriptor)

static int echo(struct shoal_grpc_call *call, const void *request, void *reply)
{
    const Parcels__Parcel *asked = request;
    ((Parcels__Parcel *)reply)->label = shoal_grpc_printf(call, "%s!", asked->label);
    return SHOAL_GRPC_OK;
}

static int answer(struct shoal_grpc_call *call, const void *request)
{
    (void)shoal_grpc_add_trailing(call, "x-trailer", shoal_view_of("value"));
    return shoal_grpc_send(call, request) < 0 ? SHOAL_GRPC_RESOURCE_EXHAUSTED : SHOAL_GRPC_LATER;
}

static int spread(struct shoal_grpc_call *call, const void *request)
{
    for (int i = 0; i < 3; i++) {
        if (shoal_grpc_send(call, request) < 0)
            return SHOAL_GRPC_RESOURCE_EXHAUSTED;
    }
    return SHOAL_GRPC_OK;
}

static int gather(struct shoal_grpc_call *call, const void *request)
{
    (void)call;
    (void)request;
    return SHOAL_GRPC_LATER;
}

static int gathered(struct shoal_grpc_call *call)
{
    Parcels__Parcel reply = PARCELS__PARCEL__INIT;
    return shoal_grpc_send(call, &reply) < 0 ? SHOAL_GRPC_RESOURCE_EXHAUSTED : SHOAL_GRPC_OK;
}

static const struct shoal_grpc_stream chatting = {.on_message = answer};
static const struct shoal_grpc_stream spreading = {.on_message = spread};
static const struct shoal_grpc_stream gathering = {.on_message = gather, .on_end = gathered};

static int add_methods(struct shoal_grpc *grpc)
{
    int rc = shoal_grpc_unary(grpc, POST_SERVICE, "Unary", echo, NULL, NULL);
    if (rc == 0)
        rc = shoal_grpc_streaming(grpc, POST_SERVICE, "Chat", SHOAL_GRPC_BIDI, &chatting, NULL,
                                  NULL);
    if (rc == 0)
        rc = shoal_grpc_streaming(grpc, POST_SERVICE, "Spread", SHOAL_GRPC_SERVER_STREAM,
                                  &spreading, NULL, NULL);
    if (rc == 0)
        rc = shoal_grpc_streaming(grpc, POST_SERVICE, "Gather", SHOAL_GRPC_CLIENT_STREAM,
                                  &gathering, NULL, NULL);
    return rc;
}

static const char *const paths[] = {"/parcels.Post/Unary", "/parcels.Post/Chat",
                                    "/parcels.Post/Spread", "/parcels.Post/Gather"};

/* One call of that kind, to its end; the request's bytes come in two pieces. */
static int call_once(struct grpc_rig *rig, const char *path)
{
    static const char *const fields[] = {"grpc-timeout", "5S",   "x-a", "value",
                                         "x-b-bin",      "AAAA", NULL};
    struct rig_stream *stream = grpc_rig_call(rig, path, fields);
    grpc_rig_bytes(stream, "\0\0\0\0\7\x0a\5he", 9);
    grpc_rig_bytes(stream, "llo", 3);
    grpc_rig_ends(stream);
    int status = stream->grpc_status;
    assert_true(stream->ended || stream->was_reset);
    grpc_rig_close(stream, status == 0 ? SHOAL__H2_NO_ERROR : SHOAL__H2_CANCEL);
    return status;
}

static void ask_whole(struct grpc_rig *rig)
{
    struct rig_stream *stream = grpc_rig_call(rig, paths[0], NULL);
    grpc_rig_ask(stream, "hello");
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_OK);
    grpc_rig_close(stream, SHOAL__H2_NO_ERROR);
}

static void a_small_unary_call_after_the_first_allocates_nothing(void **state)
{
    struct grpc_rig *rig = *state;
    assert_int_equal(add_methods(rig->grpc), 0);
    ask_whole(rig);
    failmalloc_from(1000000);
    ask_whole(rig);
    ask_whole(rig);
    long count = failmalloc_count();
    failmalloc_off();
    assert_int_equal(count, 0);
}

/* Everything from the server's creation on, with one allocation failing. */
static int sweep_once(const char *path)
{
    static struct grpc_rig rig;
    int rc = grpc_rig_try_start(&rig);
    if (rc < 0)
        return rc;
    rc = add_methods(rig.grpc);
    int status = rc == 0 ? call_once(&rig, path) : rc;
    failmalloc_off();
    grpc_rig_end(&rig);
    return status;
}

static void every_failing_allocation_is_survived_by_calls_of_all_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        bool failed = true;
        for (long k = 1; failed; k++) {
            failmalloc_at(k);
            int status = sweep_once(paths[i]);
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
                                        grpc_rig_start, grpc_rig_stop),
        cmocka_unit_test(every_failing_allocation_is_survived_by_calls_of_all_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
