/* SPDX-License-Identifier: BSD-3-Clause */
/* Running services; see host.h. */
#include "host.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include <shoal/error.h>
#include <shoal/tls.h>

#include "board.h"
#include "parse.h"

enum { ERROR_MAX = 512 };

int64_t host_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int host_fail(const struct options *options, int code, const char *format, ...)
{
    char sentence[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    fprintf(stderr, "shoal %s: %s\n", options->command->name, sentence);
    return code;
}

int host_exit_code(int rc)
{
    switch (-rc) {
    case 0:
        return EX_OK;
    case SHOAL_EURL:
    case SHOAL_EINVAL:
        return EX_USAGE;
    case SHOAL_ECERT:
        return EX_NOINPUT;
    case EACCES:
    case EPERM:
        return EX_NOPERM;
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case SHOAL_ENOMEM:
        return EX_OSERR;
    case SHOAL_ESTATE:
    case SHOAL_EDEADLK:
        return EX_SOFTWARE;
    default:
        return EX_UNAVAILABLE;
    }
}

struct host *host_of(struct shoal_loop *loop)
{
    return shoal_server_arg(shoal_loop_server(loop));
}

struct host_loop *host_loop_of(struct shoal_loop *loop)
{
    return shoal_loop_data(loop);
}

static int start_loop(struct shoal_loop *loop)
{
    struct host_loop *self = calloc(1, sizeof(*self));
    if (!self)
        return -SHOAL_ENOMEM;
    board_loop_start(host_of(loop), self);
    shoal_loop_set_data(loop, self);
    return 0;
}

static void exit_loop(struct shoal_loop *loop)
{
    struct host_loop *self = host_loop_of(loop);
    board_loop_exit(self);
    shoal_loop_set_data(loop, NULL);
    free(self);
}

static void reload_access_log(struct host *host)
{
    int rc = access_log_reopen(&host->access_log);
    if (rc < 0)
        log_write(&host->log, SHOAL_LOG_ERROR, "msg=\"access log kept\" error=\"%s\"",
                  shoal_strerror(rc));
    else if (host->options->access_log)
        log_write(&host->log, SHOAL_LOG_INFO, "msg=\"access log opened anew\"");
}

static void reload(struct shoal_server *server)
{
    struct host *host = shoal_server_arg(server);
    char error[ERROR_MAX];
    board_reload(host);
    reload_access_log(host);
    int listeners = shoal_server_reload_tls(server, error, sizeof(error));
    if (listeners < 0)
        log_write(&host->log, SHOAL_LOG_ERROR, "msg=\"certificates kept\" error=\"%s\"", error);
    else if (listeners > 0)
        log_write(&host->log, SHOAL_LOG_INFO, "msg=\"certificates read\"");
}

/* Exactly one line per listener, in the order given, whatever the level. */
static void announce(struct shoal_server *server)
{
    const struct host *host = shoal_server_arg(server);
    for (size_t i = 0; i < host->binding_count; i++)
        log_announce("msg=listening service=%s url=%s", host->bindings[i].service->name,
                     shoal_listener_url(host->bindings[i].listener));
}

/* A line of the table, gathered to be written at once. */
struct try_line {
    char text[512];
    size_t size;
};

SHOAL_PRINTF(2, 3) static void put(struct try_line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line->text + line->size, sizeof(line->text) - line->size, format, args);
    va_end(args);
    line->size += size > 0 ? (size_t)size : 0;
    if (line->size >= sizeof(line->text))
        line->size = sizeof(line->text) - 1;
}

/* How to try a URL by hand: nothing for an inherited descriptor. */
static void put_nc(struct try_line *line, const char *before, const char *url)
{
    struct shoal_view rest = shoal_view_of(url);
    if (take_text(&rest, "unix:")) {
        put(line, "%snc -N -U %s", before, rest.data);
    } else if (take_text(&rest, "tls://")) {
        put(line, "%sopenssl s_client -quiet -connect %s", before, rest.data);
    } else if (take_text(&rest, "tcp://")) {
        const char *colon = strrchr(rest.data, ':');
        struct shoal_view name = shoal_view(rest.data, (size_t)(colon - rest.data));
        if (take_text(&name, "["))
            name.size--;
        put(line, "%snc -N %.*s %s", before, (int)name.size, name.size ? name.data : "", colon + 1);
    }
}

