# SPDX-License-Identifier: BSD-3-Clause
"""Server reflection, v1 and v1alpha: what a command-line client needs to list and to call."""

import unittest

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import shoal_program as sp
from grpc_client import connect, messages, service, start

SERVICES = {"shoal.v1.Echo", "shoal.v1.FishMarket", "grpc.testing.TestService",
            "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection"}


class Reflection(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = start("--interop", "-n", "1")
        cls.channel = connect(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        assert cls.server.end() == 0, cls.server.lines

    def ask(self, version, *requests):
        module = messages(f"grpc/reflection/{version}/reflection")
        stub = service(self.channel, f"grpc/reflection/{version}/reflection", "ServerReflection")
        asked = [module.ServerReflectionRequest(**request) for request in requests]
        replies = list(stub.ServerReflectionInfo(iter(asked), timeout=sp.PATIENCE))
        self.assertEqual([reply.original_request for reply in replies], asked)
        return replies

    def files(self, reply):
        found = reply.file_descriptor_response.file_descriptor_proto
        return [descriptor_pb2.FileDescriptorProto.FromString(file) for file in found]

    def test_both_versions_list_the_services(self):
        for version in ("v1", "v1alpha"):
            reply, = self.ask(version, {"list_services": "*"})
            names = [service.name for service in reply.list_services_response.service]
            self.assertEqual(set(names), SERVICES)
            self.assertEqual(len(names), len(set(names)))

    def test_symbols_lead_to_their_files(self):
        wanted = {
            "shoal.v1.Echo": "shoal/v1/echo.proto",
            "shoal.v1.Echo.Delayed": "shoal/v1/echo.proto",
            "shoal.v1.EchoMessage.payload": "shoal/v1/echo.proto",
            "shoal.v1.Catch": "shoal/v1/market.proto",
            "grpc.testing.SimpleRequest": "grpc/testing/messages.proto",
            "grpc.testing.LoadBalancerStatsResponse.RpcsByPeer": "grpc/testing/messages.proto",
            "grpc.health.v1.HealthCheckResponse.ServingStatus": "grpc/health/v1/health.proto",
        }
        replies = self.ask("v1", *({"file_containing_symbol": symbol} for symbol in wanted))
        self.assertEqual([self.files(reply)[0].name for reply in replies], list(wanted.values()))

    def test_files_by_name_are_enough_to_make_a_call(self):
        pool = descriptor_pool.DescriptorPool()
        missing = ["grpc/testing/test.proto"]
        while missing:
            file, = self.files(self.ask("v1alpha", {"file_by_filename": missing[-1]})[0])
            needed = [name for name in file.dependency if not self.known(pool, name)]
            if needed:
                missing.extend(needed)
                continue
            if not self.known(pool, file.name):
                pool.Add(file)
            missing.pop()
        factory = message_factory.MessageFactory(pool)
        request = factory.GetPrototype(pool.FindMessageTypeByName("grpc.testing.SimpleRequest"))
        reply = factory.GetPrototype(pool.FindMessageTypeByName("grpc.testing.SimpleResponse"))
        call = self.channel.unary_unary("/grpc.testing.TestService/UnaryCall",
                                        request_serializer=request.SerializeToString,
                                        response_deserializer=reply.FromString)
        self.assertEqual(len(call(request(response_size=7), timeout=sp.PATIENCE).payload.body), 7)

    @staticmethod
    def known(pool, name):
        try:
            return bool(pool.FindFileByName(name))
        except KeyError:
            return False

    def test_what_is_unknown_is_an_error_inside_of_the_stream(self):
        replies = self.ask(
            "v1", {"file_containing_symbol": "no.Such"}, {"file_by_filename": "no/such.proto"},
            {"all_extension_numbers_of_type": "no.Such"},
            {"file_containing_extension": {"containing_type": "no.Such", "extension_number": 1}})
        self.assertEqual([reply.error_response.error_code for reply in replies], [5, 5, 5, 5])

    def test_a_message_without_extensions_has_none(self):
        reply, = self.ask("v1", {"all_extension_numbers_of_type": "shoal.v1.EchoMessage"})
        self.assertEqual(list(reply.all_extension_numbers_response.extension_number), [])


if __name__ == "__main__":
    sp.main()
