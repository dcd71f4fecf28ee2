# SPDX-License-Identifier: BSD-3-Clause
"""The examples that need nothing but sockets."""

import re
import socket
import subprocess
import unittest

import example_program as ep
import shoal_program as sp

ANY = "tcp://127.0.0.1:0"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Examples(unittest.TestCase):
    def test_echo_sends_back_every_byte(self):
        with ep.Example("echo", ANY) as server, server.connect() as sock:
            sock.sendall(b"abc\0def")
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(sp.receive_all(sock), b"abc\0def")

    def test_line_server_turns_lines_round_and_says_bye(self):
        with ep.Example("line_server", ANY) as server, server.connect() as sock:
            sock.sendall(b"laohs\r\nbye\r\nignored\r\n")
            self.assertEqual(sp.receive_all(sock), b"shoal\r\nbye\r\n")

    def test_worker_pool_counts_primes_without_a_server(self):
        done = subprocess.run([ep.path("worker_pool"), "100000"], capture_output=True, text=True,
                              timeout=sp.PATIENCE, check=True)
        self.assertEqual(done.stdout, "9592 primes below 100000\n")

    def test_answer_later_keeps_one_clients_order_and_delays_no_other(self):
        with ep.Example("answer_later", ANY) as server:
            with server.connect() as slow, server.connect() as quick:
                slow.sendall(b"600\r\n1\r\n")
                quick.sendall(b"1\r\n")
                self.assertEqual(sp.receive_until(quick, b"\r\n"), b"slept 1 ms\r\n")
                slow.setblocking(False)
                self.assertRaises(BlockingIOError, slow.recv, 100)
                slow.settimeout(sp.PATIENCE)
                slow.shutdown(socket.SHUT_WR)
                self.assertEqual(sp.receive_all(slow), b"slept 600 ms\r\nslept 1 ms\r\n")

    def test_answer_later_survives_a_client_that_leaves(self):
        with ep.Example("answer_later", ANY) as server:
            with server.connect() as sock:
                sock.sendall(b"50\r\n")
            with server.connect() as sock:
                sock.sendall(b"60\r\n")
                self.assertEqual(sp.receive_until(sock, b"\r\n"), b"slept 60 ms\r\n")

    def test_back_pressure_keeps_memory_small_for_a_client_that_reads_late(self):
        lines = sp.fewer(2_000_000)
        with ep.Example("back_pressure", ANY) as server:
            with server.connect(receive_buffer=4096) as sock:
                sock.sendall(b"%d\n" % lines)
                before = sp.receive_until(sock, b"\n")
                self.assertEqual(before, b"line 1 of %d\n" % lines)
                self.assertLess(server.resident_bytes(), (200 if sp.SANITIZED else 20) << 20)
                tail = b"line %d of %d\n" % (lines, lines)
                got = b""
                while not got.endswith(tail):
                    part = sock.recv(1 << 16)
                    self.assertTrue(part)
                    got = got[-100:] + part

    def test_chat_reaches_every_client_on_every_loop(self):
        with ep.Example("chat", ANY) as server:
            clients = [server.connect() for _ in range(9)]
            name = "%s:%d" % clients[0].getsockname()
            try:
                clients[-1].sendall(b"ready\n")  # the last one is served: all are
                for sock in clients:
                    self.assertTrue(sp.receive_until(sock, b"\r\n").endswith(b": ready\r\n"))
                clients[0].sendall(b"hello all\n")
                for sock in clients:
                    self.assertEqual(sp.receive_until(sock, b"\r\n"),
                                     f"{name}: hello all\r\n".encode())
            finally:
                for sock in clients:
                    sock.close()

    def test_evhttp_answers_on_the_loops(self):
        port = free_port()
        with ep.Example("evhttp_on_every_loop", str(port)):
            for _ in range(8):
                with socket.create_connection(("127.0.0.1", port), sp.PATIENCE) as sock:
                    sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    self.assertRegex(sp.receive_all(sock), re.compile(
                        rb"^HTTP/1.0 200 OK\r\n.*hello from loop \d+\n$", re.S))


if __name__ == "__main__":
    sp.main()
