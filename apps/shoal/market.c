/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prices and offers. A list is one array sorted by name, for a binary search; the names stand in
 * one block of text behind it.
 */
#include "market.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

#define LARGEST_FILE_BYTES ((size_t)1 << 20)

struct price {
    struct shoal_view fish; /* points into prices.text */
    uint64_t dollars;
};

/* Owned by its references together; constant but for `refs`; dies with the last one. */
struct prices {
    atomic_uint refs;
    size_t count;
    char *text;
    struct price list[];
};

static const char builtin[] = "haddock = 2\n"
                              "trout = 3\n"
                              "bream = 1\n"
                              "salmon = 5\n"
                              "cod = 2\n"
                              "herring = 1\n";

struct prices *prices_ref(struct prices *prices)
{
    atomic_fetch_add_explicit(&prices->refs, 1, memory_order_relaxed);
    return prices;
}

void prices_unref(struct prices **prices)
{
    struct prices *dropped = *prices;
    *prices = NULL;
    if (!dropped || atomic_fetch_sub_explicit(&dropped->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(dropped->text);
    free(dropped);
}

/* Room for as many prices as the text has lines, and a copy of the text. */
static struct prices *make_list(struct shoal_view text)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    struct prices *prices = calloc(1, sizeof(*prices) + lines * sizeof(prices->list[0]));
    char *copy = malloc(text.size + 1);
    if (!prices || !copy) {
        free(prices);
        free(copy);
        return NULL;
    }
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    prices->text = copy;
    atomic_init(&prices->refs, 1);
    return prices;
}

/* True for a price, and, with an empty fish, for a line of blanks or comment only. */
static bool parse_price(struct shoal_view line, struct price *price)
{
    struct shoal_view entry = take_until(&line, '#');
    if (entry.size > 0 && entry.data[entry.size - 1] == '\r')
        entry.size--;
    entry = trim(entry);
    price->fish = shoal_view(NULL, 0);
    if (entry.size == 0)
        return true;
    price->fish = trim(take_until(&entry, '='));
    return price->fish.size > 0 && parse_number(trim(entry), UINT64_MAX, &price->dollars);
}

static int compare_prices(const void *a, const void *b)
{
    return compare_nocase(((const struct price *)a)->fish, ((const struct price *)b)->fish);
}

static bool sort_list(struct prices *prices, char *error, size_t error_size)
{
    qsort(prices->list, prices->count, sizeof(prices->list[0]), compare_prices);
    for (size_t i = 1; i < prices->count; i++) {
        struct shoal_view fish = prices->list[i].fish;
        if (compare_nocase(prices->list[i - 1].fish, fish) != 0)
            continue;
        char name[64];
        snprintf(error, error_size, "two prices for \"%s\"", escape_text(fish, name, sizeof(name)));
        return false;
    }
    return true;
}

static bool fill_list(struct prices *prices, struct shoal_view text, char *error, size_t error_size)
{
    text.data = prices->text;
    for (size_t number = 1; text.size > 0; number++) {
        struct price price;
        if (!parse_price(take_until(&text, '\n'), &price)) {
            snprintf(error, error_size, "line %zu: expected \"FISH = DOLLARS\"", number);
            return false;
        }
        if (price.fish.size > 0)
            prices->list[prices->count++] = price;
    }
    return sort_list(prices, error, error_size);
}

struct prices *prices_parse(struct shoal_view text, char *error, size_t error_size)
{
    struct prices *prices = make_list(text);
    if (!prices)
        snprintf(error, error_size, "out of memory");
    else if (!fill_list(prices, text, error, error_size))
        prices_unref(&prices);
    return prices;
}

struct prices *prices_builtin(void)
{
    char error[80];
    return prices_parse(shoal_view(builtin, sizeof(builtin) - 1), error, sizeof(error));
}

static struct prices *parse_stream(FILE *file, char *error, size_t error_size)
{
    char *text = malloc(LARGEST_FILE_BYTES + 1);
    size_t size = text ? fread(text, 1, LARGEST_FILE_BYTES + 1, file) : 0;
    struct prices *prices = NULL;
    if (!text)
        snprintf(error, error_size, "out of memory");
    else if (ferror(file))
        snprintf(error, error_size, "%s (%s)", strerror(errno), strerrorname_np(errno));
    else if (size > LARGEST_FILE_BYTES)
        snprintf(error, error_size, "larger than 1 MiB");
    else
        prices = prices_parse(shoal_view(text, size), error, error_size);
    free(text);
    return prices;
}

struct prices *prices_load(const char *path, char *error, size_t error_size)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(error, error_size, "%s (%s)", strerror(errno), strerrorname_np(errno));
        return NULL;
    }
    struct prices *prices = parse_stream(file, error, error_size);
    fclose(file);
    return prices;
}

uint64_t prices_of(const struct prices *prices, struct shoal_view fish)
{
    const struct price wanted = {.fish = fish};
    const struct price *found =
        bsearch(&wanted, prices->list, prices->count, sizeof(prices->list[0]), compare_prices);
    return found ? found->dollars : 0;
}

size_t prices_count(const struct prices *prices)
{
    return prices->count;
}

uint64_t prices_at(const struct prices *prices, size_t index, struct shoal_view *out_fish)
{
    *out_fish = prices->list[index].fish;
    return prices->list[index].dollars;
}

static bool has_control_bytes(struct shoal_view text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return true;
    }
    return false;
}

bool offer_parse(struct shoal_view line, struct offer *out_offer)
{
    struct offer offer;
    if (!parse_number(take_until(&line, ' '), UINT64_MAX, &offer.pounds))
        return false;
    if (!take_text(&line, "pounds of ") && !take_text(&line, "pound of "))
        return false;
    if (line.size == 0 || has_control_bytes(line))
        return false;
    offer.fish = line;
    *out_offer = offer;
    return true;
}

bool offer_add(const struct offer *offer, const struct prices *prices, uint64_t *total)
{
    uint64_t worth;
    uint64_t sum;
    if (__builtin_mul_overflow(offer->pounds, prices_of(prices, offer->fish), &worth) ||
        __builtin_add_overflow(*total, worth, &sum))
        return false;
    *total = sum;
    return true;
}
