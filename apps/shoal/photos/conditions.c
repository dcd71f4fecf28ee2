/* SPDX-License-Identifier: BSD-3-Clause */
/* Conditional requests and ranges; see conditions.h. */
#include "photos/conditions.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "parse.h"

static const char date_format[] = "%a, %d %b %Y %H:%M:%S GMT";

/* Reading */

static bool name_is(struct shoal_view name, const char *expected)
{
    return name.size == strlen(expected) && strncasecmp(name.data, expected, name.size) == 0;
}

static struct shoal_view join(struct shoal_http_request *req, struct shoal_view a,
                              struct shoal_view b)
{
    const char *both =
        shoal_http_format(req, "%.*s, %.*s", (int)a.size, a.data, (int)b.size, b.data);
    return both ? shoal_view_of(both) : a;
}

static struct shoal_view gather(struct shoal_http_request *req, const char *wanted)
{
    struct shoal_view list = {NULL, 0}, name, value;
    for (size_t i = 0; shoal_http_field_at(req, i, &name, &value); i++) {
        if (!name_is(name, wanted))
            continue;
        if (!value.data)
            value = shoal_view("", 0);
        list = list.data ? join(req, list, value) : value;
    }
    return list;
}

void conditions_read(struct shoal_http_request *req, struct conditions *out)
{
    *out = (struct conditions){
        .if_match = gather(req, "if-match"),
        .if_none_match = gather(req, "if-none-match"),
        .if_modified_since = shoal_http_field(req, "if-modified-since"),
        .if_unmodified_since = shoal_http_field(req, "if-unmodified-since"),
        .if_range = shoal_http_field(req, "if-range"),
        .range = gather(req, "range"),
    };
}

/* Comparing */

bool etag_matches(struct shoal_view list, const char *etag, bool weak)
{
    struct shoal_view wanted = shoal_view_of(etag);
    if (shoal_view_equal(trim(list), shoal_view_of("*")))
        return true;
    while (list.size > 0) {
        /* Our tags hold no comma, so what a comma cuts apart is not one of ours. */
        struct shoal_view tag = trim(take_until(&list, ','));
        if (weak)
            take_text(&tag, "W/");
        if (shoal_view_equal(tag, wanted))
            return true;
    }
    return false;
}

static bool parse_date(struct shoal_view text, time_t *out)
{
    char copy[64];
    struct tm tm = {0};
    if (!text.data || text.size >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    const char *end = strptime(copy, date_format, &tm);
    if (!end || *end != '\0')
        return false;
    *out = timegm(&tm);
    return true;
}

char *http_date(uint32_t seconds, char *out, size_t size)
{
    time_t time = (time_t)seconds;
    struct tm tm;
    if (strftime(out, size, date_format, gmtime_r(&time, &tm)) == 0)
        out[0] = '\0';
    return out;
}

/* In the order of RFC 9110 §13.2.2. */
enum verdict conditions_of_get(const struct conditions *conditions, const char *etag,
                               uint32_t modified_s)
{
    time_t date;
    if (conditions->if_match.data) {
        if (!etag_matches(conditions->if_match, etag, false))
            return VERDICT_FAILED;
    } else if (parse_date(conditions->if_unmodified_since, &date) && (time_t)modified_s > date) {
        return VERDICT_FAILED;
    }
    if (conditions->if_none_match.data)
        return etag_matches(conditions->if_none_match, etag, true) ? VERDICT_UNCHANGED
                                                                   : VERDICT_PASS;
    bool unchanged = parse_date(conditions->if_modified_since, &date) && (time_t)modified_s <= date;
    return unchanged ? VERDICT_UNCHANGED : VERDICT_PASS;
}

bool conditions_allow_write(const struct conditions *conditions, const char *etag)
{
    if (conditions->if_match.data && (!etag || !etag_matches(conditions->if_match, etag, false)))
        return false;
    return !conditions->if_none_match.data || !etag ||
           !etag_matches(conditions->if_none_match, etag, true);
}

/* Ranges */

static bool range_applies(const struct conditions *conditions, const char *etag,
                          uint32_t modified_s)
{
    time_t date;
    if (!conditions->if_range.data)
        return true;
    if (parse_date(conditions->if_range, &date))
        return date == (time_t)modified_s;
    return shoal_view_equal(conditions->if_range, shoal_view_of(etag));
}

/* "-N": the last N bytes. */
static enum range last_bytes(struct shoal_view count, uint64_t size, uint64_t *out_first,
                             uint64_t *out_count)
{
    uint64_t wanted;
    if (count.size == 0 || !parse_number(count, UINT64_MAX, &wanted))
        return RANGE_ALL;
    if (wanted == 0 || size == 0)
        return RANGE_UNSATISFIABLE;
    *out_count = wanted < size ? wanted : size;
    *out_first = size - *out_count;
    return RANGE_PART;
}

enum range conditions_range(const struct conditions *conditions, const char *etag,
                            uint32_t modified_s, uint64_t size, uint64_t *out_first,
                            uint64_t *out_count)
{
    struct shoal_view text = conditions->range;
    uint64_t first, last = UINT64_MAX;
    if (!text.data || !take_text(&text, "bytes=") || memchr(text.data, ',', text.size) ||
        !range_applies(conditions, etag, modified_s))
        return RANGE_ALL;
    text = trim(text);
    if (!memchr(text.data, '-', text.size))
        return RANGE_ALL;
    struct shoal_view from = take_until(&text, '-');
    if (from.size == 0)
        return last_bytes(text, size, out_first, out_count);
    if (!parse_number(from, UINT64_MAX, &first) ||
        (text.size > 0 && !parse_number(text, UINT64_MAX, &last)) || last < first)
        return RANGE_ALL;
    if (first >= size)
        return RANGE_UNSATISFIABLE;
    *out_first = first;
    *out_count = (last < size ? last + 1 : size) - first;
    return RANGE_PART;
}
