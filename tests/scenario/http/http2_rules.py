# SPDX-License-Identifier: BSD-3-Clause
"""What HTTP/2 clients may do at odd moments: leave, give up in each state of a stream, use up the
stream numbers, speak another version than they agreed to.
"""

import struct
import unittest

import http2_frames as h2
import shoal_program as sp
import tls_program as tls

GREETING = b"Hello, world!\n"
GET = b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def goaway(last=0, error=h2.NO_ERROR):
    return h2.frame(h2.GOAWAY, 0, 0, struct.pack(">II", last, error))


class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "1", "-w", "2",
                              "--idle-timeout", "1h")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.end() == 0, cls.server.lines

    def check_canary(self):
        with h2.Client(self.server) as client:
            client.say(h2.get(1))
            client.wait_for_end_of(1)

    def test_086_settings_without_end_are_an_error(self):
        with h2.Client(self.server) as client:
            client.say(h2.settings(*((0xF000 + i, i) for i in range(1000))))
            client.wait_for_end()
        self.check_canary()

    def test_096_a_client_that_says_goaway_gets_its_answers(self):
        with h2.Client(self.server) as client:
            client.say(h2.get(1, b"/delay/100") + h2.get(3, b"/bytes/50000") + goaway())
            client.wait_for_end_of(3)
            client.wait_for_end_of(1)

    def test_096_streams_after_the_clients_own_goaway_harm_nobody(self):
        with h2.Client(self.server) as client:
            client.say(goaway() + h2.get(1))
            client.wait_for(lambda: client.over or client.goaway is not None or any(
                f[2] == 1 for f in client.frames), "an answer or an end")
        self.check_canary()

    def test_097_a_reset_in_each_state_of_a_stream_ends_that_stream_only(self):
        states = {
            "open, nothing sent": h2.post(1),
            "within the body": h2.post(1) + h2.frame(h2.DATA, 0, 1, b"part"),
            "half-closed, the answer is late": h2.get(1, b"/delay/60000"),
            "half-closed, a worker is at it": h2.get(1, b"/work/200"),
            "within the answer": h2.get(1, b"/bytes/100000000"),
            "within events": h2.get(1, b"/events"),
        }
        for state, before in states.items():
            with self.subTest(state=state), h2.Client(self.server) as client:
                client.say(before + h2.reset(1) + h2.get(3))
                client.wait_for_end_of(3)
                self.assertIsNone(client.goaway)

    def test_097_a_reset_after_the_answer_is_nothing(self):
        with h2.Client(self.server) as client:
            client.say(h2.get(1))
            client.wait_for_end_of(1)
            client.say(h2.reset(1) + h2.get(3))
            client.wait_for_end_of(3)

    def test_083_the_last_stream_number_is_served_and_none_comes_behind_it(self):
        last = 2**31 - 1
        with h2.Client(self.server) as client:
            client.say(h2.get(last))
            client.wait_for_end_of(last)
            client.say(h2.get(last) + h2.get(1) + h2.frame(h2.PING, 0, 0, b"8 bytes."))
            client.wait_for_frame(h2.PING)
            self.assertEqual([f[2] for f in client.frames if f[0] == h2.HEADERS], [last])
        self.check_canary()

    def test_098_trailers_that_do_not_end_the_stream_are_refused(self):
        with h2.Client(self.server) as client:
            client.say(h2.post(1) + h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.field(b"a", b"b")))
            client.wait_for(lambda: client.over or client.goaway or any(
                f[0] == h2.RST_STREAM and f[2] == 1 for f in client.frames), "a refusal")
        self.check_canary()


class Agreed(unittest.TestCase):
    """Attack 100: ALPN says one version, the bytes another."""

    @classmethod
    def setUpClass(cls):
        cls.certificates = tls.Certificates().make("a")
        cls.server = sp.Shoal("http", "-l", cls.certificates.url("a"), "-n", "1")

    @classmethod
    def tearDownClass(cls):
        code = cls.server.end()
        cls.certificates.__exit__()
        assert code == 0, cls.server.lines

    def say(self, protocol, data):
        """What comes until the end."""
        context = tls.trusting(self.certificates, "a")
        context.set_alpn_protocols([protocol])
        with tls.connect(self.server, context) as sock:
            assert sock.selected_alpn_protocol() == protocol
            try:
                sock.sendall(data)
                return sp.receive_all(sock)
            except OSError:
                return b""

    def test_100_bytes_of_another_version_than_agreed_end_the_connection(self):
        answer = self.say("h2", GET)
        self.assertNotIn(GREETING, answer)
        answer = self.say("http/1.1", h2.PREFACE + h2.settings() + h2.get(1))
        self.assertNotIn(GREETING, answer)
        self.assertTrue(self.say("http/1.1", GET).endswith(GREETING))


if __name__ == "__main__":
    sp.main()
