/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory: none in steady state, and every failing allocation is survived. */
#include "http_rig.h"

#include <stdlib.h>
#include <string.h>

#include "support/failmalloc.h"

static void hello(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_set(req, "Cache-Control", "no-store");
    shoal_http_reply(req, 200, "text/plain", "Hello, %s!\n", shoal_http_param(req, "name"));
}

static void answer_body(struct shoal_http_request *req, struct shoal_view body, void *arg)
{
    (void)arg;
    shoal_http_reply_view(req, 200, "text/plain", body);
}

static void echo(struct shoal_http_request *req, void *arg)
{
    shoal_http_read_all(req, 100, answer_body, arg);
}

static void ask_once(struct http_rig *rig)
{
    struct rig_stream *stream =
        http_rig_ask(rig, "GET", "/hello/bob", "Host: example.org\nAccept: */*\n");
    assert_int_equal(stream->status, 200);
    http_rig_close(stream, SHOAL__H2_NO_ERROR);
}

static void post_once(struct http_rig *rig)
{
    struct rig_stream *stream = http_rig_post(rig, "/echo", NULL, 5);
    http_rig_data(stream, "hello");
    http_rig_ends(stream);
    assert_body(stream, "hello");
    http_rig_close(stream, SHOAL__H2_NO_ERROR);
}

static void a_small_request_after_the_first_allocates_nothing(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/hello/{name}", hello, NULL);
    http_rig_route(rig, "POST", "/echo", echo, NULL);
    void (*const requests[])(struct http_rig *) = {ask_once, post_once};
    for (size_t i = 0; i < 2; i++) {
        requests[i](rig);
        failmalloc_from(1000000);
        requests[i](rig);
        requests[i](rig);
        long count = failmalloc_count();
        failmalloc_off();
        assert_int_equal(count, 0);
    }
}

static void a_deadline_for_every_request_costs_no_allocation(void **state)
{
    struct http_rig *rig = *state;
    rig->endpoint.request_ms = 1000;
    http_rig_route(rig, "GET", "/hello/{name}", hello, NULL);
    ask_once(rig);
    failmalloc_from(1000000);
    ask_once(rig);
    long count = failmalloc_count();
    failmalloc_off();
    assert_int_equal(count, 0);
}

static int closes;

static void count_close(struct shoal_http_request *req, int status, void *arg)
{
    (void)req;
    (void)status;
    (void)arg;
    closes++;
}

static void stop_on_close(struct shoal_http_request *req, void *arg)
{
    int rc = shoal_http_on_close(req, count_close, arg);
    if (rc < 0)
        shoal_http_abort(req);
    else
        closes--;
    shoal_http_next(req);
}

static void ask_much(struct shoal_http_request *req, struct shoal_view body, void *arg)
{
    (void)arg;
    (void)shoal_http_query(req, "q");
    (void)shoal_http_format(req, "%s", "text");
    (void)shoal_http_set(req, "X", "y");
    (void)shoal_http_get_id(req);
    for (int i = 0; i < 20; i++)
        (void)shoal_http_add(req, "Name", "value");
    if (shoal_http_reply(req, 200, "a/b", "%02500d %zu", 7, body.size) < 0)
        shoal_http_abort(req);
}

static void read_much(struct shoal_http_request *req, void *arg)
{
    if (shoal_http_set_deadline(req, 1000) < 0)
        shoal_http_abort(req);
    else
        shoal_http_read_all(req, 10000, ask_much, arg);
}

static void ignore_line(void *arg, struct shoal_view line)
{
    (void)arg;
    (void)line;
}

/* One exchange with everything in it. Returns whether it was answered. */
static bool exchange(struct http_rig *rig)
{
    char piece[3001];
    memset(piece, 'x', 3000);
    piece[3000] = '\0';
    struct rig_stream *stream = http_rig_post(rig, "/do/it?q=1", "A: b\nUser-Agent: x\n", -1);
    for (int i = 0; i < 3 && stream->stream.events->on_data && !stream->was_reset; i++)
        http_rig_data(stream, piece);
    if (stream->stream.events->on_end && !stream->was_reset)
        http_rig_ends(stream);
    bool answered = stream->status != 0 && stream->ended;
    bool cut = stream->was_reset;
    assert_true(answered || cut);
    http_rig_close(stream, cut ? SHOAL__H2_INTERNAL_ERROR : SHOAL__H2_NO_ERROR);
    return stream->status == 200;
}

static int scenario(struct http_rig *rig)
{
    int rc = shoal_http_route(rig->app, "POST", "/do/{what}", read_much, NULL);
    if (rc == 0)
        rc = shoal_http_use(rig->app, stop_on_close, NULL);
    if (rc < 0)
        return rc;
    rig->endpoint.log_access = ignore_line;
    return exchange(rig) ? 0 : -SHOAL_ENOMEM;
}

static void every_failing_allocation_ends_in_an_answer_or_a_cut(void **state)
{
    (void)state;
    long failures = 0;
    long reached = 0;
    for (long k = 1;; k++) {
        void *one;
        assert_int_equal(http_rig_start(&one), 0);
        closes = 0;
        failmalloc_at(k);
        int rc = scenario(one);
        reached = failmalloc_count();
        failures = failmalloc_failures();
        failmalloc_off();
        http_rig_stop(&one);
        assert_int_equal(closes, 0);
        if (failures == 0) {
            assert_int_equal(rc, 0);
            break;
        }
    }
    assert_true(reached > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_small_request_after_the_first_allocates_nothing,
                                        http_rig_start, http_rig_stop),
        cmocka_unit_test_setup_teardown(a_deadline_for_every_request_costs_no_allocation,
                                        http_rig_start, http_rig_stop),
        cmocka_unit_test(every_failing_allocation_ends_in_an_answer_or_a_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
