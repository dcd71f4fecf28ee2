/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shoal's client against other people's servers: nginx (HTTP/1.1, and h2 by ALPN) and nghttpd (h2
 * by ALPN, and h2c by prior knowledge). Where one is not installed its tests are skipped.
 */
#include "bed.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MIB = 64, PATTERN = 251 };

static pid_t server;
static unsigned plain_port, tls_port;
static bool missing;

static bool is_there(const char *program)
{
    return access(program, X_OK) == 0;
}

static void make_file(const char *name, size_t size)
{
    static char block[PATTERN * 1024];
    FILE *file = fopen(tlsfolder_file(&bed.folder, name), "w");
    assert_non_null(file);
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (char)(i % PATTERN);
    for (size_t left = size; left > 0;) {
        size_t part = left < sizeof(block) ? left : sizeof(block);
        assert_int_equal(fwrite(block, 1, part, file), part);
        left -= part;
    }
    fclose(file);
}

static void open_client(bool prior_knowledge, bool no_http2)
{
    struct shoal_http_client_cfg cfg = bed_trusting();
    cfg.prior_knowledge = prior_knowledge;
    cfg.no_http2 = no_http2;
    bed_open(&cfg);
}

/* nginx */

static void write_nginx_conf(void)
{
    char path[64];
    snprintf(path, sizeof(path), "%s", bed.folder.path);
    FILE *conf = fopen(tlsfolder_file(&bed.folder, "nginx.conf"), "w");
    assert_non_null(conf);
    fprintf(conf,
            "daemon off; master_process off; pid %s/pid; error_log %s/log;\n"
            "events {}\n"
            "http { access_log off; root %s; client_max_body_size 0; keepalive_requests 20;\n"
            "  client_body_temp_path %s/t1; proxy_temp_path %s/t2; fastcgi_temp_path %s/t3;\n"
            "  uwsgi_temp_path %s/t4; scgi_temp_path %s/t5;\n"
            "  server { listen 127.0.0.1:%u; listen 127.0.0.1:%u ssl http2;\n"
            "    ssl_certificate %s/a.pem; ssl_certificate_key %s/a.key;\n"
            "    location = /connection { return 200 $connection; }\n"
            "    location = /resumed { return 200 '$connection $ssl_session_reused'; }\n"
            "    location = /moved { return 302 /connection; }\n"
            "    location = /cut { limit_rate 100k; alias %s/large; } } }\n",
            path, path, path, path, path, path, path, path, plain_port, tls_port, path, path, path);
    fclose(conf);
}

static int start_nginx(void **state)
{
    bed_setup(state);
    missing = !is_there("/usr/sbin/nginx");
    if (missing)
        return 0;
    make_file("large", (size_t)FILE_MIB << 20);
    make_file("small", 10);
    plain_port = bed_free_port();
    tls_port = bed_free_port();
    write_nginx_conf();
    char conf[128];
    snprintf(conf, sizeof(conf), "%s", tlsfolder_file(&bed.folder, "nginx.conf"));
    const char *argv[] = {"/usr/sbin/nginx", "-c", conf, "-e", "stderr", NULL};
    server = bed_spawn(plain_port, argv);
    return 0;
}

/* nghttpd */

static int start_nghttpd(void **state, bool tls)
{
    bed_setup(state);
    missing = !is_there("/usr/sbin/nghttpd");
    if (missing)
        return 0;
    make_file("large", (size_t)FILE_MIB << 20);
    make_file("small", 10);
    char port[16], key[128], cert[128];
    tls_port = plain_port = bed_free_port();
    snprintf(port, sizeof(port), "%u", plain_port);
    snprintf(key, sizeof(key), "%s", tlsfolder_file(&bed.folder, "a.key"));
    snprintf(cert, sizeof(cert), "%s", tlsfolder_file(&bed.folder, "a.pem"));
    const char *argv[] = {"/usr/sbin/nghttpd",    "--echo-upload",   "-d", bed.folder.path, port,
                          tls ? key : "--no-tls", tls ? cert : NULL, NULL};
    server = bed_spawn(plain_port, argv);
    return 0;
}

