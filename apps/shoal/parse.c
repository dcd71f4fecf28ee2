/* SPDX-License-Identifier: BSD-3-Clause */
/* Strict reading of numbers, units and words; see parse.h. */
#include "parse.h"

#include <stdio.h>
#include <string.h>

#define YEAR_MS ((uint64_t)366 * 24 * 3600 * 1000)

struct unit {
    const char *name;
    uint64_t factor;
};

bool parse_number(struct shoal_view text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    if (text.size == 0 || value > max)
        return false;
    *out = value;
    return true;
}

static size_t count_digits(struct shoal_view text)
{
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    return digits;
}

/* Digits and the name of one of the units, the last of which has no name. */
static bool parse_with_unit(struct shoal_view text, const struct unit *unit, uint64_t max,
                            uint64_t *out)
{
    size_t digits = count_digits(text);
    struct shoal_view name = shoal_view_from(text, digits);
    while (unit->name[0] != '\0' && compare_nocase(name, shoal_view_of(unit->name)) != 0)
        unit++;
    if (strlen(unit->name) != name.size)
        return false;

    uint64_t number;
    if (!parse_number(shoal_view(text.data, digits), max / unit->factor, &number))
        return false;
    *out = number * unit->factor;
    return true;
}

bool parse_duration_ms(struct shoal_view text, int64_t *out_ms)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"", 1000}};
    uint64_t ms;
    if (!parse_with_unit(text, units, YEAR_MS, &ms))
        return false;
    *out_ms = (int64_t)ms;
    return true;
}

bool take_text(struct shoal_view *text, const char *word)
{
    size_t size = strlen(word);
    if (text->size < size || memcmp(text->data, word, size) != 0)
        return false;
    *text = shoal_view(text->data + size, text->size - size);
    return true;
}

struct shoal_view take_until(struct shoal_view *text, char separator)
{
    const char *found = text->size ? memchr(text->data, separator, text->size) : NULL;
    struct shoal_view taken = found ? shoal_view(text->data, (size_t)(found - text->data)) : *text;
    *text = shoal_view_from(*text, taken.size + 1);
    return taken;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct shoal_view trim(struct shoal_view text)
{
    while (text.size > 0 && is_blank(text.data[0]))
        text = shoal_view_from(text, 1);
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

int compare_nocase(struct shoal_view a, struct shoal_view b)
{
    for (size_t i = 0; i < a.size && i < b.size; i++) {
        int difference = lower(a.data[i]) - lower(b.data[i]);
        if (difference != 0)
            return difference;
    }
    return a.size == b.size ? 0 : a.size < b.size ? -1 : 1;
}

static bool is_harmless(char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

char *escape_text(struct shoal_view text, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (used + 4 + sizeof("...") > size) {
            memcpy(out + used, "...", sizeof("..."));
            return out;
        }
        if (is_harmless(text.data[i]))
            out[used++] = text.data[i];
        else
            used += (size_t)snprintf(out + used, size - used, "\\x%02X",
                                     (unsigned)(unsigned char)text.data[i]);
    }
    out[used] = '\0';
    return out;
}
