# SPDX-License-Identifier: BSD-3-Clause
"""Which certificate is shown, who is let in, what HUP changes, and what a start is refused for."""

import os
import shutil
import signal
import ssl
import unittest

import shoal_program as sp
import tls_program as tls


def names_of(sock):
    return {value for kind, value in sock.getpeercert()["subjectAltName"] if kind == "DNS"}


class Names(unittest.TestCase):
    def test_the_certificate_that_the_client_asks_for_is_shown(self):
        with tls.Certificates() as certs:
            certs.make("a", "a.example").make("b", "b.example")
            context = tls.trusting(certs, "a", "b")
            context.check_hostname = False
            with sp.Shoal("echo", "-l", certs.url("a", "b")) as server:
                for asked, shown in (("a.example", "a.example"), ("b.example", "b.example"),
                                     ("x.example", "a.example"), ("127.0.0.1", "a.example"),
                                     (None, "a.example"), ("y" * 60 + ".example", "a.example")):
                    with self.subTest(asked=asked):
                        with tls.connect(server, context, asked) as sock:
                            self.assertEqual(names_of(sock), {shown})


class Clients(unittest.TestCase):
    def setUp(self):
        self.certs = tls.Certificates().make("a").make("client", "client", "a").make("b", "b")

    def tearDown(self):
        self.certs.__exit__()

    def is_let_in(self, server, name):
        context = tls.trusting(self.certs, "a")
        if name:
            context.load_cert_chain(self.certs.path(name + ".pem"), self.certs.path(name + ".key"))
        try:
            with tls.connect(server, context) as sock:
                sock.sendall(b"x")
                return sock.recv(1) == b"x"
        except (ssl.SSLError, ConnectionError):
            return False

    def test_a_certificate_is_asked_for_and_checked(self):
        more = "&client_ca=" + self.certs.path("a.pem")
        with sp.Shoal("echo", "-l", self.certs.url("a", more=more)) as server:
            self.assertTrue(self.is_let_in(server, None))
            self.assertTrue(self.is_let_in(server, "client"))
            self.assertFalse(self.is_let_in(server, "b"))

    def test_a_certificate_may_be_required(self):
        more = "&client_ca=" + self.certs.path("a.pem") + "&client_cert=require"
        with sp.Shoal("echo", "-l", self.certs.url("a", more=more)) as server:
            self.assertFalse(self.is_let_in(server, None))
            self.assertTrue(self.is_let_in(server, "client"))
            self.assertFalse(self.is_let_in(server, "b"))


class Reload(unittest.TestCase):
    def test_hup_reads_the_files_again_and_keeps_the_old_on_error(self):
        with tls.Certificates() as certs:
            certs.make("a", "old.example").make("b", "new.example")
            context = tls.trusting(certs, "a", "b")
            context.check_hostname = False

            def shown(server):
                with tls.connect(server, context) as sock:
                    return names_of(sock)

            with sp.Shoal("echo", "-n", "2", "-l", certs.url("a")) as server:
                before = tls.connect(server, context)
                self.assertEqual(shown(server), {"old.example"})

                shutil.copy(certs.path("b.pem"), certs.path("a.pem"))  # the old key still
                server.send(signal.SIGHUP)
                line, = server.wait_for_line('msg="certificates kept"')
                self.assertIn("key values mismatch", line)
                self.assertEqual(shown(server), {"old.example"})

                shutil.copy(certs.path("b.key"), certs.path("a.key"))
                server.send(signal.SIGHUP)
                server.wait_for_line('msg="certificates read"')
                self.assertEqual(shown(server), {"new.example"})

                os.unlink(certs.path("a.pem"))
                server.send(signal.SIGHUP)
                server.wait_for_line('msg="certificates kept"', 2)
                self.assertEqual(shown(server), {"new.example"})

                before.sendall(b"still here")
                self.assertEqual(sp.receive_exactly(before, 10), b"still here")
                before.close()

    def test_reloads_under_load_lose_nobody(self):
        with tls.Certificates() as certs:
            certs.make("a")
            context = tls.trusting(certs, "a")
            with sp.Shoal("echo", "-n", "2", "-l", certs.url("a")) as server:
                for _ in range(sp.fewer(100)):
                    server.send(signal.SIGHUP)
                    with tls.connect(server, context) as sock:
                        sock.sendall(b"x")
                        self.assertEqual(sp.receive_exactly(sock, 1), b"x")


class Start(unittest.TestCase):
    def refused(self, url, code, *words):
        done = sp.run("echo", "-l", url)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("shoal echo: cannot listen on tls://"), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_files_that_cannot_be_used_are_named(self):
        with tls.Certificates() as certs:
            certs.make("a").make("b")
            cert, key, other = certs.path("a.pem"), certs.path("a.key"), certs.path("b.key")
            base = "tls://127.0.0.1:0?"
            self.refused(f"{base}cert=/none&key={key}", 66, "cannot read /none: No such file")
            self.refused(f"{base}cert={cert}&key=/none", 66, "cannot read /none: No such file")
            self.refused(f"{base}cert={key}&key={key}", 66, f"no good certificate in {key}: ")
            self.refused(f"{base}cert={cert}&key={cert}", 66, f"no good private key in {cert}: ")
            self.refused(f"{base}cert={cert}&key={other}", 66, f"{other}: key values mismatch")
            self.refused(f"{base}cert={cert}&key={key}&client_ca={key}", 66,
                         f"no good certificates in {key}: ")

    def test_a_url_without_its_files_is_wrong_use(self):
        self.refused("tls://127.0.0.1:0", 64, "write tls://HOST:PORT?cert=FILE&key=FILE")
        self.refused("tls://127.0.0.1:0?cert=a", 64, "write tls://HOST:PORT?cert=FILE&key=FILE")
        self.refused("tls://127.0.0.1:0?cert=a&key=b&x=y", 64, "unknown option")

    def test_odd_characters_in_a_path_are_written_as_hexadecimals(self):
        with tls.Certificates() as certs:
            certs.make("a")
            os.mkdir(certs.path("a b&c"))
            for name in ("a.pem", "a.key"):
                shutil.move(certs.path(name), certs.path("a b&c/" + name))
            folder = certs.path("a%20b%26c")
            url = f"tls://127.0.0.1:0?cert={folder}/a.pem&key={folder}/a.key"
            with sp.Shoal("echo", "-l", url) as server:
                with tls.connect(server, tls.trusting_all()) as sock:
                    sock.sendall(b"x")
                    self.assertEqual(sp.receive_exactly(sock, 1), b"x")


if __name__ == "__main__":
    sp.main()
