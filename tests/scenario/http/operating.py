# SPDX-License-Identifier: BSD-3-Clause
"""What an operator sets: limits of requests, of time and of memory, the Server field, and the access
log with its rotation.
"""

import contextlib
import os
import pathlib
import re
import signal
import socket
import tempfile
import threading
import unittest

import http2_frames as h2
import shoal_program as sp

MIB = 1 << 20
LINE = re.compile(r'(\S+) - - \[[^]]+\] "([^"]*)" (\d{3}) (\d+) "([^"]*)" "([^"]*)" \d+')


def start(*args, env=None):
    return sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "1", *args, env=env)


def request(target="/hello", *fields, method="GET", body=b""):
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


def ask(server, *args, **named):
    """The whole answer to one request."""
    with server.connect() as sock:
        return sp.exchange(sock, request(*args, **named), end=False)


def status_of(answer):
    return answer.split(b" ")[1].decode() if answer else "none"


class Limits(unittest.TestCase):
    def test_a_body_over_the_limit_is_refused_announced_or_not(self):
        with start("--max-body", "10") as server:
            def post(*fields, body):
                return ask(server, "/echo", *fields, method="POST", body=body)

            self.assertTrue(post("Content-Length: 10", body=b"0123456789").endswith(b"0123456789"))
            self.assertEqual(status_of(post("Content-Length: 11", body=b"0123456789a")), "413")
            chunked = "Transfer-Encoding: chunked"
            whole = post(chunked, body=b"a\r\n0123456789\r\n0\r\n\r\n")
            self.assertIn(b"0123456789", whole)
            with self.assertRaises(ConnectionResetError):  # the answer had begun
                post(chunked, body=b"a\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n")

    def test_fields_over_the_limit_are_refused(self):
        with start("--max-header", "200") as server:
            self.assertEqual(status_of(ask(server, "/hello", "A: " + "x" * 100)), "200")
            self.assertEqual(status_of(ask(server, "/hello", "A: " + "x" * 300)), "431")

    def test_a_request_that_takes_too_long_is_answered_503(self):
        with start("--request-timeout", "200ms") as server:
            self.assertEqual(status_of(ask(server, "/delay/60000")), "503")
            self.assertEqual(status_of(ask(server, "/delay/1")), "200")

    def test_so_many_streams_at_once_are_told_to_clients_of_http2(self):
        with start("--max-streams", "7") as server, h2.Client(server) as client:
            settings = client.wait_for_frame(h2.SETTINGS)[3]
            pairs = [settings[i:i + 6] for i in range(0, len(settings), 6)]
            self.assertIn(b"\0\3\0\0\0\7", pairs)

    def test_the_server_field_is_sent_where_it_is_asked_for(self):
        with start("--server-header", "fish/1") as server:
            self.assertIn(b"\r\nServer: fish/1\r\n", ask(server))
        with start() as server:
            self.assertNotIn(b"\r\nServer:", ask(server))
        self.assertIn("printable", sp.run("http", "--server-header", "a\nb").stderr)


class Memory(unittest.TestCase):
    """Attack 120: clients that open their windows wide, ask for much and read nothing."""

    def greedy_client(self, server):
        client = h2.Client(server, h2.settings((h2.INITIAL_WINDOW_SIZE, h2.LARGEST_WINDOW)),
                           listens=False, receive_buffer=4096)
        client.say(h2.window_update(0, h2.LARGEST_WINDOW - 65535))
        client.say(b"".join(h2.get(i, b"/bytes/100000000") for i in range(1, 200, 2)))
        return client

    def test_120_who_holds_most_of_all_waiting_output_is_cut_and_others_are_served(self):
        with start("--max-output", str(8 * MIB), "--idle-timeout", "1h") as server, \
                server.connect() as canary, contextlib.ExitStack() as held:
            before = server.resident_bytes()
            greedy = [held.enter_context(self.greedy_client(server)) for _ in range(30)]
            sp.eventually(lambda: sum(map(self.is_cut, greedy)) >= 5, "cuts")
            server.wait_for_line("too much output waits")
            for _ in range(100):
                canary.sendall(b"GET /bytes/100000 HTTP/1.1\r\nHost: x\r\n\r\n")
                sp.receive_until(canary, b"\r\n\r\n")
                sp.receive_exactly(canary, 100000)
            self.assertLess(server.resident_bytes() - before, 64 * MIB)
            self.assertLess(sum(map(self.is_cut, greedy)), 30, "all of them were cut")

    def is_cut(self, client):
        return client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x07"  # CLOSE


