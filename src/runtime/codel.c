/* SPDX-License-Identifier: BSD-3-Clause */
/* CoDel's control law, in integers. */
#include "runtime/codel.h"

/* The largest integer whose square is not above `n`. */
static int64_t integer_sqrt(uint32_t n)
{
    int64_t root = 1;
    while ((root + 1) * (root + 1) <= (int64_t)n)
        root++;
    return root;
}

/* True once the delay has been above the target for a whole interval. */
static bool is_standing(struct shoal__codel *codel, int64_t now_ns, int64_t delay_ns)
{
    if (delay_ns < codel->target_ns) {
        codel->above_until_ns = 0;
        return false;
    }
    if (codel->above_until_ns == 0)
        codel->above_until_ns = now_ns + codel->interval_ns;
    return now_ns >= codel->above_until_ns;
}

bool shoal__codel_drops(struct shoal__codel *codel, int64_t now_ns, int64_t delay_ns)
{
    if (codel->target_ns == 0)
        return false;
    if (!is_standing(codel, now_ns, delay_ns)) {
        codel->drops = 0;
        return false;
    }
    if (codel->drops > 0 && now_ns < codel->next_drop_ns)
        return false;

    codel->drops++;
    codel->next_drop_ns = now_ns + codel->interval_ns / integer_sqrt(codel->drops);
    return true;
}
