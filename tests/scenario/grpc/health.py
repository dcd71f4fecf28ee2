# SPDX-License-Identifier: BSD-3-Clause
"""grpc.health.v1.Health: Check, Watch, and what a drain says."""

import signal
import unittest

import grpc

import shoal_program as sp
from grpc_client import connect, messages, service, start

health = messages("grpc/health/v1/health")
Request = health.HealthCheckRequest
SERVING = health.HealthCheckResponse.SERVING
NOT_SERVING = health.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health.HealthCheckResponse.SERVICE_UNKNOWN


class Health(unittest.TestCase):
    def setUp(self):
        self.server = start("-n", "2")
        self.channel = connect(self.server)
        self.stub = service(self.channel, "grpc/health/v1/health", "Health")
        self.addCleanup(self.end_server)
        self.addCleanup(self.channel.close)

    def end_server(self):
        if self.server.process.poll() is None:
            self.assertEqual(self.server.end(), 0)

    def check(self, name):
        return self.stub.Check(Request(service=name), timeout=sp.PATIENCE).status

    def test_server_and_services_are_serving(self):
        for name in ("", "shoal.v1.Echo", "shoal.v1.FishMarket", "grpc.health.v1.Health"):
            self.assertEqual(self.check(name), SERVING, name)

    def test_an_unknown_service_is_not_found(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.check("no.such.Service")
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_watching_an_unknown_service_says_so_in_the_stream(self):
        watch = self.stub.Watch(Request(service="no.such.Service"), timeout=sp.PATIENCE)
        self.assertEqual(next(watch).status, SERVICE_UNKNOWN)
        self.assertFalse(watch.done())
        watch.cancel()

    def test_a_drain_is_told_and_ends_watches(self):
        watch = self.stub.Watch(Request(service=""), timeout=sp.PATIENCE)
        self.assertEqual(next(watch).status, SERVING)
        self.server.send(signal.SIGTERM)
        self.assertEqual(next(watch).status, NOT_SERVING)
        with self.assertRaises(grpc.RpcError) as caught:
            next(watch)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.server.end(None), 0)
        self.assertEqual(self.server.report()["forced"], 0)


if __name__ == "__main__":
    sp.main()
