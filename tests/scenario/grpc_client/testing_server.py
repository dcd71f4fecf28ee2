# SPDX-License-Identifier: BSD-3-Clause
"""grpc.testing.TestService on python3-grpcio, as the interop descriptions define it: what Python's
server cannot do, seeing whether a message came compressed, is left out."""

import concurrent.futures
import threading

import grpc

from grpc_client import messages

test = messages("grpc/testing/messages")
Empty = messages("grpc/testing/empty").Empty
SERVICE = messages("grpc/testing/test").DESCRIPTOR.services_by_name["TestService"]
INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"


def payload(size):
    return test.Payload(body=bytes(size))


def echo_metadata(context):
    sent = dict(context.invocation_metadata())
    if INITIAL in sent:
        context.send_initial_metadata(((INITIAL, sent[INITIAL]),))
    if TRAILING in sent:
        context.set_trailing_metadata(((TRAILING, sent[TRAILING]),))


def obey_status(request, context):
    if request.HasField("response_status"):
        status = request.response_status
        context.abort(next(code for code in grpc.StatusCode if code.value[0] == status.code),
                      status.message)


def pause(context, microseconds):
    """Waits for so long, or until the call is over."""
    over = threading.Event()
    if context.add_callback(over.set):
        over.wait(microseconds / 1e6)


class Methods:
    """A method of the service each, by its name."""

    @staticmethod
    def EmptyCall(_request, _context):
        return Empty()

    @staticmethod
    def UnaryCall(request, context):
        if request.response_compressed.value:
            context.set_compression(grpc.Compression.Gzip)
        echo_metadata(context)
        obey_status(request, context)
        return test.SimpleResponse(payload=payload(request.response_size))

    @staticmethod
    def StreamingInputCall(requests, _context):
        size = sum(len(request.payload.body) for request in requests)
        return test.StreamingInputCallResponse(aggregated_payload_size=size)

    @staticmethod
    def StreamingOutputCall(request, context):
        if any(wanted.compressed.value for wanted in request.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        for wanted in request.response_parameters:
            if not wanted.compressed.value:
                context.disable_next_message_compression()
            pause(context, wanted.interval_us)
            yield test.StreamingOutputCallResponse(payload=payload(wanted.size))

    @staticmethod
    def FullDuplexCall(requests, context):
        echo_metadata(context)
        for request in requests:
            obey_status(request, context)
            for wanted in request.response_parameters:
                pause(context, wanted.interval_us)
                yield test.StreamingOutputCallResponse(payload=payload(wanted.size))


def handler(method):
    behaviour = getattr(Methods, method.name, None)
    if not behaviour:
        return None
    kind = ("stream" if method.client_streaming else "unary") + "_" + \
           ("stream" if method.server_streaming else "unary")
    return getattr(grpc, f"{kind}_rpc_method_handler")(
        behaviour, request_deserializer=method.input_type._concrete_class.FromString,
        response_serializer=lambda message: message.SerializeToString())


class Server:
    """The service on a free port of loopback, while it is entered."""

    def __init__(self, credentials=None):
        workers = concurrent.futures.ThreadPoolExecutor(max_workers=16)
        self._server = grpc.server(workers)
        handlers = {method.name: handler(method) for method in SERVICE.methods}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            SERVICE.full_name, {name: made for name, made in handlers.items() if made}),))
        if credentials:
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        else:
            self.port = self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(0).wait()
