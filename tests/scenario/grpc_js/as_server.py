# SPDX-License-Identifier: BSD-3-Clause
"""gRPC's interop cases with Shoal's client and @grpc/grpc-js as the server."""

import os
import subprocess
import unittest

import shoal_program as sp

CASES = (
    "empty_unary large_unary client_streaming server_streaming ping_pong empty_stream "
    "custom_metadata status_code_and_message special_status_message unimplemented_method "
    "unimplemented_service cancel_after_begin cancel_after_first_response "
    "timeout_on_sleeping_server rpc_soak channel_soak").split()

# Not among them, as grpc-js 1.14 cannot serve them:
#   client_compressed_unary, client_compressed_streaming: a handler is not told whether a request
#       came compressed, so it cannot refuse one that did not as expect_compressed wants it;
#   server_compressed_unary, server_compressed_streaming: a server compresses no replies.


class AsServer(unittest.TestCase):
    """Each case is a test, in a process of its own."""

    @classmethod
    def setUpClass(cls):
        script = os.path.join(os.environ["SHOAL_GRPC_JS"], "server.js")
        cls.server = sp.Shoal(script, os.environ["SHOAL_GRPC_PROTO"], program="node")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.end() == 0, cls.server.lines

    def run_case(self, case):
        done = subprocess.run([os.environ["SHOAL_INTEROP_CLIENT"], self.server.urls[0], case],
                              env=sp.environment(), capture_output=True, text=True,
                              timeout=3 * sp.PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, f"ok {case}\n"), done.stderr)


def add_test(case):
    setattr(AsServer, f"test_{case}", lambda self: self.run_case(case))


for name in CASES:
    add_test(name)

if __name__ == "__main__":
    sp.main()
