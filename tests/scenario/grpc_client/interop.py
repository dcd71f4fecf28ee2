# SPDX-License-Identifier: BSD-3-Clause
"""The interop cases with Shoal's client: against Shoal's own server, over everything that it listens
on, and against Python's."""

import contextlib
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

import grpc

import shoal_program as sp
from grpc_client import start
from testing_server import Server

CLIENT = os.environ["SHOAL_INTEROP_CLIENT"]

CASES = """empty_unary large_unary client_compressed_unary server_compressed_unary client_streaming
    client_compressed_streaming server_streaming server_compressed_streaming ping_pong empty_stream
    custom_metadata status_code_and_message special_status_message unimplemented_method
    unimplemented_service cancel_after_begin cancel_after_first_response timeout_on_sleeping_server
    rpc_soak channel_soak""".split()

# These need a server that sees how messages came.
BEYOND_PYTHON = ("client_compressed_unary", "client_compressed_streaming")


def make_certificate(folder):
    cert, key = (os.path.join(folder, name) for name in ("cert", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost", "-days", "2", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


def shake_hands(context, listener):
    raw, _ = listener.accept()
    with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as sock:
        sock.recv(1)  # the client has gone


class Interop(unittest.TestCase):
    def passes(self, url, cases, *options):
        run = subprocess.run([CLIENT, url, *options, *cases], capture_output=True, text=True,
                             timeout=4 * sp.PATIENCE, check=False)
        self.assertEqual(run.stdout.split("\n"), [f"ok {case}" for case in cases] + [""],
                         run.stderr)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stderr, "")

    def test_every_case_passes_with_shoals_server(self):
        server = start("--interop", "-n", "2")
        self.passes(server.urls[0], CASES)
        self.assertEqual(server.end(), 0, server.lines)

    def test_every_case_passes_over_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            server = sp.Shoal("grpc", "-l", f"unix:{folder}/grpc", "--interop")
            self.passes(server.urls[0], CASES)
            self.assertEqual(server.end(), 0, server.lines)

    def test_every_case_that_python_can_passes_with_its_server(self):
        with Server() as server:
            self.passes(f"tcp://127.0.0.1:{server.port}",
                        [case for case in CASES if case not in BEYOND_PYTHON])

    def test_tls_is_verified_and_carries_the_cases(self):
        with tempfile.TemporaryDirectory() as folder:
            cert, key = make_certificate(folder)
            server = sp.Shoal("grpc", "-l", f"tls://127.0.0.1:0?cert={cert}&key={key}", "--interop")
            self.passes(f"tls://localhost:{server.port()}", CASES, "--ca", cert)
            self.is_unavailable(f"tls://localhost:{server.port()}")  # nobody vouches for it
            self.is_unavailable(f"tls://127.0.0.1:{server.port()}", "--ca", cert)  # another name
            self.assertEqual(server.end(), 0, server.lines)

            with open(cert, "rb") as chain, open(key, "rb") as private:
                credentials = grpc.ssl_server_credentials(((private.read(), chain.read()),))
            with Server(credentials) as other:
                self.passes(f"tls://localhost:{other.port}", ["empty_unary", "ping_pong"], "--ca",
                            cert)

    def test_a_server_that_does_not_choose_h2_is_not_called(self):
        with tempfile.TemporaryDirectory() as folder, socket.create_server(
                ("127.0.0.1", 0)) as listener:
            cert, key = make_certificate(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            thread = threading.Thread(target=shake_hands, args=(context, listener))
            thread.start()
            stderr = self.is_unavailable(f"tls://localhost:{listener.getsockname()[1]}", "--ca",
                                         cert)
            thread.join(sp.PATIENCE)
            self.assertIn("did not choose h2", stderr)

    def is_unavailable(self, url, *options):
        run = subprocess.run([CLIENT, url, *options, "empty_unary"], capture_output=True,
                             text=True, timeout=sp.PATIENCE, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertIn("ended with UNAVAILABLE: cannot connect", run.stderr)
        return run.stderr


if __name__ == "__main__":
    sp.main()
