/* SPDX-License-Identifier: BSD-3-Clause */
/* The fish market by gRPC: typed messages, and offers that are paid as they come. */
#include <shoal/shoal.h>

#include "market.h"
#include "market.shoal.h"

static uint64_t worth(const Fish__Offer *offered)
{
    struct offer offer = {offered->pounds, shoal_view_of(offered->fish)};
    return market_worth(&offer);
}

static int sell(struct shoal_grpc_call *call, const Fish__Catch *haul, Fish__Payment *payment)
{
    if (haul->n_offers == 0)
        return shoal_grpc_fail(call, SHOAL_GRPC_INVALID_ARGUMENT, "the net is empty");
    for (size_t i = 0; i < haul->n_offers; i++)
        payment->dollars += worth(haul->offers[i]);
    return SHOAL_GRPC_OK;
}

/* In the pool, where it may block. */
static int auction(struct shoal_grpc_call *call, const Fish__Catch *haul, Fish__Payment *payment)
{
    int status = sell(call, haul, payment);
    if (status == SHOAL_GRPC_OK)
        payment->dollars = market_auction(payment->dollars);
    return status;
}

/* An offer of a stream. Who does not take the money is not listened to. */
static int trade(struct shoal_grpc_call *call, const Fish__Offer *offer)
{
    Fish__Payment payment = FISH__PAYMENT__INIT;
    payment.dollars = worth(offer);
    int rc = fish__market__trade__send(call, &payment);
    if (rc < 0)
        return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "cannot pay");
    if (rc == 1)
        shoal_grpc_pause(call);
    return SHOAL_GRPC_LATER;
}

static const struct fish__market_handlers on_loop = {
    .sell = sell,
    .trade = {.on_message = trade, .on_drained = shoal_grpc_resume},
};
static const struct fish__market_handlers in_pool = {.auction = auction};

int main(int argc, char **argv)
{
    struct shoal_server *server = NULL;
    if (shoal_server_create(NULL, &server) < 0)
        return 1;
    struct shoal_grpc_method_cfg pool = SHOAL_GRPC_METHOD_CFG_INIT;
    pool.in_pool = true;

    struct shoal_grpc *grpc = shoal_grpc_create(server);
    fish__market_register(grpc, &on_loop, NULL, NULL);
    fish__market_register(grpc, &in_pool, NULL, &pool);
    fish__market_reflect(grpc); /* so that any client can ask what there is */
    shoal_grpc_health(grpc);    /* ... and whether it is well */
    shoal_listen_grpc(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:50051", grpc, NULL, NULL);
    int rc = shoal_run(server, NULL);
    shoal_server_destroy(&server);
    return rc < 0;
}
