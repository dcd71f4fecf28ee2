# SPDX-License-Identifier: BSD-3-Clause
"""A gRPC client whose frames are valid HTTP/2, and whose gRPC is whatever the test says."""

import struct

import h2.config
import h2.connection
import h2.events

HEAD = (("te", "trailers"), ("content-type", "application/grpc"))
UNARY = "/shoal.v1.Echo/Unary"


def message(payload, flag=0, size=None):
    return struct.pack(">BI", flag, len(payload) if size is None else size) + payload


class Peer:
    """A connection."""

    def __init__(self, server):
        self.sock = server.connect()
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8",
                                           validate_outbound_headers=False,
                                           normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def begin(self, path=UNARY, method="POST", fields=HEAD, end=False, flush=True,
              host=(":authority", "x")):
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"), (":path", path)]
        head += [host] if host else []
        self.h2.send_headers(stream, head + list(fields), end_stream=end)
        if flush:
            self.flush()
        return stream

    def send(self, stream, data, end=False):
        self.h2.send_data(stream, data, end_stream=end)
        self.flush()

    def finish(self, stream):
        """What the server says until the stream is over: (HTTP status, fields, body, reset)."""
        fields, body, reset, over = {}, b"", None, False
        while not over:
            data = self.sock.recv(65536)
            assert data, f"the connection ended with {fields}"
            for event in self.h2.receive_data(data):
                if getattr(event, "stream_id", stream) != stream:
                    continue
                if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                    fields.update(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
                elif isinstance(event, h2.events.StreamReset):
                    reset, over = event.error_code, True
                elif isinstance(event, h2.events.StreamEnded):
                    over = True
            self.flush()
        return fields.get(":status"), fields, body, reset

    def ends(self, count):
        """The next streams that end, in that order."""
        order = []
        while len(order) < count:
            data = self.sock.recv(65536)
            assert data, f"the connection ended after {order}"
            order += [event.stream_id for event in self.h2.receive_data(data)
                      if isinstance(event, h2.events.StreamEnded)]
            self.flush()
        return order

    def call(self, *parts, end=True, **head):
        stream = self.begin(end=end and not parts, **head)
        for part in parts[:-1]:
            self.send(stream, part)
        if parts:
            self.send(stream, parts[-1], end=end)
        return self.finish(stream)

    def status(self, *parts, **more):
        http, fields, _, _ = self.call(*parts, **more)
        assert http == "200", http
        return int(fields["grpc-status"])

    def close(self):
        self.sock.close()
