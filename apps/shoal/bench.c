/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The load generator's command: checks what was asked for, makes the room of a run and the server
 * whose loops make the load, runs it (bench_run.h) and reports.
 */
#include "bench.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include <shoal/error.h>
#include <shoal/server.h>

#include "bench_compare.h"
#include "bench_report.h"
#include "bench_run.h"
#include "host.h"
#include "options.h"
#include "parse.h"

enum {
    DEPTH_MAX = 1 << 20,
    LINKS_MAX = 1 << 20,
};

/* Reporting */

static int cannot_connect(const struct bench *bench)
{
    int error = 0;
    char shown[256];
    for (unsigned i = 0; i < bench->plan.loops && error == 0; i++)
        error = bench->loops[i].first_error;
    return host_fail(bench->options, host_exit_code(error), "cannot connect to %s: %s (%s)",
                     escape_text(shoal_view_of(bench->target.url), shown, sizeof(shown)),
                     shoal_strerror(error), shoal_strerrorname(error));
}

static struct bench_result result_of(const struct bench *bench, const struct bench_stats *total)
{
    const struct bench_sample *begin = &bench->begin, *end = &bench->end;
    double ns = (double)(end->now_ns - begin->now_ns);
    struct bench_result result = {
        .options = bench->options,
        .target = bench->target.url,
        .protocol = bench->target.speaker->name,
        .loops = bench->plan.loops,
        .size = bench->target.request_size,
        .seconds = (double)(bench->window.end_ns - bench->window.begin_ns) / (double)BENCH_NS_PER_S,
        .stats = total,
        .has_server = begin->has_server && end->has_server,
        .server = {end->server.cpu_ns - begin->server.cpu_ns,
                   end->server.switches - begin->server.switches},
        .server_peak_bytes = bench_peak_memory_bytes((pid_t)bench->options->server_pid),
    };
    if (ns > 0)
        result.cpu_share = (double)(end->own_cpu_ns - begin->own_cpu_ns) / ns;
    for (unsigned i = 0; i < bench->plan.loops && ns > 0; i++) {
        double share = (double)(end->wanted_ns[i] - begin->wanted_ns[i]) / ns;
        result.busiest_share = share > result.busiest_share ? share : result.busiest_share;
    }
    return result;
}

static int verdict(const struct bench_stats *total)
{
    if (bench_stats_wrong(total) > 0)
        return EX_PROTOCOL;
    return total->answered == 0 && bench_stats_errors(total) > 0 ? EX_UNAVAILABLE : EX_OK;
}

static int report(struct bench *bench, struct bench_stats *total)
{
    for (unsigned i = 0; i < bench->plan.loops; i++)
        bench_stats_merge(total, &bench->loops[i].stats);
    bench_progress_clear(&bench->progress);
    struct bench_result result = result_of(bench, total);
    if (!bench->options->json)
        bench_report_text(&result, stdout);
    else if (!bench_report_json(&result, stdout))
        return host_fail(bench->options, EX_IOERR, "cannot write the report");
    return verdict(total);
}

/* Running */

static int on_loop_start(struct shoal_loop *loop)
{
    struct bench *bench = shoal_server_arg(shoal_loop_server(loop));
    return bench_loop_start(&bench->loops[shoal_loop_index(loop)], loop);
}

static void on_loop_exit(struct shoal_loop *loop)
{
    struct bench *bench = shoal_server_arg(shoal_loop_server(loop));
    bench_loop_exit(&bench->loops[shoal_loop_index(loop)]);
}

static int start(struct bench *bench)
{
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = bench->plan.loops;
    cfg.workers = 0;
    cfg.busy_poll_us = (int64_t)bench->options->busy_poll_us;
    cfg.watchdog_ms = 0; /* what a busy generator makes late is measured and reported */
    cfg.log = log_sink(&bench->log);
    cfg.arg = bench;
    cfg.on_loop_start = on_loop_start;
    cfg.on_loop_exit = on_loop_exit;
    int rc = shoal_server_create(&cfg, &bench->server);
    if (rc == 0)
        rc = shoal_server_start(bench->server);
    if (rc == 0)
        return EX_OK;
    const char *why = bench->server ? shoal_server_error(bench->server) : shoal_strerror(rc);
    return host_fail(bench->options, host_exit_code(rc), "%s", why);
}

