# SPDX-License-Identifier: BSD-3-Clause
"""Starting and ending: one line at each end, drains that finish, seconds of patience, no loss."""

import os
import re
import signal
import socket
import threading
import time
import unittest

import shoal_program as sp

GRACEFUL_NONE = {"graceful": 0, "forced": 0, "discarded": 0, "stuck": 0}


def echo(*args, **more):
    return sp.Shoal("echo", "-l", "tcp://127.0.0.1:0", *args, **more)


class Ending(unittest.TestCase):
    def test_every_ending_signal_drains(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            server = echo()
            self.assertEqual(server.end(number), 0)
            self.assertEqual(server.report(), GRACEFUL_NONE)

    def test_quiet_still_says_the_two_lines_and_nothing_else(self):
        server = echo("-q")
        self.assertEqual(server.end(), 0)
        lines = [line for line in server.lines if line]
        self.assertEqual(len(lines), 2, lines)
        self.assertRegex(lines[0], r"msg=listening .*url=tcp://127\.0\.0\.1:\d+$")
        self.assertRegex(lines[1], r"msg=drained graceful=0 forced=0 discarded=0 stuck=0$")

    def test_log_lines_are_logfmt_with_time_and_level(self):
        server = echo("-v")
        with server.connect() as sock:
            sp.exchange(sock, b"x")
        server.end()
        for line in server.lines:
            if line:
                self.assertRegex(line, r"^ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
                                       r"level=(error|warn|info|debug) msg=")

    def test_idle_clients_end_gracefully_at_once(self):
        server = echo("--drain-timeout", "1h")
        socks = [server.connect() for _ in range(20)]
        for sock in socks[:10]:
            sock.sendall(b"x")
            sp.receive_exactly(sock, 1)
        sp.exchange(server.connect(), b"all accepted by now")
        self.assertEqual(server.end(), 0)
        for sock in socks:
            self.assertEqual(sp.receive_all(sock), b"")
            sock.close()
        self.assertEqual(server.report()["forced"], 0)

    def test_what_was_received_is_answered_before_the_end(self):
        server = echo()
        data = os.urandom(50000)
        with server.connect() as sock:
            sock.sendall(b"x")
            sp.receive_exactly(sock, 1)
            sock.sendall(data)  # little enough to have arrived when this returns
            server.process.send_signal(signal.SIGTERM)
            got = sp.receive_exactly(sock, len(data))
            self.assertEqual(got, data)
            self.assertEqual(sp.receive_all(sock), b"")
        self.assertEqual(server.end(None), 0)
        self.assertEqual(server.report()["graceful"], 1)

    def test_one_who_does_not_read_is_cut_at_the_deadline(self):
        server = echo("--drain-timeout", "300ms")
        stopped = server.connect(receive_buffer=4096)
        stopped.setblocking(False)
        try:
            while sp.is_writable(stopped, 0.3):
                stopped.send(bytes(1 << 16))
        except BlockingIOError:
            pass
        began = time.monotonic()
        self.assertEqual(server.end(), 0)
        self.assertGreaterEqual(time.monotonic() - began, 0.3)
        self.assertEqual(server.report()["forced"], 1)
        stopped.close()

    def test_a_drain_timeout_of_zero_cuts_at_once(self):
        server = sp.Shoal("console", "-l", "tcp://127.0.0.1:0", "--drain-timeout", "0")
        with server.connect() as sock:
            sock.sendall(b"echo a\nsleep 600\n")
            sp.receive_until(sock, b"a\r\n> ")
            self.assertEqual(server.end(), 0)
        self.assertEqual(server.report()["forced"], 1)

    def test_a_second_signal_stops_at_once(self):
        server = sp.Shoal("console", "-l", "tcp://127.0.0.1:0", "--drain-timeout", "1h")
        with server.connect() as sock:
            sock.sendall(b"echo a\nsleep 3600\n")
            sp.receive_until(sock, b"a\r\n> ")
            server.send(signal.SIGTERM)

            def refuses():
                try:
                    server.connect().close()
                    return False
                except (ConnectionRefusedError, ConnectionResetError):
                    return True

            sp.eventually(refuses, "the drain's beginning")
            self.assertIsNone(server.process.poll())
            self.assertEqual(server.end(), 0)
        self.assertEqual(server.report()["forced"], 1)

    def test_a_drain_under_load_loses_no_byte_of_what_it_took(self):
        server = echo("-n", "2")
        stop = threading.Event()
        wrong = []

        def chat():
            try:
                sock = server.connect()
                while not stop.is_set():
                    sock.sendall(b"0123456789")
                    got = b""
                    while len(got) < 10:
                        part = sock.recv(10)
                        if not part:
                            if got:
                                wrong.append(got)
                            return
                        got += part
                    if got != b"0123456789":
                        wrong.append(got)
            except (ConnectionError, BrokenPipeError):
                pass

        threads = [threading.Thread(target=chat) for _ in range(8)]
        for thread in threads:
            thread.start()
        with server.connect() as sock:
            for _ in range(200):
                sock.sendall(b"x")
                sp.receive_exactly(sock, 1)
        self.assertEqual(server.end(), 0)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(server.report()["forced"], 0)

    def test_pipe_signals_do_not_end_it(self):
        with echo() as server:
            server.send(signal.SIGPIPE)
            with server.connect() as sock:
                self.assertEqual(sp.exchange(sock, b"x"), b"x")


class Limits(unittest.TestCase):
    def test_connections_over_the_limit_are_closed_and_the_rest_served(self):
        with echo("--max-connections", "3") as server:
            inside = []
            for _ in range(3):
                sock = server.connect()
                sock.sendall(b"x")
                sp.receive_exactly(sock, 1)
                inside.append(sock)
            for _ in range(3):
                with server.connect() as outside:
                    self.assertEqual(self.received(outside), b"")
            inside.pop().close()
            sp.eventually(lambda: self.is_served(server), "room again")
            for sock in inside:
                sock.sendall(b"y")
                self.assertEqual(sp.receive_exactly(sock, 1), b"y")
                sock.close()

    def test_the_limit_per_address_is_off_by_default_and_counts_addresses(self):
        with echo("--max-per-address", "1") as server:
            first = server.connect()
            first.sendall(b"x")
            sp.receive_exactly(first, 1)
            with server.connect() as second:
                self.assertEqual(self.received(second), b"")
            with socket.create_connection(("127.0.0.1", server.port()), sp.PATIENCE,
                                          source_address=("127.0.0.2", 0)) as other:
                self.assertEqual(sp.exchange(other, b"z"), b"z")
            first.close()

    def test_silence_ends_a_connection_and_zero_never_does(self):
        with echo("--idle-timeout", "200ms") as server, server.connect() as sock:
            self.assertEqual(sp.receive_all(sock), b"")
        with echo("--idle-timeout", "0") as server, server.connect() as sock:
            sock.settimeout(0.5)
            with self.assertRaises(TimeoutError):
                sock.recv(1)
            sock.settimeout(sp.PATIENCE)
            self.assertEqual(sp.exchange(sock, b"still here"), b"still here")

    @staticmethod
    def received(sock):
        try:
            return sp.receive_all(sock)
        except ConnectionResetError:
            return b""

    @staticmethod
    def is_served(server):
        try:
            with server.connect() as sock:
                return sp.exchange(sock, b"x") == b"x"
        except ConnectionError:
            return False


class Accepting(unittest.TestCase):
    def test_every_way_of_accepting_spreads_over_the_loops(self):
        for way in ("handoff", "least-of-two", "reuseport"):
            with self.subTest(way=way), sp.Shoal("console", "-l", "tcp://127.0.0.1:0", "-n", "2",
                                                 "--accept", way) as server:
                socks = [server.connect() for _ in range(40)]
                loops = set()
                for sock in socks:
                    sp.receive_until(sock, b"> ")
                    sock.sendall(b"info\n")
                    text = sp.receive_until(sock, b"\r\n> ")
                    loops.add(re.search(rb"loop (\d) of 2", text).group(1))
                self.assertEqual(loops, {b"0", b"1"})
                for sock in socks:
                    sock.close()

    def test_no_worker_and_pinned_loops_serve_too(self):
        with echo("-w", "0", "--pin") as server, server.connect() as sock:
            self.assertEqual(sp.exchange(sock, b"x"), b"x")

    def test_poll_and_select_serve_too(self):
        for without in (("EVENT_NOEPOLL",), ("EVENT_NOEPOLL", "EVENT_NOPOLL")):
            with echo(env={name: "1" for name in without}) as server, server.connect() as sock:
                data = os.urandom(1 << 20)
                self.assertEqual(sp.exchange(sock, data), data)


if __name__ == "__main__":
    sp.main()
