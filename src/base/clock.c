/* SPDX-License-Identifier: BSD-3-Clause */
/* The clock that real servers run on. */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t read_monotonic(void *arg)
{
    (void)arg;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock and a good pointer */
    return now.tv_sec * SHOAL__NS_PER_S + now.tv_nsec;
}

const struct shoal__clock shoal__clock_monotonic = {read_monotonic, NULL};