static void put_curl(struct try_line *line, const char *path, const char *url)
{
    struct shoal_view rest = shoal_view_of(url);
    if (take_text(&rest, "unix:"))
        put(line, "curl --unix-socket %s http://localhost%s", rest.data, path);
    else if (take_text(&rest, "tls://"))
        put(line, "curl -k https://%s%s", rest.data, path);
    else if (take_text(&rest, "tcp://"))
        put(line, "curl http://%s%s", rest.data, path);
}

static void put_call(struct try_line *line, const char *url)
{
    struct shoal_view rest = shoal_view_of(url);
    if (take_text(&rest, "tls://"))
        put(line, "%s call -k %s", program_invocation_name, url);
    else if (!take_text(&rest, "fd:"))
        put(line, "%s call %s", program_invocation_name, url);
}

static void put_try(struct try_line *line, const struct service *service, const char *url)
{
    switch (service->try_by) {
    case TRY_BY_NC:
        put_nc(line, service->try_with, url);
        break;
    case TRY_BY_CURL:
        put_curl(line, service->try_with, url);
        break;
    case TRY_BY_CALL:
        put_call(line, url);
        break;
    }
}

static void print_table(const struct host *host)
{
    fprintf(stderr, "%-8s  %-32s  %s\n", "SERVICE", "LISTENS ON", "TRY");
    for (size_t i = 0; i < host->binding_count; i++) {
        const struct service *service = host->bindings[i].service;
        const char *url = shoal_listener_url(host->bindings[i].listener);
        struct try_line line = {.size = 0};
        put(&line, "%-8s  %-32s  ", service->name, url);
        put_try(&line, service, url);
        fprintf(stderr, "%s\n", line.text);
    }
}

static void announce_and_tabulate(struct shoal_server *server)
{
    announce(server);
    print_table(shoal_server_arg(server));
}

static struct shoal_server_cfg server_cfg(struct host *host, bool tabulate)
{
    const struct options *options = host->options;
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = (unsigned)options->loops;
    cfg.workers = (int)options->workers;
    cfg.pin = options->pin;
    cfg.busy_poll_us = (int64_t)options->busy_poll_us;
    cfg.accept = options->accept;
    cfg.max_connections = (size_t)options->max_connections;
    cfg.max_per_address = (size_t)options->max_per_address;
    cfg.max_output = (size_t)options->max_output;
    cfg.log = log_sink(&host->log);
    cfg.arg = host;
    cfg.on_loop_start = start_loop;
    cfg.on_loop_exit = exit_loop;
    cfg.on_reload = reload;
    cfg.on_running = tabulate ? announce_and_tabulate : announce;
    return cfg;
}

/* Silence means the same everywhere: before the first byte, between lines and inside one, and for a
 * peer that takes nothing of what waits for it, unless that is cut earlier. */
static struct shoal_limits limits_of(const struct options *options)
{
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    limits.first_byte_ms = options->idle_timeout_ms;
    limits.idle_ms = options->idle_timeout_ms;
    limits.read_stall_ms = options->idle_timeout_ms;
    if (options->idle_timeout_ms > 0 && options->idle_timeout_ms < limits.write_stall_ms)
        limits.write_stall_ms = options->idle_timeout_ms;
    return limits;
}

