/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answering from elsewhere, with loops, pool and sockets: from another thread, from the pool, and
 * too late. The client is this test's own thread with a blocking socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <shoal/error.h>
#include <shoal/http.h>

enum { PATIENCE_S = 30 };

static struct shoal_server *server;
static struct shoal_listener *listener;
static struct shoal_http_id last_id;
static sem_t happened; /* something that a test waits for */
static sem_t go_on;    /* what a worker waits for */
static atomic_int status_seen;
static atomic_bool request_seen = true;

static void wait_for(sem_t *sem)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    assert_int_equal(sem_timedwait(sem, &end), 0);
}

static void note_close(struct shoal_http_request *req, int status, void *arg)
{
    (void)req;
    (void)arg;
    atomic_store(&status_seen, status);
    sem_post(&happened);
}

/* Tells the test's thread which request there is, and leaves it to others. */
static void hold(struct shoal_http_request *req, void *arg)
{
    last_id = shoal_http_get_id(req);
    if (arg)
        shoal_http_on_close(req, note_close, NULL);
    sem_post(&happened);
}

static void work(void *arg)
{
    (void)arg;
    sem_post(&happened);
    wait_for(&go_on);
}

static void work_done(struct shoal_http_request *req, int status, void *arg)
{
    (void)arg;
    atomic_store(&status_seen, status);
    atomic_store(&request_seen, req != NULL);
    if (req)
        shoal_http_reply(req, 200, "text/plain", "done");
    sem_post(&happened);
}

static void offload(struct shoal_http_request *req, void *arg)
{
    int rc = shoal_http_offload(req, work, work_done, arg);
    if (rc < 0)
        shoal_http_reply(req, 503, "text/plain", "%d", rc);
}

static void leaving(struct shoal_http_request *req, void *arg)
{
    shoal_http_on_close(req, note_close, arg);
    offload(req, arg);
}

static void expiring(struct shoal_http_request *req, void *arg)
{
    shoal_http_set_deadline(req, 50);
    offload(req, arg);
}

static void start(int workers)
{
    sem_init(&happened, 0, 0);
    sem_init(&go_on, 0, 0);
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = 2;
    cfg.workers = workers;
    assert_int_equal(shoal_server_create(&cfg, &server), 0);
    struct shoal_http_app *app = shoal_http_app_create(server);
    shoal_http_route(app, "GET", "/hold", hold, NULL);
    shoal_http_route(app, "GET", "/watched", hold, &status_seen);
    shoal_http_route(app, "GET", "/work", offload, NULL);
    shoal_http_route(app, "GET", "/leaving", leaving, NULL);
    shoal_http_route(app, "GET", "/expiring", expiring, NULL);
    assert_int_equal(shoal_listen_http(server, "tcp://127.0.0.1:0", app, NULL, &listener), 0);
    assert_int_equal(shoal_server_start(server), 0);
}

static void stop(void)
{
    assert_int_equal(shoal_server_drain(server, 5000, NULL), 0);
    assert_int_equal(shoal_server_destroy(&server), 0);
    sem_destroy(&happened);
    sem_destroy(&go_on);
}

static int ask(const char *path)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = PATIENCE_S};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    const char *port = strrchr(shoal_listener_url(listener), ':') + 1;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    char text[128];
    int size = snprintf(text, sizeof(text),
                        "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    assert_int_equal(write(fd, text, (size_t)size), size);
    return fd;
}

/* Closes with a reset: the client has gone for good. */
static void leave(int fd)
{
    struct linger reset = {.l_onoff = 1};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(fd);
}

/* Everything until the server ends; closes. */
static char *answer_of(int fd)
{
    static char answer[4096];
    size_t size = 0;
    ssize_t got;
    while ((got = read(fd, answer + size, sizeof(answer) - 1 - size)) > 0)
        size += (size_t)got;
    assert_int_equal(got, 0);
    answer[size] = '\0';
    close(fd);
    return answer;
}

static struct shoal_buf *buf_of(const char *text)
{
    struct shoal_buf *buf = shoal_buf_create();
    assert_int_equal(shoal_buf_append(buf, text, strlen(text)), 0);
    return buf;
}

static void an_answer_from_another_thread_arrives(void **state)
{
    (void)state;
    start(0);
    int fd = ask("/hold");
    wait_for(&happened);
    struct shoal_buf *body = buf_of("from afar");
    assert_int_equal(shoal_http_answer(server, last_id, 201, "a/b", &body), 0);
    assert_null(body);
    const char *answer = answer_of(fd);
    assert_non_null(strstr(answer, "HTTP/1.1 201 Created\r\n"));
    assert_non_null(strstr(answer, "Content-Type: a/b\r\n"));
    assert_non_null(strstr(answer, "\r\n\r\nfrom afar"));
    stop();
}

static void a_bad_answer_from_another_thread_is_500(void **state)
{
    (void)state;
    start(0);
    int fd = ask("/hold");
    wait_for(&happened);
    struct shoal_buf *body = buf_of("x");
    assert_int_equal(shoal_http_answer(server, last_id, 42, NULL, &body), 0);
    assert_non_null(strstr(answer_of(fd), "HTTP/1.1 500 "));
    stop();
}

