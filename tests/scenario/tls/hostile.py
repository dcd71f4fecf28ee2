# SPDX-License-Identifier: BSD-3-Clause
"""Peers that are no good TLS clients, and crowds of them: the others are served all the while."""

import os
import socket
import ssl
import threading
import time
import unittest

import shoal_program as sp
import tls_program as tls

CROWD = 500

GARBAGE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(35),  # SSLv2 hello
    b"\x16\x03\x01\xff\xff" + bytes(200),  # a record longer than any
    b"\x16\x03\x01\x00\x00" * 1000,  # empty records
    b"\x15\x03\x01\x00\x02\x01\x00" * 1000,  # warnings
    b"\x17\x03\x03\x00\x05hello",  # data before the handshake
    b"\x14\x03\x03\x00\x01\x01" * 1000,  # change of ciphers
    os.urandom(4096),
    bytes(4096),
)


def heard(sock):
    """What the server says until it ends or resets the connection."""
    got = b""
    try:
        while True:
            part = sock.recv(1 << 16)
            if not part:
                return got
            got += part
    except ConnectionResetError:
        return got


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certs = tls.Certificates().make("a").make("slow", algorithm=("rsa", "rsa_keygen_bits:4096"))
        cls.context = tls.trusting(cls.certs, "a")

    @classmethod
    def tearDownClass(cls):
        cls.certs.__exit__()

    def is_served(self, server):
        with tls.connect(server, self.context) as sock:
            sock.sendall(b"x")
            self.assertEqual(sp.receive_exactly(sock, 1), b"x")

    def test_bytes_that_are_no_tls_end_with_an_alert_at_most(self):
        with sp.Shoal("echo", "-l", self.certs.url("a")) as server:
            for bytes_sent in GARBAGE:
                with self.subTest(first=bytes_sent[:8]):
                    with server.connect() as sock:
                        sp.send_all(sock, bytes_sent, end=True)
                        answer = heard(sock)
                        self.assertLess(len(answer), 200)
                        self.assertIn(answer[:1], (b"", b"\x15"))
                    self.is_served(server)

    def test_a_hello_cut_at_every_byte_ends_the_connection(self):
        hello = tls.hello(self.context)
        with sp.Shoal("echo", "-l", self.certs.url("a")) as server:
            for size in range(0, len(hello), 1 if not sp.SANITIZED else 7):
                with server.connect() as sock:
                    sp.send_all(sock, hello[:size], end=True)
                    heard(sock)
            self.is_served(server)

    def test_a_hello_with_a_bit_turned_is_survived(self):
        hello = tls.hello(self.context)
        with sp.Shoal("echo", "-l", self.certs.url("a")) as server:
            for at in range(0, len(hello), 1 if not sp.SANITIZED else 7):
                turned = bytearray(hello)
                turned[at] ^= 1 << at % 8
                with server.connect() as sock:
                    sp.send_all(sock, bytes(turned), end=True)
                    heard(sock)
            self.is_served(server)

    def test_names_that_are_none_are_survived(self):
        """Attack 155: the name that a client asks for by SNI."""
        hello = tls.hello(self.context)
        long = ".".join(["a" * 62] * 4)
        hellos = [tls.hello(tls.trusting_all(), long)] + [
            hello.replace(b"localhost", name)
            for name in (b"local\0ost", b"127.0.0.1", b"\xff" * 9, b"." * 9, b"\r\nhost\r\n\r")]
        with sp.Shoal("echo", "-l", self.certs.url("a")) as server:
            for one in hellos:
                with self.subTest(hello=one), server.connect() as sock:
                    sp.send_all(sock, one, end=True)
                    self.assertIn(heard(sock)[:1], (b"", b"\x15", b"\x16"))
                self.is_served(server)

    def is_let_in(self, server, name):
        context = tls.trusting(self.certs, "a")
        context.load_cert_chain(self.certs.path(name + ".pem"), self.certs.path(name + ".key"))
        try:
            with tls.connect(server, context) as sock:
                sock.sendall(b"x")
                return sock.recv(1) == b"x"
        except (ssl.SSLError, ConnectionError):
            return False

    def test_a_chain_of_a_hundred_certificates_lets_nobody_in(self):
        """Attack 156: each of them is good, but all of them together are work."""
        self.certs.chain("short", "a", 3).chain("long", "a", 99)
        more = "&client_ca=" + self.certs.path("a.pem")
        with sp.Shoal("echo", "-l", self.certs.url("a", more=more)) as server:
            self.assertTrue(self.is_let_in(server, "short"))
            for _ in range(10):
                self.assertFalse(self.is_let_in(server, "long"))
            self.assertTrue(self.is_let_in(server, "short"))
            self.is_served(server)

    def test_bytes_after_close_notify_are_nobodys(self):
        with sp.Shoal("echo", "-l", self.certs.url("a")) as server:
            with server.connect() as raw:
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                client = self.context.wrap_bio(incoming, outgoing, server_hostname="localhost")
                while True:
                    try:
                        client.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        raw.sendall(outgoing.read())
                        incoming.write(raw.recv(1 << 16))
                client.write(b"last")
                try:
                    client.unwrap()
                except ssl.SSLWantReadError:
                    pass
                raw.sendall(outgoing.read() + b"\x17\x03\x03\x00\x20" + os.urandom(32))
                incoming.write(heard(raw))
                self.assertEqual(client.read(100), b"last")
            self.is_served(server)

    def test_a_crowd_of_handshakes_does_not_starve_a_plain_client(self):
        hello = tls.hello(tls.trusting_all())
        with sp.Shoal("echo", "-n", "1", "-l", "tcp://127.0.0.1:0", "-l", self.certs.url("slow"),
                      listens=2) as server:
            plain, crowd = server.connect(0), [server.connect(1) for _ in range(CROWD)]
            longest = 0
            for sock in crowd:
                sock.sendall(hello)
            first = time.monotonic()
            deadline = first + sp.PATIENCE
            answered = 0
            while answered < CROWD:
                self.assertLess(time.monotonic(), deadline)
                began = time.monotonic()
                plain.sendall(b"x")
                self.assertEqual(sp.receive_exactly(plain, 1), b"x")
                longest = max(longest, time.monotonic() - began)
                answered = sum(self.is_answered(sock) for sock in crowd)
            # one turn with all of the handshakes would be one wait of about their whole time
            self.assertLess(longest, (time.monotonic() - first) / 4)
            for sock in crowd:
                sock.close()
            plain.close()

    @staticmethod
    def is_answered(sock):
        try:
            return len(sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)) == 1
        except BlockingIOError:
            return False

    def test_parallel_clients_are_all_served(self):
        wrong = []

        def client(server):
            try:
                for _ in range(5):
                    self.is_served(server)
            except Exception as error:  # pylint: disable=broad-except
                wrong.append(error)

        with sp.Shoal("echo", "-n", "2", "-l", self.certs.url("a")) as server:
            threads = [threading.Thread(target=client, args=(server,))
                       for _ in range(sp.fewer(100))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    sp.main()
