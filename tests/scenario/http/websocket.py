# SPDX-License-Identifier: BSD-3-Clause
"""shoal http, GET /ws: WebSocket messages come back, by a client made of a socket."""

import base64
import hashlib
import os
import signal
import socket
import struct
import threading
import unittest

import shoal_program as sp

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = base64.b64encode(b"0123456789abcdef").decode()
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def request(**changes):
    """The opening handshake; a field that is None is left out."""
    fields = {"Host": "a", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
              "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13"}
    start = changes.pop("start", "GET /ws HTTP/1.1")
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([start, *lines, "", ""]).encode()


def frame(opcode, payload=b"", final=True, mask=b"mask"):
    """A frame as a client sends it."""
    size = len(payload)
    head = bytes([opcode | (0x80 if final else 0)])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 1 << 16:
        head += struct.pack(">BH", 0x80 | 126, size)
    else:
        head += struct.pack(">BQ", 0x80 | 127, size)
    turned = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(turned, "big")).to_bytes(size, "big")
    return head + mask + masked


def close_of(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def receive(sock):
    """The next frame as (opcode, payload); None at the stream's end."""
    first = sock.recv(1)
    if not first:
        return None
    size = sp.receive_exactly(sock, 1)[0]
    assert first[0] & 0x80 and not size & 0x80, "whole, and not masked"
    if size == 126:
        size, = struct.unpack(">H", sp.receive_exactly(sock, 2))
    elif size == 127:
        size, = struct.unpack(">Q", sp.receive_exactly(sock, 8))
    return first[0] & 0x0F, sp.receive_exactly(sock, size)


class WebSocket(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "2")

    @classmethod
    def tearDownClass(cls):
        code = cls.server.end()
        if code != 0:
            raise AssertionError("\n".join(cls.server.lines))

    def open(self, server=None, behind=b"", **options):
        sock = (server or self.server).connect(**options)
        sp.send_all(sock, request() + behind)
        head = sp.receive_until(sock, b"\r\n\r\n").decode()
        accept = base64.b64encode(hashlib.sha1((KEY + GUID).encode()).digest()).decode()
        assert head.startswith("HTTP/1.1 101 "), head
        assert f"sec-websocket-accept: {accept}".lower() in head.lower(), head
        return sock

    def test_messages_come_back(self):
        with self.open() as sock:
            for opcode, payload in ((TEXT, "h\u00e9llo \u20ac".encode()), (BINARY, bytes(range(256))),
                                    (TEXT, b""), (BINARY, os.urandom(70000)), (TEXT, b"x" * 125),
                                    (TEXT, b"x" * 126), (BINARY, os.urandom(1 << 20))):
                sender = threading.Thread(target=sp.send_all, args=(sock, frame(opcode, payload)))
                sender.start()
                self.assertEqual(receive(sock), (opcode, payload))
                sender.join(sp.PATIENCE)

    def test_frames_right_behind_the_request_are_answered(self):
        with self.open(behind=frame(TEXT, b"early") + frame(TEXT, b"bird")) as sock:
            self.assertEqual(receive(sock), (TEXT, b"early"))
            self.assertEqual(receive(sock), (TEXT, b"bird"))

    def test_a_message_byte_by_byte_and_in_fragments(self):
        with self.open() as sock:
            stream = (frame(TEXT, b"one ", final=False) + frame(PING, b"?") +
                      frame(0, b"\xe2\x82", final=False) + frame(0, b"\xac"))
            for byte in stream:
                sp.send_all(sock, bytes([byte]))
            self.assertEqual(receive(sock), (PONG, b"?"))
            self.assertEqual(receive(sock), (TEXT, "one \u20ac".encode()))

    def test_thousands_of_messages_in_one_write(self):
        count = sp.fewer(20000)
        stream = b"".join(frame(TEXT, b"%d" % i) for i in range(count))
        with self.open() as sock:
            sender = threading.Thread(target=sp.send_all, args=(sock, stream), daemon=True)
            sender.start()
            for i in range(count):
                self.assertEqual(receive(sock), (TEXT, b"%d" % i))
            sender.join(sp.PATIENCE)

    def test_a_close_is_answered_with_its_code(self):
        for payload, wanted in ((b"", b""), (b"\x03\xe8", b"\x03\xe8"),
                                (b"\x0f\xa0bye", b"\x0f\xa0")):
            with self.open() as sock:
                sp.send_all(sock, frame(CLOSE, payload) + frame(TEXT, b"late"))
                self.assertEqual(receive(sock), (CLOSE, wanted))
                self.assertIsNone(receive(sock))

    def test_who_breaks_the_rules_is_told_which(self):
        for stream, code in ((b"\x81\x01x", 1002), (frame(3), 1002), (frame(0, b"x"), 1002),
                             (frame(TEXT | 0x40, b"x"), 1002), (frame(PING, b"x", False), 1002),
                             (frame(PING, b"x" * 126), 1002), (frame(TEXT, b"\xff"), 1007),
                             (frame(TEXT, b"\xed\xa0\x80", False), 1007),
                             (frame(CLOSE, b"\x03"), 1002), (close_of(1005), 1002),
                             (close_of(1000, b"\xff"), 1007),
                             (frame(BINARY, bytes((1 << 20) + 1))[:14], 1009)):
            with self.open() as sock:
                sp.send_all(sock, stream)
                self.assertEqual(receive(sock), (CLOSE, struct.pack(">H", code)), stream[:20])
                sock.shutdown(socket.SHUT_WR)
                self.assertIsNone(receive(sock))

    def test_a_handshake_that_is_none_is_refused(self):
        for status, changes in ((400, {"Upgrade": None}), (400, {"Upgrade": "h2c"}),
                                (400, {"Connection": "keep-alive"}),
                                (400, {"Sec_WebSocket_Key": None}),
                                (400, {"Sec_WebSocket_Key": "short"}),
                                (426, {"Sec_WebSocket_Version": "8"}),
                                (426, {"Sec_WebSocket_Version": None}),
                                (400, {"start": "GET /ws HTTP/1.0"}),
                                (405, {"start": "POST /ws HTTP/1.1", "Content_Length": "0"})):
            with self.server.connect() as sock:
                sp.send_all(sock, request(**changes))
                head = sp.receive_until(sock, b"\r\n\r\n").decode()
                self.assertEqual(int(head.split(" ")[1]), status, changes)
                if status == 426:
                    self.assertIn("sec-websocket-version: 13", head.lower())

    def test_a_client_that_does_not_read_is_not_read_from(self):
        before = self.server.resident_bytes()
        with self.open(receive_buffer=16 * 1024) as sock:
            sock.settimeout(1)
            sent = 0
            block = frame(BINARY, bytes(60000))
            with self.assertRaises(TimeoutError):
                while sent < 1 << 28:
                    sent += sock.send(block[sent % len(block):])
            self.assertLess(sent, 1 << 26)
            self.assertLess(self.server.resident_bytes() - before, 32 << 20)
            sock.settimeout(sp.PATIENCE)
            for _ in range(sent // len(block)):
                self.assertEqual(receive(sock), (BINARY, bytes(60000)))

    def test_a_connection_that_ends_without_a_close_is_let_go(self):
        for _ in range(20):
            with self.open() as sock:
                sp.send_all(sock, frame(TEXT, b"half a message")[:9])
        with self.open() as sock:
            sock.shutdown(socket.SHUT_WR)
            self.assertIsNone(receive(sock))

    def test_a_drain_says_going_away(self):
        with sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "1") as server:
            polite, deaf = self.open(server), self.open(server)
            server.send(signal.SIGTERM)
            self.assertEqual(receive(polite), (CLOSE, b"\x03\xe9"))
            sp.send_all(polite, close_of(1001))
            self.assertIsNone(receive(polite))
            deaf.close()
            polite.close()
            self.assertEqual(server.end(None), 0)
            self.assertEqual(server.report()["forced"], 0)


if __name__ == "__main__":
    sp.main()
