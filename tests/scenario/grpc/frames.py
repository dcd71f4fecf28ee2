# SPDX-License-Identifier: BSD-3-Clause
"""Bad input by frames made by hand: each gets the status that gRPC asks for, on its stream only."""

import gzip
import struct
import unittest
import zlib

import h2.errors
import h2.events

import shoal_program as sp
from grpc_client import start
from raw_peer import HEAD, Peer, message
BIDI = "/shoal.v1.Echo/Bidi"
HELLO = b"\x0a\x05hello"
OK, DEADLINE, EXHAUSTED, UNIMPLEMENTED, INTERNAL = 0, 4, 8, 12, 13


class Frames(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = start("-n", "1")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.end() == 0, cls.server.lines

    def setUp(self):
        self.peer = Peer(self.server)
        self.addCleanup(self.peer.close)

    def tearDown(self):
        """Whatever was wrong with a call, the connection serves the next one."""
        _, fields, body, _ = self.peer.call(message(HELLO))
        self.assertEqual((fields["grpc-status"], body), ("0", message(HELLO)))

    def test_a_message_cut_anywhere_is_internal(self):
        whole = message(HELLO)
        for size in range(1, len(whole)):
            self.assertEqual(self.peer.status(whole[:size]), INTERNAL, size)

    def test_a_message_in_pieces_is_whole(self):
        whole = message(HELLO)
        for size in range(1, len(whole)):
            self.assertEqual(self.peer.status(whole[:size], b"", whole[size:]), OK, size)
        self.assertEqual(self.peer.status(*(whole[i:i + 1] for i in range(len(whole)))), OK)

    def test_lengths_over_the_limit_are_exhausted_before_any_payload(self):
        for size in ((4 << 20) + 1, 1 << 31, 0xFFFFFFFF):
            self.assertEqual(self.peer.status(message(b"", size=size), end=False), EXHAUSTED)

    def test_unknown_flags_are_internal(self):
        for flag in (2, 3, 127, 128, 255):
            self.assertEqual(self.peer.status(message(HELLO, flag), end=False), INTERNAL, flag)

    def test_a_compressed_message_without_an_encoding_is_internal(self):
        packed = message(gzip.compress(HELLO), 1)
        self.assertEqual(self.peer.status(packed), INTERNAL)
        self.assertEqual(
            self.peer.status(packed, fields=HEAD + (("grpc-encoding", "identity"),)), INTERNAL)

    def test_an_unknown_encoding_is_unimplemented_and_the_known_ones_are_told(self):
        _, fields, _, _ = self.peer.call(message(HELLO, 1),
                                         fields=HEAD + (("grpc-encoding", "brotli"),))
        self.assertEqual(int(fields["grpc-status"]), UNIMPLEMENTED)
        self.assertEqual(set(fields["grpc-accept-encoding"].split(",")),
                         {"identity", "gzip", "deflate"})

    def test_broken_compression_is_internal(self):
        packed = gzip.compress(HELLO * 100)
        broken = {"corrupt": packed[:15] + b"\xff\xff" + packed[17:], "cut": packed[:-1],
                  "trailing": packed + b"x", "none": HELLO, "empty": b""}
        for name, payload in broken.items():
            status = self.peer.status(message(payload, 1),
                                      fields=HEAD + (("grpc-encoding", "gzip"),))
            self.assertEqual(status, INTERNAL, name)

    def test_good_compression_is_read(self):
        for name, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
            status = self.peer.status(message(pack(HELLO), 1),
                                      fields=HEAD + (("grpc-encoding", name),))
            self.assertEqual(status, OK, name)

    def test_a_compression_bomb_is_exhausted(self):
        before = self.server.resident_bytes()
        bomb = message(gzip.compress(bytes(32 << 20)), 1)
        pieces = (bomb[i:i + 16000] for i in range(0, len(bomb), 16000))
        status = self.peer.status(*pieces, fields=HEAD + (("grpc-encoding", "gzip"),))
        self.assertEqual(status, EXHAUSTED)
        self.assertLess(self.server.resident_bytes() - before, 24 << 20)

    def test_malformed_protobuf_is_internal(self):
        for payload in (b"\x0a", b"\x0a\x05hell", b"\x10" + b"\xff" * 10 + b"\x01", b"\x0b\x0c",
                        b"\x0f", b"\x00\x00", b"\x10" + b"\x80" * 9 + b"\x02",
                        b"\x0a\xff\xff\xff\xff\x0f"):
            self.assertEqual(self.peer.status(message(payload)), INTERNAL, payload)

    def test_text_that_is_no_utf_8_is_internal(self):
        self.assertEqual(self.peer.status(message(b"\x0a\x02\xc3\x28"),
                                          path="/grpc.health.v1.Health/Check"), INTERNAL)

    def test_a_unary_call_takes_exactly_one_message(self):
        self.assertEqual(self.peer.status(), UNIMPLEMENTED)
        self.assertEqual(self.peer.status(message(HELLO) * 2), UNIMPLEMENTED)
        self.assertEqual(self.peer.status(message(HELLO), message(HELLO)), UNIMPLEMENTED)

    def test_a_missing_te_is_refused(self):
        self.assertEqual(self.peer.status(message(HELLO), fields=HEAD[1:]), INTERNAL)

    def test_malformed_timeouts_are_internal(self):
        for timeout in ("", "S", "123456789S", "-1S", "+1S", "1", "1x", "1 S", "1.5S", "0x1S"):
            self.assertEqual(self.peer.status(
                message(HELLO), fields=HEAD + (("grpc-timeout", timeout),)), INTERNAL, timeout)

    def test_any_good_timeout_is_taken(self):
        for timeout in ("99999999H", "99999999M", "99999999S", "20000m", "20000000u", "20000S"):
            self.assertEqual(self.peer.status(
                message(HELLO), fields=HEAD + (("grpc-timeout", timeout),)), OK, timeout)

    def test_a_deadline_that_has_passed_is_exceeded(self):
        for timeout in ("0S", "1n"):
            self.assertEqual(self.peer.status(
                message(HELLO), fields=HEAD + (("grpc-timeout", timeout),)), DEADLINE)

    def test_a_deadline_amid_a_stream_is_told_and_the_rest_is_not_wanted(self):
        stream = self.peer.begin(BIDI, fields=HEAD + (("grpc-timeout", "300m"),))
        self.peer.send(stream, message(HELLO))
        _, fields, body, _ = self.peer.finish(stream)
        self.assertEqual((fields["grpc-status"], body), (str(DEADLINE), message(HELLO)))

    def test_bad_base64_fails_its_call_only(self):
        for value in ("=", "a", "a===", "####", "YQ=x"):
            self.assertEqual(self.peer.status(
                message(HELLO), fields=HEAD + (("x-bin", value),)), INTERNAL, value)

    def test_good_base64_is_taken_with_or_without_padding(self):
        for value in ("", "YQ", "YQ==", "YWI=", "YWJj,YQ,"):
            self.assertEqual(self.peer.status(
                message(HELLO), fields=HEAD + (("x-bin", value),)), OK, value)

    def test_too_much_metadata_is_exhausted(self):
        large = HEAD + tuple((f"x-{i}", "v" * 1000) for i in range(10))
        many = HEAD + tuple((f"x-{i}", "") for i in range(500))
        self.assertEqual(self.peer.status(message(HELLO), fields=large), EXHAUSTED)
        self.assertEqual(self.peer.status(message(HELLO), fields=many), EXHAUSTED)

    def test_reserved_names_are_ignored(self):
        self.assertEqual(self.peer.status(
            message(HELLO), fields=HEAD + (("grpc-unheard-of", "x"),)), OK)

    def test_capitals_in_names_reset_the_stream(self):
        *_, reset = self.peer.call(message(HELLO), fields=HEAD + (("X-Capital", "x"),))
        self.assertEqual(reset, h2.errors.ErrorCodes.PROTOCOL_ERROR)

    def test_host_may_stand_for_the_authority_or_repeat_it(self):
        for name, fields in ((":authority", (("host", "x"),)), ("host", ())):
            self.assertEqual(self.peer.status(
                message(HELLO), host=(name, "x"), fields=fields + HEAD), OK, name)

    def test_calls_without_one_host_are_refused(self):
        *_, reset = self.peer.call(message(HELLO), host=None)
        self.assertEqual(reset, h2.errors.ErrorCodes.PROTOCOL_ERROR)
        *_, reset = self.peer.call(message(HELLO), fields=(("host", "x"), ("host", "x")) + HEAD)
        self.assertEqual(reset, h2.errors.ErrorCodes.PROTOCOL_ERROR)
        for host, fields in (("x", (("host", "y"),)), ("x:y", ()), (":1", ()), ("u@x", ())):
            http, *_ = self.peer.call(message(HELLO), host=(":authority", host),
                                      fields=fields + HEAD)
            self.assertEqual(http, "400", host)

    def test_what_is_no_grpc_gets_an_http_status(self):
        for kind in ("text/plain", "application/grpc-web", "application/grpc+json", "application"):
            http, *_ = self.peer.call(message(HELLO),
                                      fields=(HEAD[0], ("content-type", kind)))
            self.assertEqual(http, "415", kind)
        self.assertEqual(self.peer.finish(self.peer.begin(method="GET", end=True))[0], "405")

    def test_subtypes_of_grpc_are_taken(self):
        for kind in ("application/grpc+proto", "application/grpc;charset=utf-8"):
            self.assertEqual(self.peer.status(
                message(HELLO), fields=(HEAD[0], ("content-type", kind))), OK, kind)

    def test_unknown_paths_are_unimplemented(self):
        for path in ("/", "/x", "/shoal.v1.Echo", "/shoal.v1.Echo/", "/shoal.v1.Echo/None",
                     "/no.Such/Unary", "//", "/shoal.v1.Echo/Unary/"):
            self.assertEqual(self.peer.status(message(HELLO), path=path), UNIMPLEMENTED, path)

    def test_an_early_answer_tells_that_the_rest_is_not_wanted(self):
        stream = self.peer.begin(path="/no.Such/Unary")
        _, fields, _, _ = self.peer.finish(stream)
        self.assertEqual(int(fields["grpc-status"]), UNIMPLEMENTED)

    def test_a_storm_of_cancellations_leaks_nothing(self):
        for _ in range(sp.fewer(2000)):
            stream = self.peer.begin("/shoal.v1.Echo/Delayed",
                                     fields=HEAD + (("grpc-timeout", "10S"),))
            self.peer.send(stream, message(b"\x10\x80\xea\x30"), end=True)
            self.peer.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
            try:
                self.peer.flush()
            except OSError:
                break  # the budget of useless work is used up, which is right, too
        self.peer.close()
        self.peer = Peer(self.server)


class Keepalive(unittest.TestCase):
    def test_pings_amid_a_large_reply_are_forgiven(self):
        """Clients measure the connection by them, as often as data comes."""
        with start("-n", "1") as server:
            peer = Peer(server)
            stream = peer.begin()
            request = message(b"\x0a\x80\xb5\x18" + bytes(400000))
            for at in range(0, len(request), 16000):
                while peer.h2.local_flow_control_window(stream) < 16000:
                    peer.h2.receive_data(peer.sock.recv(10000))
                peer.send(stream, request[at:at + 16000], end=at + 16000 >= len(request))
            size, end, answered = 0, False, True
            while not end:
                for event in peer.h2.receive_data(peer.sock.recv(10000)):
                    self.assertNotIsInstance(event, h2.events.ConnectionTerminated)
                    if isinstance(event, h2.events.DataReceived):
                        size += len(event.data)
                        peer.h2.acknowledge_received_data(event.flow_controlled_length, stream)
                        if answered:
                            peer.h2.ping(bytes(8))
                        answered = False
                    answered = answered or isinstance(event, h2.events.PingAckReceived)
                    end = end or isinstance(event, h2.events.StreamEnded)
                peer.flush()
            self.assertEqual(size, len(request))
            peer.close()

    def test_too_many_pings_are_told_and_end_the_connection(self):
        with start("-n", "1") as server:
            peer = Peer(server)
            for i in range(5):
                peer.h2.ping(struct.pack(">Q", i))
            peer.flush()
            ended = None
            data = peer.sock.recv(65536)
            while data and not ended:
                for event in peer.h2.receive_data(data):
                    if isinstance(event, h2.events.ConnectionTerminated):
                        ended = event
                data = b"" if ended else peer.sock.recv(65536)
            self.assertEqual(ended.error_code, h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
            self.assertEqual(ended.additional_data, b"too_many_pings")
            peer.close()


if __name__ == "__main__":
    sp.main()
