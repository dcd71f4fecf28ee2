# SPDX-License-Identifier: BSD-3-Clause
"""HTTP/2 by hand: frames as bytes, and a client that says whatever it is told to say.

Field blocks are literals without indexing, so that they need no state.
"""

import socket
import struct
import threading

import shoal_program as sp

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
UNKNOWN = 0xBB
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, CANCEL, ENHANCE_YOUR_CALM = 0, 1, 3, 8, 11
INITIAL_WINDOW_SIZE = 4
LARGEST_WINDOW = 2**31 - 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def number(value, prefix_bits, first=0):
    """An integer of HPACK, RFC 7541 section 5.1."""
    most = (1 << prefix_bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value % 128 | 128)
        value //= 128
    return bytes([*out, value])


def text(data):
    return number(len(data), 7) + data


def field(name, value):
    return b"\0" + text(name) + text(value)


def request_block(path, *more, method=b"GET"):
    return b"".join(field(name, value) for name, value in (
        (b":method", method), (b":scheme", b"http"), (b":authority", b"x"), (b":path", path),
        *more))


def get(stream, path=b"/hello", *more, end=True):
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream,
                 request_block(path, *more))


def post(stream, path=b"/echo", *more):
    return frame(HEADERS, END_HEADERS, stream, request_block(path, *more, method=b"POST"))


def reset(stream, error=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", error))


def window_update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


class Client:
    """A connection that has said its preface and `first`. While it listens, frames are counted by
    kind, and end by GOAWAY or by the end of the connection is noticed."""

    def __init__(self, server, first=None, listens=True, receive_buffer=None):
        self.frames = []           # (kind, flags, stream, payload of all but DATA)
        self.data_bytes = 0
        self._changed = threading.Condition()
        self.goaway = None         # its error code
        self.over = False
        self.sock = server.connect(receive_buffer=receive_buffer)
        self.sock.sendall(PREFACE + (settings() if first is None else first))
        self._listener = threading.Thread(target=self._listen, daemon=True)
        if listens:
            self._listener.start()

    def say(self, data):
        """False where the server has closed."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def _listen(self):
        try:
            self._read_frames(self.sock.makefile("rb", 1 << 16))
        except OSError:
            pass
        with self._changed:
            self.over = True
            self._changed.notify_all()

    def _read_frames(self, waiting):
        while len(head := waiting.read(9)) == 9:
            size, kind, flags, stream = (int.from_bytes(head[:3], "big"), head[3], head[4],
                                         int.from_bytes(head[5:], "big"))
            payload = waiting.read(size)
            with self._changed:
                self._note(kind, flags, stream, payload)
                self._changed.notify_all()

    def _note(self, kind, flags, stream, payload):
        if kind == DATA:
            self.data_bytes += len(payload)
            payload = b""
        if kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        self.frames.append((kind, flags, stream, payload))

    def wait_for(self, condition, what):
        with self._changed:
            if not self._changed.wait_for(lambda: condition() or self.over, sp.PATIENCE) \
                    or not condition():
                raise AssertionError(f"no {what}; goaway={self.goaway} over={self.over} "
                                     f"frames={self.frames[-5:]}")

    def wait_for_frame(self, kind, stream=None):
        def found():
            return [f for f in self.frames if f[0] == kind and stream in (None, f[2])]
        self.wait_for(found, f"frame {kind} of stream {stream}")
        return found()[0]

    def wait_for_end(self):
        """Until the server has said GOAWAY with an error, or closed."""
        self.wait_for(lambda: self.over or self.goaway not in (None, NO_ERROR), "end")

    def wait_for_end_of(self, stream):
        self.wait_for(lambda: any(f[2] == stream and f[0] in (DATA, HEADERS) and f[1] & END_STREAM
                                  for f in self.frames), f"end of stream {stream}")

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if self._listener.is_alive():
            self._listener.join(sp.PATIENCE)
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
