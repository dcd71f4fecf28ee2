/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shoal's client against Shoal's server: every version, reuse and its limits, bodies both ways,
 * redirects, deadlines, cancelling, and all that a fetch can fail with.
 */
#include "bed.h"

#include <stdatomic.h>
#include <unistd.h>

/* The server's side */

static atomic_uint busy, most_busy, requests;

static void reply_peer(struct shoal_http_request *req, void *arg)
{
    char peer[SHOAL_ADDRESS_MAX];
    (void)arg;
    shoal_http_set(req, "X-Test", "yes");
    shoal_http_reply(req, 200, "text/plain", "%s",
                     shoal_conn_peer(shoal_http_conn(req), peer, sizeof(peer)));
}

static void reply_method(struct shoal_http_request *req, void *arg)
{
    struct shoal_view type = shoal_http_field(req, "content-type");
    struct shoal_view secret = shoal_http_field(req, "authorization");
    struct shoal_view agent = shoal_http_field(req, "user-agent");
    struct shoal_view length = shoal_http_field(req, "content-length");
    (void)arg;
    shoal_http_reply(req, 200, "text/plain", "%s %.*s|%.*s|%.*s|%.*s", shoal_http_method(req),
                     (int)type.size, type.data, (int)secret.size, secret.data, (int)agent.size,
                     agent.data, (int)length.size, length.data);
}

static void note_body(struct shoal_http_request *req, struct shoal_view body, void *arg)
{
    (void)arg;
    shoal_http_reply(req, 200, "text/plain", "%s %zu %.*s", shoal_http_method(req), body.size,
                     body.size < 100 ? (int)body.size : 100, body.data);
}

static void read_body(struct shoal_http_request *req, void *arg)
{
    shoal_http_read_all(req, 1 << 30, note_body, arg);
}

static void end_busy(struct shoal_http_request *req, int status, void *arg)
{
    (void)req;
    (void)status;
    (void)arg;
    atomic_fetch_sub(&busy, 1);
}

static void sleep_a_bit(void *arg)
{
    (void)arg;
    usleep(2000); /* so that requests overlap */
}

static void answer_slowly(struct shoal_http_request *req, int status, void *arg)
{
    (void)status;
    if (req)
        reply_peer(req, arg);
}

static void be_slow(struct shoal_http_request *req, void *arg)
{
    unsigned now = atomic_fetch_add(&busy, 1) + 1;
    unsigned most = atomic_load(&most_busy);
    while (now > most && !atomic_compare_exchange_weak(&most_busy, &most, now))
        continue;
    shoal_http_on_close(req, end_busy, NULL);
    shoal_http_offload(req, sleep_a_bit, answer_slowly, arg);
}

static void hang(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    atomic_fetch_add(&busy, 1);
    atomic_fetch_add(&requests, 1);
    shoal_http_on_close(req, end_busy, NULL);
}

static void redirect(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    unsigned status = (unsigned)atoi(shoal_http_param(req, "status"));
    const char *to = shoal_http_query(req, "to");
    shoal_http_redirect(req, status, to);
}

static void echo_part(struct shoal_http_request *req, struct shoal_view part, void *arg)
{
    (void)arg;
    if (shoal_http_write(req, part) == 1)
        shoal_http_pause(req);
}

static void echo_end(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_end(req);
}

static void echo_on(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_resume(req);
}

static void echo(struct shoal_http_request *req, void *arg)
{
    shoal_http_begin(req, 200, NULL, -1);
    shoal_http_on_drained(req, echo_on, arg);
    shoal_http_read(req, echo_part, echo_end, arg);
}

static void refuse(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_reply(req, 413, "text/plain", "too much");
}

static void send_trailer(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_begin(req, 200, "text/plain", -1);
    shoal_http_printf(req, "body");
    shoal_http_add_trailer(req, "X-Trailer", "at the end");
    shoal_http_end(req);
}

static void send_much(struct shoal_http_request *req, void *arg)
{
    static char zeros[1 << 20];
    (void)arg;
    shoal_http_reply_view(req, 200, NULL, shoal_view(zeros, sizeof(zeros)));
}

