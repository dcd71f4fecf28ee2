# SPDX-License-Identifier: BSD-3-Clause
"""The greeter among the examples greets whoever speaks gRPC."""

import subprocess
import unittest

import example_program as ep
import shoal_program as sp
from grpc_client import connect, messages, service

Hello = messages("grpc/examples/helloworld").HelloRequest


def output(program, *args):
    run = subprocess.run([ep.path(program), *args], capture_output=True, text=True,
                         timeout=sp.PATIENCE, check=True)
    return run.stdout.splitlines()


class Greeter(unittest.TestCase):
    def test_the_greeter_greets(self):
        with ep.Example("grpc_greeter", "tcp://127.0.0.1:0") as server, connect(server) as channel:
            greeter = service(channel, "grpc/examples/helloworld", "Greeter")
            for name in ("world", "", "☺" * 1000):
                self.assertEqual(greeter.SayHello(Hello(name=name), timeout=sp.PATIENCE).message,
                                 f"Hello, {name}!")

    def test_its_clients_are_greeted(self):
        with ep.Example("grpc_greeter", "tcp://127.0.0.1:0") as server:
            url = server.find_urls()[0]
            self.assertEqual(output("grpc_hello", url, "world"), ["Hello, world!"])
            self.assertEqual(sorted(output("grpc_hello_async", url)),
                             sorted(f"Hello, number {i}!" for i in range(100)))

    def test_a_client_without_a_server_says_so(self):
        run = subprocess.run([ep.path("grpc_hello"), "tcp://127.0.0.1:1"], capture_output=True,
                             text=True, timeout=sp.PATIENCE)
        self.assertEqual(run.returncode, 1)
        self.assertIn("UNAVAILABLE: cannot connect to tcp://127.0.0.1:1", run.stderr)


if __name__ == "__main__":
    sp.main()
