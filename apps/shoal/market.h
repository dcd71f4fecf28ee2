/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fish market without its counter: what fish costs, what an offer is, and the tally of a
 * catch. Pure but for reading a price file; shared by every way the market can be reached.
 */
#ifndef APPS_SHOAL_MARKET_H
#define APPS_SHOAL_MARKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

/*
 * A price list: constant once made, shared by reference count, so that a new one can take its place
 * on one loop after the other while old readers finish. Any thread may read it.
 */
struct prices;

/* The built-in list, with one reference; NULL where memory is out. Thread: any. */
struct prices *prices_builtin(void);

/*
 * Reads `FISH = DOLLARS` lines; blank lines and what follows a '#' are ignored. Returns the list
 * with one reference, or NULL with a sentence in `error` ("line 3: ...", without the file's name).
 * Thread: any.
 */
struct prices *prices_parse(struct shoal_view text, char *error, size_t error_size);

/* prices_parse() of a file of up to 1 MiB. Thread: any. */
struct prices *prices_load(const char *path, char *error, size_t error_size);

/* Thread: any. */
struct prices *prices_ref(struct prices *prices);

/* Drops a reference and clears *prices; NULL is a no-op. Thread: any. */
void prices_unref(struct prices **prices);

/* Dollars a pound, without case; 0 for an unknown fish. Thread: any. */
uint64_t prices_of(const struct prices *prices, struct shoal_view fish);

/* How many prices there are, and each in the order of names: dollars a pound, and the fish, which
 * lives as long as the list. Thread: any. */
size_t prices_count(const struct prices *prices);
uint64_t prices_at(const struct prices *prices, size_t index, struct shoal_view *out_fish);

/* `pounds` of `fish`, as a line offers it. */
struct offer {
    uint64_t pounds;
    struct shoal_view fish; /* points into the line */
};

/*
 * Reads "N pound[s] of FISH": N plain decimal digits up to 2^64 - 1, one blank between the words,
 * FISH the rest of the line, not empty and without control bytes. Thread: any.
 */
bool offer_parse(struct shoal_view line, struct offer *out_offer);

/*
 * Adds what the offer is worth to *total. False, with *total untouched, where either would leave
 * 64 bits. Thread: any.
 */
bool offer_add(const struct offer *offer, const struct prices *prices, uint64_t *total);

#endif
