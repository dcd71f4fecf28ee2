# SPDX-License-Identifier: BSD-3-Clause
"""The cases of gRPC's interop test descriptions, by the names they have there."""

import threading
import unittest

import grpc

import shoal_program as sp
from grpc_client import connect, messages, service, start

test = messages("grpc/testing/messages")
Empty = messages("grpc/testing/empty").Empty
SIZES_IN = (27182, 8, 1828, 45904)
SIZES_OUT = (31415, 9, 2653, 58979)
INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"


def payload(size):
    return test.Payload(body=bytes(size))


def output(size, interval_us=0, compressed=None):
    wanted = test.ResponseParameters(size=size, interval_us=interval_us)
    if compressed is not None:
        wanted.compressed.value = compressed
    return wanted


class Pings:
    """Requests that a test hands out one by one."""

    def __init__(self):
        self._more = threading.Condition()
        self._requests = []
        self._ended = False

    def send(self, request):
        with self._more:
            self._requests.append(request)
            self._more.notify()

    def end(self):
        with self._more:
            self._ended = True
            self._more.notify()

    def __iter__(self):
        return self

    def __next__(self):
        with self._more:
            self._more.wait_for(lambda: self._requests or self._ended)
            if self._requests:
                return self._requests.pop(0)
        raise StopIteration


