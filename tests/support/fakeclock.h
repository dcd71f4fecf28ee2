/* SPDX-License-Identifier: BSD-3-Clause */
/* A clock that moves only when the test says so. Any thread may read it while one moves it. */
#ifndef TESTS_SUPPORT_FAKECLOCK_H
#define TESTS_SUPPORT_FAKECLOCK_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"

/* Owned by the test; must outlive every clock made of it. */
struct fakeclock {
    _Atomic int64_t now_ns;
};

/* Sets the time it starts at, and returns the clock to hand to the code under test. Thread: any. */
struct shoal__clock fakeclock_start(struct fakeclock *fake, int64_t now_ns);

/* Moves the time forward. Thread: any. */
void fakeclock_advance_ns(struct fakeclock *fake, int64_t ns);
void fakeclock_advance_ms(struct fakeclock *fake, int64_t ms);

#endif
