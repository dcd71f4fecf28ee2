# SPDX-License-Identifier: BSD-3-Clause
"""A server of Python's grpcio, with one version of server reflection or none."""

import os
import sys
from concurrent import futures

import grpc

MESSAGES = os.environ["SHOAL_MESSAGES"]
grpc.__path__.append(os.path.join(MESSAGES, "grpc"))
sys.path.append(MESSAGES)

import cases2_pb2
import cases_pb2
import mirror_pb2
from google.protobuf import any_pb2, descriptor_pool
from grpc.reflection.v1alpha import reflection_pb2

assert cases2_pb2 and mirror_pb2  # they register what reflection tells


def files_of(request):
    """Only the file that was asked for: what it imports has to be asked for, too."""
    pool = descriptor_pool.Default()
    if request.HasField("file_by_filename"):
        return pool.FindFileByName(request.file_by_filename)
    symbol = request.file_containing_symbol
    try:
        return pool.FindFileContainingSymbol(symbol)
    except KeyError:
        return pool.FindFileContainingSymbol(symbol.rsplit(".", 1)[0])  # a method's


def reflect(requests, _):
    for request in requests:
        reply = reflection_pb2.ServerReflectionResponse(original_request=request)
        if request.HasField("list_services"):
            reply.list_services_response.service.add(name="shoal.mirror.Mirror")
        else:
            try:
                file = files_of(request)
                reply.file_descriptor_response.file_descriptor_proto.append(file.serialized_pb)
            except KeyError:
                reply.error_response.error_code = 5
        yield reply


def fail(request, context):
    detail = any_pb2.Any()
    detail.Pack(request)
    # google.rpc.Status: code = 1, message = 2, details = 3
    packed = detail.SerializeToString()
    status = b"\x08\x05\x12\x01x\x1a" + bytes([len(packed)]) + packed
    context.set_trailing_metadata((("grpc-status-details-bin", status),))
    context.abort(grpc.StatusCode.NOT_FOUND, "no such \x1b[31mfish\x1b[0m")


def handler(method, request, streams=False):
    make = grpc.stream_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
    return make(method, request_deserializer=request.FromString,
                response_serializer=lambda reply: reply.SerializeToString())


def start(reflection=None):
    """The running server and its port; `reflection` is "v1", "v1alpha" or None."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shoal.mirror.Mirror", {
        "Reflect": handler(lambda request, _: request, cases_pb2.Known),
        "Fail": handler(fail, cases_pb2.Scalars)}),))
    if reflection:
        name = f"grpc.reflection.{reflection}.ServerReflection"
        method = handler(reflect, reflection_pb2.ServerReflectionRequest, streams=True)
        server.add_generic_rpc_handlers((
            grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port
