/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fetches during which every single allocation fails in turn, the client's and the server's alike:
 * a fetch may fail, but it ends once, leaks nothing and hangs nobody.
 */
#include "bed.h"

#include "support/failmalloc.h"

enum { PATIENCE_MS = 20000 };

static void hello(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    if (shoal_http_reply(req, 200, "text/plain", "hello") < 0)
        shoal_http_abort(req);
}

static void add_routes(struct shoal_http_app *app)
{
    shoal_http_route(app, "*", "/hello", hello, NULL);
}

struct round {
    bool http2;
    int rc;
    struct shoal_http_client *client;
};

static void open_client(void *arg)
{
    struct round *round = arg;
    struct shoal_http_client_cfg cfg = SHOAL_HTTP_CLIENT_CFG_INIT;
    cfg.prior_knowledge = round->http2;
    cfg.user_agent = "test";
    round->rc = shoal_http_client_create(shoal_server_loop(bed.here, 0), &cfg, &bed.client);
}

static void close_client(void *arg)
{
    (void)arg;
    shoal_http_client_destroy(&bed.client);
}

static void fetch(const char *url)
{
    struct job job = job_get(url);
    job.cfg.body = shoal_view_of("a body");
    job.cfg.deadline_ms = PATIENCE_MS;
    job_run(&job);
    assert_true(job.rc < 0 || job.status != -SHOAL_ETIMEDOUT);
}

/* True where nothing failed. */
static bool run_round(struct round *round, long k, const char *url)
{
    failmalloc_at(k);
    bed_call(open_client, round);
    if (round->rc == 0) {
        fetch(url);
        fetch(url);
        bed_call(close_client, NULL);
    }
    failmalloc_off();
    return failmalloc_failures() == 0;
}

static void sweep(bool http2)
{
    struct round round = {.http2 = http2};
    char url[256];
    bed_serve(add_routes, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1%s", strrchr(bed_url("/hello"), ':'));
    long k = 1;
    while (!run_round(&round, k, url))
        assert_in_range(++k, 1, 1000);
    assert_true(k > 20);
}

static void memory_may_run_out_anywhere_in_1_1(void **state)
{
    (void)state;
    sweep(false);
}

static void memory_may_run_out_anywhere_in_h2(void **state)
{
    (void)state;
    sweep(true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(memory_may_run_out_anywhere_in_1_1),
        TEST(memory_may_run_out_anywhere_in_h2),
    };
    return cmocka_run_group_tests_name("http client, memory", tests, NULL, NULL);
}
