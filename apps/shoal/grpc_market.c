/* SPDX-License-Identifier: BSD-3-Clause */
/* shoal.v1.FishMarket: the market of the line server behind another counter. */
#include <shoal/v1/market.shoal.h>

#include "board.h"
#include "grpc.h"

static int out_of_memory(struct shoal_grpc_call *call)
{
    return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory");
}

static Shoal__V1__Price *price_at(struct shoal_grpc_call *call, const struct prices *prices,
                                  size_t index)
{
    Shoal__V1__Price *price = shoal_grpc_alloc(call, sizeof(*price));
    struct shoal_view fish;
    if (!price)
        return NULL;
    shoal__v1__price__init(price);
    price->dollars = prices_at(prices, index, &fish);
    price->fish = shoal_grpc_copy(call, fish);
    return price->fish ? price : NULL;
}

static int list_prices(struct shoal_grpc_call *call, const Shoal__V1__PricesRequest *request,
                       Shoal__V1__PriceList *list)
{
    (void)request;
    const struct prices *prices = board_prices(shoal_grpc_loop(call));
    size_t count = prices_count(prices);
    list->prices = shoal_grpc_alloc(call, count * sizeof(Shoal__V1__Price *));
    if (!list->prices)
        return out_of_memory(call);
    while (list->n_prices < count) {
        list->prices[list->n_prices] = price_at(call, prices, list->n_prices);
        if (!list->prices[list->n_prices++])
            return out_of_memory(call);
    }
    return SHOAL_GRPC_OK;
}

/* Adds what an offer is worth. Returns a status. */
static int add_offer(struct shoal_grpc_call *call, const Shoal__V1__Offer *offered, uint64_t *total)
{
    struct offer offer = {offered->pounds, shoal_view_of(offered->fish)};
    if (offer.fish.size == 0)
        return shoal_grpc_fail(call, SHOAL_GRPC_INVALID_ARGUMENT, "an offer names no fish");
    if (!offer_add(&offer, board_prices(shoal_grpc_loop(call)), total))
        return shoal_grpc_fail(call, SHOAL_GRPC_OUT_OF_RANGE, "worth more than 2^64-1 dollars");
    return SHOAL_GRPC_OK;
}

static int sell(struct shoal_grpc_call *call, const Shoal__V1__Catch *haul,
                Shoal__V1__Payment *payment)
{
    int status = SHOAL_GRPC_OK;
    for (size_t i = 0; i < haul->n_offers && status == SHOAL_GRPC_OK; i++)
        status = add_offer(call, haul->offers[i], &payment->dollars);
    return status;
}

static int trade(struct shoal_grpc_call *call, const Shoal__V1__Offer *offer)
{
    Shoal__V1__Payment payment = SHOAL__V1__PAYMENT__INIT;
    int status = add_offer(call, offer, &payment.dollars);
    if (status != SHOAL_GRPC_OK)
        return status;
    int rc = shoal__v1__fish_market__trade__send(call, &payment);
    if (rc < 0)
        return out_of_memory(call);
    if (rc == 1)
        shoal_grpc_pause(call); /* the fisherman takes no money at the moment */
    return SHOAL_GRPC_LATER;
}

static const struct shoal__v1__fish_market_handlers handlers = {
    .prices = list_prices,
    .sell = sell,
    .trade = {.on_message = trade, .on_drained = shoal_grpc_resume},
};

void grpc_add_market(struct shoal_grpc *grpc)
{
    (void)shoal__v1__fish_market_register(grpc, &handlers, NULL, NULL);
    (void)shoal__v1__fish_market_reflect(grpc);
}
