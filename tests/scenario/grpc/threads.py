# SPDX-License-Identifier: BSD-3-Clause
"""Answers from other threads and from the pool, and a pool that is full; see parcel_server.c."""

import os
import subprocess
import time
import unittest

import grpc

import shoal_program as sp
from grpc_client import OWN, messages, service

Parcel = messages("parcel").Parcel


class Threads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process = subprocess.Popen([os.environ["SHOAL_PARCELS"]], stdin=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        url = cls.process.stderr.readline().split("url=tcp://")[1].strip()
        cls.channel = grpc.insecure_channel(url, options=OWN)
        cls.stub = service(cls.channel, "parcel", "Post")

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        _, errors = cls.process.communicate(timeout=sp.PATIENCE)
        assert cls.process.returncode == 0 and errors == "", errors

    def test_a_thread_answers_for_its_call(self):
        calls = [self.stub.Unary.future(Parcel(label=str(i), count=1), timeout=sp.PATIENCE)
                 for i in range(50)]
        self.assertEqual([call.result().label for call in calls],
                         [f"{i} later" for i in range(50)])

    def test_the_first_answer_counts(self):
        for _ in range(20):
            reply = self.stub.Unary(Parcel(label="x", count=2), timeout=sp.PATIENCE)
            self.assertEqual(reply.label, "x later")

    def test_a_thread_answers_with_a_status(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.Unary(Parcel(count=3), timeout=sp.PATIENCE)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.ABORTED)
        self.assertEqual(caught.exception.details(), "from a thread")

    def test_answers_to_calls_that_are_over_go_nowhere(self):
        calls = [self.stub.Unary.future(Parcel(label="x", count=1)) for _ in range(50)]
        for call in calls:
            call.cancel()
        self.test_a_thread_answers_for_its_call()

    def test_a_stream_in_the_pool_sends_all_it_says(self):
        for count, filler in ((0, ""), (1, ""), (3, ""), (40, "y" * 2000)):
            replies = self.stub.Spread(Parcel(label="x" + filler, count=count),
                                       timeout=sp.PATIENCE)
            self.assertEqual([reply.label for reply in replies],
                             [f"x{filler} {i}" for i in range(count)])
            self.assertEqual(replies.details(), f"all {count}")
            self.assertEqual(dict(replies.initial_metadata()).get("x-method"),
                             "/parcels.Post/Spread")
            self.assertIn("127.0.0.1:", dict(replies.trailing_metadata())["x-peer"])

    def test_a_stream_in_the_pool_waits_for_its_reader(self):
        """256 MiB of it, none of which may pile up in the server."""
        filler, count = "y" * (1 << 16), 4096
        before = self.resident_bytes()
        replies = self.stub.Spread(Parcel(label=filler, count=count), timeout=4 * sp.PATIENCE)
        next(replies)
        time.sleep(0.2)
        self.assertLess(self.resident_bytes() - before, (256 if sp.SANITIZED else 32) << 20)
        self.assertTrue(all(len(reply.label) > len(filler) for reply in replies))
        self.assertEqual(replies.details(), f"all {count}")

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_requests_of_a_stream_in_the_pool_are_answered_in_order(self):
        requests = [Parcel(count=i, payload=bytes(i * 7)) for i in range(sp.fewer(300))]
        replies = self.stub.Chat(iter(requests), timeout=sp.PATIENCE)
        got = []
        with self.assertRaises(grpc.RpcError) as caught:
            for reply in replies:
                got.append(reply)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.OUT_OF_RANGE)
        self.assertEqual(got, requests)

    def test_a_full_pool_refuses_at_once(self):
        calls = [self.stub.Spread(Parcel(payload=bytes(200), count=1), timeout=sp.PATIENCE)
                 for _ in range(10)]
        codes = [self.code_of(call) for call in calls]
        self.assertIn(grpc.StatusCode.RESOURCE_EXHAUSTED, codes)
        self.assertIn(grpc.StatusCode.OK, codes)
        self.assertLessEqual(set(codes), {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OK})

    @staticmethod
    def code_of(replies):
        try:
            list(replies)
        except grpc.RpcError:
            pass
        return replies.code()

    def test_a_watch_follows_what_is_set(self):
        health = messages("grpc/health/v1/health")
        stub = service(self.channel, "grpc/health/v1/health", "Health")
        watch = stub.Watch(health.HealthCheckRequest(service="new"), timeout=sp.PATIENCE)
        self.assertEqual(next(watch).status, health.HealthCheckResponse.SERVICE_UNKNOWN)
        for sign, status in (("-", "NOT_SERVING"), ("+", "SERVING"), ("-", "NOT_SERVING")):
            self.process.stdin.write(sign + "new\n")
            self.process.stdin.flush()
            wanted = health.HealthCheckResponse.ServingStatus.Value(status)
            self.assertEqual(next(watch).status, wanted)
        watch.cancel()


if __name__ == "__main__":
    sp.main()
