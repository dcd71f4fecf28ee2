/* SPDX-License-Identifier: BSD-3-Clause */
/* The fish market by HTTP: routes in, JSON out; an auction is held by a worker. */
#include <inttypes.h>
#include <stdlib.h>

#include <shoal/shoal.h>

#include "market.h"

enum { LARGEST_CATCH = 64 << 10 }; /* bytes; a larger one is answered 413 */

static void get_prices(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_begin(req, 200, "application/json", -1);
    for (size_t i = 0; i < market_price_count; i++)
        shoal_http_printf(req, "%s\"%s\": %u", i == 0 ? "{" : ", ", market_prices[i].fish,
                          market_prices[i].dollars);
    shoal_http_printf(req, "}\n");
    shoal_http_end(req);
}

static void pay(struct shoal_http_request *req, uint64_t dollars)
{
    shoal_http_reply(req, 200, "application/json", "{\"dollars\": %" PRIu64 "}\n", dollars);
}

/* POST /sell: paid at once, by the list. */
static void sell(struct shoal_http_request *req, struct shoal_view haul, void *arg)
{
    uint64_t dollars;
    (void)arg;
    if (market_read_catch(haul, &dollars))
        pay(req, dollars);
    else
        shoal_http_reply_status(req, 400);
}

static void post_sell(struct shoal_http_request *req, void *arg)
{
    shoal_http_read_all(req, LARGEST_CATCH, sell, arg);
}

/* POST /auction: a worker waits for the bids ... */
static void hold_auction(void *arg)
{
    uint64_t *dollars = arg;
    *dollars = market_auction(*dollars);
}

/* ... and the loop pays, if the fisherman is still there. */
static void auctioned(struct shoal_http_request *req, int status, void *arg)
{
    uint64_t *dollars = arg;
    if (req && status == 0)
        pay(req, *dollars);
    else if (req)
        shoal_http_reply_status(req, 503);
    free(dollars);
}

static void auction(struct shoal_http_request *req, struct shoal_view haul, void *arg)
{
    uint64_t *dollars = malloc(sizeof(*dollars));
    (void)arg;
    unsigned status = 503; /* where memory is out, or the pool full */
    if (dollars && !market_read_catch(haul, dollars))
        status = 400;
    else if (dollars && shoal_http_offload(req, hold_auction, auctioned, dollars) == 0)
        return;
    shoal_http_reply_status(req, status);
    free(dollars);
}

static void post_auction(struct shoal_http_request *req, void *arg)
{
    shoal_http_read_all(req, LARGEST_CATCH, auction, arg);
}

int main(int argc, char **argv)
{
    struct shoal_server *server = NULL;
    if (shoal_server_create(NULL, &server) < 0)
        return 1;
    struct shoal_http_app *app = shoal_http_app_create(server);
    shoal_http_route(app, "GET", "/prices", get_prices, NULL);
    shoal_http_route(app, "POST", "/sell", post_sell, NULL);
    shoal_http_route(app, "POST", "/auction", post_auction, NULL);
    shoal_listen_http(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:8080", app, NULL, NULL);
    int rc = shoal_run(server, NULL);
    shoal_server_destroy(&server);
    return rc < 0;
}
