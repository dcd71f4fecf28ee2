/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The HTTP service: a handler of each kind that the library knows, to try and to measure.
 *
 *     GET /              the request's fields            POST /echo        the body, as it comes
 *     GET /hello[/NAME]  a greeting                      GET /delay/MS     later, by a timer
 *     GET /bytes/N       N bytes, streamed               GET /work/MS      later, by the pool
 *     GET /events        a tick a second               GET /ws           WebSocket's messages back
 *
 * With --root DIR it serves the files of that directory instead.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <shoal/error.h>
#include <shoal/http.h>
#include <shoal/websocket.h>

#include "host.h"
#include "parse.h"
#include "web_cfg.h"

enum {
    MOST_DELAY_MS = 60 * 60 * 1000,
    MOST_WORK_MS = 60 * 1000,
    TICK_MS = 1000,
    TICKS_WAITING = 64 * 1024 /* bytes; a client that has so many waiting gets no more of them */
};

static void fail(struct shoal_http_request *req)
{
    if (shoal_http_reply_status(req, 503) < 0)
        shoal_http_abort(req);
}

/* The route's parameter as a number; answers 400 where it is none, or above `max`. */
static bool read_param(struct shoal_http_request *req, const char *name, uint64_t max,
                       uint64_t *out)
{
    if (parse_number(shoal_view_of(shoal_http_param(req, name)), max, out))
        return true;
    shoal_http_reply(req, 400, "text/plain", "expected a whole number up to %llu\n",
                     (unsigned long long)max);
    return false;
}

/* Greetings */

static void hello_world(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_reply_view(req, 200, "text/plain", shoal_view_of("Hello, world!\n"));
}

static void hello(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_reply(req, 200, "text/plain", "Hello, %s!\n", shoal_http_param(req, "name"));
}

static int list_fields(const struct shoal_http_request *req, struct shoal_buf *list)
{
    struct shoal_view name;
    struct shoal_view value;
    int rc = 0;
    for (size_t i = 0; rc == 0 && shoal_http_field_at(req, i, &name, &value); i++)
        rc = shoal_buf_printf(list, "%.*s: %.*s\n", (int)name.size, name.data, (int)value.size,
                              value.size ? value.data : "");
    return rc;
}

static void show_fields(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    struct shoal_buf *list = shoal_buf_create();
    if (!list || list_fields(req, list) < 0 ||
        shoal_http_reply_buf(req, 200, "text/plain", list) < 0)
        fail(req);
    shoal_buf_destroy(&list);
}

/* Echo: the client's pace is the reader's. */

static void echo_on(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_resume(req);
}

static void echo_part(struct shoal_http_request *req, struct shoal_view part, void *arg)
{
    (void)arg;
    int rc = shoal_http_write(req, part);
    if (rc < 0)
        shoal_http_abort(req);
    else if (rc > 0)
        shoal_http_pause(req);
}

static void echo_end(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    (void)shoal_http_end(req);
}

static const char *type_of(const struct shoal_http_request *req)
{
    struct shoal_view type = shoal_http_field(req, "content-type");
    return type.size > 0 ? NULL : "application/octet-stream";
}

/* The body is asked for before the response begins: a client that waits for our word to send it is
 * told by the one and not by the other. */
static void echo(struct shoal_http_request *req, void *arg)
{
    struct shoal_view type = shoal_http_field(req, "content-type");
    if (type.size > 0)
        (void)shoal_http_add_view(req, shoal_view_of("Content-Type"), type);
    shoal_http_on_drained(req, echo_on, arg);
    shoal_http_pause(req);
    (void)shoal_http_read(req, echo_part, echo_end, arg);
    if (shoal_http_begin(req, 200, type_of(req), shoal_http_body_length(req)) < 0)
        fail(req);
    shoal_http_resume(req);
}

/* Bytes: a block that is in memory once, lent as often as needed. */

static char block[16 * 1024]; /* filled before the server starts, and only read from then on */

static int fill_block(struct host *host)
{
    static const char line[] = "The quick brown fox jumps over the lazy dog; so do eight more..\n";
    (void)host;
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = line[i % (sizeof(line) - 1)];
    return 0;
}

/* In the request's memory. */
struct bytes {
    uint64_t left;
};

static int send_block(struct shoal_http_request *req, size_t size)
{
    struct shoal_buf *part = shoal_buf_create();
    int rc = part ? shoal_buf_append_lent(part, block, size, NULL, NULL) : -SHOAL_ENOMEM;
    if (rc == 0)
        rc = shoal_http_write_buf(req, part);
    shoal_buf_destroy(&part);
    return rc;
}

static void send_bytes(struct shoal_http_request *req, void *arg)
{
    struct bytes *self = arg;
    int rc = 0;
    while (rc == 0 && self->left > 0) {
        size_t size = self->left < sizeof(block) ? (size_t)self->left : sizeof(block);
        rc = send_block(req, size);
        self->left -= rc >= 0 ? size : 0;
    }
    if (rc < 0)
        shoal_http_abort(req);
    else if (self->left == 0)
        (void)shoal_http_end(req);
}

static void bytes(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    uint64_t size;
    if (!read_param(req, "n", INT64_MAX, &size))
        return;
    struct bytes *self = shoal_http_alloc(req, sizeof(*self));
    if (!self || shoal_http_begin(req, 200, "application/octet-stream", (int64_t)size) < 0) {
        fail(req);
        return;
    }
    self->left = strcmp(shoal_http_method(req), "HEAD") == 0 ? 0 : size;
    shoal_http_on_drained(req, send_bytes, self);
    send_bytes(req, self);
}