static void send_head(struct shoal_http_request *req, void *arg)
{
    char value[20000];
    (void)arg;
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    shoal_http_set(req, "X-Large", value);
    shoal_http_reply(req, 200, NULL, "x");
}

static void give_up(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_begin(req, 200, NULL, 100);
    shoal_http_printf(req, "only this");
    shoal_http_abort(req);
}

static void add_routes(struct shoal_http_app *app)
{
    shoal_http_route(app, "GET", "/peer", reply_peer, NULL);
    shoal_http_route(app, "*", "/method", reply_method, NULL);
    shoal_http_route(app, "*", "/body", read_body, NULL);
    shoal_http_route(app, "GET", "/slow", be_slow, NULL);
    shoal_http_route(app, "*", "/hang", hang, NULL);
    shoal_http_route(app, "*", "/to/{status}", redirect, NULL);
    shoal_http_route(app, "POST", "/echo", echo, NULL);
    shoal_http_route(app, "POST", "/refuse", refuse, NULL);
    shoal_http_route(app, "GET", "/trailer", send_trailer, NULL);
    shoal_http_route(app, "GET", "/much", send_much, NULL);
    shoal_http_route(app, "GET", "/head", send_head, NULL);
    shoal_http_route(app, "GET", "/half", give_up, NULL);
}

/* What each test is run with. */
struct way {
    const char *name;
    unsigned version;
    bool tls;
    bool prior_knowledge;
    bool no_http2;
};
static const struct way *way;

static const char *url_of(const char *path)
{
    return way->tls ? bed_tls_url(path) : bed_url(path);
}

static struct shoal_http_client_cfg cfg_of(void)
{
    struct shoal_http_client_cfg cfg = bed_trusting();
    cfg.prior_knowledge = way->prior_knowledge;
    cfg.no_http2 = way->no_http2;
    return cfg;
}

static void open_way(void)
{
    struct shoal_http_client_cfg cfg = cfg_of();
    bed_serve(add_routes, NULL);
    bed_open(&cfg);
}

/* Reuse */

static void a_response_comes_with_status_fields_and_body(void **state)
{
    (void)state;
    open_way();
    struct job job = job_get(url_of("/peer"));
    job_run(&job);
    assert_int_equal(job.status, 0);
    assert_int_equal(job.http_status, 200);
    assert_int_equal(job.version, way->version);
    assert_string_equal(job.field, "yes");
    assert_non_null(strstr(job.body, "127.0.0.1:"));
}

static void one_request_after_the_other_uses_one_connection(void **state)
{
    (void)state;
    open_way();
    char first[256];
    for (int i = 0; i < 5; i++) {
        struct job job = job_get(url_of("/peer"));
        job_run(&job);
        assert_int_equal(job.status, 0);
        if (i == 0)
            snprintf(first, sizeof(first), "%s", job.body);
        assert_string_equal(job.body, first);
    }
}

static unsigned distinct_bodies(const struct job *jobs, unsigned count)
{
    unsigned distinct = 0;
    for (unsigned i = 0; i < count; i++) {
        bool seen = false;
        for (unsigned j = 0; j < i; j++)
            seen = seen || strcmp(jobs[i].body, jobs[j].body) == 0;
        distinct += !seen;
    }
    return distinct;
}

static void many_at_once_share_what_the_limit_allows(void **state)
{
    enum { JOBS = 40 };
    static struct job jobs[JOBS];
    (void)state;
    struct shoal_http_client_cfg cfg = cfg_of();
    cfg.max_per_origin = 3;
    bed_serve(add_routes, NULL);
    bed_open(&cfg);
    atomic_store(&most_busy, 0);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = job_get(url_of("/slow"));
        job_start(&jobs[i]);
    }
    for (int i = 0; i < JOBS; i++) {
        job_wait(&jobs[i]);
        assert_int_equal(jobs[i].status, 0);
        assert_int_equal(jobs[i].http_status, 200);
    }
    unsigned connections = distinct_bodies(jobs, JOBS);
    if (way->version == 20) {
        assert_int_equal(connections, 1);
    } else {
        assert_in_range(connections, 1, 3);
        assert_in_range(atomic_load(&most_busy), 1, 3);
    }
}

