# SPDX-License-Identifier: BSD-3-Clause
"""shoal serve: every service in one process, each where it was put, with a line to try it."""

import unittest

import shoal_program as sp

SERVICES = sp.SERVICES
NOT_BY_HAND = "grpc"  # a connection is no use without a client
ANYWHERE = tuple(sp.services())


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
                if name == NOT_BY_HAND:
                    continue
                both = server.wait_for_line(server.urls[index], 2)  # announced, and in the table
                line, = [l for l in both if l.startswith(name)]
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
