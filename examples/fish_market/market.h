/* SPDX-License-Identifier: BSD-3-Clause */
/* The fish market without its counter: no sockets, no threads. All three programs share it. */
#ifndef MARKET_H
#define MARKET_H

#include <stdbool.h>
#include <stdint.h>

#include <shoal/view.h>

struct offer {
    uint32_t pounds;
    struct shoal_view fish; /* points to where it was read */
};

/* The price list: dollars a pound. */
struct price {
    const char *fish;
    uint32_t dollars;
};
extern const struct price market_prices[];
extern const size_t market_price_count;

/* Reads "3 pounds of trout"; false for anything else. */
bool market_read_offer(struct shoal_view line, struct offer *out_offer);

/* What an offer is worth in dollars; fish that nobody buys is worth nothing. */
uint64_t market_worth(const struct offer *offer);

/* Adds up a catch, a line for each offer; false where one is none. */
bool market_read_catch(struct shoal_view text, uint64_t *out_dollars);

/* Auctions off what is worth that much by the list. Blocks: bidders take their time, but pay a
 * tenth more. */
uint64_t market_auction(uint64_t dollars);

#endif
