/* SPDX-License-Identifier: BSD-3-Clause */
/* Timestamps and durations; see moments.h. The calendar is the proleptic Gregorian one. */
#include "call/moments.h"

#include <inttypes.h>
#include <stdio.h>

#include "parse.h"

#define FIRST_SECOND INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST_SECOND INT64_C(253402300799)  /* 9999-12-31T23:59:59Z */
#define MOST_SECONDS INT64_C(315576000000) /* of a duration: 10,000 years */

enum { NANOS = 1000000000, DAY = 86400 };

/* ".5", ".000000001", as 3, 6 or 9 digits; nothing for 0. */
static void fraction_text(int64_t nanos, char out[16])
{
    snprintf(out, 16, ".%09" PRId64, nanos);
    if (nanos == 0)
        out[0] = '\0';
    else if (nanos % 1000000 == 0)
        out[4] = '\0';
    else if (nanos % 1000 == 0)
        out[7] = '\0';
}

/* Days since 1970-01-01 and back, counted in 400-year eras that begin in March. */

static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_of(int64_t days, int64_t *out_year, int64_t *out_month, int64_t *out_day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t shifted = (5 * of_year + 2) / 153;
    *out_day = of_year - (153 * shifted + 2) / 5 + 1;
    *out_month = shifted + (shifted < 10 ? 3 : -9);
    *out_year = year + era * 400 + (*out_month <= 2);
}

bool timestamp_text(int64_t seconds, int64_t nanos, char out[MOMENT_MAX])
{
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND || nanos < 0 || nanos >= NANOS)
        return false;
    int64_t days = (seconds >= 0 ? seconds : seconds - (DAY - 1)) / DAY;
    int64_t of_day = seconds - days * DAY;
    int64_t year;
    int64_t month;
    int64_t day;
    char fraction[16];
    date_of(days, &year, &month, &day);
    fraction_text(nanos, fraction);
    snprintf(out, MOMENT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", (int)year, (int)month, (int)day,
             (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60), fraction);
    return true;
}

bool duration_text(int64_t seconds, int64_t nanos, char out[MOMENT_MAX])
{
    bool negative = seconds < 0 || nanos < 0;
    if (seconds < -MOST_SECONDS || seconds > MOST_SECONDS || nanos <= -NANOS || nanos >= NANOS ||
        (negative && (seconds > 0 || nanos > 0)))
        return false;
    char fraction[16];
    fraction_text(negative ? -nanos : nanos, fraction);
    snprintf(out, MOMENT_MAX, "%s%" PRId64 "%ss", negative ? "-" : "",
             negative ? -seconds : seconds, fraction);
    return true;
}

/* Reading. Each takes its part from *text. */

static bool take_digits(struct shoal_view *text, size_t count, int64_t max, int64_t *out)
{
    uint64_t number;
    if (text->size < count || !parse_number(shoal_view(text->data, count), (uint64_t)max, &number))
        return false;
    *text = shoal_view_from(*text, count);
    *out = (int64_t)number;
    return true;
}

/* A point and 1 to 9 digits, or nothing. */
static bool take_fraction(struct shoal_view *text, int64_t *out_nanos)
{
    *out_nanos = 0;
    if (!take_text(text, "."))
        return true;
    size_t count = 0;
    int64_t nanos = 0;
    for (; count < text->size && text->data[count] >= '0' && text->data[count] <= '9'; count++)
        nanos = count < 9 ? 10 * nanos + (text->data[count] - '0') : nanos;
    if (count == 0 || count > 9)
        return false;
    for (size_t i = count; i < 9; i++)
        nanos *= 10;
    *text = shoal_view_from(*text, count);
    *out_nanos = nanos;
    return true;
}

static bool take_date(struct shoal_view *text, int64_t *out_days)
{
    int64_t year;
    int64_t month;
    int64_t day;
    if (!take_digits(text, 4, 9999, &year) || !take_text(text, "-") ||
        !take_digits(text, 2, 12, &month) || !take_text(text, "-") ||
        !take_digits(text, 2, 31, &day) || year == 0 || month == 0 || day == 0)
        return false;
    *out_days = days_of(year, month, day);
    int64_t same_year;
    int64_t same_month;
    int64_t same_day;
    date_of(*out_days, &same_year, &same_month, &same_day);
    return same_day == day; /* no 31st of April */
}

static bool take_clock(struct shoal_view *text, int64_t *out_seconds)
{
    int64_t hour;
    int64_t minute;
    int64_t second;
    if (!take_digits(text, 2, 23, &hour) || !take_text(text, ":") ||
        !take_digits(text, 2, 59, &minute) || !take_text(text, ":") ||
        !take_digits(text, 2, 59, &second))
        return false;
    *out_seconds = hour * 3600 + minute * 60 + second;
    return true;
}

/* "Z", or the distance to it. */
static bool take_zone(struct shoal_view *text, int64_t *out_offset)
{
    int64_t hour;
    int64_t minute;
    *out_offset = 0;
    if (take_text(text, "Z"))
        return true;
    bool west = take_text(text, "-");
    if (!west && !take_text(text, "+"))
        return false;
    if (!take_digits(text, 2, 23, &hour) || !take_text(text, ":") ||
        !take_digits(text, 2, 59, &minute))
        return false;
    *out_offset = (hour * 3600 + minute * 60) * (west ? -1 : 1);
    return true;
}

bool timestamp_parse(struct shoal_view text, int64_t *out_seconds, int32_t *out_nanos)
{
    int64_t days;
    int64_t of_day;
    int64_t nanos;
    int64_t offset;
    if (!take_date(&text, &days) || !take_text(&text, "T") || !take_clock(&text, &of_day) ||
        !take_fraction(&text, &nanos) || !take_zone(&text, &offset) || text.size > 0)
        return false;
    int64_t seconds = days * DAY + of_day - offset;
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND)
        return false;
    *out_seconds = seconds;
    *out_nanos = (int32_t)nanos;
    return true;
}

bool duration_parse(struct shoal_view text, int64_t *out_seconds, int32_t *out_nanos)
{
    bool negative = take_text(&text, "-");
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    int64_t seconds;
    int64_t nanos;
    if (!take_digits(&text, digits, MOST_SECONDS, &seconds) || !take_fraction(&text, &nanos) ||
        !take_text(&text, "s") || text.size > 0 || (seconds == MOST_SECONDS && nanos > 0))
        return false;
    *out_seconds = negative ? -seconds : seconds;
    *out_nanos = (int32_t)(negative ? -nanos : nanos);
    return true;
}
