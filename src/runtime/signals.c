/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shoal_run(): a server's whole life under signals. The calling thread blocks them and reads them
 * from a descriptor, so no handler runs anywhere and nothing is limited to what is safe in one. A
 * drain runs on a helper's thread, so that a second signal is still seen.
 */
#include <shoal/server.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <shoal/error.h>

#include "runtime/server_priv.h"
#include "runtime/thread.h"

/* One shoal_run(): lives on its caller's stack. */
struct run {
    struct shoal_server *server;
    int64_t drain_ms;
    int signal_fd;
    int wake_fd; /* the server has something to say: see take_wake */
    sigset_t old_mask;
    pthread_t helper;
    bool has_helper;
    bool draining; /* a drain was begun from here */
    bool ended;
};

void shoal__server_wake_run_locked(struct shoal_server *server)
{
    uint64_t one = 1;
    /* Cannot fail otherwise in a way that matters: a full counter is readable already. */
    while (server->run_fd >= 0 && write(server->run_fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

void shoal_server_request_drain(struct shoal_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->drain_requested = true;
    shoal__server_wake_run_locked(server);
    pthread_mutex_unlock(&server->lock);
}

static void *drain_main(void *arg)
{
    struct run *run = arg;
    shoal_server_drain(run->server, run->drain_ms, NULL);
    return NULL; /* the end of the drain has woken the run */
}

static void begin_drain(struct run *run)
{
    run->draining = true;
    run->has_helper = shoal__thread_create(&run->helper, "drain", drain_main, run) == 0;
    if (!run->has_helper)
        drain_main(run); /* no second signal then, but an end */
}

static void take_end_signal(struct run *run)
{
    if (!run->draining)
        begin_drain(run);
    else
        shoal_server_stop(run->server);
}

/* False where none waits. */
static bool take_signal(struct run *run)
{
    struct signalfd_siginfo info;
    if (read(run->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return false;

    void (*on_reload)(struct shoal_server *) = shoal__server_cfg(run->server)->on_reload;
    if (info.ssi_signo != SIGHUP)
        take_end_signal(run);
    else if (on_reload != NULL)
        on_reload(run->server);
    return true;
}

/* A drain was asked for, or has ended, whoever made it. */
static void take_wake(struct run *run)
{
    uint64_t wakes;
    if (read(run->wake_fd, &wakes, sizeof wakes) < 0)
        return;
    struct shoal_server *server = run->server;
    pthread_mutex_lock(&server->lock);
    bool is_requested = server->drain_requested;
    run->ended = server->state == SHOAL__SERVER_IDLE;
    pthread_mutex_unlock(&server->lock);
    if (is_requested && !run->ended && !run->draining)
        begin_drain(run);
}

static void serve(struct run *run)
{
    while (!run->ended) {
        struct pollfd fds[] = {{.fd = run->signal_fd, .events = POLLIN},
                               {.fd = run->wake_fd, .events = POLLIN}};
        poll(fds, 2, -1); /* where it fails both reads find nothing */
        take_signal(run);
        take_wake(run);
    }
    if (run->has_helper)
        pthread_join(run->helper, NULL);
}

static void set_run_fd(struct shoal_server *server, int fd)
{
    pthread_mutex_lock(&server->lock);
    server->run_fd = fd;
    pthread_mutex_unlock(&server->lock);
}

static int open_run(struct run *run)
{
    sigset_t taken;
    sigemptyset(&taken);
    sigaddset(&taken, SIGTERM);
    sigaddset(&taken, SIGINT);
    sigaddset(&taken, SIGQUIT);
    sigaddset(&taken, SIGHUP);
    run->signal_fd = signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
    if (run->signal_fd < 0)
        return -errno;
    /* Readable at once: a drain may have been requested before. */
    run->wake_fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    if (run->wake_fd < 0) {
        int rc = -errno;
        close(run->signal_fd);
        return rc;
    }
    pthread_sigmask(SIG_BLOCK, &taken, &run->old_mask);
    set_run_fd(run->server, run->wake_fd);
    return 0;
}

/* Signals that came too late for anything must not hit when the mask is restored: a program that
 * has drained as it was told would die of the second TERM. */
static void close_run(struct run *run)
{
    set_run_fd(run->server, -1);
    struct signalfd_siginfo info;
    while (read(run->signal_fd, &info, sizeof info) > 0)
        continue;
    close(run->signal_fd);
    close(run->wake_fd);
    pthread_sigmask(SIG_SETMASK, &run->old_mask, NULL);
}

static void give_report(struct shoal_server *server, struct shoal_drain_report *report)
{
    if (report == NULL)
        return;
    pthread_mutex_lock(&server->lock);
    *report = server->report;
    pthread_mutex_unlock(&server->lock);
}

static int start_and_serve(struct run *run)
{
    int rc = shoal_server_start(run->server);
    if (rc < 0)
        return rc;
    void (*on_running)(struct shoal_server *) = shoal__server_cfg(run->server)->on_running;
    if (on_running != NULL)
        on_running(run->server);
    serve(run);
    return 0;
}

int shoal_run(struct shoal_server *server, const struct shoal_run_cfg *cfg)
{
    static const struct shoal_run_cfg standard = SHOAL_RUN_CFG_INIT;
    cfg = cfg != NULL ? cfg : &standard;
    if (cfg->size < sizeof *cfg)
        return shoal__server_fail(server, -SHOAL_EINVAL, "shoal_run: malformed options (EINVAL)");
    struct run run = {.server = server, .drain_ms = cfg->drain_ms};
    int rc = open_run(&run);
    if (rc < 0)
        return shoal__server_fail(server, rc, "cannot take signals: %s (%s)", shoal_strerror(rc),
                                  shoal_strerrorname(rc));
    rc = start_and_serve(&run);
    close_run(&run);
    if (rc == 0)
        give_report(server, cfg->report);
    return rc;
}