static int start_nghttpd_plain(void **state)
{
    return start_nghttpd(state, false);
}

static int start_nghttpd_tls(void **state)
{
    return start_nghttpd(state, true);
}

static int stop(void **state)
{
    if (!missing)
        bed_kill(server);
    return bed_teardown(state);
}

static void skip_where_missing(void)
{
    if (missing)
        skip();
}

/* A download by pieces, with a reader that pauses now and then. */
struct download {
    struct job job;
    struct shoal_fetch *fetch;
    struct shoal_timer pause;
    size_t size;
    unsigned parts;
    bool bad;
};

static void read_on(struct shoal_timer *timer, void *arg)
{
    struct download *download = arg;
    (void)timer;
    shoal_fetch_resume(download->fetch);
}

static void take(struct shoal_fetch *fetch, struct shoal_view data, void *arg)
{
    struct download *download = arg;
    for (size_t i = 0; i < data.size; i += 997)
        download->bad = download->bad ||
                        data.data[i] != (char)((download->size + i) % (PATTERN * 1024) % PATTERN);
    download->size += data.size;
    if (++download->parts % 50 == 0) {
        shoal_fetch_pause(fetch);
        shoal_timer_start(shoal_server_loop(bed.here, 0), &download->pause, 1);
    }
}

static void note_done(struct shoal_fetch *fetch, int status, void *arg)
{
    struct download *download = arg;
    shoal_timer_stop(&download->pause);
    download->job.status = status;
    download->job.version = shoal_fetch_version(fetch);
    sem_post(&download->job.over);
}

static void begin(void *arg)
{
    struct download *download = arg;
    struct shoal_fetch_cfg cfg = {
        .url = download->job.cfg.url, .on_data = take, .done = note_done, .arg = download};
    shoal_timer_init(&download->pause, read_on, download);
    download->job.rc = shoal_http_fetch(bed.client, &cfg, &download->fetch);
}

static void expect_download(const char *url, unsigned version)
{
    struct download download = {.job.cfg.url = url};
    sem_init(&download.job.over, 0, 0);
    bed_call(begin, &download);
    assert_int_equal(download.job.rc, 0);
    job_wait(&download.job);
    assert_int_equal(download.job.status, 0);
    assert_int_equal(download.job.version, version);
    assert_int_equal(download.size, (size_t)FILE_MIB << 20);
    assert_false(download.bad);
}

/* Many at once, over connections that the server closes after twenty requests each. */
static void expect_many(const char *url, unsigned version)
{
    enum { JOBS = 60 };
    static struct job jobs[JOBS];
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = job_get(url);
        job_start(&jobs[i]);
    }
    for (int i = 0; i < JOBS; i++) {
        job_wait(&jobs[i]);
        assert_int_equal(jobs[i].status, 0);
        assert_int_equal(jobs[i].http_status, 200);
        assert_int_equal(jobs[i].version, version);
    }
}

static void expect_one_connection(const char *url)
{
    struct job first = job_get(url), second = first;
    job_run(&first);
    job_run(&second);
    assert_int_equal(second.status, 0);
    assert_string_equal(first.body, second.body);
}

/* The tests */

static void nginx_by_1_1(void **state)
{
    (void)state;
    skip_where_missing();
    open_client(false, true);
    expect_one_connection(bed_port_url("http", plain_port, "/connection"));
    expect_many(bed_port_url("http", plain_port, "/small"), 11);
    expect_download(bed_port_url("http", plain_port, "/large"), 11);
}

