# SPDX-License-Identifier: BSD-3-Clause
"""The fish market by gRPC: the prices and sums of the line server."""

import unittest

import grpc

import shoal_program as sp
from grpc_client import connect, messages, service, start

market = messages("shoal/v1/market")
Offer = market.Offer


class Market(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = start("-n", "1")
        cls.channel = connect(cls.server)
        cls.stub = service(cls.channel, "shoal/v1/market", "FishMarket")

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        assert cls.server.end() == 0, cls.server.lines

    def test_prices(self):
        prices = self.stub.Prices(market.PricesRequest(), timeout=sp.PATIENCE).prices
        self.assertEqual({price.fish: price.dollars for price in prices},
                         {"haddock": 2, "trout": 3, "bream": 1, "salmon": 5, "cod": 2,
                          "herring": 1})

    def test_a_catch_is_paid_in_whole(self):
        offers = [Offer(pounds=3, fish="trout"), Offer(pounds=2, fish="Salmon"),
                  Offer(pounds=100, fish="boot")]
        self.assertEqual(
            self.stub.Sell(market.Catch(offers=offers), timeout=sp.PATIENCE).dollars, 19)

    def test_offers_are_paid_as_they_come(self):
        offers = [Offer(pounds=i, fish="cod") for i in range(50)]
        payments = self.stub.Trade(iter(offers), timeout=sp.PATIENCE)
        self.assertEqual([payment.dollars for payment in payments], [2 * i for i in range(50)])

    def test_sums_past_64_bits_are_out_of_range(self):
        offers = [Offer(pounds=2**64 - 1, fish="trout")]
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.Sell(market.Catch(offers=offers), timeout=sp.PATIENCE)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.OUT_OF_RANGE)

    def test_an_offer_of_nothing_is_an_invalid_argument(self):
        with self.assertRaises(grpc.RpcError) as caught:
            list(self.stub.Trade(iter([Offer(pounds=1)]), timeout=sp.PATIENCE))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)


if __name__ == "__main__":
    sp.main()
