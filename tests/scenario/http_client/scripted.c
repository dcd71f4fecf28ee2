/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shoal's client against servers that misbehave to order: connections that die between requests,
 * answers that nobody asked for, handshakes that never end. The server is a raw service that
 * answers by the request's path.
 */
#include "bed.h"

#include <stdatomic.h>
#include <unistd.h>

#include <shoal/conn.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

enum { HANDSHAKE = 0x16 }; /* how TLS begins: read, and never answered */

static atomic_uint seen;         /* requests */
static atomic_uint connections;  /* opened */
static atomic_uint ended;        /* closed */
static atomic_bool brought_body; /* the last request did */

static bool asks(struct shoal_view in, const char *path)
{
    return memmem(in.data, in.size, path, strlen(path)) != NULL;
}

/* The request's head and, for what these tests send, its body are whole. */
static bool is_whole(struct shoal_view in)
{
    const char *end = memmem(in.data, in.size, "\r\n\r\n", 4);
    bool counted = asks(in, "Content-Length: 5");
    return end && (size_t)(in.data + in.size - end) >= (counted ? 9u : 4u);
}

static void answer(struct shoal_conn *conn, struct shoal_view in, bool first)
{
    if (in.data[0] == HANDSHAKE)
        return;
    if (asks(in, " /mortal ") && !first)
        shoal_conn_close(conn, SHOAL_CLOSE_ABORT);
    else if (asks(in, " /dead "))
        shoal_conn_close(conn, SHOAL_CLOSE_FLUSH);
    else if (asks(in, " /close "))
        shoal_conn_printf(conn,
                          "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    else if (asks(in, " /double "))
        shoal_conn_printf(conn, OK OK);
    else if (asks(in, " /interim "))
        shoal_conn_printf(conn,
                          "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" OK);
    else if (asks(in, " /old ")) {
        shoal_conn_printf(conn, "HTTP/1.0 200 OK\r\n\r\nuntil the end");
        shoal_conn_close(conn, SHOAL_CLOSE_FLUSH);
    } else if (asks(in, " /short ")) {
        shoal_conn_printf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort");
        shoal_conn_close(conn, SHOAL_CLOSE_FLUSH);
    } else if (asks(in, " /garbage "))
        shoal_conn_printf(conn, "what?\r\n\r\n");
    else if (!asks(in, " /silent "))
        shoal_conn_printf(conn, OK);
}

static void on_open(struct shoal_conn *conn)
{
    (void)conn;
    atomic_fetch_add(&connections, 1);
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    if (!is_whole(in) && in.data[0] != HANDSHAKE)
        return 0;
    atomic_store(&brought_body, asks(in, "\r\n\r\nhello"));
    atomic_fetch_add(&seen, 1);
    answer(conn, in, shoal_conn_data(conn) == NULL);
    shoal_conn_set_data(conn, conn);
    return in.size;
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)conn;
    (void)reason;
    atomic_fetch_add(&ended, 1);
}

static const struct shoal_service service = {
    .name = "scripted", .on_open = on_open, .on_data = on_data, .on_close = on_close};

static void no_routes(struct shoal_http_app *app)
{
    (void)app;
}

static void open_with(const struct shoal_http_client_cfg *cfg)
{
    atomic_store(&seen, 0);
    atomic_store(&connections, 0);
    atomic_store(&ended, 0);
    bed_serve(no_routes, &service);
    bed_open(cfg);
}

static struct job get(const char *path)
{
    struct job job = job_get(bed_raw_url(path));
    job_run(&job);
    return job;
}

static void expect_ok(struct job job)
{
    assert_answer(&job, 200, 11, "ok");
}

/* Dead connections */

static void a_get_on_a_dead_connection_is_repeated_on_a_new_one(void **state)
{
    (void)state;
    open_with(NULL);
    expect_ok(get("/mortal"));
    expect_ok(get("/mortal"));
    assert_int_equal(atomic_load(&seen), 3);
    assert_int_equal(atomic_load(&connections), 2);
}

static void a_put_is_repeated_with_its_body(void **state)
{
    (void)state;
    static struct job job;
    open_with(NULL);
    expect_ok(get("/mortal"));
    job = job_get(bed_raw_url("/mortal"));
    job.cfg.method = "PUT";
    job.cfg.body = shoal_view_of("hello");
    job_run(&job);
    assert_answer(&job, 200, 11, "ok");
    assert_int_equal(atomic_load(&seen), 3);
    assert_true(atomic_load(&brought_body));
}