/* Bodies */

static void a_whole_body_is_sent_and_answered(void **state)
{
    (void)state;
    open_way();
    struct job job = job_get(url_of("/body"));
    job.cfg.body = shoal_view_of("hello");
    job_run(&job);
    assert_answer(&job, 200, way->version, "POST 5 hello");
}

static void an_empty_body_is_said_to_be_empty(void **state)
{
    (void)state;
    open_way();
    struct job job = job_get(url_of("/method"));
    job.cfg.method = "POST";
    job_run(&job);
    assert_answer(&job, 200, way->version, "POST |||0");
}

static void a_buffer_larger_than_any_cap_is_sent(void **state)
{
    (void)state;
    open_way();
    enum { PARTS = 100 };
    static char part[1 << 20];
    struct shoal_buf *buf = shoal_buf_create();
    for (int i = 0; i < PARTS; i++)
        assert_int_equal(shoal_buf_append_lent(buf, part, sizeof(part), NULL, NULL), 0);
    struct job job = job_get(url_of("/echo"));
    job.cfg.buf = buf;
    job.cfg.max_body = (size_t)PARTS << 20;
    job_run(&job);
    assert_int_equal(job.status, 0);
    assert_int_equal(job.body_size, (size_t)PARTS << 20);
    assert_int_equal(shoal_buf_size(buf), 0);
    shoal_buf_destroy(&buf);
}

static void trailers_are_kept_apart(void **state)
{
    (void)state;
    open_way();
    struct job job = job_get(url_of("/trailer"));
    job_run(&job);
    assert_answer(&job, 200, way->version, "body");
    assert_string_equal(job.trailer, "at the end");
}

static void the_answer_to_head_has_no_body(void **state)
{
    (void)state;
    open_way();
    struct job job = job_get(url_of("/much"));
    job.cfg.method = "HEAD";
    job.cfg.max_body = 10;
    job_run(&job);
    assert_answer(&job, 200, way->version, "");
}

/* Streaming both ways: the writer stops at the high mark, the reader pauses now and then, so what
 * is between them stays small. */
struct exchange {
    struct job job;
    struct shoal_fetch *fetch;
    uint64_t total, sent, received, most_between;
    unsigned parts;
    struct shoal_timer pause;
    bool bad;
};

static void pump(struct exchange *exchange)
{
    static char part[64 * 1024];
    int rc = 0;
    while (rc == 0 && exchange->sent < exchange->total) {
        memset(part, (int)(exchange->sent >> 16), sizeof(part));
        rc = shoal_fetch_write(exchange->fetch, shoal_view(part, sizeof(part)));
        if (rc >= 0)
            exchange->sent += sizeof(part);
        exchange->bad = exchange->bad || rc < 0;
        uint64_t between = exchange->sent - exchange->received;
        if (between > exchange->most_between)
            exchange->most_between = between;
    }
    if (exchange->sent == exchange->total)
        exchange->bad = shoal_fetch_end(exchange->fetch) < 0 || exchange->bad;
}

static void write_on(struct shoal_fetch *fetch, void *arg)
{
    (void)fetch;
    pump(arg);
}

static void read_on(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct exchange *exchange = arg;
    shoal_fetch_resume(exchange->fetch);
}

static void take(struct shoal_fetch *fetch, struct shoal_view data, void *arg)
{
    struct exchange *exchange = arg;
    for (size_t i = 0; i < data.size; i += 4099)
        exchange->bad = exchange->bad || (unsigned char)data.data[i] !=
                                             (unsigned char)((exchange->received + i) >> 16);
    exchange->received += data.size;
    if (++exchange->parts % 100 == 0) {
        shoal_fetch_pause(fetch);
        shoal_timer_start(shoal_server_loop(bed.here, 0), &exchange->pause, 1);
    }
}

static void exchange_done(struct shoal_fetch *fetch, int status, void *arg)
{
    struct exchange *exchange = arg;
    (void)fetch;
    shoal_timer_stop(&exchange->pause);
    exchange->job.status = status;
    sem_post(&exchange->job.over);
}