static void nginx_by_1_1_over_tls(void **state)
{
    (void)state;
    skip_where_missing();
    open_client(false, true);
    expect_one_connection(bed_port_url("https", tls_port, "/connection"));
    expect_many(bed_port_url("https", tls_port, "/small"), 11);
    expect_download(bed_port_url("https", tls_port, "/large"), 11);
}

static void nginx_by_h2(void **state)
{
    (void)state;
    skip_where_missing();
    open_client(false, false);
    expect_one_connection(bed_port_url("https", tls_port, "/connection"));
    expect_many(bed_port_url("https", tls_port, "/small"), 20);
    expect_download(bed_port_url("https", tls_port, "/large"), 20);
}

/* nginx ends a connection after twenty requests; it says "r" where the TLS session of the request's
 * connection was resumed. */
static void expect_resumed(bool no_http2)
{
    char first[sizeof(((struct job *)0)->body)] = "";
    unsigned resumed = 0;
    open_client(false, no_http2);
    for (int i = 0; i < 100; i++) {
        struct job job = job_get(bed_port_url("https", tls_port, "/resumed"));
        job_run(&job);
        assert_int_equal(job.status, 0);
        if (i == 0)
            strcpy(first, job.body);
        assert_int_equal(strchr(job.body, 'r') == NULL, strcmp(job.body, first) == 0);
        resumed += strchr(job.body, 'r') != NULL;
    }
    assert_int_equal(resumed, 80);
}

static void nginx_resumes_our_tls_sessions(void **state)
{
    (void)state;
    skip_where_missing();
    expect_resumed(true);
}

static void nginx_resumes_our_tls_sessions_by_h2(void **state)
{
    (void)state;
    skip_where_missing();
    expect_resumed(false);
}

static void nginx_redirects(void **state)
{
    (void)state;
    skip_where_missing();
    open_client(false, false);
    struct job job = job_get(bed_port_url("http", plain_port, "/moved"));
    job.cfg.redirects = 1;
    job_run(&job);
    assert_int_equal(job.status, 0);
    assert_int_equal(job.http_status, 200);
}

static void nginx_that_dies_in_the_middle(void **state)
{
    (void)state;
    skip_where_missing();
    open_client(false, false);
    struct job job = job_get(bed_port_url("http", plain_port, "/cut"));
    job_start(&job);
    usleep(200000); /* somewhere in the middle; anywhere is right */
    kill(server, SIGKILL);
    job_wait(&job);
    assert_int_equal(job.status, -SHOAL_EPIPE);
}

static void expect_nghttpd(const char *scheme)
{
    struct job post = job_get(bed_port_url(scheme, plain_port, "/echo"));
    post.cfg.body = shoal_view_of("hello");
    job_run(&post);
    assert_answer(&post, 200, 20, "hello");
    expect_many(bed_port_url(scheme, plain_port, "/small"), 20);
    expect_download(bed_port_url(scheme, plain_port, "/large"), 20);
}

static void nghttpd_by_h2c(void **state)
{
    (void)state;
    skip_where_missing();
    open_client(true, false);
    expect_nghttpd("http");
}

static void nghttpd_by_h2(void **state)
{
    (void)state;
    skip_where_missing();
    open_client(false, false);
    expect_nghttpd("https");
}

#define NGINX(name) cmocka_unit_test_setup_teardown(name, start_nginx, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NGINX(nginx_by_1_1),
        NGINX(nginx_by_1_1_over_tls),
        NGINX(nginx_by_h2),
        NGINX(nginx_resumes_our_tls_sessions),
        NGINX(nginx_resumes_our_tls_sessions_by_h2),
        NGINX(nginx_redirects),
        NGINX(nginx_that_dies_in_the_middle),
        cmocka_unit_test_setup_teardown(nghttpd_by_h2c, start_nghttpd_plain, stop),
        cmocka_unit_test_setup_teardown(nghttpd_by_h2, start_nghttpd_tls, stop),
    };
    return cmocka_run_group_tests_name("http client, other servers", tests, NULL, NULL);
}
