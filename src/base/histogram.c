/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log-linear histogram. With STEP_BITS = 7, a value below 256 is its own bucket; above, the
 * position of its highest bit picks a group of 128 buckets and the 7 bits below that pick one in
 * the group:
 *
 *     value       0..255   256..511   512..1023   ...   2^63..2^64-1
 *     width         1         2           4       ...       2^56
 *     bucket      0..255   256..383   384..511    ...    7296..7423
 */
#include <shoal/histogram.h>

#include <stdlib.h>
#include <string.h>

#define STEP_BITS 7
#define BUCKETS ((64 - STEP_BITS + 1) << STEP_BITS)

/* All zero is empty. Owned by whoever made it; no pointers, so that nothing in it can fail. */
struct shoal_histogram {
    uint64_t count;
    uint64_t min; /* meaningless while count is 0 */
    uint64_t max;
    uint64_t sum_low; /* the 128-bit sum of all values, for the mean */
    uint64_t sum_high;
    uint64_t buckets[BUCKETS];
};

/* A group has this shift: value >> shift has STEP_BITS + 1 bits, the highest of them set, except
 * for the smallest values, which have shift 0. */
static unsigned shift_of(uint64_t value)
{
    unsigned high_bit = 63 - (unsigned)__builtin_clzll(value | 1);
    return high_bit > STEP_BITS ? high_bit - STEP_BITS : 0;
}

static uint64_t bucket_of(uint64_t value)
{
    unsigned shift = shift_of(value);
    return ((uint64_t)shift << STEP_BITS) + (value >> shift);
}

/* The greatest value that falls into a bucket. */
static uint64_t greatest_in(uint64_t bucket)
{
    uint64_t group = bucket >> STEP_BITS;
    unsigned shift = group == 0 ? 0 : (unsigned)(group - 1);
    uint64_t step = bucket - ((uint64_t)shift << STEP_BITS);
    return (step << shift) + ((UINT64_C(1) << shift) - 1);
}

struct shoal_histogram *shoal_histogram_create(void)
{
    return calloc(1, sizeof(struct shoal_histogram));
}

void shoal_histogram_destroy(struct shoal_histogram **histogram)
{
    free(*histogram);
    *histogram = NULL;
}

void shoal_histogram_reset(struct shoal_histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

static void widen_range(struct shoal_histogram *histogram, uint64_t min, uint64_t max)
{
    if (histogram->count == 0 || min < histogram->min)
        histogram->min = min;
    if (max > histogram->max)
        histogram->max = max;
}

static void add_to_sum(struct shoal_histogram *histogram, uint64_t high, uint64_t low)
{
    bool carry = __builtin_add_overflow(histogram->sum_low, low, &histogram->sum_low);
    histogram->sum_high += high + carry;
}

void shoal_histogram_record(struct shoal_histogram *histogram, uint64_t value)
{
    shoal_histogram_record_n(histogram, value, 1);
}

void shoal_histogram_record_n(struct shoal_histogram *histogram, uint64_t value, uint64_t n)
{
    if (n == 0)
        return;
    __extension__ unsigned __int128 sum = (unsigned __int128)value * n;
    widen_range(histogram, value, value);
    add_to_sum(histogram, (uint64_t)(sum >> 64), (uint64_t)sum);
    histogram->count += n;
    histogram->buckets[bucket_of(value)] += n;
}

void shoal_histogram_merge(struct shoal_histogram *to, const struct shoal_histogram *from)
{
    if (from->count == 0)
        return;
    widen_range(to, from->min, from->max);
    add_to_sum(to, from->sum_high, from->sum_low);
    to->count += from->count;
    for (uint64_t i = 0; i < BUCKETS; i++)
        to->buckets[i] += from->buckets[i];
}

/* The rank, from 1, of the value that stands for `percent`. The slack keeps 99.9 % of 1000, which
 * comes out a little above 999 in binary, from being rounded up to 1000. */
static uint64_t rank_of(uint64_t count, double percent)
{
    const double slack = 1e-12;
    double exact = percent / 100.0 * (double)count * (1.0 - slack);
    uint64_t rank = (uint64_t)exact;
    rank += (double)rank < exact;
    return rank == 0 ? 1 : rank > count ? count : rank;
}

uint64_t shoal_histogram_percentile(const struct shoal_histogram *histogram, double percent)
{
    if (histogram->count == 0 || percent <= 0)
        return shoal_histogram_min(histogram);
    if (percent >= 100)
        return histogram->max;

    uint64_t missing = rank_of(histogram->count, percent);
    uint64_t bucket = 0;
    while (histogram->buckets[bucket] < missing)
        missing -= histogram->buckets[bucket++];
    uint64_t value = greatest_in(bucket);
    return value < histogram->max ? value : histogram->max;
}

uint64_t shoal_histogram_count(const struct shoal_histogram *histogram)
{
    return histogram->count;
}

uint64_t shoal_histogram_min(const struct shoal_histogram *histogram)
{
    return histogram->count == 0 ? 0 : histogram->min;
}

uint64_t shoal_histogram_max(const struct shoal_histogram *histogram)
{
    return histogram->max;
}

double shoal_histogram_mean(const struct shoal_histogram *histogram)
{
    if (histogram->count == 0)
        return 0;
    double sum = (double)histogram->sum_high * 0x1p64 + (double)histogram->sum_low;
    return sum / (double)histogram->count;
}

bool shoal_histogram_next(const struct shoal_histogram *histogram, size_t *cursor,
                          uint64_t *out_value, uint64_t *out_count)
{
    while (*cursor < BUCKETS && histogram->buckets[*cursor] == 0)
        ++*cursor;
    if (*cursor == BUCKETS)
        return false;
    uint64_t value = greatest_in(*cursor);
    *out_value = value < histogram->max ? value : histogram->max;
    *out_count = histogram->buckets[(*cursor)++];
    return true;
}
