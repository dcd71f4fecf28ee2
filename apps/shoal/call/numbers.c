/* SPDX-License-Identifier: BSD-3-Clause */
/* Scalars and their texts; see numbers.h. Whole numbers are read as a sign and a magnitude. */
#include "call/numbers.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "parse.h"

struct whole {
    bool negative;
    uint64_t magnitude;
};

static bool is_signed(enum field_type type)
{
    return type == TYPE_INT32 || type == TYPE_INT64 || type == TYPE_SINT32 || type == TYPE_SINT64 ||
           type == TYPE_SFIXED32 || type == TYPE_SFIXED64;
}

static bool is_long(enum field_type type)
{
    return type == TYPE_INT64 || type == TYPE_UINT64 || type == TYPE_SINT64 ||
           type == TYPE_FIXED64 || type == TYPE_SFIXED64;
}

static bool is_real(enum field_type type)
{
    return type == TYPE_DOUBLE || type == TYPE_FLOAT;
}

const char *number_expected(enum field_type type)
{
    if (type == TYPE_BOOL)
        return "true or false";
    if (type == TYPE_DOUBLE)
        return "a number";
    if (type == TYPE_FLOAT)
        return "a number of 32 bits";
    if (is_signed(type))
        return is_long(type) ? "a whole number from -9223372036854775808 to 9223372036854775807"
                             : "a whole number from -2147483648 to 2147483647";
    return is_long(type) ? "a whole number from 0 to 18446744073709551615"
                         : "a whole number from 0 to 4294967295";
}

/* Whole numbers */

static bool whole_from_text(struct shoal_view text, struct whole *out)
{
    out->negative = take_text(&text, "-");
    return parse_number(text, UINT64_MAX, &out->magnitude);
}

static bool whole_from_real(double value, struct whole *out)
{
    out->negative = value < 0;
    value = fabs(value);
    if (!(value < 0x1p64) || floor(value) != value)
        return false;
    out->magnitude = (uint64_t)value;
    return true;
}

static bool whole_from_json(const json_t *value, struct whole *out)
{
    if (json_is_string(value))
        return whole_from_text(shoal_view(json_string_value(value), json_string_length(value)),
                               out);
    if (json_is_real(value))
        return whole_from_real(json_real_value(value), out);
    if (!json_is_integer(value))
        return false;
    json_int_t number = json_integer_value(value);
    out->negative = number < 0;
    out->magnitude = number < 0 ? -(uint64_t)number : (uint64_t)number;
    return true;
}

static bool fits(enum field_type type, struct whole whole)
{
    uint64_t max = is_long(type) ? UINT64_MAX : UINT32_MAX;
    if (is_signed(type))
        max /= 2;
    if (whole.negative && whole.magnitude > 0)
        return is_signed(type) && whole.magnitude <= max + 1;
    return whole.magnitude <= max;
}

static bool bits_of_whole(enum field_type type, struct whole whole, uint64_t *out_bits)
{
    if (!fits(type, whole))
        return false;
    uint64_t bits = whole.negative ? -whole.magnitude : whole.magnitude;
    if (type == TYPE_SINT32 || type == TYPE_SINT64)
        bits = bits << 1 ^ (whole.negative && whole.magnitude > 0 ? UINT64_MAX : 0);
    *out_bits = bits;
    return true;
}

/* As C has it again. */
static int64_t signed_of(enum field_type type, uint64_t bits)
{
    if (type == TYPE_SINT32)
        bits = (uint32_t)bits;
    if (type == TYPE_SINT32 || type == TYPE_SINT64)
        bits = bits >> 1 ^ -(bits & 1);
    return is_long(type) ? (int64_t)bits : (int32_t)bits;
}

/* Real numbers */

static double real_of(enum field_type type, uint64_t bits)
{
    double real;
    float narrow;
    uint32_t narrow_bits = (uint32_t)bits;
    memcpy(&real, &bits, sizeof(real));
    memcpy(&narrow, &narrow_bits, sizeof(narrow));
    return type == TYPE_FLOAT ? (double)narrow : real;
}

