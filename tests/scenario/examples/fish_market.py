# SPDX-License-Identifier: BSD-3-Clause
"""The guide's fish market behind its three counters: lines, HTTP and gRPC."""

import importlib
import json
import os
import queue
import re
import socket
import subprocess
import sys
import threading
import time
import unittest

import grpc

import example_program as ep
import shoal_program as sp

sys.path.append(os.environ["SHOAL_MESSAGES"])
market = importlib.import_module("market_pb2")


class Counter:
    """A running program of the guide, on a port of its own; it must end on TERM with 0."""

    def __init__(self, name):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen([ep.path(name), f"tcp://127.0.0.1:{self.port}"],
                                        stdin=subprocess.DEVNULL)
        self.told = False  # to end; a second time would end it at once

    def __enter__(self):
        deadline = time.monotonic() + sp.PATIENCE
        while True:
            try:
                self.connect().close()
                return self
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.process.kill()
                    raise

    def __exit__(self, *error):
        self.terminate()
        status = self.process.wait(timeout=sp.PATIENCE)
        assert status == 0 or error[0], status

    def terminate(self):
        if not self.told:
            self.process.terminate()
        self.told = True

    def close(self):
        """Tells it to end, and waits until it does not listen any more."""
        self.terminate()
        deadline = time.monotonic() + sp.PATIENCE
        while time.monotonic() < deadline:
            try:
                self.connect().close()
            except ConnectionError:
                return
        raise AssertionError("it still listens")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), sp.PATIENCE)


class Lines(unittest.TestCase):
    def test_every_offer_is_paid_and_nonsense_explained(self):
        with Counter("fish_market_lines") as counter, counter.connect() as sock:
            sock.sendall(b"3 pounds of trout\n1 pound of cod\r\nhello\n2 pounds of boots\n")
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(sp.receive_all(sock), b"9 dollars\r\n2 dollars\r\n"
                             b"say: 3 pounds of trout\r\n0 dollars\r\n")

    def test_what_is_no_number_of_pounds_is_nonsense(self):
        offers = (b" pounds of cod", b"-1 pounds of cod", b"9999999999 pounds of cod",
                  b"1 pounds of ", b"1 pounds cod")
        with Counter("fish_market_lines") as counter, counter.connect() as sock:
            sock.sendall(b"\n".join(offers))
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(sp.receive_all(sock), len(offers) * b"say: 3 pounds of trout\r\n")


