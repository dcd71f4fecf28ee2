# SPDX-License-Identifier: BSD-3-Clause
"""Where the program listens: TCP, Unix sockets, inherited descriptors."""

import os
import socket
import stat
import tempfile
import unittest

import shoal_program as sp


def hello(server, index=0):
    with server.connect(index) as sock:
        return sp.exchange(sock, b"hello")


class Listeners(unittest.TestCase):
    def test_several_are_told_in_the_order_given(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "echo")
            with sp.Shoal("echo", "-l", "tcp://127.0.0.1:0", "-l", "unix:" + path, "-l",
                          "tcp://127.0.0.2:0", listens=3) as server:
                self.assertRegex(server.urls[0], r"^tcp://127\.0\.0\.1:[1-9]\d*$")
                self.assertEqual(server.urls[1], "unix:" + path)
                self.assertRegex(server.urls[2], r"^tcp://127\.0\.0\.2:[1-9]\d*$")
                for index in range(3):
                    self.assertEqual(hello(server, index), b"hello")
                self.assertEqual(len([l for l in server.lines if "msg=listening" in l]), 3)

    def test_a_unix_socket_is_private_and_gone_afterwards(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "echo")
            with sp.Shoal("echo", "-l", "unix:" + path) as server:
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
                self.assertEqual(hello(server), b"hello")
            self.assertFalse(os.path.exists(path))

    def test_a_unix_socket_left_behind_is_no_obstacle(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "echo")
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(path)
            with sp.Shoal("echo", "-l", "unix:" + path) as server:
                self.assertEqual(hello(server), b"hello")

    def test_a_unix_socket_in_use_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "echo")
            with sp.Shoal("echo", "-l", "unix:" + path) as server:
                done = sp.run("echo", "-l", "unix:" + path)
                self.assertEqual(done.returncode, 69, done.stderr)
                self.assertIn(f"cannot listen on unix:{path}", done.stderr)
                self.assertEqual(hello(server), b"hello")

    def test_a_file_that_is_no_socket_is_never_removed(self):
        with tempfile.NamedTemporaryFile() as file:
            done = sp.run("echo", "-l", "unix:" + file.name)
            self.assertEqual(done.returncode, 69, done.stderr)
            self.assertTrue(os.path.exists(file.name))

    def test_an_inherited_socket_serves(self):
        with socket.create_server(("127.0.0.1", 0)) as inherited:
            fd = inherited.fileno()
            port = inherited.getsockname()[1]
            with sp.Shoal("echo", "-l", f"fd:{fd}", pass_fds=(fd,)) as server:
                self.assertTrue(server.urls[0].startswith("fd:"), server.urls)
                with socket.create_connection(("127.0.0.1", port), sp.PATIENCE) as sock:
                    self.assertEqual(sp.exchange(sock, b"hello"), b"hello")

    def test_names_are_resolved(self):
        with sp.Shoal("echo", "-l", "tcp://localhost:0") as server:
            with socket.create_connection(("localhost", server.port()), sp.PATIENCE) as sock:
                self.assertEqual(sp.exchange(sock, b"hello"), b"hello")


if __name__ == "__main__":
    sp.main()
