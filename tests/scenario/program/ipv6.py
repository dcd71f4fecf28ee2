# SPDX-License-Identifier: BSD-3-Clause
"""The program on IPv6 and on both families at once. Exits with 77 where there is no IPv6."""

import contextlib
import os
import socket
import subprocess
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


class PerNetwork(unittest.TestCase):
    """The limit per address, in a network of its own where this machine has addresses of two /64."""

    NETWORKS = ("fd00:0:0:1", "fd00:0:0:2")
    HOSTS = range(1, 7)
    LIMIT = 3

    def test_the_limit_per_address_counts_a_64_as_one(self):
        own_network = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        if subprocess.run([*own_network, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no network of its own to be had here")
        done = subprocess.run([*own_network, sys.executable, __file__, "PerNetwork.inside"],
                              capture_output=True, text=True, timeout=sp.PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def inside(self):
        for source in self.sources():
            subprocess.run(["ip", "-6", "address", "add", f"{source}/64", "dev", "lo", "nodad"],
                           check=True)
        with sp.Shoal("echo", "-l", "tcp://:0", "--max-per-address", str(self.LIMIT)) as server, \
                contextlib.ExitStack() as held:
            served = []
            for source in self.sources():
                sock = held.enter_context(socket.create_connection(
                    (f"{self.NETWORKS[0]}::1", server.port()), sp.PATIENCE, (source, 0)))
                served.append(self.echoes(sock))
        expected = [host <= self.LIMIT for _ in self.NETWORKS for host in self.HOSTS]
        self.assertEqual(served, expected)

    def sources(self):
        return [f"{network}::{host}" for network in self.NETWORKS for host in self.HOSTS]

    def echoes(self, sock):
        try:
            sock.sendall(b"x")
            return sock.recv(1) == b"x"
        except ConnectionError:
            return False


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
