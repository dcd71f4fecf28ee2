/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading Range. Its numbers may be as long as the peer likes: they end at UINT64_MAX. */
#include "proto/http/ranges.h"

#include <stdbool.h>

#include "proto/http/fields.h"

/* One element of the list: FIRST-LAST, FIRST-, or -LENGTH. */
struct spec {
    uint64_t first, last;
    bool has_first, has_last;
};

static struct shoal_view trim(struct shoal_view text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = shoal_view(text.data + 1, text.size - 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* The list's next element, trimmed; *list is what follows, with NULL `data` at the end. */
static struct shoal_view next_element(struct shoal_view *list)
{
    const char *comma = memchr(list->data, ',', list->size);
    size_t size = comma ? (size_t)(comma - list->data) : list->size;
    struct shoal_view element = shoal_view(list->data, size);
    *list = comma ? shoal_view(comma + 1, list->size - size - 1) : shoal_view(NULL, 0);
    return trim(element);
}

/* Digits from the front of *text, if any. */
static bool take_number(struct shoal_view *text, uint64_t *out)
{
    uint64_t value = 0;
    size_t digits = 0;
    for (; digits < text->size; digits++) {
        unsigned digit = (unsigned char)text->data[digits] - (unsigned)'0';
        if (digit > 9)
            break;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            value = UINT64_MAX;
    }
    *text = shoal_view(text->data + digits, text->size - digits);
    *out = value;
    return digits > 0;
}

static bool read_spec(struct shoal_view text, struct spec *out)
{
    out->has_first = take_number(&text, &out->first);
    if (text.size == 0 || text.data[0] != '-')
        return false;
    text = shoal_view(text.data + 1, text.size - 1);
    out->has_last = take_number(&text, &out->last);
    if (text.size > 0 || (!out->has_first && !out->has_last))
        return false;
    return !out->has_first || !out->has_last || out->first <= out->last;
}

/* The part of `size` bytes that the element means; false where there is none of it. */
static bool resolve(const struct spec *spec, uint64_t size, struct shoal__range *out)
{
    if (!spec->has_first) {
        uint64_t length = spec->last < size ? spec->last : size;
        *out = (struct shoal__range){size - length, length};
        return length > 0;
    }
    if (spec->first >= size)
        return false;
    uint64_t left = size - spec->first;
    bool to_end = !spec->has_last || spec->last - spec->first >= left;
    *out = (struct shoal__range){spec->first, to_end ? left : spec->last - spec->first + 1};
    return true;
}

static bool overlaps(const struct shoal__ranges *ranges, const struct shoal__range *part)
{
    for (size_t i = 0; i < ranges->count; i++) {
        const struct shoal__range *other = &ranges->parts[i];
        if (part->offset < other->offset + other->size && other->offset < part->offset + part->size)
            return true;
    }
    return false;
}

/* False where the field is to be ignored for this element's sake. */
static bool add(struct shoal__ranges *ranges, struct shoal_view element, uint64_t size)
{
    struct spec spec;
    struct shoal__range part;
    if (!read_spec(element, &spec))
        return false;
    if (!resolve(&spec, size, &part))
        return true;
    if (ranges->count == SHOAL__RANGES_MAX || overlaps(ranges, &part))
        return false;
    ranges->parts[ranges->count++] = part;
    return true;
}

enum shoal__ranges_answer shoal__ranges_read(struct shoal_view field, uint64_t size,
                                             struct shoal__ranges *out_ranges)
{
    struct shoal_view list = trim(field);
    if (list.size < 6 || !shoal__http_name_is(shoal_view(list.data, 5), "bytes") ||
        list.data[5] != '=')
        return SHOAL__RANGES_WHOLE;
    list = shoal_view(list.data + 6, list.size - 6);

    struct shoal__ranges ranges = {.count = 0};
    size_t specs = 0;
    while (list.data) {
        struct shoal_view element = next_element(&list);
        if (element.size == 0)
            continue; /* RFC 9110 §5.6.1.2: empty elements count for nothing */
        if (++specs > SHOAL__RANGES_MAX || !add(&ranges, element, size))
            return SHOAL__RANGES_WHOLE;
    }
    if (specs == 0)
        return SHOAL__RANGES_WHOLE;
    if (ranges.count == 0)
        return SHOAL__RANGES_OUTSIDE;
    *out_ranges = ranges;
    return SHOAL__RANGES_PARTS;
}