static void begin_exchange(void *arg)
{
    struct exchange *exchange = arg;
    struct shoal_fetch_cfg cfg = {.url = exchange->job.cfg.url,
                                  .stream = true,
                                  .on_data = take,
                                  .on_drained = write_on,
                                  .done = exchange_done,
                                  .arg = exchange};
    shoal_timer_init(&exchange->pause, read_on, exchange);
    exchange->job.rc = shoal_http_fetch(bed.client, &cfg, &exchange->fetch);
    if (exchange->job.rc == 0)
        pump(exchange);
}

static void much_streams_both_ways_in_little_memory(void **state)
{
    (void)state;
    open_way();
    struct exchange exchange = {.total = 64 << 20};
    exchange.job.cfg.url = url_of("/echo");
    sem_init(&exchange.job.over, 0, 0);
    bed_call(begin_exchange, &exchange);
    assert_int_equal(exchange.job.rc, 0);
    job_wait(&exchange.job);
    assert_int_equal(exchange.job.status, 0);
    assert_int_equal(exchange.received, exchange.total);
    assert_false(exchange.bad);
    /* Windows, marks and the kernel's buffers on both sides: some megabytes, not 64. */
    assert_in_range(exchange.most_between, 1, 24 << 20);
}

static void an_early_answer_ends_a_streamed_request(void **state)
{
    (void)state;
    open_way();
    struct job job = job_get(url_of("/refuse"));
    job.cfg.stream = true;
    job_run(&job);
    assert_answer(&job, 413, way->version, "too much");
    struct job next = job_get(url_of("/peer"));
    job_run(&next);
    assert_int_equal(next.status, 0);
}

/* Redirects */

static void redirects_are_followed_as_far_as_allowed(void **state)
{
    (void)state;
    open_way();
    struct job job = job_get(url_of("/to/302?to=/to/301%3Fto%3D../peer"));
    job.cfg.redirects = 2;
    job_run(&job);
    assert_int_equal(job.http_status, 200);
    assert_string_equal(job.url, url_of("/peer"));

    struct job last = job_get(url_of("/to/302?to=/to/301%3Fto%3D../peer"));
    last.cfg.redirects = 1;
    job_run(&last);
    assert_int_equal(last.status, 0);
    assert_int_equal(last.http_status, 301);
}

