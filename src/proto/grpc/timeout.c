/* SPDX-License-Identifier: BSD-3-Clause */
/* The grpc-timeout field; see timeout.h. */
#include "proto/grpc/timeout.h"

enum { MOST_DIGITS = 8 };

/* The units, the finest first. */
static const struct {
    char letter;
    int64_t ns;
} units[] = {
    {'n', 1},
    {'u', 1000},
    {'m', 1000 * 1000},
    {'S', 1000 * 1000 * 1000},
    {'M', INT64_C(60) * 1000 * 1000 * 1000},
    {'H', INT64_C(3600) * 1000 * 1000 * 1000},
};

enum { UNITS = sizeof(units) / sizeof(units[0]) };

static int64_t ns_of_unit(char letter)
{
    for (int i = 0; i < UNITS; i++) {
        if (units[i].letter == letter)
            return units[i].ns;
    }
    return 0;
}

bool shoal__grpc_timeout_parse(struct shoal_view text, int64_t *out_ns)
{
    if (text.size < 2 || text.size > MOST_DIGITS + 1)
        return false;
    int64_t value = 0;
    for (size_t i = 0; i < text.size - 1; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    int64_t unit = ns_of_unit(text.data[text.size - 1]);
    if (unit == 0)
        return false;
    *out_ns = value > INT64_MAX / unit ? INT64_MAX : value * unit;
    return true;
}

static struct shoal_view print(int64_t value, char letter, char *out)
{
    char digits[20];
    size_t size = 0;
    do {
        digits[size++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < size; i++)
        out[i] = digits[size - 1 - i];
    out[size] = letter;
    return shoal_view(out, size + 1);
}

struct shoal_view shoal__grpc_timeout_format(int64_t ns, char out[SHOAL__GRPC_TIMEOUT_MAX])
{
    static const int64_t most = 99999999;
    if (ns < 0)
        ns = 0;
    for (int i = 0; i < UNITS; i++) {
        int64_t value = ns / units[i].ns + (ns % units[i].ns != 0);
        if (value <= most)
            return print(value, units[i].letter, out);
    }
    return print(most, 'H', out);
}
