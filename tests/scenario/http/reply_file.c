/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files by the library's calls: one that a handler has opened, content that lies inside of one, and
 * a directory under a prefix. The client is this test's own thread with a blocking socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <shoal/error.h>
#include <shoal/http.h>

enum { SIZE = 3000000 };

static struct shoal_server *server;
static char directory[] = "/tmp/shoal-reply-XXXXXX";
static char answer[SIZE + 4096];
static size_t answer_size;

static const char *path_of(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static int open_file(const char *name)
{
    return open(path_of(name), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* The answer tells what the library said where it did not take the file. */
static void reply(struct shoal_http_request *req, int fd, const char *name, bool close_fd)
{
    int rc = shoal_http_reply_file(req, fd, name, close_fd);
    if (rc < 0)
        shoal_http_reply(req, 200, "text/plain", "refused: %s", shoal_strerrorname(rc));
    if (rc < 0 || !close_fd)
        close(fd);
}

static void lend(struct shoal_http_request *req, void *arg)
{
    reply(req, open_file(arg), arg, false);
}

static void give(struct shoal_http_request *req, void *arg)
{
    reply(req, open_file(arg), arg, true);
}

static void refuse(struct shoal_http_request *req, void *arg)
{
    int ends[2];
    (void)arg;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[1]);
    reply(req, ends[0], "x", true);
}

enum { INSIDE = 1000, INSIDE_SIZE = 2000000 };
static atomic_uint released;

static void release(void *arg)
{
    close(*(int *)arg);
    free(arg);
    atomic_fetch_add(&released, 1);
}

/* `arg`: the tag. */
static void reply_inside(struct shoal_http_request *req, void *arg)
{
    int *fd = malloc(sizeof(*fd));
    struct shoal_http_content content = SHOAL_HTTP_CONTENT_INIT;
    *fd = open_file("data.json");
    content.type = "image/test";
    content.etag = arg;
    content.modified = 784111777;
    content.fd = *fd;
    content.offset = INSIDE;
    content.length = INSIDE_SIZE;
    content.release = release;
    content.arg = fd;
    int rc = shoal_http_reply_content(req, &content);
    if (rc < 0) {
        release(fd);
        shoal_http_reply(req, 200, "text/plain", "refused: %s", shoal_strerrorname(rc));
    }
}

static int start(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    FILE *file = fopen(path_of("data.json"), "we");
    assert_non_null(file);
    for (int i = 0; i < SIZE; i++)
        (void)fputc(i % 251, file);
    assert_int_equal(fclose(file), 0);

    static char name[] = "data.json", itself[] = ".";
    static char tag[] = "\"tag\"", bad_tag[] = "\"a\"b\"", weak_tag[] = "W/\"tag\"";
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = 1;
    assert_int_equal(shoal_server_create(&cfg, &server), 0);
    struct shoal_http_app *app = shoal_http_app_create(server);
    shoal_http_route(app, "*", "/lent", lend, name);
    shoal_http_route(app, "GET", "/given", give, name);
    shoal_http_route(app, "GET", "/directory", give, itself);
    shoal_http_route(app, "GET", "/pipe", refuse, NULL);
    shoal_http_route(app, "GET", "/inside", reply_inside, tag);
    shoal_http_route(app, "GET", "/bad-tag", reply_inside, bad_tag);
    shoal_http_route(app, "GET", "/weak-tag", reply_inside, weak_tag);
    struct shoal_http_files_cfg files = SHOAL_HTTP_FILES_CFG_INIT;
    files.cache_control = "max-age=60";
    assert_int_equal(shoal_http_files(app, "/static/", directory, &files), 0);
    struct shoal_listener *listener;
    assert_int_equal(shoal_listen_http(server, "tcp://127.0.0.1:0", app, NULL, &listener), 0);
    assert_int_equal(shoal_server_start(server), 0);
    *state = listener;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    assert_int_equal(shoal_server_destroy(&server), 0);
    unlink(path_of("data.json"));
    return rmdir(directory);
}

static void ask(void **state, const char *method, const char *target, const char *fields)
{
    const char *port = strrchr(shoal_listener_url(*state), ':') + 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 30};
    char request[512];
    int size = snprintf(request, sizeof(request),
                        "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n", method, target,
                        fields);
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(sock, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(sock, request, (size_t)size, MSG_NOSIGNAL), size);
    answer_size = 0;
    ssize_t n;
    while ((n = recv(sock, answer + answer_size, sizeof(answer) - 1 - answer_size, 0)) > 0)
        answer_size += (size_t)n;
    assert_int_equal(n, 0);
    answer[answer_size] = '\0';
    close(sock);
}

static void assert_head_has(const char *text)
{
    const char *end = strstr(answer, "\r\n\r\n");
    const char *found = strstr(answer, text);
    if (!end || !found || found > end)
        fail_msg("no \"%s\" in the head of \"%.300s\"", text, answer);
}

static void assert_whole_file(void)
{
    const char *body = strstr(answer, "\r\n\r\n");
    assert_non_null(body);
    body += 4;
    assert_int_equal(answer_size - (size_t)(body - answer), SIZE);
    for (int i = 0; i < SIZE; i++) {
        if ((unsigned char)body[i] != i % 251)
            fail_msg("byte %d is wrong", i);
    }
}

/* Looks for bytes of the content from `first` on behind the text. Returns what follows them. */
static const char *assert_bytes_behind(const char *text, int first, int count)
{
    const char *bytes = memmem(answer, answer_size, text, strlen(text));
    assert_non_null(bytes);
    bytes += strlen(text);
    for (int i = 0; i < count; i++)
        assert_int_equal((unsigned char)bytes[i], (INSIDE + first + i) % 251);
    return bytes + count;
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void a_lent_descriptor_may_be_closed_at_once(void **state)
{
    ask(state, "GET", "/lent", "");
    assert_head_has("200 OK");
    assert_head_has("Content-Type: application/json");
    assert_whole_file();
}

static void a_given_descriptor_is_closed_when_the_file_is_sent(void **state)
{
    ask(state, "GET", "/given", "");
    assert_whole_file();
    int before = open_descriptors();
    for (int i = 0; i < 20; i++)
        ask(state, "GET", "/given", "Range: bytes=-5\r\n");
    assert_head_has("206 Partial Content");
    assert_in_range(open_descriptors(), 0, before + 5);
}

static void what_is_no_regular_file_is_refused_and_stays_the_callers(void **state)
{
    ask(state, "GET", "/directory", "");
    assert_non_null(strstr(answer, "refused: EINVAL"));
    ask(state, "GET", "/pipe", "");
    assert_non_null(strstr(answer, "refused: EINVAL"));
}

static void conditions_and_ranges_are_for_reading_only(void **state)
{
    ask(state, "GET", "/lent", "If-None-Match: *\r\n");
    assert_head_has("304 Not Modified");
    ask(state, "POST", "/lent", "Content-Length: 0\r\nIf-None-Match: *\r\nRange: bytes=0-0\r\n");
    assert_head_has("200 OK");
    assert_whole_file();
}

static void content_inside_of_a_file_is_sent_as_if_it_were_one(void **state)
{
    ask(state, "GET", "/inside", "");
    assert_head_has("200 OK");
    assert_head_has("Content-Type: image/test");
    assert_head_has("ETag: \"tag\"");
    assert_head_has("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT");
    assert_head_has("Content-Length: 2000000");
    const char *end = assert_bytes_behind("\r\n\r\n", 0, INSIDE_SIZE);
    assert_ptr_equal(end, answer + answer_size);
    ask(state, "GET", "/inside", "Range: bytes=-7\r\n");
    assert_head_has("Content-Range: bytes 1999993-1999999/2000000");
    assert_bytes_behind("\r\n\r\n", INSIDE_SIZE - 7, 7);
    ask(state, "GET", "/inside", "Range: bytes=0-4,1500000-1599999\r\n");
    assert_head_has("206 Partial Content");
    assert_bytes_behind("Content-Range: bytes 0-4/2000000\r\n\r\n", 0, 5);
    end = assert_bytes_behind("bytes 1500000-1599999/2000000\r\n\r\n", 1500000, 100000);
    assert_memory_equal(end, "\r\n--", 4);
    ask(state, "GET", "/inside", "Range: bytes=2000000-\r\n");
    assert_head_has("416 Range Not Satisfiable");
    ask(state, "GET", "/inside", "If-None-Match: \"tag\"\r\n");
    assert_head_has("304 Not Modified");
}

static void content_is_released_once_for_every_answer(void **state)
{
    static const char *const fields[] = {"", "Range: bytes=1-1\r\n", "If-Match: \"x\"\r\n",
                                         "If-None-Match: *\r\n", "Range: bytes=9999999-\r\n"};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        unsigned before = atomic_load(&released);
        ask(state, i % 2 == 0 ? "GET" : "HEAD", "/inside", fields[i]);
        while (atomic_load(&released) == before)
            sched_yield();
        assert_int_equal(atomic_load(&released), before + 1);
    }
}

static void a_bad_tag_is_refused_and_the_content_stays_the_callers(void **state)
{
    ask(state, "GET", "/bad-tag", "");
    assert_non_null(strstr(answer, "refused: EINVAL"));
    ask(state, "GET", "/weak-tag", "");
    assert_non_null(strstr(answer, "refused: EINVAL"));
}

static void a_directory_is_served_under_its_prefix(void **state)
{
    ask(state, "GET", "/static/data.json", "");
    assert_head_has("Cache-Control: max-age=60");
    assert_whole_file();
    ask(state, "GET", "/static?a=b", "");
    assert_head_has("Location: /static/?a=b");
    ask(state, "GET", "/data.json", "");
    assert_head_has("404 Not Found");
}

static void a_root_that_is_not_there_is_told_at_once_and_at_the_start(void **state)
{
    (void)state;
    struct shoal_server *other;
    assert_int_equal(shoal_server_create(NULL, &other), 0);
    struct shoal_http_app *app = shoal_http_app_create(other);
    assert_int_equal(shoal_http_files(app, "/", "/no/such/directory", NULL), -ENOENT);
    assert_int_equal(shoal_http_files(NULL, "/", directory, NULL), -SHOAL_EINVAL);
    assert_int_equal(shoal_http_files(app, "static", directory, NULL), -SHOAL_EINVAL);
    struct shoal_http_files_cfg cfg = SHOAL_HTTP_FILES_CFG_INIT;
    cfg.index = "../secret";
    assert_int_equal(shoal_http_files(app, "/", directory, &cfg), -SHOAL_EINVAL);
    assert_true(shoal_server_start(other) < 0);
    assert_int_equal(shoal_server_destroy(&other), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lent_descriptor_may_be_closed_at_once),
        cmocka_unit_test(a_given_descriptor_is_closed_when_the_file_is_sent),
        cmocka_unit_test(what_is_no_regular_file_is_refused_and_stays_the_callers),
        cmocka_unit_test(conditions_and_ranges_are_for_reading_only),
        cmocka_unit_test(content_inside_of_a_file_is_sent_as_if_it_were_one),
        cmocka_unit_test(content_is_released_once_for_every_answer),
        cmocka_unit_test(a_bad_tag_is_refused_and_the_content_stays_the_callers),
        cmocka_unit_test(a_directory_is_served_under_its_prefix),
        cmocka_unit_test(a_root_that_is_not_there_is_told_at_once_and_at_the_start),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
