# SPDX-License-Identifier: BSD-3-Clause
"""The load generator by gRPC: calls are counted where they end with the status OK, whole messages
and the same bytes as before; and everything else is wrong."""
import contextlib
import itertools
import socket
import tempfile
import threading
import unittest

import h2.config
import h2.connection
import h2.events

import shoal_program as sp
from bench_program import errors, measure

WRONG_ANSWER = 76
METHOD = "/shoal.v1.Echo/Unary"
PAYLOAD = b"\x0a\x40" + 64 * b"a"  # field 1: 64 bytes
SLOW = b"\x10\x14"  # field 2, delay_ms: 20


@contextlib.contextmanager
def grpc():
    """A running `shoal grpc`; yields its HOST:PORT."""
    with sp.Shoal("grpc", "-n", "1", "-w", "2", "-l", "tcp://127.0.0.1:0") as server:
        yield "127.0.0.1:%d" % server.port()


@contextlib.contextmanager
def message(content):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name


def framed(content, flag=0):
    return bytes([flag]) + len(content).to_bytes(4, "big") + content


class Calls(unittest.TestCase):
    def test_every_call_is_answered_at_any_depth(self):
        with grpc() as peer, message(PAYLOAD) as file:
            for depth in (1, 16, 300):
                with self.subTest(depth=depth):
                    report = measure(f"grpc://{peer}{METHOD}", "-c", 4, "-d", depth, "-t", "300ms",
                                     "--data", file)
                    self.assertEqual((errors(report), report["load"]["size"]), ({}, len(PAYLOAD)))
                    self.assertGreater(report["requests"], sp.fewer(100))

    def test_a_call_without_data_has_an_empty_message(self):
        with grpc() as peer:
            report = measure(f"grpc://{peer}{METHOD}", "-c", 2, "-t", "300ms")
        self.assertEqual((errors(report), report["load"]["size"]), ({}, 0))
        self.assertGreater(report["requests"], sp.fewer(50))

    def test_many_messages_make_one_answer(self):
        with grpc() as peer, message(PAYLOAD + b"\x18\x05") as file:
            report = measure(f"grpc://{peer}/shoal.v1.Echo/ServerStream", "-c", 2, "-t", "300ms",
                             "--data", file)
        self.assertEqual(errors(report), {})
        self.assertGreater(report["bytes_in_per_second"], 5 * 64 * report["rate"])

    def test_calls_that_wait_are_in_flight_together(self):
        with grpc() as peer, message(SLOW) as file:
            one, more = (measure(f"grpc://{peer}/shoal.v1.Echo/Delayed", "-c", 1, "-d", depth, "-t",
                                 "500ms", "--data", file) for depth in (1, 2))
        self.assertEqual((errors(one), errors(more)), ({}, {}))
        self.assertGreaterEqual(one["latency_seconds"]["p50"], 0.02)
        self.assertLess(one["rate"], 51)
        self.assertLess(more["rate"], 102)

    def test_connections_are_renewed_slow_and_idle(self):
        with grpc() as peer:
            report = measure(f"grpc://{peer}{METHOD}", "-c", 2, "-d", 2, "--reconnect", 5,
                             "--slow-readers", 1, "--idle", 5, "-t", "400ms")
        self.assertEqual((errors(report), report["connections"]["idle_open"]), ({}, 5))
        self.assertGreaterEqual(report["connections"]["opened"], report["requests"] // 5)

    def test_an_open_loop_keeps_its_rate(self):
        with grpc() as peer:
            report = measure(f"grpc://{peer}{METHOD}", "-c", 2, "-d", 4, "--rate", 200, "-t", "1s")
        self.assertEqual(errors(report), {})
        self.assertLess(report["rate"], 230)

    def test_a_status_that_is_not_ok_is_wrong(self):
        with grpc() as peer:
            report = measure(f"grpc://{peer}/shoal.v1.Echo/Nothing", "-c", 2, "-t", "300ms",
                             code=WRONG_ANSWER)
        self.assertEqual((report["requests"], set(errors(report))), (0, {"wrong"}))

    def test_what_cannot_be_asked_is_refused(self):
        url = "grpc://127.0.0.1:1"
        for args in ((url,), (f"{url}/Method",), (f"{url}/a/b/c",), (f"{url}//b",), (f"{url}/a/",),
                     (f"{url}/a/b?c",), (f"{url}{METHOD}", "--size", "3")):
            with self.subTest(args=args):
                done = sp.run("bench", *args)
                self.assertEqual((done.returncode, done.stdout), (64, ""))
                self.assertRegex(done.stderr, r"\Ashoal bench: [^\n]+\n\Z")


@contextlib.contextmanager
def canned(*answers):
    """An HTTP/2 server that ends each request with the next of these answers, round and round:
    (status of gRPC, body). Yields its HOST:PORT."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_canned, args=(listener, itertools.cycle(answers)))
        thread.start()
        yield "127.0.0.1:%d" % listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def serve_canned(listener, answers):
    with contextlib.suppress(OSError):
        while True:
            sock = listener.accept()[0]
            with sock, contextlib.suppress(OSError, h2.exceptions.ProtocolError):
                answer_all(sock, answers)


def answer_all(sock, answers):
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    while True:
        sock.sendall(connection.data_to_send())
        received = sock.recv(65536)
        if not received:
            return
        for event in connection.receive_data(received):
            if isinstance(event, h2.events.StreamEnded):
                answer(connection, event.stream_id, *next(answers))


def answer(connection, stream, status, body):
    connection.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
    connection.send_data(stream, body)
    connection.send_headers(stream, [("grpc-status", status)] if status else [("x", "y")],
                            end_stream=True)


class WrongAnswers(unittest.TestCase):
    def outcome(self, *answers, code=WRONG_ANSWER):
        with canned(*answers) as peer:
            report = measure(f"grpc://{peer}{METHOD}", "-c", 1, "-t", "300ms", code=code)
        return set(errors(report))

    def test_the_canned_server_itself_is_fine(self):
        self.assertEqual(self.outcome(("0", framed(b"same")), code=0), set())

    def test_a_status_of_failure_behind_a_whole_message(self):
        self.assertEqual(self.outcome(("13", framed(b"same"))), {"wrong"})

    def test_no_status_at_all(self):
        self.assertEqual(self.outcome((None, framed(b"same"))), {"wrong"})

    def test_no_message(self):
        self.assertEqual(self.outcome(("0", b"")), {"wrong"})

    def test_a_message_cut_short(self):
        self.assertEqual(self.outcome(("0", framed(b"same")[:-1])), {"wrong"})

    def test_bytes_behind_the_message(self):
        self.assertEqual(self.outcome(("0", framed(b"same") + b"\0\0")), {"wrong"})

    def test_a_compressed_message_that_nobody_asked_for(self):
        self.assertEqual(self.outcome(("0", framed(b"same", flag=1))), {"wrong"})

    def test_another_message_of_the_same_length(self):
        self.assertEqual(self.outcome(("0", framed(b"same")), ("0", framed(b"sane"))), {"wrong"})

    def test_another_message_of_another_length(self):
        self.assertEqual(self.outcome(("0", framed(b"same")), ("0", framed(b"shorter"))), {"wrong"})


if __name__ == "__main__":
    sp.main()
