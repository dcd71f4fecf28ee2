# SPDX-License-Identifier: BSD-3-Clause
"""gRPC over TLS: ALPN chooses h2, and whoever does not speak it is not served."""

import os
import socket
import ssl
import subprocess
import tempfile
import unittest

import grpc

import shoal_program as sp
from grpc_client import OWN, messages, service

Echo = messages("shoal/v1/echo").EchoMessage


class Tls(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cert, self.key = (os.path.join(folder.name, name) for name in ("cert", "key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-days", "2",
                        "-keyout", self.key, "-out", self.cert],
                       check=True, capture_output=True)
        self.server = sp.Shoal("grpc", "-n", "1", "-l",
                               f"tls://127.0.0.1:0?cert={self.cert}&key={self.key}")
        self.addCleanup(lambda: self.assertEqual(self.server.end(), 0))
        url = self.server.urls[0].split("?")[0]
        self.port = int(url.rsplit(":", 1)[1])

    def test_calls_of_all_kinds_go_over_tls(self):
        with open(self.cert, "rb") as cert:
            credentials = grpc.ssl_channel_credentials(cert.read())
        with grpc.secure_channel(f"localhost:{self.port}", credentials, options=OWN) as channel:
            stub = service(channel, "shoal/v1/echo", "Echo")
            parts = [Echo(payload=bytes([i]) * 30000) for i in range(20)]
            whole = b"".join(part.payload for part in parts)
            self.assertEqual(stub.Unary(parts[0], timeout=sp.PATIENCE), parts[0])
            self.assertEqual(stub.ClientStream(iter(parts), timeout=sp.PATIENCE).payload, whole)
            self.assertEqual(list(stub.Bidi(iter(parts), timeout=sp.PATIENCE)), parts)
            copies = stub.ServerStream(Echo(payload=whole, count=5), timeout=sp.PATIENCE)
            self.assertEqual(sum(len(copy.payload) for copy in copies), 5 * len(whole))

    def test_a_client_of_another_protocol_is_not_served(self):
        context = ssl.create_default_context(cafile=self.cert)
        context.set_alpn_protocols(["http/1.1"])
        with socket.create_connection(("localhost", self.port), sp.PATIENCE) as raw:
            with self.assertRaises((ssl.SSLError, ConnectionError, AssertionError)):
                with context.wrap_socket(raw, server_hostname="localhost") as sock:
                    sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    answer = sp.receive_all(sock)
                    self.assertNotIn(b"HTTP/1.1", answer)
                    raise ConnectionError("no answer in HTTP/1.1, as it should be")


if __name__ == "__main__":
    sp.main()
