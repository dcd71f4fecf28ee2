/* SPDX-License-Identifier: BSD-3-Clause */
/* Dates: the proleptic Gregorian calendar by arithmetic, and formats as patterns. */
#include "proto/http/http_date.h"

#include <stdio.h>

enum { SECONDS_PER_DAY = 86400, DAYS_TO_1970 = 719468 /* from 1 March of the year 0 */ };

static const int64_t earliest = -62167219200; /* 0000-01-01 00:00:00 */
static const int64_t latest = 253402300799;   /* 9999-12-31 23:59:59 */

static const char days[7][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                 "Thursday", "Friday", "Saturday"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct date {
    int year;
    int month; /* 0 to 11 */
    int day;   /* 1 to 31 */
    int hour, minute, second;
};

/*
 * Years that begin in March have the leap day at their end, and the months from there on have 153
 * days in every five. An era is the 400 years, 146097 days, after which the calendar repeats.
 */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month < 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((month + 10) % 12) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - DAYS_TO_1970;
}

static void set_day(struct date *date, int64_t since_1970)
{
    int64_t number = since_1970 + DAYS_TO_1970;
    int64_t era = (number >= 0 ? number : number - 146096) / 146097;
    int64_t day_of_era = number - era * 146097;
    int64_t year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    date->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    date->month = (int)((month + 2) % 12);
    date->year = (int)(year + era * 400 + (date->month < 2));
}

void shoal__http_date_write(int64_t seconds, char out[SHOAL__HTTP_DATE_SIZE])
{
    seconds = seconds < earliest ? earliest : seconds > latest ? latest : seconds;
    int64_t in_day = ((seconds % SECONDS_PER_DAY) + SECONDS_PER_DAY) % SECONDS_PER_DAY;
    int64_t day = (seconds - in_day) / SECONDS_PER_DAY;
    struct date date;
    set_day(&date, day);
    const char *weekday = days[((day + 4) % 7 + 7) % 7]; /* 1970 began on a Thursday */
    (void)snprintf(out, SHOAL__HTTP_DATE_SIZE, "%.3s, %02u %s %04u %02u:%02u:%02u GMT", weekday,
                   (unsigned)date.day % 100, months[date.month], (unsigned)date.year % 10000,
                   (unsigned)(in_day / 3600), (unsigned)(in_day / 60 % 60),
                   (unsigned)(in_day % 60));
}

/* Reading */

/* What is left to read; NULL `data` once something did not fit. */
static bool take(struct shoal_view *text, size_t size, const char **out_part)
{
    if (!text->data || text->size < size)
        return false;
    *out_part = text->data;
    *text = shoal_view(text->data + size, text->size - size);
    return true;
}

static bool take_literal(struct shoal_view *text, char wanted)
{
    const char *part;
    return take(text, 1, &part) && *part == wanted;
}

static bool take_number(struct shoal_view *text, size_t digits, int *out)
{
    const char *part;
    if (!take(text, digits, &part))
        return false;
    int value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (part[i] < '0' || part[i] > '9')
            return false;
        value = value * 10 + (part[i] - '0');
    }
    *out = value;
    return true;
}

static bool take_month(struct shoal_view *text, int *out)
{
    const char *part;
    if (!take(text, 3, &part))
        return false;
    for (int i = 0; i < 12; i++) {
        if (memcmp(part, months[i], 3) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* A weekday's name; whether it is the right one nobody cares. */
static bool take_weekday(struct shoal_view *text, bool whole)
{
    for (size_t i = 0; i < 7; i++) {
        size_t size = whole ? strlen(days[i]) : 3;
        if (text->size >= size && memcmp(text->data, days[i], size) == 0) {
            *text = shoal_view(text->data + size, text->size - size);
            return true;
        }
    }
    return false;
}

/* A day of the month that is filled up with a blank. */
static bool take_padded_day(struct shoal_view *text, int *out)
{
    bool padded = text->size > 0 && text->data[0] == ' ';
    return padded ? take_literal(text, ' ') && take_number(text, 1, out)
                  : take_number(text, 2, out);
}

static bool take_time(struct shoal_view *text, struct date *date)
{
    return take_number(text, 2, &date->hour) && take_literal(text, ':') &&
           take_number(text, 2, &date->minute) && take_literal(text, ':') &&
           take_number(text, 2, &date->second);
}

/* Reads by a pattern: w and W a weekday (short, whole), d and e a day (two digits, padded), b a
 * month, y and Y a year (two digits, four), t a time; all else stands for itself. */
static bool read_by(const char *pattern, struct shoal_view text, struct date *out)
{
    bool good = true;
    for (; good && *pattern; pattern++) {
        switch (*pattern) {
        case 'w':
        case 'W':
            good = take_weekday(&text, *pattern == 'W');
            break;
        case 'd':
            good = take_number(&text, 2, &out->day);
            break;
        case 'e':
            good = take_padded_day(&text, &out->day);
            break;
        case 'b':
            good = take_month(&text, &out->month);
            break;
        case 'y':
            good = take_number(&text, 2, &out->year);
            break;
        case 'Y':
            good = take_number(&text, 4, &out->year);
            break;
        case 't':
            good = take_time(&text, out);
            break;
        default:
            good = take_literal(&text, *pattern);
        }
    }
    return good && text.size == 0;
}

/* The calendar has it: a month's last day is the one before the next month's first. A leap second
 * is let pass as the next minute's first. */
static bool exists(const struct date *date)
{
    int next_year = date->year + (date->month == 11);
    int64_t length =
        days_of(next_year, (date->month + 1) % 12, 1) - days_of(date->year, date->month, 1);
    return date->day >= 1 && date->day <= length && date->hour < 24 && date->minute < 60 &&
           date->second <= 60;
}

static int64_t seconds_of(const struct date *date)
{
    return days_of(date->year, date->month, date->day) * SECONDS_PER_DAY + date->hour * 3600 +
           date->minute * 60 + date->second;
}

/* Puts a year of two digits into the century around `now`. */
static void complete_year(struct date *date, int64_t now)
{
    struct date today;
    set_day(&today, now / SECONDS_PER_DAY);
    date->year += today.year / 100 * 100;
    if (date->year > today.year + 50)
        date->year -= 100;
}

bool shoal__http_date_read(struct shoal_view text, int64_t now, int64_t *out_seconds)
{
    struct date date = {0};
    if (read_by("W, d-b-y t GMT", text, &date))
        complete_year(&date, now);
    else if (!read_by("w, d b Y t GMT", text, &date) && !read_by("w b e t Y", text, &date))
        return false;
    if (!exists(&date))
        return false;
    *out_seconds = seconds_of(&date);
    return true;
}
