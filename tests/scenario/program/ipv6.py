# SPDX-License-Identifier: BSD-3-Clause
"""The program on IPv6 and on both families at once. Exits with 77 where there is no IPv6."""

import socket
import sys
import unittest

import shoal_program as sp

SAY_WHO = b"info\nquit\n"


class BothFamilies(unittest.TestCase):
    def test_ipv6_and_dual_stack_serve(self):
        with sp.Shoal("console", "-l", "tcp://[::1]:0", "-l", "tcp://:0", listens=2) as server:
            with server.connect(0) as sock:
                self.assertIn(b"peer [::1]:", sp.exchange(sock, SAY_WHO, end=False))
            for host, shown in (("127.0.0.1", b"peer 127.0.0.1:"), ("::1", b"peer [::1]:")):
                with socket.create_connection((host, server.port(1)), sp.PATIENCE) as sock:
                    self.assertIn(shown, sp.exchange(sock, SAY_WHO, end=False))


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


if __name__ == "__main__":
    if not has_ipv6():
        sys.exit(77)
    sp.main()
