/* SPDX-License-Identifier: BSD-3-Clause */
/* A fisherman at the gRPC counter: offers what the arguments say, and hears of each payment. */
#include <inttypes.h>
#include <stdio.h>

#include <shoal/shoal.h>

#include "market.h"
#include "market.shoal.h"

/* Sends an offer and waits for its payment. */
static int sell(struct shoal_grpc_talk *talk, const char *line)
{
    struct offer caught;
    const Fish__Payment *payment;
    Fish__Offer offer = FISH__OFFER__INIT;
    if (!market_read_offer(shoal_view_of(line), &caught))
        return -SHOAL_EINVAL;
    offer.pounds = caught.pounds;
    offer.fish = (char *)caught.fish.data; /* the end of `line`, and so of a string */
    int rc = fish__market__trade__talk_send(talk, &offer);
    if (rc == 0 && fish__market__trade__talk_receive(talk, &payment) == 1)
        printf("%s: %" PRIu64 " dollars\n", line, payment->dollars);
    return rc;
}

/* One stream for all offers. Returns what became of it: a status of gRPC, or an error. */
static int trade(struct shoal_grpc_client *client, char **lines)
{
    struct shoal_rpc_cfg cfg = {.deadline_ms = 10000};
    struct shoal_grpc_talk *talk = NULL;
    int rc = fish__market__trade__talk_begin(client, &cfg, &talk);
    if (rc < 0)
        return rc;
    while (*lines && rc == 0)
        rc = sell(talk, *lines++);
    int status = shoal_grpc_talk_finish(&talk, NULL);
    return status != SHOAL_GRPC_OK ? status : rc; /* sending fails where the call is over */
}

int main(int argc, char **argv)
{
    struct shoal_grpc_client *client = NULL;
    if (argc < 2 || shoal_grpc_client_open(argv[1], NULL, &client) < 0)
        return 1;
    int result = trade(client, argv + 2);
    if (result != SHOAL_GRPC_OK)
        fprintf(stderr, "the market says: %s\n",
                result < 0 ? shoal_strerror(result) : shoal_grpc_status_name(result));
    shoal_grpc_client_close(&client);
    return result != SHOAL_GRPC_OK;
}
