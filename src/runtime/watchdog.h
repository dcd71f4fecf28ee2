/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The watchdog: a thread that looks at every loop several times per limit and reports a callback
 * that has run for longer, once per callback, while it still runs. Loops pay one coarse clock and
 * four plain stores per callback for it.
 */
#ifndef SHOAL_RUNTIME_WATCHDOG_H
#define SHOAL_RUNTIME_WATCHDOG_H

#include <stdint.h>

#include <shoal/log.h>

struct shoal_loop;
struct shoal__watchdog;

/*
 * Starts watching; the array, the loops and the log are borrowed until the stop. Returns 0 or a
 * negative code. Thread: control.
 */
int shoal__watchdog_start(struct shoal_loop *const *loops, unsigned loop_count, int64_t limit_ms,
                          const struct shoal_log *log, struct shoal__watchdog **out_watchdog);

/* Ends the thread and clears *watchdog; NULL is a no-op. Thread: control. */
void shoal__watchdog_stop(struct shoal__watchdog **watchdog);

#endif
