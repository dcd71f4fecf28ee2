# SPDX-License-Identifier: BSD-3-Clause
"""gRPC's interop cases with Shoal's client and @grpc/grpc-js as the server."""

import os
import subprocess
import unittest

import node_grpc
import shoal_program as sp

FOLDER = node_grpc.folder()

CASES = (
    "empty_unary large_unary client_streaming server_streaming ping_pong empty_stream "
    "custom_metadata status_code_and_message special_status_message unimplemented_method "
    "unimplemented_service cancel_after_begin cancel_after_first_response "
    "timeout_on_sleeping_server rpc_soak channel_soak").split()

# Not among them, as grpc-js 1.14 cannot serve them:
#   client_compressed_unary, client_compressed_streaming: a handler is not told whether a request
#       came compressed, so it cannot refuse one that did not as expect_compressed wants it;
#   server_compressed_unary, server_compressed_streaming: a server compresses no replies.


def serve(*files):
    return sp.Shoal(FOLDER / "server.js", os.environ["SHOAL_GRPC_PROTO"], *files, program="node")


def run_client(*args):
    return subprocess.run([os.environ["SHOAL_INTEROP_CLIENT"], *args], env=sp.environment(),
                          capture_output=True, text=True, timeout=3 * sp.PATIENCE, check=False)


class AsServer(unittest.TestCase):
    """Each case is a test, in a process of its own."""

    @classmethod
    def setUpClass(cls):
        cls.server = serve()

    @classmethod
    def tearDownClass(cls):
        assert cls.server.end() == 0, cls.server.lines

    def run_case(self, case):
        done = run_client(self.server.urls[0], case)
        self.assertEqual((done.returncode, done.stdout), (0, f"ok {case}\n"), done.stderr)


class Tls(unittest.TestCase):
    def test_all_cases_pass_over_tls(self):
        folder = sp.state_folder()
        cert, key = (os.path.join(folder, name) for name in ("cert", "key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-days", "2",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
        with serve(cert, key) as server:
            done = run_client(server.urls[0], "--ca", cert, *CASES)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines(), [f"ok {case}" for case in CASES])


def add_test(case):
    setattr(AsServer, f"test_{case}", lambda self: self.run_case(case))


for name in CASES:
    add_test(name)

if __name__ == "__main__":
    sp.main()
