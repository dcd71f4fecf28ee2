/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures as people read them; see bench_text.h. */
#include "bench_text.h"

#include <stdio.h>

/* Three significant digits of a value from 1 to 999. */
static int decimals(double value)
{
    return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

static char *scale(double value, const char *const *units, int last, char out[16])
{
    int unit = 0;
    while (value >= 999.5 && unit < last) {
        value /= 1000;
        unit++;
    }
    snprintf(out, 16, "%.*f %s", unit == 0 && value == (double)(int64_t)value ? 0 : decimals(value),
             value, units[unit]);
    return out;
}

char *bench_time_text(uint64_t ns, char out[16])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    return scale((double)ns, units, 3, out);
}

char *bench_count_text(double count, char out[16])
{
    static const char *const units[] = {"", "k", "M", "G"};
    return scale(count, units, 3, out);
}