static void a_redirected_post_becomes_a_get_or_stays_what_it_was(void **state)
{
    (void)state;
    open_way();
    static const struct {
        unsigned status;
        const char *answer;
    } cases[] = {{302, "GET 0 "}, {303, "GET 0 "}, {307, "POST 5 hello"}, {308, "POST 5 hello"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/to/%u?to=/body", cases[i].status);
        struct job job = job_get(url_of(path));
        job.cfg.redirects = 3;
        job.cfg.body = shoal_view_of("hello");
        job_run(&job);
        assert_answer(&job, 200, way->version, cases[i].answer);
    }
}

static void credentials_do_not_leave_their_origin(void **state)
{
    (void)state;
    struct shoal_fetch_field secret = {"Authorization", "secret"};
    char path[320];
    open_way();
    struct job same = job_get(url_of("/to/302?to=/method"));
    same.cfg.redirects = 1;
    same.cfg.fields = &secret;
    same.cfg.field_count = 1;
    job_run(&same);
    assert_answer(&same, 200, way->version, "GET |secret||");

    snprintf(path, sizeof(path), "/to/302?to=%s",
             way->tls ? bed_url("/method") : bed_tls_url("/method"));
    struct job other = job_get(url_of(path));
    other.cfg.redirects = 1;
    other.cfg.fields = &secret;
    other.cfg.field_count = 1;
    job_run(&other);
    if (way->tls)
        assert_int_equal(other.http_status, 302); /* never from https to http */
    else
        assert_string_equal(other.body, "GET |||");
}

/* Ends */

static void a_deadline_ends_a_fetch(void **state)
{
    (void)state;
    open_way();
    struct job job = job_get(url_of("/hang"));
    job.cfg.deadline_ms = 200;
    job_run(&job);
    assert_int_equal(job.status, -SHOAL_ETIMEDOUT);
    struct job next = job_get(url_of("/peer"));
    job_run(&next);
    assert_int_equal(next.status, 0);
}

static void wait_until_busy(unsigned wanted)
{
    for (int i = 0; i < 5000 && atomic_load(&busy) != wanted; i++)
        usleep(2000);
    assert_int_equal(atomic_load(&busy), wanted);
}

static void cancel(void *arg)
{
    shoal_fetch_cancel(*(struct shoal_fetch **)arg);
}

static void a_cancelled_fetch_ends_and_the_server_knows(void **state)
{
    (void)state;
    open_way();
    atomic_store(&busy, 0);
    struct job job = job_get(url_of("/hang"));
    job_start(&job);
    wait_until_busy(1);
    bed_call(cancel, &job.fetch);
    job_wait(&job);
    assert_int_equal(job.status, -SHOAL_ECANCELED);
    wait_until_busy(0);
}

static void cancel_at_once(struct shoal_fetch *fetch, void *arg)
{
    (void)arg;
    shoal_fetch_cancel(fetch);
}

static void a_fetch_may_be_cancelled_from_its_callbacks(void **state)
{
    (void)state;
    open_way();
    struct job job = job_get(url_of("/much"));
    job.cfg.on_head = cancel_at_once;
    job_run(&job);
    assert_int_equal(job.status, -SHOAL_ECANCELED);
    assert_int_equal(job.body_size, 0);
}

static void destroy_client(void *arg)
{
    (void)arg;
    shoal_http_client_destroy(&bed.client);
}

static void destroying_the_client_cancels_what_is_under_way(void **state)
{
    enum { JOBS = 5 };
    static struct job jobs[JOBS];
    (void)state;
    open_way();
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = job_get(url_of("/hang"));
        job_start(&jobs[i]);
    }
    bed_call(destroy_client, NULL);
    for (int i = 0; i < JOBS; i++) {
        job_wait(&jobs[i]);
        assert_int_equal(jobs[i].status, -SHOAL_ECANCELED);
    }
}

static void a_response_over_its_limit_is_refused(void **state)
{
    (void)state;
    struct shoal_http_client_cfg cfg = cfg_of();
    cfg.max_fields_bytes = 10000;
    bed_serve(add_routes, NULL);
    bed_open(&cfg);
    struct job job = job_get(url_of("/much"));
    job.cfg.max_body = (1 << 20) - 1;
    job_run(&job);
    assert_int_equal(job.status, -SHOAL_EOVERFLOW);
    struct job head = job_get(url_of("/head"));
    job_run(&head);
    assert_int_equal(head.status, -SHOAL_EOVERFLOW);
}

static void a_response_that_breaks_off_is_a_failure(void **state)
{
    (void)state;
    open_way();
    struct job job = job_get(url_of("/half"));
    job_run(&job);
    assert_int_equal(job.status, -SHOAL_EPIPE);
}

