# SPDX-License-Identifier: BSD-3-Clause
"""The greeter among the examples greets whoever speaks gRPC."""

import unittest

import example_program as ep
import shoal_program as sp
from grpc_client import connect, messages, service

Hello = messages("grpc/examples/helloworld").HelloRequest


class Greeter(unittest.TestCase):
    def test_the_greeter_greets(self):
        with ep.Example("grpc_greeter", "tcp://127.0.0.1:0") as server, connect(server) as channel:
            greeter = service(channel, "grpc/examples/helloworld", "Greeter")
            for name in ("world", "", "☺" * 1000):
                self.assertEqual(greeter.SayHello(Hello(name=name), timeout=sp.PATIENCE).message,
                                 f"Hello, {name}!")


if __name__ == "__main__":
    sp.main()