static void a_post_is_not_repeated(void **state)
{
    (void)state;
    static struct job job;
    open_with(NULL);
    expect_ok(get("/mortal"));
    job = job_get(bed_raw_url("/mortal"));
    job.cfg.body = shoal_view_of("hello");
    job_run(&job);
    assert_int_equal(job.status, -SHOAL_EPIPE);
    assert_int_equal(atomic_load(&seen), 2);
}

static void write_and_end(void *arg)
{
    struct job *job = arg;
    (void)shoal_fetch_write(job->fetch, shoal_view_of("hello"));
    (void)shoal_fetch_end(job->fetch);
}

static void a_streamed_put_is_not_repeated(void **state)
{
    (void)state;
    static struct job job;
    open_with(NULL);
    expect_ok(get("/mortal"));
    job = job_get(bed_raw_url("/mortal"));
    job.cfg.method = "PUT";
    job.cfg.stream = true;
    job.cfg.length = 5;
    job_start(&job);
    bed_call(write_and_end, &job);
    job_wait(&job);
    assert_int_equal(job.status, -SHOAL_EPIPE);
    assert_int_equal(atomic_load(&seen), 2);
}

static void a_new_connection_that_dies_is_a_failure(void **state)
{
    (void)state;
    open_with(NULL);
    assert_int_equal(get("/dead").status, -SHOAL_EPIPE);
    assert_int_equal(atomic_load(&seen), 1);
}

static void a_repeated_request_is_not_repeated_again(void **state)
{
    (void)state;
    open_with(NULL);
    expect_ok(get("/fine"));
    assert_int_equal(get("/dead").status, -SHOAL_EPIPE);
    assert_int_equal(atomic_load(&seen), 3);
}

/* Reuse */

static void a_connection_that_was_to_be_closed_is_not_used_again(void **state)
{
    (void)state;
    open_with(NULL);
    expect_ok(get("/close"));
    expect_ok(get("/close"));
    assert_int_equal(atomic_load(&connections), 2);
}

static void what_nobody_asked_for_is_no_answer_to_the_next_request(void **state)
{
    (void)state;
    open_with(NULL);
    expect_ok(get("/double"));
    expect_ok(get("/fine"));
    assert_int_equal(atomic_load(&connections), 2);
}

static void wait_until(atomic_uint *counter, unsigned wanted)
{
    for (int i = 0; i < 5000 && atomic_load(counter) < wanted; i++)
        usleep(2000);
    assert_int_equal(atomic_load(counter), wanted);
}

static void unused_connections_are_kept_for_a_while(void **state)
{
    (void)state;
    struct shoal_http_client_cfg cfg = SHOAL_HTTP_CLIENT_CFG_INIT;
    cfg.idle_ms = 100;
    open_with(&cfg);
    expect_ok(get("/fine"));
    wait_until(&ended, 1);
}

static void no_more_unused_connections_are_kept_than_allowed(void **state)
{
    (void)state;
    struct shoal_http_client_cfg cfg = SHOAL_HTTP_CLIENT_CFG_INIT;
    cfg.max_idle = 0;
    open_with(&cfg);
    expect_ok(get("/fine"));
    wait_until(&ended, 1);
}

/* Answers */

static void interim_answers_are_passed_over(void **state)
{
    (void)state;
    open_with(NULL);
    expect_ok(get("/interim"));
}

static void an_old_server_ends_its_answer_with_the_connection(void **state)
{
    (void)state;
    open_with(NULL);
    struct job job = get("/old");
    assert_answer(&job, 200, 10, "until the end");
}

static void a_short_answer_is_never_taken_for_a_whole_one(void **state)
{
    (void)state;
    open_with(NULL);
    assert_int_equal(get("/short").status, -SHOAL_EPIPE);
}

static void what_is_not_http_is_a_protocol_error(void **state)
{
    (void)state;
    open_with(NULL);
    assert_int_equal(get("/garbage").status, -SHOAL_EPROTOCOL);
}

