/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads and waiting as the runtime wants them: no asynchronous signal ever interrupts one of our
 * threads, and every timed wait is on the monotonic clock.
 */
#ifndef SHOAL_RUNTIME_THREAD_H
#define SHOAL_RUNTIME_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A deadline that never comes. */
#define SHOAL__NEVER INT64_MAX

/*
 * Starts a thread with every asynchronous signal and SIGPIPE blocked (a broken pipe is an error
 * code there, and sendfile and OpenSSL cannot ask for that); signals that a fault raises are left
 * alone. `name` is cut to 15 characters. Returns 0 or a negative code. Thread: any.
 */
int shoal__thread_create(pthread_t *out_thread, const char *name, void *(*run)(void *), void *arg);

/* The calling thread, when it has something to do, waits for its turn instead of taking the core
 * from one that runs. Without effect where the system does not let us. Thread: any. */
void shoal__thread_interrupt_nobody(void);

/* Makes a condition whose timed waits are on the monotonic clock. Returns 0 or a negative code.
 * Thread: before use. */
int shoal__cond_init(pthread_cond_t *cond);

/* Waits for a signal until `deadline_ns` of the monotonic clock. False where that has come.
 * Thread: any, holding the lock. */
bool shoal__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns);

/* The monotonic time in `delay_ms`; SHOAL__NEVER for a negative delay or one too long. Thread: any.
 */
int64_t shoal__deadline_in_ms(int64_t delay_ms);

/* Milliseconds left until then, rounded up: 0 once it has come, -1 for SHOAL__NEVER. Thread: any.
 */
int64_t shoal__deadline_left_ms(int64_t deadline_ns);

#endif
