# SPDX-License-Identifier: BSD-3-Clause
"""gRPC's interop cases with @grpc/grpc-js as the client and `shoal grpc` as the server."""

import os
import subprocess
import unittest

import node_grpc
import shoal_program as sp

FOLDER = node_grpc.folder()

CASES = (
    "empty_unary large_unary client_compressed_unary server_compressed_unary client_streaming "
    "client_compressed_streaming server_streaming server_compressed_streaming ping_pong "
    "empty_stream custom_metadata status_code_and_message special_status_message "
    "unimplemented_method unimplemented_service cancel_after_begin cancel_after_first_response "
    "timeout_on_sleeping_server rpc_soak channel_soak").split()


class AsClient(unittest.TestCase):
    """Each case is a test; all are run by one process."""

    @classmethod
    def setUpClass(cls):
        with sp.Shoal("grpc", "--interop", "-n", "2", "-l", "tcp://127.0.0.1:0") as server:
            done = subprocess.run(
                ["node", FOLDER / "client.js",
                 server.urls[0].removeprefix("tcp://"), os.environ["SHOAL_GRPC_PROTO"],
                 str(sp.fewer(200)), str(sp.fewer(30))],
                capture_output=True, text=True, timeout=5 * sp.PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        cls.outcomes = dict(line.split(" ", 1) for line in done.stdout.splitlines())

    def test_there_is_no_other_case(self):
        self.assertEqual(list(self.outcomes), CASES)


def add_test(case):
    def test(self):
        self.assertEqual(self.outcomes.get(case), "ok")
    setattr(AsClient, f"test_{case}", test)


for name in CASES:
    add_test(name)

if __name__ == "__main__":
    sp.main()
