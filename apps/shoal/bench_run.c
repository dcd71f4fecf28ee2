/* SPDX-License-Identifier: BSD-3-Clause */
/* Main's side of a run; see bench_run.h. */
#include "bench_run.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <shoal/error.h>
#include <shoal/server.h>

#include "options.h"

#define NS_PER_MS INT64_C(1000000)

enum { END_MS = 5000 /* more than loops wait for the last answers */ };

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * BENCH_NS_PER_S + now.tv_nsec;
}

/* Waiting */

static void enter_phase(struct bench *bench, const char *phase, int64_t at_ns)
{
    bench->phase = phase;
    bench->phase_ns = at_ns;
}

/* A little after the loops' own beat, so that their last second is on the board. */
static void show_progress(struct bench *bench, int64_t at_ns)
{
    if (at_ns < bench->show_ns)
        return;
    bench->show_ns += BENCH_NS_PER_S;
    bench_progress_show(&bench->progress, bench->phase,
                        (double)(at_ns - bench->phase_ns) / (double)BENCH_NS_PER_S);
}

static void take_reports(struct bench *bench)
{
    eventfd_t reports = 0;
    eventfd_read(bench->report_fd, &reports);
    bench->reports += reports;
}

static void take_signal(struct bench *bench)
{
    struct signalfd_siginfo info;
    ssize_t size = read(bench->signal_fd, &info, sizeof(info));
    bench->interrupted = size == (ssize_t)sizeof(info);
}

/* Waits for reports, a signal, the next progress or a time; a second at most. */
static void wait_some(struct bench *bench, int64_t at_ns, int64_t until_ns)
{
    int64_t next_ns = until_ns < bench->show_ns ? until_ns : bench->show_ns;
    int64_t wait_ns = next_ns > at_ns ? next_ns - at_ns : 0;
    int timeout_ms = wait_ns < BENCH_NS_PER_S ? (int)(wait_ns / NS_PER_MS) + 1 : 1000;
    struct pollfd fds[] = {{bench->report_fd, POLLIN, 0}, {bench->signal_fd, POLLIN, 0}};
    poll(fds, 2, timeout_ms);
    if (fds[0].revents)
        take_reports(bench);
    if (fds[1].revents)
        take_signal(bench);
}

/* Waits until a time, or for so many reports of loops in all, or for a signal, which is to be seen
 * in `interrupted`. */
static void wait_until(struct bench *bench, int64_t until_ns, uint64_t reports)
{
    bench->interrupted = false;
    for (int64_t at_ns = now_ns();
         at_ns < until_ns && bench->reports < reports && !bench->interrupted; at_ns = now_ns()) {
        show_progress(bench, at_ns);
        wait_some(bench, at_ns, until_ns);
    }
}

/* A task that cannot be posted for want of memory is missed by one loop, whose report then does not
 * come; every wait has an end. */
static void post_all(const struct bench *bench, shoal_task_fn *run)
{
    for (unsigned i = 0; i < bench->plan.loops; i++)
        shoal_call(bench->loops[i].loop, run, &bench->loops[i]);
}

/* The window */

static void take_sample(const struct bench *bench, struct bench_sample *sample)
{
    pid_t pid = (pid_t)bench->options->server_pid;
    sample->now_ns = now_ns();
    sample->own_cpu_ns = bench_own_cpu_ns();
    sample->has_server = pid > 0 && bench_usage_of_process(pid, &sample->server);
    for (unsigned i = 0; i < bench->plan.loops; i++)
        sample->wanted_ns[i] =
            bench_wanted_ns_of_thread(bench->loops[i].thread, bench->loops[i].thread_id);
}

static void begin(struct bench *bench)
{
    const struct options *options = bench->options;
    int64_t start_ns = now_ns() + NS_PER_MS;
    bench->window.begin_ns = start_ns + options->warmup_ms * NS_PER_MS;
    bench->window.end_ns = bench->window.begin_ns + options->duration_ms * NS_PER_MS;
    bench->show_ns = start_ns + BENCH_NS_PER_S + BENCH_NS_PER_S / 20;
    bench->plan.window = bench->window;
    bench->plan.start_ns = start_ns;
    enter_phase(bench, "warm-up", start_ns);
    post_all(bench, bench_loop_begin);
}

/* The window ends now; it may not even have begun. */
static void cut_window(struct bench *bench)
{
    int64_t cut_ns = now_ns();
    bench->window.end_ns = cut_ns;
    if (bench->window.begin_ns > cut_ns)
        bench->window.begin_ns = cut_ns;
    bench->plan.cut_ns = cut_ns;
    post_all(bench, bench_loop_cut);
}

void bench_run_measure(struct bench *bench)
{
    begin(bench);
    wait_until(bench, bench->window.begin_ns, UINT64_MAX);
    take_sample(bench, &bench->begin);
    enter_phase(bench, "measure", bench->window.begin_ns);
    if (!bench->interrupted)
        wait_until(bench, bench->window.end_ns, UINT64_MAX);
    take_sample(bench, &bench->end);
    if (bench->interrupted)
        cut_window(bench);

    enter_phase(bench, "finish", bench->window.end_ns);
    wait_until(bench, now_ns() + END_MS * NS_PER_MS, 2 * (uint64_t)bench->plan.loops);
    post_all(bench, bench_loop_conclude); /* no-op where a loop is done */
}

/* Connecting */

bool bench_run_any_open(const struct bench *bench)
{
    uint64_t opened = 0;
    for (unsigned i = 0; i < bench->plan.loops; i++)
        opened += atomic_load_explicit(&bench->loops[i].first_opened, memory_order_relaxed);
    return opened > 0;
}

void bench_run_connect(struct bench *bench)
{
    enter_phase(bench, "connect", now_ns());
    bench->show_ns = INT64_MAX;
    post_all(bench, bench_loop_connect);
    wait_until(bench, INT64_MAX, bench->plan.loops);
}

void bench_run_give_up(const struct bench *bench)
{
    post_all(bench, bench_loop_conclude);
}
