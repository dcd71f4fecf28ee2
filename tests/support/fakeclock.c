/* SPDX-License-Identifier: BSD-3-Clause */
/* The fake clock: one atomic number behind base/clock.h. */
#include "support/fakeclock.h"

static int64_t read_fake(void *arg)
{
    struct fakeclock *fake = arg;
    return atomic_load(&fake->now_ns);
}

struct shoal__clock fakeclock_start(struct fakeclock *fake, int64_t now_ns)
{
    atomic_store(&fake->now_ns, now_ns);
    return (struct shoal__clock){read_fake, fake};
}

void fakeclock_advance_ns(struct fakeclock *fake, int64_t ns)
{
    atomic_fetch_add(&fake->now_ns, ns);
}

void fakeclock_advance_ms(struct fakeclock *fake, int64_t ms)
{
    fakeclock_advance_ns(fake, ms * SHOAL__NS_PER_MS);
}
