/* SPDX-License-Identifier: BSD-3-Clause */
/* Weights, read into thousandths. */
#include "proto/http/encodings.h"

#include <stdbool.h>

#include "proto/http/fields.h"

enum { UNSAID = -1, WHOLE = 1000 };

static const char *const codings[] = {
#define CODING(NAME, coding, suffix) coding,
    SHOAL__ENCODING_TABLE(CODING)
#undef CODING
};

static const char *const suffixes[] = {
#define SUFFIX(NAME, coding, suffix) suffix,
    SHOAL__ENCODING_TABLE(SUFFIX)
#undef SUFFIX
};

const char *shoal__encoding_coding(enum shoal__encoding encoding)
{
    return codings[encoding];
}

const char *shoal__encoding_suffix(enum shoal__encoding encoding)
{
    return suffixes[encoding];
}

static struct shoal_view trim(struct shoal_view text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = shoal_view(text.data + 1, text.size - 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* The part of *text before `mark`, trimmed; *text is what follows, NULL `data` at the end. */
static struct shoal_view take_until(struct shoal_view *text, char mark)
{
    const char *at = memchr(text->data, mark, text->size);
    size_t size = at ? (size_t)(at - text->data) : text->size;
    struct shoal_view part = trim(shoal_view(text->data, size));
    *text = at ? shoal_view(at + 1, text->size - size - 1) : shoal_view(NULL, 0);
    return part;
}

/* "0.5", of at most three decimals, or what is malformed: -1. */
static int read_weight(struct shoal_view text)
{
    if (text.size == 0 || text.size > 5 || text.data[0] < '0' || text.data[0] > '1')
        return -1;
    int weight = (text.data[0] - '0') * WHOLE;
    int unit = 100;
    for (size_t i = 1; i < text.size; i++) {
        char byte = text.data[i];
        if (i == 1 && byte == '.')
            continue;
        if (i == 1 || byte < '0' || byte > '9')
            return -1;
        weight += (byte - '0') * unit;
        unit /= 10;
    }
    return weight <= WHOLE ? weight : -1;
}

/* The weight among an element's parameters; WHOLE without one. */
static int weight_of(struct shoal_view params)
{
    while (params.data) {
        struct shoal_view param = take_until(&params, ';');
        if (param.size >= 2 && (param.data[0] | 0x20) == 'q' && param.data[1] == '=')
            return read_weight(shoal_view(param.data + 2, param.size - 2));
    }
    return WHOLE;
}

/* Notes what the element says. `weights` has one more place, for "*". */
static bool note(struct shoal_view element, int weights[SHOAL__ENCODINGS + 1])
{
    struct shoal_view coding = take_until(&element, ';');
    int weight = weight_of(element);
    if (weight < 0)
        return false;
    if (shoal_view_equal(coding, shoal_view("*", 1)))
        weights[SHOAL__ENCODINGS] = weight;
    for (size_t i = 0; i < SHOAL__ENCODINGS; i++) {
        if (shoal__http_name_is(coding, codings[i]))
            weights[i] = weight;
    }
    if (shoal__http_name_is(coding, "x-gzip")) /* RFC 9110 §8.4.1.3 */
        weights[SHOAL__ENCODING_GZIP] = weight;
    return true;
}

static bool read_weights(struct shoal_view accept, int weights[SHOAL__ENCODINGS + 1])
{
    for (size_t i = 0; i <= SHOAL__ENCODINGS; i++)
        weights[i] = UNSAID;
    while (accept.data) {
        struct shoal_view element = take_until(&accept, ',');
        if (element.size > 0 && !note(element, weights))
            return false;
    }
    return true;
}

/* What was not said follows "*"; without that, only the file as it is is acceptable, and least. */
static int weight_in(const int weights[SHOAL__ENCODINGS + 1], enum shoal__encoding encoding)
{
    if (weights[encoding] != UNSAID)
        return weights[encoding];
    if (weights[SHOAL__ENCODINGS] != UNSAID)
        return weights[SHOAL__ENCODINGS];
    return encoding == SHOAL__ENCODING_IDENTITY;
}

enum shoal__encoding shoal__encoding_choose(struct shoal_view accept, unsigned there)
{
    int weights[SHOAL__ENCODINGS + 1];
    enum shoal__encoding best = SHOAL__ENCODING_IDENTITY;
    if (!accept.data || !read_weights(accept, weights))
        return best;
    int best_weight = 0;
    for (unsigned i = 0; i < SHOAL__ENCODINGS; i++) {
        int weight = weight_in(weights, i);
        if ((there & 1u << i) != 0 && weight > best_weight) {
            best = i;
            best_weight = weight;
        }
    }
    return best;
}