static void a_handshake_that_never_ends_is_cut(void **state)
{
    (void)state;
    struct shoal_http_client_cfg cfg = bed_trusting();
    cfg.connect_ms = 300;
    open_with(&cfg);
    char url[256];
    snprintf(url, sizeof(url), "https%s", bed_raw_url("/silent") + strlen("http"));
    struct job job = job_get(url);
    job_run(&job);
    assert_int_equal(job.status, -SHOAL_ETIMEDOUT);
}

static void a_deadline_counts_from_the_call_on(void **state)
{
    (void)state;
    struct shoal_http_client_cfg cfg = SHOAL_HTTP_CLIENT_CFG_INIT;
    cfg.max_per_origin = 1;
    open_with(&cfg);
    struct job first = job_get(bed_raw_url("/silent")), second = first;
    first.cfg.deadline_ms = 400;
    second.cfg.deadline_ms = 200; /* it never gets a connection */
    job_start(&first);
    job_start(&second);
    job_wait(&second);
    assert_int_equal(second.status, -SHOAL_ETIMEDOUT);
    job_wait(&first);
    assert_int_equal(atomic_load(&seen), 1);
}

/* Pausing */

static sem_t paused; /* counts calls of pause_now */

static void pause_now(struct shoal_fetch *fetch, void *arg)
{
    (void)arg;
    shoal_fetch_pause(fetch);
    sem_post(&paused);
}

static void resume(void *arg)
{
    shoal_fetch_resume(*(struct shoal_fetch **)arg);
}

static void cancel(void *arg)
{
    shoal_fetch_cancel(*(struct shoal_fetch **)arg);
}

static void a_paused_fetch_is_not_done_before_it_is_resumed(void **state)
{
    (void)state;
    open_with(NULL);
    struct job job = job_get(bed_raw_url("/fine"));
    job.cfg.on_head = pause_now;
    sem_init(&paused, 0, 0);
    job_start(&job);
    sem_wait(&paused);
    expect_ok(get("/fine"));
    expect_ok(get("/fine")); /* the rest of the paused one's response is long here */
    assert_int_equal(sem_trywait(&job.over), -1);
    bed_call(resume, &job.fetch);
    job_wait(&job);
    assert_answer(&job, 200, 11, "ok");
}

static void a_paused_fetch_may_be_cancelled(void **state)
{
    (void)state;
    open_with(NULL);
    struct job job = job_get(bed_raw_url("/fine"));
    job.cfg.on_head = pause_now;
    job_start(&job);
    expect_ok(get("/fine"));
    bed_call(cancel, &job.fetch);
    job_wait(&job);
    assert_int_equal(job.status, -SHOAL_ECANCELED);
}

static void a_paused_fetch_does_not_outlive_its_loop(void **state)
{
    (void)state;
    open_with(NULL);
    static struct job job;
    job = job_get(bed_raw_url("/fine"));
    job.cfg.on_head = pause_now;
    job_start(&job);
    expect_ok(get("/fine"));
    assert_int_equal(shoal_server_drain(bed.here, 5000, NULL), 0);
    bed.client = NULL; /* gone with its loop */
    job_wait(&job);
    assert_int_equal(job.status, -SHOAL_ECANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_get_on_a_dead_connection_is_repeated_on_a_new_one),
        TEST(a_put_is_repeated_with_its_body),
        TEST(a_post_is_not_repeated),
        TEST(a_streamed_put_is_not_repeated),
        TEST(a_new_connection_that_dies_is_a_failure),
        TEST(a_repeated_request_is_not_repeated_again),
        TEST(a_connection_that_was_to_be_closed_is_not_used_again),
        TEST(what_nobody_asked_for_is_no_answer_to_the_next_request),
        TEST(unused_connections_are_kept_for_a_while),
        TEST(no_more_unused_connections_are_kept_than_allowed),
        TEST(interim_answers_are_passed_over),
        TEST(an_old_server_ends_its_answer_with_the_connection),
        TEST(a_short_answer_is_never_taken_for_a_whole_one),
        TEST(what_is_not_http_is_a_protocol_error),
        TEST(a_handshake_that_never_ends_is_cut),
        TEST(a_deadline_counts_from_the_call_on),
        TEST(a_paused_fetch_is_not_done_before_it_is_resumed),
        TEST(a_paused_fetch_may_be_cancelled),
        TEST(a_paused_fetch_does_not_outlive_its_loop),
    };
    return cmocka_run_group_tests_name("http client, scripted servers", tests, NULL, NULL);
}
