/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocking calls of all four kinds during which every single allocation fails in turn, the client's
 * and the server's alike: a call may fail, but it ends, leaks nothing and hangs nobody.
 */
#include "post.h"

#include <event2/event.h>

#include "support/failmalloc.h"

enum { A_FEW = 50 };

static void ignore_log(int severity, const char *text)
{
    (void)severity;
    (void)text;
}

static int talk_through(struct shoal_grpc_client *client, struct shoal_rpc_cfg cfg)
{
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    struct shoal_grpc_talk *talk = NULL;
    const void *reply;
    parcel.label = (char *)(uintptr_t) "hello";
    parcel.count = 3;
    if (cfg.kind == SHOAL_GRPC_SERVER_STREAM)
        cfg.request = &parcel;
    int rc = shoal_grpc_talk_begin(client, &cfg, &talk);
    if (rc < 0)
        return rc;
    if (cfg.kind != SHOAL_GRPC_SERVER_STREAM)
        (void)shoal_grpc_talk_send(talk, &parcel);
    if (cfg.kind == SHOAL_GRPC_BIDI)
        (void)shoal_grpc_talk_end(talk);
    int came = cfg.kind == SHOAL_GRPC_CLIENT_STREAM ? 0 : 1;
    while (came == 1)
        came = shoal_grpc_talk_receive(talk, &reply);
    if (came < 0)
        shoal_grpc_talk_cancel(talk);
    return shoal_grpc_talk_finish(&talk, NULL);
}

/* The worst of what the calls came to. */
static int call_all(const struct post *post)
{
    struct shoal_grpc_client *client = NULL;
    int rc = shoal_grpc_client_open(post->url, NULL, &client);
    if (rc < 0)
        return rc;
    int statuses[] = {
        post_ask(client, "hello"),
        talk_through(client, post_streaming("Spread", SHOAL_GRPC_SERVER_STREAM)),
        talk_through(client, post_streaming("Gather", SHOAL_GRPC_CLIENT_STREAM)),
        talk_through(client, post_streaming("Chat", SHOAL_GRPC_BIDI)),
    };
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        assert_int_not_equal(statuses[i], SHOAL_GRPC_DEADLINE_EXCEEDED);
        rc = statuses[i] != SHOAL_GRPC_OK ? statuses[i] : rc;
    }
    assert_int_equal(shoal_grpc_client_close(&client), 0);
    return rc;
}

static void every_failing_allocation_is_survived(void **state)
{
    struct post *post = *state;
    bool failed = true;
    for (long k = 1; failed; k++) {
        failmalloc_at(k);
        int rc = call_all(post);
        failed = failmalloc_failures() > 0;
        failmalloc_off();
        if (!failed) {
            assert_int_equal(rc, SHOAL_GRPC_OK);
            assert_true(k > A_FEW); /* or it was no sweep */
        }
    }
    assert_int_equal(call_all(post), SHOAL_GRPC_OK);
}

int main(void)
{
    event_set_log_callback(ignore_log);
    failmalloc_use_in_libevent();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_failing_allocation_is_survived, post_setup,
                                        post_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
