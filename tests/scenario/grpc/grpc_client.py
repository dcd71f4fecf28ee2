# SPDX-License-Identifier: BSD-3-Clause
"""gRPC's own client on a running `shoal grpc`: a channel, and methods by their descriptors."""

import importlib
import os
import sys

import grpc

import shoal_program as sp

# Folders of messages generated beside those of installed packages ("grpc" is one of these, too).
MESSAGES = os.environ["SHOAL_MESSAGES"]
grpc.__path__.append(os.path.join(MESSAGES, "grpc"))
sys.path.append(MESSAGES)


def messages(name):
    """The generated module of a .proto file: messages("shoal/v1/echo")."""
    return importlib.import_module(name.replace("/", ".") + "_pb2")


class Service:
    """A service's methods, of the kind that its descriptor says."""

    def __init__(self, channel, descriptor):
        for method in descriptor.methods:
            kind = ("stream" if method.client_streaming else "unary") + "_" + \
                   ("stream" if method.server_streaming else "unary")
            reply = method.output_type._concrete_class
            setattr(self, method.name, getattr(channel, kind)(
                f"/{descriptor.full_name}/{method.name}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=reply.FromString))


def service(channel, module, name):
    return Service(channel, messages(module).DESCRIPTOR.services_by_name[name])


def start(*args, **more):
    return sp.Shoal("grpc", "-l", "tcp://127.0.0.1:0", *args, **more)


# A subchannel of its own for each channel: tests of one connection must not share one.
OWN = (("grpc.use_local_subchannel_pool", 1),)


def connect(server, **more):
    options = OWN + tuple(more.pop("options", ()))
    return grpc.insecure_channel(server.urls[0].removeprefix("tcp://"), options=options, **more)