class Http(unittest.TestCase):
    def curl(self, counter, path, *options):
        done = subprocess.run(["curl", "-s", "-w", "%{stderr}%{http_code}", *options,
                               f"http://127.0.0.1:{counter.port}{path}"],
                              capture_output=True, timeout=sp.PATIENCE, check=True)
        return int(done.stderr), done.stdout

    def test_prices_and_payments_are_json(self):
        with Counter("fish_market_http") as counter:
            status, prices = self.curl(counter, "/prices")
            self.assertEqual((status, json.loads(prices)),
                             (200, {"cod": 2, "herring": 1, "salmon": 5, "trout": 3}))
            haul = "3 pounds of trout\n1 pound of salmon\n"
            for path, dollars in (("/sell", 14), ("/auction", 15)):
                for version in ("--http1.1", "--http2-prior-knowledge"):
                    status, paid = self.curl(counter, path, version, "--data-binary", haul)
                    self.assertEqual((status, json.loads(paid)), (200, {"dollars": dollars}))

    def test_nonsense_is_400_a_whale_413_and_there_is_no_credit(self):
        with Counter("fish_market_http") as counter:
            for path, haul, expected in (("/sell", "fish", 400), ("/auction", "fish", 400),
                                         ("/sell", "1" * 70000, 413), ("/credit", "", 404)):
                with self.subTest(path=path, expected=expected):
                    self.assertEqual(self.curl(counter, path, "--data-binary", haul)[0], expected)


    def test_an_auction_is_paid_although_the_market_closes(self):
        haul = b"3 pounds of trout\n1 pound of salmon\n"
        with Counter("fish_market_http") as counter, counter.connect() as sock:
            sock.sendall(b"POST /auction HTTP/1.1\r\nHost: market\r\nExpect: 100-continue\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(haul))
            self.assertRegex(sp.receive_until(sock, b"\r\n\r\n"), b"^HTTP/1.1 100 ")
            counter.close()
            sock.sendall(haul)
            self.assertRegex(sp.receive_all(sock), re.compile(
                rb'^HTTP/1.1 200 OK\r\n.*{"dollars": 15}\n$', re.S))


class Grpc(unittest.TestCase):
    @staticmethod
    def method(channel, name, kind="unary_unary"):
        return getattr(channel, kind)(
            f"/fish.Market/{name}", request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=market.Payment.FromString)

    @staticmethod
    def channel(counter):
        return grpc.insecure_channel(f"127.0.0.1:{counter.port}")

    def test_a_catch_is_paid_or_auctioned(self):
        haul = market.Catch(offers=[market.Offer(pounds=3, fish="trout"),
                                    market.Offer(pounds=1, fish="salmon")])
        with Counter("fish_market_grpc") as counter, self.channel(counter) as channel:
            for name, dollars in (("Sell", 14), ("Auction", 15)):
                payment = self.method(channel, name)(haul, timeout=sp.PATIENCE)
                self.assertEqual(payment.dollars, dollars)

    def test_an_empty_net_is_an_invalid_argument(self):
        with Counter("fish_market_grpc") as counter, self.channel(counter) as channel:
            for name in ("Sell", "Auction"):
                with self.assertRaises(grpc.RpcError) as caught:
                    self.method(channel, name)(market.Catch(), timeout=sp.PATIENCE)
                self.assertEqual((caught.exception.code(), caught.exception.details()),
                                 (grpc.StatusCode.INVALID_ARGUMENT, "the net is empty"))

    def test_who_sells_waits_for_no_auction_on_the_same_connection(self):
        haul = market.Catch(offers=[market.Offer(pounds=1, fish="cod")])
        with Counter("fish_market_grpc") as counter, self.channel(counter) as channel:
            for _ in range(9):  # until this client has sent both before the auction's end
                ended = queue.Queue()
                for name in ("Auction", "Sell"):
                    call = self.method(channel, name).future(haul, timeout=sp.PATIENCE)
                    call.add_done_callback(lambda _, name=name: ended.put(name))
                if [ended.get(timeout=sp.PATIENCE) for _ in range(2)] == ["Sell", "Auction"]:
                    return
        self.fail("every sale has waited for the auction before it")

    def test_offers_are_paid_as_they_come(self):
        paid = threading.Semaphore(1)

        def offers():
            for pounds in range(20):
                assert paid.acquire(timeout=sp.PATIENCE)  # the one before
                yield market.Offer(pounds=pounds, fish="cod")

        with Counter("fish_market_grpc") as counter, self.channel(counter) as channel:
            dollars = []
            trade = self.method(channel, "Trade", "stream_stream")
            for payment in trade(offers(), timeout=sp.PATIENCE):
                dollars.append(payment.dollars)
                paid.release()
            self.assertEqual(dollars, [2 * pounds for pounds in range(20)])

    def test_who_has_no_file_asks_the_server(self):
        with Counter("fish_market_grpc") as counter:
            done = sp.run("call", f"tcp://127.0.0.1:{counter.port}", "fish.Market/Sell",
                          '{"offers": [{"pounds": 3, "fish": "trout"}]}')
            self.assertEqual((done.returncode, done.stdout), (0, '{"dollars": "9"}\n'), done.stderr)

    def test_the_fisherman_hears_of_every_payment(self):
        with Counter("fish_market_grpc") as counter:
            for offers, said, heard, status in (
                    (["3 pounds of trout", "1 pound of cod"],
                     "3 pounds of trout: 9 dollars\n1 pound of cod: 2 dollars\n", "", 0),
                    ([], "", "", 0),
                    (["1 pound of cod", "cod"], "1 pound of cod: 2 dollars\n", "invalid", 1)):
                done = subprocess.run(
                    [ep.path("fish_market_fisher"), f"tcp://127.0.0.1:{counter.port}", *offers],
                    capture_output=True, text=True, timeout=sp.PATIENCE, check=False)
                self.assertEqual((done.stdout, done.returncode), (said, status), done.stderr)
                self.assertIn(heard, done.stderr.lower())

    def test_a_fisherman_without_a_market_is_told_so(self):
        done = subprocess.run([ep.path("fish_market_fisher"), "tcp://127.0.0.1:1", "1 pound of cod"],
                              capture_output=True, text=True, timeout=sp.PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr), (1, "the market says: UNAVAILABLE\n"))

    def test_a_server_that_is_told_to_end_pays_what_it_has_begun(self):
        with Counter("fish_market_grpc") as counter, self.channel(counter) as channel:
            trade = self.method(channel, "Trade", "stream_stream")
            go_on = threading.Event()

            def offers():
                yield market.Offer(pounds=1, fish="cod")
                assert go_on.wait(sp.PATIENCE)
                yield market.Offer(pounds=2, fish="cod")

            payments = trade(offers(), timeout=sp.PATIENCE)
            self.assertEqual(next(payments).dollars, 2)
            counter.close()
            go_on.set()
            self.assertEqual([payment.dollars for payment in payments], [4])


if __name__ == "__main__":
    sp.main()
