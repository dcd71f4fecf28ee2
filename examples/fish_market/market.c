/* SPDX-License-Identifier: BSD-3-Clause */
/* The fish market; see market.h. */
#include "market.h"

#include <string.h>
#include <time.h>

const struct price market_prices[] = {{"cod", 2}, {"herring", 1}, {"salmon", 5}, {"trout", 3}};
const size_t market_price_count = sizeof(market_prices) / sizeof(market_prices[0]);

static bool take_number(struct shoal_view *line, uint32_t *out_number)
{
    size_t digits = 0;
    uint32_t number = 0;
    for (; digits < line->size && line->data[digits] >= '0' && line->data[digits] <= '9'; digits++)
        number = 10 * number + (uint32_t)(line->data[digits] - '0');
    *line = shoal_view_from(*line, digits);
    *out_number = number;
    return digits > 0 && digits < 10; /* so that it cannot have overflowed */
}

static bool take_text(struct shoal_view *line, const char *text)
{
    size_t size = strlen(text);
    if (line->size < size || memcmp(line->data, text, size) != 0)
        return false;
    *line = shoal_view_from(*line, size);
    return true;
}

bool market_read_offer(struct shoal_view line, struct offer *out_offer)
{
    if (!take_number(&line, &out_offer->pounds))
        return false;
    if (!take_text(&line, " pounds of ") && !take_text(&line, " pound of "))
        return false;
    out_offer->fish = line;
    return line.size > 0;
}

uint64_t market_worth(const struct offer *offer)
{
    for (size_t i = 0; i < market_price_count; i++) {
        if (shoal_view_equal(offer->fish, shoal_view_of(market_prices[i].fish)))
            return (uint64_t)offer->pounds * market_prices[i].dollars;
    }
    return 0;
}

static struct shoal_view take_line(struct shoal_view *text)
{
    const char *end = memchr(text->data, '\n', text->size);
    struct shoal_view line = shoal_view(text->data, end ? (size_t)(end - text->data) : text->size);
    *text = shoal_view_from(*text, line.size + (end != NULL));
    return line;
}

bool market_read_catch(struct shoal_view text, uint64_t *out_dollars)
{
    struct offer offer;
    *out_dollars = 0;
    while (text.size > 0) {
        if (!market_read_offer(take_line(&text), &offer))
            return false;
        *out_dollars += market_worth(&offer);
    }
    return true;
}

uint64_t market_auction(uint64_t dollars)
{
    const struct timespec bidding = {.tv_nsec = 200 * 1000000};
    (void)nanosleep(&bidding, NULL);
    return dollars + dollars / 10;
}
