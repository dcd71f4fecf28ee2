# SPDX-License-Identifier: BSD-3-Clause
"""Clients that do not read, do not stop or come in floods, and a pool that cannot keep up; see
hostile_server.c."""

import os
import re
import socket
import subprocess
import time
import unittest

import grpc
import h2.events

import shoal_program as sp
from grpc_client import OWN, messages, service
from raw_peer import HEAD, Peer, message

Parcel = messages("parcel").Parcel
health = messages("grpc/health/v1/health")
CANCEL = 8
WINDOW = 256 << 10   # of a stream, by default
EXHAUSTED, UNAVAILABLE = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE


class Hostile:
    """The server, with its limits as NAME=NUMBER."""

    def __init__(self, test, **limits):
        self.process = subprocess.Popen(
            [os.environ["SHOAL_HOSTILE"], *(f"{name}={value}" for name, value in limits.items())],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.end)
        self.address = self.process.stderr.readline().split("url=tcp://")[1].strip()
        self.channel = grpc.insecure_channel(self.address, options=OWN)
        test.addCleanup(self.channel.close)
        self.stub = service(self.channel, "parcel", "Post")

    def connect(self):
        host, port = self.address.split(":")
        sock = socket.create_connection((host, int(port)), sp.PATIENCE)
        sock.settimeout(sp.PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def counters(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        said = self.process.stderr.readline()
        return {name: int(value) for name, value in re.findall(r"(\w+)=(-?\d+)", said)}

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def end(self):
        _, errors = self.process.communicate(timeout=sp.PATIENCE)
        assert self.process.returncode == 0 and errors == "", errors


class Readers(unittest.TestCase):
    """Attack 140: a server stream that is never read."""

    def begin(self, server):
        peer = Peer(server)
        self.addCleanup(peer.close)
        stream = peer.begin("/parcels.Post/Spread")
        peer.send(stream, message(Parcel(payload=bytes(10000)).SerializeToString()), end=True)
        return peer, stream

    def test_flow_control_stops_the_handler(self):
        server = Hostile(self)
        before = server.resident_bytes()
        self.begin(server)
        sp.eventually(lambda: server.counters()["sent"] > 0)
        sent = None
        while sent != server.counters()["sent"]:  # until it rests
            sent = server.counters()["sent"]
            time.sleep(0.2)
        self.assertLess(sent * 10000, 1 << 20)
        self.assertLess(server.resident_bytes() - before, (64 if sp.SANITIZED else 8) << 20)
        self.assertEqual(server.counters()["status"], -1)

    def test_the_write_deadline_cuts_the_stream_and_no_other(self):
        server = Hostile(self, write_stall_ms=300)
        peer, stream = self.begin(server)
        reset = None
        while reset is None:
            for event in peer.h2.receive_data(peer.sock.recv(65536)):
                if isinstance(event, h2.events.StreamReset) and event.stream_id == stream:
                    reset = event.error_code
        self.assertEqual(reset, CANCEL)
        cancelled = grpc.StatusCode.CANCELLED.value[0]
        sp.eventually(lambda: server.counters()["status"] == cancelled)
        # What the stream has used of the connection's window is gone; a status needs none.
        http, fields, _, _ = peer.call(path="/parcels.Post/None")
        self.assertEqual((http, fields["grpc-status"]), ("200", "12"))


class Writers(unittest.TestCase):
    """Attack 141: a stream of requests for ever, whose handler is slow."""

    def send_all_that_fits(self, server, method):
        """Sends messages until the stream's window is shut, and for as long as it stays shut."""
        peer = Peer(server)
        self.addCleanup(peer.close)
        stream = peer.begin(f"/parcels.Post/{method}")
        peer.sock.settimeout(0.3)
        whole = message(Parcel(payload=bytes(1000)).SerializeToString())
        sent = 0
        while True:
            room = peer.h2.local_flow_control_window(stream)
            if room >= len(whole):
                peer.send(stream, whole)
                sent += 1
                continue
            try:
                peer.h2.receive_data(peer.sock.recv(65536))
                peer.flush()
            except TimeoutError:
                return peer, stream, sent, sent * len(whole)

    def check(self, method):
        server = Hostile(self)
        before = server.resident_bytes()
        peer, stream, sent, size = self.send_all_that_fits(server, method)
        self.assertLessEqual(size, WINDOW + 2000)
        self.assertGreater(size, WINDOW // 2)
        self.assertLess(server.resident_bytes() - before, (64 if sp.SANITIZED else 4) << 20)
        self.assertEqual(server.counters()["got"], 1)
        peer.sock.settimeout(sp.PATIENCE)
        peer.h2.end_stream(stream)
        peer.flush()
        _, fields, body, _ = peer.finish(stream)
        self.assertEqual(fields["grpc-status"], "0")
        self.assertEqual(Parcel.FromString(body[5:]).count, sent)

    def test_a_paused_handler_closes_the_window(self):
        self.check("Gather")

    def test_a_handler_that_runs_in_the_pool_closes_the_window(self):
        self.check("Chat")


class Floods(unittest.TestCase):
    """Attack 145: health and reflection are counted as any call."""

    def test_watches_and_reflection_streams_fill_the_limit_of_a_server(self):
        server = Hostile(self, max_calls=4)
        stub = service(server.channel, "grpc/health/v1/health", "Health")
        watches = [stub.Watch(health.HealthCheckRequest()) for _ in range(3)]
        for watch in watches:
            next(watch)
        peer = Peer(server)
        self.addCleanup(peer.close)
        peer.begin("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        self.assertEqual(peer.status(message(b""), path="/grpc.health.v1.Health/Check"),
                         EXHAUSTED.value[0])
        with self.assertRaises(grpc.RpcError) as caught:
            server.stub.Unary(Parcel(), timeout=sp.PATIENCE)
        self.assertEqual(caught.exception.code(), EXHAUSTED)
        watches[0].cancel()
        sp.eventually(lambda: self.serves(server))

    @staticmethod
    def serves(server):
        try:
            return server.stub.Unary(Parcel(), timeout=sp.PATIENCE).count > 0
        except grpc.RpcError:
            return False

    def test_a_flood_on_one_connection_meets_the_limit_of_streams(self):
        server = Hostile(self, max_calls_per_connection=8)
        peer = Peer(server)
        self.addCleanup(peer.close)
        peer.status(message(b""), path="/grpc.health.v1.Health/Check")  # its settings have come
        self.assertEqual(peer.h2.remote_settings.max_concurrent_streams, 8)
        for _ in range(sp.fewer(500)):
            self.assertEqual(peer.status(message(b""), path="/grpc.health.v1.Health/Check"), 0)


class Overload(unittest.TestCase):
    """A pool that is full, or whose queue is too old, answers at once; and what is late is not
    begun."""

    def codes(self, server, count, sleep_ms):
        calls = [server.stub.Unary.future(Parcel(count=sleep_ms), timeout=sp.PATIENCE)
                 for _ in range(count)]
        return [call.code() for call in calls]

    def test_a_full_pool_refuses_at_once(self):
        server = Hostile(self, pool_capacity=3)
        codes = self.codes(server, 50, 100)
        self.assertEqual(set(codes), {grpc.StatusCode.OK, EXHAUSTED})
        self.assertGreaterEqual(codes.count(EXHAUSTED), 20)

    def test_a_standing_queue_is_shed(self):
        server = Hostile(self, shed_target_ms=5)
        codes = self.codes(server, 80, 20)
        self.assertEqual(set(codes), {grpc.StatusCode.OK, UNAVAILABLE})
        self.assertEqual(server.counters()["runs"], codes.count(grpc.StatusCode.OK))

    def test_a_call_whose_deadline_passes_in_the_queue_is_never_run(self):
        server = Hostile(self)
        peer = Peer(server)
        self.addCleanup(peer.close)
        slow = peer.begin("/parcels.Post/Unary")
        peer.send(slow, message(Parcel(count=1500).SerializeToString()), end=True)
        for _ in range(10):
            status = peer.status(message(b""), path="/parcels.Post/Unary",
                                 fields=HEAD + (("grpc-timeout", "5m"),))
            self.assertEqual(status, grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
        sp.eventually(lambda: server.counters()["runs"] == 1)
        self.assertEqual(server.stub.Unary(Parcel(), timeout=sp.PATIENCE).count, 2)


if __name__ == "__main__":
    sp.main()
