# SPDX-License-Identifier: BSD-3-Clause
"""shoal serve: every service in one process, each where it was put, with a line to try it."""

import os
import re
import subprocess
import unittest

import shoal_program as sp

SERVICES = sp.SERVICES
# Of the services that the table tries with more than nc, what the try answers.
ANSWERS = {"http": "Hello, world!", "grpc": "shoal.v1.FishMarket/Sell", "photos": '"photos"'}
ANYWHERE = tuple(sp.services())


def row(server, index, name):
    both = server.wait_for_line(server.urls[index], 2)  # announced, and in the table
    line, = [line for line in both if line.startswith(name)]
    return line


def tried(line):
    """What the command at the end of a line of the table prints."""
    command = re.search(r"(curl|shoal call) .*", line)[0]
    path = f"{os.path.dirname(os.path.abspath(sp.BIN))}:{os.environ['PATH']}"
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True,
                          timeout=sp.PATIENCE, env={**os.environ, "PATH": path}).stdout


class Serve(unittest.TestCase):
    def test_all_services_serve_and_drain_together(self):
        with sp.Shoal("serve", *ANYWHERE, listens=6) as server:
            echo, fish, console = (server.connect(i) for i in range(3))
            self.assertEqual(sp.exchange(echo, b"hello"), b"hello")
            self.assertEqual(sp.exchange(fish, b"3 pounds of trout\n"), b"9\r\n")
            self.assertEqual(sp.exchange(console, b"echo x\nquit\n"), b"> x\r\n> bye\r\n")
            with server.connect(3) as http:
                answer = sp.exchange(http, b"GET /hello HTTP/1.0\r\n\r\n")
                self.assertTrue(answer.endswith(b"\r\n\r\nHello, world!\n"), answer)
            for sock in (echo, fish, console):
                sock.close()

    def test_the_table_names_each_service_with_a_line_to_try(self):
        with sp.Shoal("serve", *ANYWHERE, listens=6) as server:
            for index, name in enumerate(SERVICES):
                line = row(server, index, name)
                if name in ANSWERS:
                    self.assertIn(ANSWERS[name], tried(line), line)
                else:
                    self.assertTrue(line.endswith("nc -N 127.0.0.1 %d" % server.port(index)), line)

    def test_quiet_leaves_the_table_out(self):
        server = sp.Shoal("serve", "-q", *ANYWHERE, listens=6)
        self.assertEqual(server.end(), 0)
        self.assertEqual(len([line for line in server.lines if line]), 7, server.lines)

    def test_the_order_is_that_of_the_services(self):
        with sp.Shoal("serve", *reversed(ANYWHERE), listens=6) as server:
            for index, name in enumerate(SERVICES):
                self.assertIn(f"service={name} ", server.wait_for_line("msg=listening", 3)[index])

    def test_what_is_said_reaches_only_the_console(self):
        with sp.Shoal("serve", *ANYWHERE, "-n", "2", listens=6) as server:
            echo, fish, speaker, listener = (server.connect(i) for i in (0, 1, 2, 2))
            echo.sendall(b"x")
            sp.receive_exactly(echo, 1)
            sp.receive_until(listener, b"> ")
            speaker.sendall(b"say hello\nquit\n")
            sp.receive_until(listener, b"] hello\r\n> ")
            sp.receive_all(speaker)
            self.assertEqual(sp.exchange(echo, b"y"), b"y")
            self.assertEqual(sp.exchange(fish, b""), b"")
            for sock in (echo, fish, speaker, listener):
                sock.close()


if __name__ == "__main__":
    sp.main()