class Interop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = start("--interop", "-n", "2")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.end() == 0, cls.server.lines

    def setUp(self):
        self.channel = connect(self.server)
        self.stub = service(self.channel, "grpc/testing/test", "TestService")
        self.addCleanup(self.channel.close)

    def failure(self, call, code, details=None):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        self.assertEqual(caught.exception.code(), code)
        if details is not None:
            self.assertEqual(caught.exception.details(), details)
        return caught.exception

    def test_empty_unary(self):
        self.assertEqual(self.stub.EmptyCall(Empty(), timeout=sp.PATIENCE), Empty())

    def test_large_unary(self):
        reply = self.stub.UnaryCall(
            test.SimpleRequest(response_size=314159, payload=payload(271828)), timeout=sp.PATIENCE)
        self.assertEqual(reply.payload.body, bytes(314159))

    def test_client_streaming(self):
        reply = self.stub.StreamingInputCall(
            (test.StreamingInputCallRequest(payload=payload(size)) for size in SIZES_IN),
            timeout=sp.PATIENCE)
        self.assertEqual(reply.aggregated_payload_size, 74922)

    def test_server_streaming(self):
        request = test.StreamingOutputCallRequest(
            response_parameters=[output(size) for size in SIZES_OUT])
        replies = self.stub.StreamingOutputCall(request, timeout=sp.PATIENCE)
        self.assertEqual([len(reply.payload.body) for reply in replies], list(SIZES_OUT))

    def test_ping_pong(self):
        pings = Pings()
        replies = self.stub.FullDuplexCall(pings, timeout=sp.PATIENCE)
        for size_in, size_out in zip(SIZES_IN, SIZES_OUT):
            pings.send(test.StreamingOutputCallRequest(
                response_parameters=[output(size_out)], payload=payload(size_in)))
            self.assertEqual(len(next(replies).payload.body), size_out)
        pings.end()
        self.assertEqual(list(replies), [])
        self.assertEqual(replies.code(), grpc.StatusCode.OK)

    def test_empty_stream(self):
        replies = self.stub.FullDuplexCall(iter([]), timeout=sp.PATIENCE)
        self.assertEqual(list(replies), [])
        self.assertEqual(replies.code(), grpc.StatusCode.OK)

    def test_half_duplex(self):
        requests = (test.StreamingOutputCallRequest(response_parameters=[output(size)])
                    for size in SIZES_OUT)
        replies = self.stub.HalfDuplexCall(requests, timeout=sp.PATIENCE)
        self.assertEqual([len(reply.payload.body) for reply in replies], list(SIZES_OUT))

    def test_intervals_are_kept(self):
        request = test.StreamingOutputCallRequest(
            response_parameters=[output(1, interval_us=20000) for _ in range(5)])
        replies = self.stub.StreamingOutputCall(request, timeout=sp.PATIENCE)
        self.assertEqual(len(list(replies)), 5)

    def test_client_compressed_unary(self):
        request = test.SimpleRequest(response_size=314159, payload=payload(271828))
        request.expect_compressed.value = True
        self.failure(lambda: self.stub.UnaryCall(request, timeout=sp.PATIENCE),
                     grpc.StatusCode.INVALID_ARGUMENT)
        for encoding in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            reply = self.stub.UnaryCall(request, timeout=sp.PATIENCE, compression=encoding)
            self.assertEqual(len(reply.payload.body), 314159)
        request.expect_compressed.value = False
        self.assertEqual(
            len(self.stub.UnaryCall(request, timeout=sp.PATIENCE).payload.body), 314159)

    def test_client_compressed_streaming(self):
        def requests(first):
            yield test.StreamingInputCallRequest(
                expect_compressed=test.BoolValue(value=first), payload=payload(27182))
            yield test.StreamingInputCallRequest(
                expect_compressed=test.BoolValue(value=first), payload=payload(45904))

        reply = self.stub.StreamingInputCall(
            requests(True), timeout=sp.PATIENCE, compression=grpc.Compression.Gzip)
        self.assertEqual(reply.aggregated_payload_size, 73086)
        self.failure(lambda: self.stub.StreamingInputCall(requests(True), timeout=sp.PATIENCE),
                     grpc.StatusCode.INVALID_ARGUMENT)

    def test_server_compressed_unary(self):
        for compressed in (True, False):
            request = test.SimpleRequest(response_size=314159, payload=payload(271828))
            request.response_compressed.value = compressed
            reply, call = self.stub.UnaryCall.with_call(request, timeout=sp.PATIENCE)
            self.assertEqual(reply.payload.body, bytes(314159))
            encoding = dict(call.initial_metadata()).get("grpc-encoding", "identity")
            self.assertIn(encoding, ("gzip", "deflate", "identity"))

    def test_server_compressed_streaming(self):
        request = test.StreamingOutputCallRequest(
            response_parameters=[output(31415, compressed=True), output(92653, compressed=False)])
        replies = self.stub.StreamingOutputCall(request, timeout=sp.PATIENCE)
        self.assertEqual([len(reply.payload.body) for reply in replies], [31415, 92653])

    def test_custom_metadata(self):
        sent = ((INITIAL, "test_initial_metadata_value"), (TRAILING, b"\x0a\x0b\x0a\x0b\x0a\x0b"))
        _, call = self.stub.UnaryCall.with_call(
            test.SimpleRequest(response_size=1), timeout=sp.PATIENCE, metadata=sent)
        self.assertEqual(dict(call.initial_metadata())[INITIAL], sent[0][1])
        self.assertEqual(dict(call.trailing_metadata())[TRAILING], sent[1][1])

        request = test.StreamingOutputCallRequest(response_parameters=[output(1)])
        replies = self.stub.FullDuplexCall(iter([request]), timeout=sp.PATIENCE, metadata=sent)
        self.assertEqual(dict(replies.initial_metadata())[INITIAL], sent[0][1])
        self.assertEqual(len(list(replies)), 1)
        self.assertEqual(dict(replies.trailing_metadata())[TRAILING], sent[1][1])

    def test_status_code_and_message(self):
        status = test.EchoStatus(code=2, message="test status message")
        self.failure(lambda: self.stub.UnaryCall(
            test.SimpleRequest(response_status=status), timeout=sp.PATIENCE),
            grpc.StatusCode.UNKNOWN, status.message)
        self.failure(lambda: list(self.stub.FullDuplexCall(
            iter([test.StreamingOutputCallRequest(response_status=status)]),
            timeout=sp.PATIENCE)), grpc.StatusCode.UNKNOWN, status.message)

    def test_special_status_message(self):
        text = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
        self.failure(lambda: self.stub.UnaryCall(test.SimpleRequest(
            response_status=test.EchoStatus(code=2, message=text)), timeout=sp.PATIENCE),
            grpc.StatusCode.UNKNOWN, text)

    def test_unimplemented_method(self):
        self.failure(lambda: self.stub.UnimplementedCall(Empty(), timeout=sp.PATIENCE),
                     grpc.StatusCode.UNIMPLEMENTED)

    def test_unimplemented_service(self):
        other = service(self.channel, "grpc/testing/test", "UnimplementedService")
        self.failure(lambda: other.UnimplementedCall(Empty(), timeout=sp.PATIENCE),
                     grpc.StatusCode.UNIMPLEMENTED)

    def test_cancel_after_begin(self):
        pings = Pings()
        call = self.stub.StreamingInputCall.future(pings, timeout=sp.PATIENCE)
        call.cancel()
        self.assertTrue(call.cancelled())
        self.assertEqual(call.code(), grpc.StatusCode.CANCELLED)
        pings.end()

    def test_cancel_after_first_response(self):
        pings = Pings()
        pings.send(test.StreamingOutputCallRequest(
            response_parameters=[output(31415)], payload=payload(27182)))
        replies = self.stub.FullDuplexCall(pings, timeout=sp.PATIENCE)
        self.assertEqual(len(next(replies).payload.body), 31415)
        replies.cancel()
        with self.assertRaises(grpc.RpcError):
            next(replies)
        self.assertEqual(replies.code(), grpc.StatusCode.CANCELLED)
        pings.end()

    def test_timeout_on_sleeping_server(self):
        pings = Pings()
        pings.send(test.StreamingOutputCallRequest(
            response_parameters=[output(31415, interval_us=10000000)], payload=payload(27182)))
        self.failure(lambda: next(self.stub.FullDuplexCall(pings, timeout=0.001)),
                     grpc.StatusCode.DEADLINE_EXCEEDED)
        pings.end()

    def test_rpc_soak(self):
        for _ in range(sp.fewer(200)):
            reply = self.stub.UnaryCall(
                test.SimpleRequest(response_size=3141, payload=payload(2718)), timeout=sp.PATIENCE)
            self.assertEqual(len(reply.payload.body), 3141)

    def test_channel_soak(self):
        for _ in range(sp.fewer(50)):
            with connect(self.server) as channel:
                stub = service(channel, "grpc/testing/test", "TestService")
                self.assertEqual(stub.EmptyCall(Empty(), timeout=sp.PATIENCE), Empty())


if __name__ == "__main__":
    sp.main()
