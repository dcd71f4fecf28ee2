# SPDX-License-Identifier: BSD-3-Clause
"""Many calls at once: order of completion, cancellation, deadlines, draining."""

import random
import signal
import time
import unittest

import grpc

import shoal_program as sp
from grpc_client import connect, messages, service, start
from raw_peer import Peer, message

Echo = messages("shoal/v1/echo").EchoMessage


def echo_on(channel):
    return service(channel, "shoal/v1/echo", "Echo")


class Calls(unittest.TestCase):
    def setUp(self):
        self.server = start("-n", "1", "-w", "128")
        self.addCleanup(self.end_server)
        self.channel = connect(self.server)
        self.addCleanup(self.channel.close)
        self.stub = echo_on(self.channel)

    def end_server(self):
        self.assertEqual(self.server.end(), 0)

    def test_calls_end_in_the_order_of_their_delays(self):
        """100 of them on one connection, begun at once in random order."""
        peer = Peer(self.server)
        count, step = (20, 400) if sp.SANITIZED else (100, 50)  # workers may start a little late
        delays = [i * step for i in range(count)]
        random.Random(7).shuffle(delays)
        asked = {}
        for delay in delays:
            stream = peer.begin("/shoal.v1.Echo/Delayed", flush=False)
            peer.h2.send_data(stream, message(Echo(delay_ms=delay).SerializeToString()),
                              end_stream=True)
            asked[stream] = delay
        peer.flush()
        order = [asked[stream] for stream in peer.ends(count)]
        peer.close()
        self.assertEqual(order, sorted(delays))

    def test_a_slow_method_delays_no_other(self):
        slow = self.stub.Delayed.future(Echo(delay_ms=60000), timeout=sp.PATIENCE)
        for i in range(20):
            self.assertEqual(self.stub.Unary(Echo(count=i), timeout=sp.PATIENCE).count, i)
        self.assertFalse(slow.done())
        slow.cancel()

    def test_the_end_of_the_connection_cancels_its_calls(self):
        """Else the drain at the end of this test would wait a minute for the work."""
        calls = [self.stub.Delayed.future(Echo(delay_ms=60000)) for _ in range(20)]
        self.assertEqual(self.stub.Unary(Echo(count=1), timeout=sp.PATIENCE).count, 1)
        self.channel.close()
        for call in calls:
            self.assertIn(call.code(), (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE))
        began = time.monotonic()
        self.assertEqual(self.server.end(), 0)
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(self.server.report()["stuck"], 0)

    def test_a_cancelled_call_frees_its_worker(self):
        with start("-n", "1", "-w", "1") as server, connect(server) as channel:
            stub = echo_on(channel)
            stub.Unary(Echo(), timeout=sp.PATIENCE)
            slow = stub.Delayed.future(Echo(delay_ms=60000))
            time.sleep(0.1)  # so that it is likely to run; it need not
            slow.cancel()
            self.assertEqual(stub.Delayed(Echo(count=2), timeout=sp.PATIENCE).count, 2)

    def test_a_deadline_ends_the_call_and_its_work(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.Delayed(Echo(delay_ms=60000), timeout=0.05)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def test_a_stream_of_replies_waits_for_its_reader(self):
        """256 MiB of them, none of which may pile up in the server."""
        before = self.server.resident_bytes()
        replies = self.stub.ServerStream(Echo(payload=bytes(1 << 16), count=4096))
        self.assertEqual(len(next(replies).payload), 1 << 16)
        time.sleep(0.2)
        grown = self.server.resident_bytes() - before
        self.assertLess(grown, (256 if sp.SANITIZED else 32) << 20)
        replies.cancel()

    def test_all_replies_of_a_stream_arrive(self):
        replies = self.stub.ServerStream(Echo(payload=b"x" * 5000, count=sp.fewer(2000)))
        self.assertEqual(sum(len(reply.payload) for reply in replies), 5000 * sp.fewer(2000))

    def test_a_stream_of_requests_is_joined(self):
        parts = [bytes([i]) * 1000 for i in range(100)]
        reply = self.stub.ClientStream((Echo(payload=part) for part in parts),
                                       timeout=sp.PATIENCE)
        self.assertEqual(reply.payload, b"".join(parts))

    def test_every_request_of_a_bidi_stream_is_answered(self):
        count = sp.fewer(3000)
        replies = self.stub.Bidi((Echo(count=i) for i in range(count)), timeout=sp.PATIENCE)
        self.assertEqual([reply.count for reply in replies], list(range(count)))

    def test_a_drain_lets_calls_finish(self):
        call = self.stub.Delayed.future(Echo(delay_ms=500, count=3), timeout=sp.PATIENCE)
        self.stub.Unary(Echo(), timeout=sp.PATIENCE)
        self.server.send(signal.SIGTERM)
        self.assertEqual(call.result().count, 3)
        self.assertEqual(self.server.end(None), 0)
        self.assertEqual(self.server.report()["forced"], 0)

    def test_a_drain_deadline_cuts_what_is_left(self):
        with start("-n", "1", "--drain-timeout", "200ms") as server, connect(server) as channel:
            stub = echo_on(channel)
            call = stub.Delayed.future(Echo(delay_ms=60000), timeout=sp.PATIENCE)
            stub.Unary(Echo(), timeout=sp.PATIENCE)
            self.assertEqual(server.end(), 0)
            self.assertEqual(call.code(), grpc.StatusCode.UNAVAILABLE)

    def test_messages_over_the_limit_are_refused(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.Unary(Echo(payload=bytes((4 << 20) + 1)), timeout=sp.PATIENCE)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual(self.stub.Unary(Echo(count=1), timeout=sp.PATIENCE).count, 1)


if __name__ == "__main__":
    sp.main()