class AccessLog(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "access.log"

    def lines(self, path=None):
        return (path or self.path).read_text().splitlines()

    def test_every_request_is_a_line_of_either_version(self):
        with start("--access-log", str(self.path)) as server:
            ask(server, "/hello?x=1", "User-Agent: fish \u00e9\"", "Referer: http://pond/")
            ask(server, "/none", method="POST")
            with h2.Client(server) as client:
                client.say(h2.get(1))
                client.wait_for_end_of(1)
            lines = sp.eventually(lambda: len(self.lines()) == 3 and self.lines(), "three lines")
        first, second, third = (LINE.fullmatch(line) for line in lines)
        self.assertEqual(first.groups(), ("127.0.0.1", "GET /hello?x=1 HTTP/1.1", "200", "14",
                                          "http://pond/", r"fish \xc3\xa9\x22"))
        self.assertEqual(second.group(2, 3), ("POST /none HTTP/1.1", "404"))
        self.assertEqual(third.group(2, 3, 4), ("GET /hello HTTP/2.0", "200", "14"))

    def test_a_dash_is_standard_output(self):
        with open(self.path, "wb") as output:
            process = sp.subprocess.Popen(
                [sp.BIN, "http", "-l", "tcp://127.0.0.1:0", "--access-log", "-"], stdout=output,
                stderr=sp.subprocess.PIPE, text=True, env=sp.environment())
            port = int(re.search(r"url=tcp://127.0.0.1:(\d+)", process.stderr.readline())[1])
            with socket.create_connection(("127.0.0.1", port), sp.PATIENCE) as sock:
                sp.exchange(sock, request(), end=False)
            process.terminate()
            process.communicate(timeout=sp.PATIENCE)
        self.assertRegex(self.path.read_text(), r'"GET /hello HTTP/1.1" 200 14')

    def test_a_rotation_under_load_loses_and_tears_no_line(self):
        rounds, asks = 5, sp.fewer(2000)
        with start("--access-log", str(self.path)) as server:
            clients = [threading.Thread(target=self.ask_often, args=(server, name, asks))
                       for name in range(2)]
            for client in clients:
                client.start()
            for number in range(rounds):
                self.path.rename(self.path.with_suffix(f".{number}"))
                server.send(signal.SIGHUP)
                server.wait_for_line("access log opened anew", number + 1)
            for client in clients:
                client.join()
        lines = [line for path in self.path.parent.iterdir() for line in self.lines(path)]
        for line in lines:
            self.assertRegex(line, LINE)
        self.assertEqual(len(lines), 2 * asks)
        self.assertEqual(len(set(LINE.fullmatch(line)[2] for line in lines)), 2 * asks)

    def ask_often(self, server, name, count):
        with server.connect() as sock:
            for number in range(count):
                sock.sendall(b"GET /hello/%d-%d HTTP/1.1\r\nHost: x\r\n\r\n" % (name, number))
                sp.receive_until(sock, b"!\n")

    def test_a_rotation_that_cannot_be_keeps_the_old_file(self):
        with start("--access-log", str(self.path)) as server:
            old = self.path.with_suffix(".old")
            self.path.rename(old)
            self.path.mkdir()
            server.send(signal.SIGHUP)
            server.wait_for_line("access log kept")
            ask(server)
            sp.eventually(lambda: len(self.lines(old)) == 1, "a line in the old file")

    def test_a_full_disk_or_a_slow_reader_holds_up_no_request(self):
        with start("--access-log", "/dev/full") as server:
            for _ in range(10):
                self.assertEqual(status_of(ask(server)), "200")
            server.wait_for_line('msg="access log line lost" error="No space left on device"')
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        with start("--access-log", str(self.path)) as server, server.connect() as sock:
            for _ in range(1500):  # more than a pipe holds
                sock.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
                sp.receive_until(sock, b"!\n")
            server.wait_for_line('msg="access log line lost"')

    def test_a_log_that_cannot_be_opened_ends_the_start(self):
        done = sp.run("http", "--access-log", str(self.path / "below"))
        self.assertEqual(done.returncode, 73, done.stderr)
        self.assertRegex(done.stderr, r"\Ashoal http: cannot write the access log [^\n]+\n\Z")


if __name__ == "__main__":
    sp.main()
