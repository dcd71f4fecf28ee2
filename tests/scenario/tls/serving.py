# SPDX-License-Identifier: BSD-3-Clause
"""Every service over TLS: both versions, much data, ends that are ends and ends that are cuts."""

import os
import signal
import socket
import ssl
import unittest

import shoal_program as sp
import tls_program as tls


class Serving(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = tls.Certificates().make("a")
        cls.context = tls.trusting(cls.certificates, "a")

    @classmethod
    def tearDownClass(cls):
        cls.certificates.__exit__()

    def server(self, service, *options, **more):
        return sp.Shoal(service, "-l", self.certificates.url("a"), *options, **more)

    def test_the_url_that_is_told_is_a_tls_one_without_files(self):
        with self.server("echo") as server:
            self.assertRegex(server.urls[0], r"\Atls://127\.0\.0\.1:[1-9]\d*\Z")

    def test_both_versions_are_served(self):
        with self.server("echo") as server:
            for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                                  (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
                context = tls.trusting(self.certificates, "a")
                context.maximum_version = version
                with tls.connect(server, context) as sock:
                    self.assertEqual(sock.version(), name)
                    sock.sendall(b"hello")
                    self.assertEqual(sp.receive_exactly(sock, 5), b"hello")

    def test_versions_before_are_refused(self):
        context = tls.trusting_all()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertWarns(DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.server("echo") as server:
            with self.assertRaises(ssl.SSLError):
                tls.connect(server, context)

    def test_much_data_comes_back_whole(self):
        data = os.urandom(1 << 20)
        with self.server("echo", "-n", "2") as server:
            with tls.connect(server, self.context) as sock:
                for at in range(0, len(data), 60000):
                    part = data[at:at + 60000]
                    sock.sendall(part)
                    self.assertEqual(sp.receive_exactly(sock, len(part)), part)

    def test_one_who_sends_without_reading_is_paused_and_then_served(self):
        size = 6 << 20
        with self.server("echo") as server:
            with tls.connect(server, self.context) as sock:
                sock.setblocking(False)
                sent = got = 0
                while got < size:
                    try:
                        while sent < size:
                            sent += sock.send(bytes(min(1 << 16, size - sent)))
                    except ssl.SSLWantWriteError:
                        pass
                    try:
                        while True:
                            part = sock.recv(1 << 16)
                            self.assertNotEqual(part, b"")
                            got += len(part)
                    except ssl.SSLWantReadError:
                        pass
                self.assertEqual(got, size)

    def test_an_end_in_order_is_answered_in_order(self):
        with self.server("echo") as server:
            sock = tls.connect(server, self.context)
            sock.sendall(b"x")
            self.assertEqual(sp.receive_exactly(sock, 1), b"x")
            plain = sock.unwrap()  # raises where the server cuts instead of ending
            self.assertEqual(sp.receive_all(plain), b"")
            plain.close()

    def test_a_catch_is_paid_at_its_end_but_not_at_a_cut(self):
        context = tls.trusting(self.certificates, "a")
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # where data are told from tickets
        with self.server("fish", "--settle", "0") as server:
            sock = tls.connect(server, context)
            sock.sendall(b"3 pounds of trout\n")
            with tls.connect(server, context) as other:
                other.sendall(b"3 pounds of trout\n")
                with self.assertRaisesRegex(ssl.SSLError, "APPLICATION_DATA_AFTER_CLOSE_NOTIFY"):
                    other.unwrap()  # which finds the price instead of the server's end
            raw = socket.socket(fileno=os.dup(sock.fileno()))
            raw.settimeout(sp.PATIENCE)
            raw.shutdown(socket.SHUT_WR)  # no close_notify: perhaps an attacker's cut
            try:
                rest = sp.receive_all(raw)
            except ConnectionResetError:
                rest = b""
            self.assertNotEqual(rest[:1], b"\x17")  # an alert at most, no data
            raw.close()
            sock.close()

    def test_the_console_talks(self):
        with self.server("console") as server:
            with tls.connect(server, self.context) as sock:
                sock.sendall(b"echo over TLS\n")
                sp.receive_until(sock, b"over TLS\r\n")

    def test_serve_takes_tls_for_each_service(self):
        url = self.certificates.url("a")
        with sp.Shoal("serve", *sp.services(echo=url, fish=url, http=url),
                      listens=len(sp.SERVICES)) as server:
            index = [i for i, url in enumerate(server.urls) if url.startswith("tls://")]
            self.assertEqual(len(index), 3)

    def test_accepting_on_every_loop_works_too(self):
        for how in ("reuseport", "least-of-two"):
            with self.server("echo", "-n", "2", "--accept", how) as server:
                for _ in range(10):
                    with tls.connect(server, self.context) as sock:
                        sock.sendall(b"x")
                        self.assertEqual(sp.receive_exactly(sock, 1), b"x")

    def test_a_drain_ends_idle_clients_with_close_notify(self):
        server = self.server("echo", "--drain-timeout", "1h")
        socks = [tls.connect(server, self.context) for _ in range(5)]
        for sock in socks:
            sock.suppress_ragged_eofs = False  # an end without close_notify raises
            sock.sendall(b"x")
            sp.receive_exactly(sock, 1)
        server.send(signal.SIGTERM)
        for sock in socks:
            self.assertEqual(sock.recv(1), b"")
            sock.close()
        self.assertEqual(server.end(None), 0)
        self.assertEqual(server.report(), {"graceful": 5, "forced": 0, "discarded": 0, "stuck": 0})


if __name__ == "__main__":
    sp.main()