static void look(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    atomic_store(&request_seen, req != NULL);
    if (req)
        shoal_http_reply(req, 200, NULL, "%s", shoal_http_path(req));
    sem_post(&happened);
}

static void a_call_finds_the_request_or_that_it_has_ended(void **state)
{
    (void)state;
    start(0);
    int fd = ask("/hold");
    wait_for(&happened);
    assert_int_equal(shoal_http_call(server, last_id, look, NULL), 0);
    wait_for(&happened);
    assert_true(atomic_load(&request_seen));
    assert_non_null(strstr(answer_of(fd), "\r\n\r\n/hold"));
    assert_int_equal(shoal_http_call(server, last_id, look, NULL), 0);
    wait_for(&happened);
    assert_false(atomic_load(&request_seen));
    struct shoal_buf *body = buf_of("late");
    assert_int_equal(shoal_http_answer(server, last_id, 200, NULL, &body), 0);
    stop();
}

static void a_client_that_leaves_is_told_to_the_handler(void **state)
{
    (void)state;
    start(0);
    int fd = ask("/watched");
    wait_for(&happened);
    leave(fd);
    wait_for(&happened);
    assert_int_equal(atomic_load(&status_seen), -SHOAL_EPIPE);
    stop();
}

static void work_in_the_pool_is_answered_on_the_loop(void **state)
{
    (void)state;
    start(1);
    int fd = ask("/work");
    wait_for(&happened);
    sem_post(&go_on);
    wait_for(&happened);
    assert_int_equal(atomic_load(&status_seen), 0);
    assert_non_null(strstr(answer_of(fd), "\r\n\r\ndone"));
    stop();
}

static void work_whose_client_has_left_is_done_without_a_request(void **state)
{
    (void)state;
    start(1);
    int fd = ask("/leaving");
    wait_for(&happened);
    leave(fd);
    wait_for(&happened);
    assert_int_equal(atomic_load(&status_seen), -SHOAL_EPIPE);
    sem_post(&go_on);
    wait_for(&happened);
    assert_false(atomic_load(&request_seen));
    stop();
}

static void work_is_not_started_for_a_request_that_has_ended(void **state)
{
    (void)state;
    start(1);
    int busy = ask("/work");
    wait_for(&happened);
    int waiting = ask("/expiring");
    assert_non_null(strstr(answer_of(waiting), "HTTP/1.1 503 "));
    wait_for(&happened); /* its done, while the only worker is still busy */
    assert_int_not_equal(atomic_load(&status_seen), 0);
    assert_false(atomic_load(&request_seen));
    sem_post(&go_on);
    assert_non_null(strstr(answer_of(busy), "\r\n\r\ndone"));
    stop();
}

static void without_a_pool_nothing_is_offloaded(void **state)
{
    (void)state;
    start(0);
    char expected[16];
    snprintf(expected, sizeof(expected), "\r\n\r\n%d", -SHOAL_ESTATE);
    assert_non_null(strstr(answer_of(ask("/work")), expected));
    stop();
}

static void listening_needs_an_app_of_the_same_server(void **state)
{
    (void)state;
    struct shoal_server *one;
    struct shoal_server *two;
    assert_int_equal(shoal_server_create(NULL, &one), 0);
    assert_int_equal(shoal_server_create(NULL, &two), 0);
    struct shoal_http_app *app = shoal_http_app_create(one);
    assert_int_equal(shoal_listen_http(two, "tcp://127.0.0.1:0", app, NULL, NULL), -SHOAL_EINVAL);
    assert_int_equal(shoal_server_start(two), -SHOAL_EINVAL);
    assert_int_equal(shoal_listen_http(one, "tcp://127.0.0.1:0", NULL, NULL, NULL), -SHOAL_EINVAL);
    struct shoal_http_cfg cfg = SHOAL_HTTP_CFG_INIT;
    cfg.server_field = "a\r\nb";
    assert_int_equal(shoal_listen_http(one, "tcp://127.0.0.1:0", app, &cfg, NULL), -SHOAL_EINVAL);
    assert_int_equal(shoal_listen_http(one, "nonsense", app, NULL, NULL), -SHOAL_EURL);
    assert_int_equal(shoal_server_destroy(&one), 0);
    assert_int_equal(shoal_server_destroy(&two), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_from_another_thread_arrives),
        cmocka_unit_test(a_bad_answer_from_another_thread_is_500),
        cmocka_unit_test(a_call_finds_the_request_or_that_it_has_ended),
        cmocka_unit_test(a_client_that_leaves_is_told_to_the_handler),
        cmocka_unit_test(work_in_the_pool_is_answered_on_the_loop),
        cmocka_unit_test(work_whose_client_has_left_is_done_without_a_request),
        cmocka_unit_test(work_is_not_started_for_a_request_that_has_ended),
        cmocka_unit_test(without_a_pool_nothing_is_offloaded),
        cmocka_unit_test(listening_needs_an_app_of_the_same_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