static int run(struct bench *bench, struct bench_stats *total)
{
    int code = start(bench);
    if (code != EX_OK)
        return code;
    bench_run_connect(bench);
    bool interrupted = bench->interrupted;
    bool connected = bench_run_any_open(bench);
    if (connected && !interrupted)
        bench_run_measure(bench);
    else
        bench_run_give_up(bench);
    shoal_server_stop(bench->server);
    return connected || interrupted ? report(bench, total) : cannot_connect(bench);
}

/* The room of a run */

static unsigned count_loops(const struct options *options)
{
    cpu_set_t usable;
    CPU_ZERO(&usable);
    sched_getaffinity(0, sizeof(usable), &usable);
    unsigned automatic = (unsigned)CPU_COUNT(&usable) / 2; /* the rest is the server's */
    return options->loops > 0 ? (unsigned)options->loops : automatic > 0 ? automatic : 1;
}

static bool make_loops(struct bench *bench)
{
    bench->plan.loops = count_loops(bench->options);
    bench->loops = calloc(bench->plan.loops, sizeof(bench->loops[0]));
    bench->begin.wanted_ns = calloc(2 * (size_t)bench->plan.loops, sizeof(uint64_t));
    if (!bench->loops || !bench->begin.wanted_ns)
        return false;
    bench->end.wanted_ns = bench->begin.wanted_ns + bench->plan.loops;
    for (unsigned i = 0; i < bench->plan.loops; i++) {
        bench->loops[i].target = &bench->target;
        bench->loops[i].progress = &bench->progress;
        bench->loops[i].plan = &bench->plan;
        bench->loops[i].report_fd = bench->report_fd;
        if (!bench_loop_init(&bench->loops[i], bench->options, i))
            return false;
    }
    return true;
}

static bool make_descriptors(struct bench *bench)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    bench->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    bench->report_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return bench->signal_fd >= 0 && bench->report_fd >= 0;
}

static void free_loops(struct bench *bench)
{
    for (unsigned i = 0; bench->loops && i < bench->plan.loops; i++)
        bench_loop_free(&bench->loops[i]);
    free(bench->loops);
    free(bench->begin.wanted_ns);
}

static int run_with_room(struct bench *bench)
{
    struct bench_stats total = {0};
    FILE *progress = bench->options->quiet ? NULL : stderr;
    bool made = make_descriptors(bench) && bench_progress_init(&bench->progress, progress) &&
                bench_stats_init(&total) && make_loops(bench);
    int code = made ? run(bench, &total)
                    : host_fail(bench->options, EX_OSERR, "out of memory or descriptors");
    shoal_server_destroy(&bench->server);
    free_loops(bench);
    bench_stats_free(&total);
    bench_progress_free(&bench->progress);
    close(bench->signal_fd);
    close(bench->report_fd);
    return code;
}

static int check(const struct options *options)
{
    uint64_t links = options->connections + options->slow_readers + options->idle;
    if (options->argument_count != 1)
        return host_fail(options, EX_USAGE, "expected one TARGET; try 'shoal bench --help'");
    if (links == 0 || links > LINKS_MAX)
        return host_fail(options, EX_USAGE, "from 1 to %d connections, not %ju", LINKS_MAX,
                         (uintmax_t)links);
    if (options->depth == 0 || options->depth > DEPTH_MAX)
        return host_fail(options, EX_USAGE, "--depth: from 1 to %d", DEPTH_MAX);
    if (options->duration_ms == 0)
        return host_fail(options, EX_USAGE, "--duration: longer than nothing");
    return EX_OK;
}

static int put_load(const struct options *options)
{
    struct bench bench = {.options = options};
    int code = check(options);
    if (code == EX_OK)
        code = bench_target_make(options, &bench.target);
    if (code != EX_OK)
        return code;
    log_begin(&bench.log, options->verbosity > 0 ? SHOAL_LOG_DEBUG : SHOAL_LOG_WARN);
    code = run_with_room(&bench);
    log_end(&bench.log);
    bench_target_free(&bench.target);
    return code;
}

int bench(const struct options *options)
{
    bool compare = options->argument_count > 0 && strcmp(options->arguments[0], "compare") == 0;
    return compare ? bench_compare(options) : put_load(options);
}
