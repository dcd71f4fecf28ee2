/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptor limits. */
#include "runtime/descriptors.h"

#include <stdint.h>
#include <sys/resource.h>

#define RESERVED 64
#define RESERVED_PER_LOOP 8

size_t shoal__descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return SIZE_MAX;

    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (limit.rlim_cur < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        limit = raised;
    return limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : (size_t)limit.rlim_cur;
}

size_t shoal__descriptors_connections(size_t asked, size_t allowed, unsigned loops)
{
    size_t reserve = RESERVED + (size_t)RESERVED_PER_LOOP * loops;
    size_t possible = allowed > reserve ? allowed - reserve : 1;
    return asked == 0 || asked > possible ? possible : asked;
}
