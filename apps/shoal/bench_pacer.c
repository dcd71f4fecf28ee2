/* SPDX-License-Identifier: BSD-3-Clause */
/* The timetable; see bench_pacer.h. Multiplied out for each request, so that nothing adds up. */
#include "bench_pacer.h"

int64_t bench_pacer_due_ns(const struct bench_pacer *pacer, uint64_t number)
{
    __extension__ typedef unsigned __int128 wide;
    wide of_all = (wide)number * pacer->loops + pacer->loop;
    return pacer->start_ns + (int64_t)(of_all * 1000000000u / pacer->per_second);
}