static void what_may_not_be_sent_is_refused_at_once(void **state)
{
    (void)state;
    open_way();
    static const struct {
        const char *url, *method, *name, *value;
        int rc;
    } cases[] = {
        {"ftp://localhost/", NULL, NULL, NULL, -SHOAL_EURL},
        {"http:///x", NULL, NULL, NULL, -SHOAL_EURL},
        {"http://user@localhost/", NULL, NULL, NULL, -SHOAL_EURL},
        {"http://localhost:99999/", NULL, NULL, NULL, -SHOAL_EURL},
        {"http://localhost/a b", NULL, NULL, NULL, -SHOAL_EURL},
        {"http://localhost/", "G T", NULL, NULL, -SHOAL_EINVAL},
        {"http://localhost/", "CONNECT", NULL, NULL, -SHOAL_EINVAL},
        {"http://localhost/", NULL, "X", "a\r\nb", -SHOAL_EINVAL},
        {"http://localhost/", NULL, "Host", "a", -SHOAL_EINVAL},
        {"http://localhost/", NULL, "Content-Length", "3", -SHOAL_EINVAL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct shoal_fetch_field field = {cases[i].name, cases[i].value};
        struct job job = job_get(cases[i].url);
        job.cfg.method = cases[i].method;
        job.cfg.fields = &field;
        job.cfg.field_count = cases[i].name != NULL;
        job_run(&job);
        assert_int_equal(job.rc, cases[i].rc);
    }
}

static void nobody_there_is_a_failure_of_its_own(void **state)
{
    (void)state;
    open_way();
    struct job job = job_get(bed_port_url(way->tls ? "https" : "http", bed_free_port(), "/"));
    job_run(&job);
    assert_int_equal(job.status, -ECONNREFUSED);
    struct job unknown = job_get(way->tls ? "https://name.invalid/" : "http://name.invalid/");
    job_run(&unknown);
    assert_int_equal(unknown.status, -SHOAL_ERESOLVE);
}

static void a_draining_server_takes_no_fetches_and_finishes_those_under_way(void **state)
{
    (void)state;
    open_way();
    struct job job = job_get(url_of("/slow"));
    job_start(&job);
    assert_int_equal(shoal_server_drain(bed.here, 10000, NULL), 0);
    job_wait(&job);
    assert_true(job.status == 0 || job.status == -SHOAL_ESTOPPED);
    bed.client = NULL; /* gone with its loop */
}

/* Trust */

static void a_server_that_is_not_trusted_is_not_talked_to(void **state)
{
    (void)state;
    struct shoal_http_client_cfg cfg = cfg_of();
    cfg.ca_file = NULL;
    bed_serve(add_routes, NULL);
    bed_open(&cfg);
    struct job job = job_get(url_of("/peer"));
    job_run(&job);
    assert_int_equal(job.status, way->tls ? -SHOAL_ECERT : 0);
}

static void a_server_by_another_name_is_not_trusted(void **state)
{
    (void)state;
    char url[256];
    open_way();
    snprintf(url, sizeof(url), "%s://127.0.0.1%s", way->tls ? "https" : "http",
             strrchr(url_of("/peer"), ':'));
    struct job job = job_get(url);
    job_run(&job);
    assert_int_equal(job.status, way->tls ? -SHOAL_ECERT : 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
    static const struct way ways[] = {
        {"http/1.1", 11, false, false, false},
        {"h2c", 20, false, true, false},
        {"https, http/1.1", 11, true, false, true},
        {"h2", 20, true, false, false},
    };
    const struct CMUnitTest tests[] = {
        TEST(a_response_comes_with_status_fields_and_body),
        TEST(one_request_after_the_other_uses_one_connection),
        TEST(many_at_once_share_what_the_limit_allows),
        TEST(a_whole_body_is_sent_and_answered),
        TEST(an_empty_body_is_said_to_be_empty),
        TEST(a_buffer_larger_than_any_cap_is_sent),
        TEST(trailers_are_kept_apart),
        TEST(the_answer_to_head_has_no_body),
        TEST(much_streams_both_ways_in_little_memory),
        TEST(an_early_answer_ends_a_streamed_request),
        TEST(redirects_are_followed_as_far_as_allowed),
        TEST(a_redirected_post_becomes_a_get_or_stays_what_it_was),
        TEST(credentials_do_not_leave_their_origin),
        TEST(a_deadline_ends_a_fetch),
        TEST(a_cancelled_fetch_ends_and_the_server_knows),
        TEST(a_fetch_may_be_cancelled_from_its_callbacks),
        TEST(destroying_the_client_cancels_what_is_under_way),
        TEST(a_response_over_its_limit_is_refused),
        TEST(a_response_that_breaks_off_is_a_failure),
        TEST(what_may_not_be_sent_is_refused_at_once),
        TEST(nobody_there_is_a_failure_of_its_own),
        TEST(a_draining_server_takes_no_fetches_and_finishes_those_under_way),
        TEST(a_server_that_is_not_trusted_is_not_talked_to),
        TEST(a_server_by_another_name_is_not_trusted),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        way = &ways[i];
        failed += cmocka_run_group_tests_name(way->name, tests, NULL, NULL);
    }
    return failed;
}
