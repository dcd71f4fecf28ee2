# SPDX-License-Identifier: BSD-3-Clause
"""The access log of `shoal grpc`: a line for each call, with its status."""

import pathlib
import re
import tempfile
import unittest

import grpc

import shoal_program as sp
from grpc_client import connect, messages, service, start

Echo = messages("shoal/v1/echo").EchoMessage
LINE = re.compile(r'127\.0\.0\.1 - - \[[^]]+\] "POST (\S+) HTTP/2\.0" 200 - "-" "([^"]+)" \d+ (\w+)')


class AccessLog(unittest.TestCase):
    def test_each_call_is_a_line_with_its_status(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "log"
            with start("--access-log", str(path)) as server, \
                    connect(server, options=(("grpc.primary_user_agent", 'fish"1"'),)) as channel:
                stub = service(channel, "shoal/v1/echo", "Echo")
                stub.Unary(Echo(count=1), timeout=sp.PATIENCE)
                with self.assertRaises(grpc.RpcError):
                    stub.Delayed(Echo(delay_ms=60000), timeout=0.2)
                sp.eventually(lambda: len(path.read_text().splitlines()) == 2, "two lines")
            found = [LINE.fullmatch(line) for line in path.read_text().splitlines()]
        self.assertEqual(found[0][1], "/shoal.v1.Echo/Unary")
        self.assertRegex(found[0][2], r"^fish\\x221\\x22 grpc-python/")
        self.assertEqual(found[0][3], "OK")
        self.assertEqual(found[1][1], "/shoal.v1.Echo/Delayed")
        self.assertIn(found[1][3], ("CANCELLED", "DEADLINE_EXCEEDED"))


if __name__ == "__main__":
    sp.main()
