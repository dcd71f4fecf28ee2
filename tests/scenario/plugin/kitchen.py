# SPDX-License-Identifier: BSD-3-Clause
"""A server that is generated but for what its methods do, and gRPC's own client."""

import importlib
import os
import subprocess
import sys
import unittest

import grpc

import example_program as ep
import shoal_program as sp

sys.path.append(os.environ["SHOAL_MESSAGES"])
kitchen = importlib.import_module("kitchen_v2_pb2")
part = importlib.import_module("parts.part_1_pb2")
plain = importlib.import_module("plain_pb2")

DeepOne = kitchen.Outer.Inner.deep_one
PACKAGE = "Fish_Kitchen.v2beta1.ALLCAPS"


class Kitchen(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = ep.Example("kitchen_server")
        cls.channel = grpc.insecure_channel(cls.server.urls[0].removeprefix("tcp://"))

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        assert cls.server.end() == 0, cls.server.lines

    def method(self, kind, path, reply):
        method = getattr(self.channel, kind)(
            path, request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=reply.FromString)
        return lambda request: method(request, timeout=sp.PATIENCE)

    def kitchen(self, kind, name, reply):
        return self.method(kind, f"/{PACKAGE}.HTTPKitchen_v2/{name}", reply)

    def test_a_unary_method_gets_and_gives_typed_messages(self):
        get = self.kitchen("unary_unary", "GetURL", kitchen.URL2Go)
        self.assertEqual(get(DeepOne(text="fish")).text, "fish fish")

    def test_a_server_stream_runs_in_the_pool_when_its_table_says_so(self):
        list_all = self.kitchen("unary_stream", "list_all", plain.Plain)
        self.assertEqual([one.number for one in list_all(part.Part.Piece(count=5))],
                         [1, 2, 3, 4, 5])

    def test_a_client_stream_is_answered_at_its_end(self):
        gather = self.kitchen("stream_unary", "Gather2", part.Part)
        self.assertEqual(gather(plain.Plain(number=i) for i in range(100)).sum, 4950)
        self.assertEqual(gather(iter(())).sum, 0)

    def test_both_may_stream_and_a_call_without_an_on_end_ends_well(self):
        talk = self.kitchen("stream_stream", "TALK", DeepOne)
        said = [str(i) for i in range(500)]
        heard = talk(kitchen.lower_case(text=text) for text in said)
        self.assertEqual([one.text for one in heard], said)

    def test_a_call_is_answered_by_its_id(self):
        self.assertEqual(self.method("unary_unary", f"/{PACKAGE}.B/A", plain.Plain)(
            plain.Plain(number=6)).number, 7)

    def test_the_generated_client_calls_methods_of_all_kinds_blocking_and_on_a_loop(self):
        done = subprocess.run([ep.path("kitchen_client"), self.server.urls[0]],
                              timeout=sp.PATIENCE, check=False)
        self.assertEqual(done.returncode, 0)

    def test_a_method_without_a_handler_is_unimplemented(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.method("unary_unary", "/PlainService/Twice", plain.Plain)(plain.Plain(number=6))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)


if __name__ == "__main__":
    sp.main()