static int bind_services(struct host *host)
{
    struct shoal_limits limits = limits_of(host->options);
    struct shoal_listen_cfg cfg = SHOAL_LISTEN_CFG_INIT;
    cfg.limits = &limits;
    for (size_t i = 0; i < host->binding_count; i++) {
        struct binding *binding = &host->bindings[i];
        int code = binding->service->prepare ? binding->service->prepare(host) : 0;
        if (code != 0)
            return code;
        int rc = binding->service->listen(host, binding->url, &cfg, &binding->listener);
        char url[256];
        escape_text(shoal_view_of(binding->url), url, sizeof(url));
        if (rc == -SHOAL_EURL && strncmp(url, "tls://", 6) == 0)
            return host_fail(host->options, EX_USAGE, "%s", shoal_server_error(host->server));
        if (rc == -SHOAL_EURL)
            return host_fail(host->options, EX_USAGE,
                             "cannot listen on '%s': expected tcp://HOST:PORT, unix:PATH or fd:N; "
                             "try 'shoal %s --help'",
                             url, host->options->command->name);
        if (rc < 0)
            return host_fail(host->options, host_exit_code(rc), "cannot listen on %s: %s (%s)", url,
                             shoal_strerror(rc), shoal_strerrorname(rc));
    }
    return 0;
}

/* For good: one that comes while we clean up after the drain must not change how we end. */
static void block_signals_of_run(void)
{
    sigset_t taken;
    sigemptyset(&taken);
    sigaddset(&taken, SIGTERM);
    sigaddset(&taken, SIGINT);
    sigaddset(&taken, SIGQUIT);
    sigaddset(&taken, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &taken, NULL);
}

static int serve(struct host *host)
{
    struct shoal_drain_report report = {0};
    struct shoal_run_cfg cfg = SHOAL_RUN_CFG_INIT;
    cfg.drain_ms = host->options->drain_timeout_ms;
    cfg.report = &report;
    block_signals_of_run();
    int rc = shoal_run(host->server, &cfg);
    if (rc < 0)
        return host_fail(host->options, host_exit_code(rc), "%s", shoal_server_error(host->server));
    log_announce("msg=drained graceful=%zu forced=%zu discarded=%zu stuck=%zu", report.graceful,
                 report.forced, report.discarded, report.stuck);
    return report.stuck > 0 ? EX_SOFTWARE : EX_OK;
}

static void finish_services(struct host *host)
{
    for (size_t i = 0; i < host->binding_count; i++) {
        if (host->bindings[i].service->finish)
            host->bindings[i].service->finish(host);
    }
}

static int open_access_log(struct host *host)
{
    char path[256];
    int rc = access_log_open(&host->access_log, host->options->access_log, &host->log);
    if (rc == 0)
        return 0;
    escape_text(shoal_view_of(host->options->access_log), path, sizeof(path));
    return host_fail(host->options, EX_CANTCREAT, "cannot write the access log %s: %s", path,
                     shoal_strerror(rc));
}

/* A server with stuck work cannot be destroyed, and its threads still look at the host and at what
 * services hold: then leaving the process is what is left, and the code says so. */
static int serve_and_clean_up(struct host *host)
{
    int code = open_access_log(host);
    if (code == 0)
        code = bind_services(host);
    if (code == 0)
        code = serve(host);
    if (code != EX_SOFTWARE)
        finish_services(host);
    if (shoal_server_destroy(&host->server) < 0)
        exit(EX_SOFTWARE);
    return code;
}

int host_run(const struct options *options, struct binding *bindings, size_t binding_count,
             bool tabulate)
{
    struct host host = {.options = options,
                        .bindings = bindings,
                        .binding_count = binding_count,
                        .started_ms = host_now_ms()};
    log_begin(&host.log, options->quiet           ? SHOAL_LOG_ERROR
                         : options->verbosity > 0 ? SHOAL_LOG_DEBUG
                                                  : SHOAL_LOG_INFO);
    struct shoal_server_cfg cfg = server_cfg(&host, tabulate);
    int rc = shoal_server_create(&cfg, &host.server);
    int code = rc < 0 ? host_fail(options, host_exit_code(rc), "cannot make a server: %s (%s)",
                                  shoal_strerror(rc), shoal_strerrorname(rc))
                      : serve_and_clean_up(&host);
    board_finish(&host);
    access_log_close(&host.access_log);
    log_end(&host.log);
    return code;
}