/* Later: a timer in the request's memory, stopped at its end. */

static void stop_timer(struct shoal_http_request *req, int status, void *arg)
{
    (void)req;
    (void)status;
    shoal_timer_stop(arg);
}

static bool start_timer(struct shoal_http_request *req, shoal_timer_fn *fire, int64_t ms)
{
    struct shoal_timer *timer = shoal_http_alloc(req, sizeof(*timer));
    if (!timer)
        return false;
    shoal_timer_init(timer, fire, req);
    return shoal_http_on_close(req, stop_timer, timer) == 0 &&
           shoal_timer_start(shoal_http_loop(req), timer, ms) == 0;
}

static void delay_over(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    shoal_http_reply(arg, 200, "text/plain", "waited %s ms\n", shoal_http_param(arg, "ms"));
}

static void delay(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    uint64_t ms;
    if (read_param(req, "ms", MOST_DELAY_MS, &ms) && !start_timer(req, delay_over, (int64_t)ms))
        fail(req);
}

/* Work: the number of milliseconds is all that the worker needs, so it is the argument itself. */

static void hold_worker(void *arg)
{
    uintptr_t ms = (uintptr_t)arg;
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

static void work_done(struct shoal_http_request *req, int status, void *arg)
{
    if (req && status == 0)
        shoal_http_reply(req, 200, "text/plain", "worked %llu ms\n",
                         (unsigned long long)(uintptr_t)arg);
    else if (req)
        fail(req);
}

static void work(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    uint64_t ms;
    if (read_param(req, "ms", MOST_WORK_MS, &ms) &&
        shoal_http_offload(req, hold_worker, work_done, (void *)(uintptr_t)ms) < 0)
        fail(req);
}

/* Events */

static bool send_tick(struct shoal_http_request *req)
{
    char now[32];
    int64_t ms = shoal_loop_now_ms(shoal_http_loop(req));
    snprintf(now, sizeof(now), "%lld", (long long)ms);
    return shoal_http_event(req, "tick", NULL, shoal_view_of(now)) >= 0;
}

static void tick(struct shoal_timer *timer, void *arg)
{
    struct shoal_http_request *req = arg;
    struct shoal_loop *loop = shoal_http_loop(req);
    bool good = shoal_http_pending(req) > TICKS_WAITING || send_tick(req);
    if (shoal_server_draining(shoal_loop_server(loop)))
        (void)shoal_http_end(req);
    else if (!good || shoal_timer_start(loop, timer, TICK_MS) < 0)
        shoal_http_abort(req);
}

static void events(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    if (!start_timer(req, tick, TICK_MS) || !send_tick(req))
        fail(req);
}

/* WebSocket: who does not read what comes back is not read from either. */

static void send_back(struct shoal_conn *conn, enum shoal_websocket_kind kind,
                      struct shoal_view message)
{
    if (shoal_websocket_send(conn, kind, message) == 1)
        shoal_conn_pause(conn);
}

static const struct shoal_websocket_service websocket_echo = {
    .on_message = send_back,
    .on_drained = shoal_conn_resume,
};

static void websocket(struct shoal_http_request *req, void *arg)
{
    int rc = shoal_websocket_accept(req, arg);
    if (rc < 0 && rc != -SHOAL_EPROTOCOL)
        fail(req);
}

/* The service */

static const struct {
    const char *method, *pattern;
    shoal_http_handler_fn *handler;
} routes[] = {
    {"GET", "/", show_fields},   {"GET", "/hello", hello_world}, {"GET", "/hello/{name}", hello},
    {"POST", "/echo", echo},     {"GET", "/bytes/{n}", bytes},   {"GET", "/delay/{ms}", delay},
    {"GET", "/work/{ms}", work}, {"GET", "/events", events},
};

static int add_routes(struct shoal_http_app *app)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(routes) / sizeof(routes[0]); i++)
        rc = shoal_http_route(app, routes[i].method, routes[i].pattern, routes[i].handler, NULL);
    void *echoing = (void *)(uintptr_t)&websocket_echo;
    return rc == 0 ? shoal_http_route(app, "GET", "/ws", websocket, echoing) : rc;
}

static int add_files(struct shoal_http_app *app, const struct options *options)
{
    struct shoal_http_files_cfg files = SHOAL_HTTP_FILES_CFG_INIT;
    files.list = options->list;
    return shoal_http_files(app, "/", options->root, &files);
}

static int listen_http(struct host *host, const char *url, const struct shoal_listen_cfg *cfg,
                       struct shoal_listener **out_listener)
{
    struct shoal_http_app *app = shoal_http_app_create(host->server);
    int rc = host->options->root ? add_files(app, host->options) : add_routes(app);
    if (rc < 0)
        return rc;
    struct shoal_http_cfg http = web_cfg(host, cfg);
    http.max_body = host->options->max_body;
    return shoal_listen_http(host->server, url, app, &http, out_listener);
}

const struct service http_service = {
    .name = "http",
    .default_url = "tcp://127.0.0.1:1234",
    .try_by = TRY_BY_CURL,
    .try_with = "/hello",
    .prepare = fill_block,
    .listen = listen_http,
};