static bool bits_of_real(enum field_type type, double real, uint64_t *out_bits)
{
    float narrow = (float)real;
    uint32_t narrow_bits;
    if (type == TYPE_FLOAT && isinf(narrow) && !isinf(real))
        return false;
    memcpy(&narrow_bits, &narrow, sizeof(narrow_bits));
    memcpy(out_bits, &real, sizeof(*out_bits));
    if (type == TYPE_FLOAT)
        *out_bits = narrow_bits;
    return true;
}

static bool real_from_word(const char *text, double *out)
{
    if (strcmp(text, "NaN") == 0)
        *out = NAN;
    else if (strcmp(text, "Infinity") == 0)
        *out = INFINITY;
    else if (strcmp(text, "-Infinity") == 0)
        *out = -INFINITY;
    else
        return false;
    return true;
}

/* strtod() would take blanks, hexadecimals and words, too. */
static bool real_from_text(const json_t *value, double *out)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    if (real_from_word(text, out))
        return size == strlen(text);
    if (size == 0 || strspn(text, "0123456789+-.eE") != size || text[0] == '+')
        return false;
    char *end;
    *out = strtod(text, &end);
    return end == text + size && isfinite(*out);
}

static bool real_from_json(enum field_type type, const json_t *value, uint64_t *out_bits)
{
    double real;
    if (json_is_string(value) && real_from_text(value, &real))
        return bits_of_real(type, real, out_bits);
    return json_is_number(value) && bits_of_real(type, json_number_value(value), out_bits);
}

/* So many digits as it takes to read the same number again; "-0" would be read as a whole number,
 * which has no such zero. */
static void real_text(enum field_type type, double real, char out[NUMBER_MAX])
{
    int least = type == TYPE_FLOAT ? 6 : 15;
    if (real == 0 && signbit(real)) {
        snprintf(out, NUMBER_MAX, "-0.0");
        return;
    }
    for (int digits = least; digits <= least + 3; digits++) {
        snprintf(out, NUMBER_MAX, "%.*g", digits, real);
        double again = strtod(out, NULL);
        if (type == TYPE_FLOAT ? (float)again == (float)real : again == real)
            return;
    }
}

/* All of them */

bool number_from_json(enum field_type type, const json_t *value, uint64_t *out_bits)
{
    struct whole whole;
    if (type == TYPE_BOOL) {
        *out_bits = json_is_true(value);
        return json_is_boolean(value);
    }
    if (is_real(type))
        return real_from_json(type, value, out_bits);
    return whole_from_json(value, &whole) && bits_of_whole(type, whole, out_bits);
}

bool number_from_key(enum field_type type, struct shoal_view key, uint64_t *out_bits)
{
    struct whole whole;
    if (type == TYPE_BOOL) {
        *out_bits = shoal_view_equal(key, shoal_view_of("true"));
        return *out_bits || shoal_view_equal(key, shoal_view_of("false"));
    }
    return !is_real(type) && whole_from_text(key, &whole) && bits_of_whole(type, whole, out_bits);
}

void number_text(enum field_type type, uint64_t bits, char out[NUMBER_MAX])
{
    double real = is_real(type) ? real_of(type, bits) : 0;
    if (type == TYPE_BOOL)
        snprintf(out, NUMBER_MAX, "%s", bits ? "true" : "false");
    else if (isnan(real))
        snprintf(out, NUMBER_MAX, "NaN");
    else if (isinf(real))
        snprintf(out, NUMBER_MAX, "%sInfinity", real < 0 ? "-" : "");
    else if (is_real(type))
        real_text(type, real, out);
    else if (is_signed(type))
        snprintf(out, NUMBER_MAX, "%" PRId64, signed_of(type, bits));
    else
        snprintf(out, NUMBER_MAX, "%" PRIu64, is_long(type) ? bits : (uint32_t)bits);
}

uint64_t number_significant(enum field_type type, uint64_t bits)
{
    if (type == TYPE_BOOL)
        return bits != 0;
    return is_long(type) || type == TYPE_DOUBLE ? bits : (uint32_t)bits;
}

bool number_is_quoted(enum field_type type, uint64_t bits)
{
    return is_long(type) || (is_real(type) && !isfinite(real_of(type, bits)));
}
