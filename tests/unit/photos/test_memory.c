/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The photo service while every single allocation fails in turn: an answer may be an error or a cut
 * connection, but what was acknowledged is there, a photo is never served wrong or in part, nothing
 * leaks and the service goes on. Server, volume and client are in this process; the client
 * allocates nothing.
 */
#include "box.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <shoal/http.h>
#include <shoal/server.h>

#include "photos/photos.h"
#include "support/failmalloc.h"

enum { LARGE = 600 * 1024, SMALL = 20 };

static struct {
    struct box *box;
    struct photos photos;
    struct shoal_server *server;
    struct shoal_listener *listener;
    char body[LARGE];
    char answer[LARGE + 4096];
    size_t answer_size;
} world;

/* The server */

static void start_server(void)
{
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = 1;
    cfg.workers = 1;
    assert_int_equal(shoal_server_create(&cfg, &world.server), 0);
    world.photos = (struct photos){world.server, world.box->volume, world.box->folder, LARGE};
    struct shoal_http_app *app = shoal_http_app_create(world.server);
    assert_int_equal(shoal_http_route(app, "GET", "/photos", photos_list, &world.photos), 0);
    assert_int_equal(shoal_http_route(app, "GET", "/stats", photos_stats, &world.photos), 0);
    assert_int_equal(shoal_http_route(app, "GET", "/photo/{key...}", photo_get, &world.photos), 0);
    assert_int_equal(shoal_http_route(app, "PUT", "/photo/{key...}", photo_put, &world.photos), 0);
    assert_int_equal(
        shoal_http_route(app, "DELETE", "/photo/{key...}", photo_delete, &world.photos), 0);
    assert_int_equal(
        shoal_listen_http(world.server, "tcp://127.0.0.1:0", app, NULL, &world.listener), 0);
    assert_int_equal(shoal_server_start(world.server), 0);
}

static int setup(void **state)
{
    int rc = box_setup(state);
    world.box = *state;
    for (size_t i = 0; i < LARGE; i++)
        world.body[i] = (char)(i * 7 + i / 251);
    start_server();
    return rc;
}

static int teardown(void **state)
{
    assert_int_equal(shoal_server_destroy(&world.server), 0);
    return box_teardown(state);
}

/* The client */

static int connect_to_server(void)
{
    const char *port = strrchr(shoal_listener_url(world.listener), ':') + 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 30};
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(sock, (struct sockaddr *)&address, sizeof(address)), 0);
    return sock;
}

static void send_all(int sock, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = send(sock, bytes, size, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* it was cut; so is the answer */
        bytes += n;
        size -= (size_t)n;
    }
}

/* One request on a connection of its own; returns the status, 0 where there is no whole answer. */
static int ask(const char *method, const char *path, const char *fields, size_t body_size)
{
    char head[512];
    int size = snprintf(head, sizeof(head),
                        "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n"
                        "%s\r\n",
                        method, path, body_size, fields);
    int sock = connect_to_server();
    send_all(sock, head, (size_t)size);
    send_all(sock, world.body, body_size);
    world.answer_size = 0;
    ssize_t n;
    while ((n = recv(sock, world.answer + world.answer_size,
                     sizeof(world.answer) - 1 - world.answer_size, 0)) > 0)
        world.answer_size += (size_t)n;
    assert_true(n == 0 || errno == ECONNRESET);
    world.answer[world.answer_size] = '\0';
    close(sock);
    return world.answer_size > 12 ? atoi(world.answer + 9) : 0;
}

/* Whether the answer holds the first bytes of the body, all of them. */
static bool has_body(size_t size)
{
    const char *end = strstr(world.answer, "\r\n\r\n");
    return end && world.answer_size == (size_t)(end + 4 - world.answer) + size &&
           memcmp(end + 4, world.body, size) == 0;
}

/* A 2xx must be whole; what was cut is shorter than it says. */
static bool is_sound(int status, size_t size)
{
    char length[48];
    snprintf(length, sizeof(length), "Content-Length: %zu\r\n", size);
    return status != 200 || has_body(size) || strstr(world.answer, length);
}

/* The sweep */

struct wanted {
    bool small, large;
};

/* Returns how many answers were not what they are with all the memory in the world. */
static int use_everything(struct wanted *wanted)
{
    static const char type[] = "Content-Type: image/test\r\nIf-None-Match: \"x\"\r\n";
    int status = ask("PUT", "/photo/small", type, SMALL), odd = status != 201;
    wanted->small = status == 201;
    status = ask("PUT", "/photo/large", type, LARGE);
    wanted->large = status == 201;
    odd += status != 201;
    status = ask("GET", "/photo/small", "", 0);
    assert_true(is_sound(status, SMALL));
    odd += status != 200;
    status = ask("GET", "/photo/large", "", 0);
    assert_true(is_sound(status, LARGE));
    odd += status != 200;
    odd += ask("GET", "/photo/large", "Range: bytes=1-2,300000-599999\r\n", 0) != 206;
    odd += ask("GET", "/photos", "", 0) != 200;
    odd += ask("GET", "/stats", "", 0) != 200;
    odd += ask("DELETE", "/photo/gone", "", 0) != 404;
    status = ask("DELETE", "/photo/small", "", 0);
    wanted->small = wanted->small && status != 204;
    return odd + (status != 204);
}

static void expect_photo(const char *path, size_t size)
{
    assert_int_equal(ask("GET", path, "", 0), 200);
    assert_true(has_body(size));
}

static void every_answer_is_whole_or_none_whatever_allocation_fails(void **state)
{
    (void)state;
    long failures = 1;
    for (long k = 1; failures > 0; k++) {
        struct wanted wanted;
        failmalloc_at(k);
        int odd = use_everything(&wanted);
        failmalloc_off();
        failures = failmalloc_failures();
        assert_in_range(odd, 0, failures > 0 ? 9 : 0);
        if (wanted.large)
            expect_photo("/photo/large", LARGE);
        if (ask("DELETE", "/photo/small", "", 0) == 404)
            assert_false(wanted.small);
        (void)ask("DELETE", "/photo/large", "", 0);
        assert_int_equal(ask("GET", "/photo/large", "", 0), 404);
        if (failures == 0)
            assert_in_range(k, 30, 5000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_answer_is_whole_or_none_whatever_allocation_fails,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
