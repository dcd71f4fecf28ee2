/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Readers of decimal numbers and of numbers with a unit. A number that is well formed but too
 * large is told from one that is no number, so that a user gets the right sentence.
 */
#include "base/checked.h"

#include <shoal/error.h>

/* A unit and what one of it is worth. */
struct unit {
    struct shoal_view name;
    uint64_t worth;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_at_front(struct shoal_view text)
{
    size_t n = 0;
    while (n < text.size && is_digit(text.data[n]))
        n++;
    return n;
}

int shoal__parse_u64(struct shoal_view text, uint64_t max, uint64_t *out)
{
    if (text.size == 0 || digits_at_front(text) != text.size)
        return -SHOAL_EINVAL;

    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool fits = shoal__mul_u64(value, 10, &value) &&
                    shoal__add_u64(value, (uint64_t)(text.data[i] - '0'), &value);
        if (!fits || value > max)
            return -SHOAL_EOVERFLOW;
    }
    *out = value;
    return 0;
}

static const struct unit *find_unit(const struct unit *units, size_t count, struct shoal_view name)
{
    for (size_t i = 0; i < count; i++) {
        if (shoal_view_equal(units[i].name, name))
            return &units[i];
    }
    return NULL;
}

/* Reads digits and a unit out of a table; the value is in whatever `worth` counts. */
static int parse_with_unit(struct shoal_view text, const struct unit *units, size_t count,
                           uint64_t max, uint64_t *out)
{
    size_t digits = digits_at_front(text);
    const struct unit *unit = find_unit(units, count, shoal_view_from(text, digits));
    uint64_t number;
    if (unit == NULL)
        return -SHOAL_EINVAL;
    int rc = shoal__parse_u64(shoal_view(text.data, digits), max / unit->worth, &number);
    if (rc == 0)
        *out = number * unit->worth;
    return rc;
}

int shoal__parse_duration_ms(struct shoal_view text, uint64_t *out_ms)
{
    static const struct unit units[] = {
        {SHOAL_VIEW(""), 1000},   {SHOAL_VIEW("ms"), 1},      {SHOAL_VIEW("s"), 1000},
        {SHOAL_VIEW("m"), 60000}, {SHOAL_VIEW("h"), 3600000},
    };
    uint64_t max = (uint64_t)INT64_MAX / 1000000;
    return parse_with_unit(text, units, sizeof units / sizeof *units, max, out_ms);
}

int shoal__parse_size(struct shoal_view text, size_t *out_bytes)
{
    static const struct unit units[] = {
        {SHOAL_VIEW(""), 1},        {SHOAL_VIEW("k"), 1 << 10}, {SHOAL_VIEW("K"), 1 << 10},
        {SHOAL_VIEW("m"), 1 << 20}, {SHOAL_VIEW("M"), 1 << 20}, {SHOAL_VIEW("g"), 1 << 30},
        {SHOAL_VIEW("G"), 1 << 30},
    };
    uint64_t bytes;
    int rc = parse_with_unit(text, units, sizeof units / sizeof *units, SIZE_MAX, &bytes);
    if (rc == 0)
        *out_bytes = (size_t)bytes;
    return rc;
}
