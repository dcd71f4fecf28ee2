/* SPDX-License-Identifier: BSD-3-Clause */
/* Making threads, and waiting on the monotonic clock. */
#include "runtime/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

/* Raised by a thread's own fault: blocking them would turn a core file into a silent kill. */
static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};

static void block_signals(sigset_t *out_old)
{
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof fault_signals / sizeof *fault_signals; i++)
        sigdelset(&blocked, fault_signals[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, out_old);
}

int shoal__thread_create(pthread_t *out_thread, const char *name, void *(*run)(void *), void *arg)
{
    /* Threads inherit the mask; setting it inside the thread would leave a gap. */
    sigset_t old;
    block_signals(&old);
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0)
        return -rc;

    char short_name[16];
    snprintf(short_name, sizeof short_name, "%.15s", name);
    pthread_setname_np(thread, short_name);
    *out_thread = thread;
    return 0;
}

void shoal__thread_interrupt_nobody(void)
{
    const struct sched_param none = {0};
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
}

int shoal__cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);
    if (rc != 0)
        return -rc;

    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    rc = pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
    return -rc;
}

bool shoal__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns)
{
    if (deadline_ns == SHOAL__NEVER) {
        pthread_cond_wait(cond, lock);
        return true;
    }
    struct timespec at = {.tv_sec = deadline_ns / SHOAL__NS_PER_S,
                          .tv_nsec = deadline_ns % SHOAL__NS_PER_S};
    return pthread_cond_timedwait(cond, lock, &at) != ETIMEDOUT;
}

int64_t shoal__deadline_in_ms(int64_t delay_ms)
{
    int64_t delay_ns;
    int64_t deadline_ns;
    if (delay_ms < 0 || __builtin_mul_overflow(delay_ms, SHOAL__NS_PER_MS, &delay_ns) ||
        __builtin_add_overflow(shoal__clock_now_ns(&shoal__clock_monotonic), delay_ns,
                               &deadline_ns))
        return SHOAL__NEVER;
    return deadline_ns;
}

int64_t shoal__deadline_left_ms(int64_t deadline_ns)
{
    if (deadline_ns == SHOAL__NEVER)
        return -1;
    int64_t left_ns = deadline_ns - shoal__clock_now_ns(&shoal__clock_monotonic);
    return left_ns <= 0 ? 0 : (left_ns + SHOAL__NS_PER_MS - 1) / SHOAL__NS_PER_MS;
}
