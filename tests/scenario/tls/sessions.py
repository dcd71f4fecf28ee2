# SPDX-License-Identifier: BSD-3-Clause
"""openssl s_client at the door: resumption in both versions, no early data, no renegotiation."""

import re
import subprocess
import unittest

import shoal_program as sp
import tls_program as tls


class Sessions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certs = tls.Certificates().make("a")
        cls.server = sp.Shoal("echo", "-n", "2", "-l", cls.certs.url("a"))

    @classmethod
    def tearDownClass(cls):
        code = cls.server.end()
        cls.certs.__exit__()
        assert code == 0, cls.server.lines

    def talk(self, *options, **more):
        return tls.s_client(self.server, *options, **more)

    def session(self, version):
        path = self.certs.path("session" + version)
        # the ticket of 1.3 comes before the echo
        out = tls.s_client(self.server, version, "-sess_out", path, typed=b"hello\n",
                           until=b"hello\n")
        self.assertRegex(out, r"(?m)^New, TLSv1\.[23], Cipher is ")
        return path

    def test_sessions_are_resumed_in_both_versions(self):
        for version in ("-tls1_2", "-tls1_3"):
            path = self.session(version)
            for _ in range(5):
                out = self.talk(version, "-sess_in", path)
                self.assertRegex(out, r"(?m)^Reused, TLSv1\.[23], Cipher is ")

    def test_reconnecting_resumes(self):
        out = self.talk("-tls1_2", "-reconnect")
        self.assertEqual(len(re.findall(r"(?m)^Reused, ", out)), 5, out)

    def test_resumptions_and_unused_tickets_take_no_memory(self):
        """Attack 154: each connection leaves a ticket, and half of them are resumed."""
        context = tls.trusting(self.certs, "a")
        resumed = 0
        before = None
        session = None
        for i in range(sp.fewer(1000)):
            with context.wrap_socket(self.server.connect(), server_hostname="localhost",
                                     session=session) as sock:
                sock.sendall(b"x")
                sp.receive_exactly(sock, 1)  # the ticket came before
                resumed += sock.session_reused
                session = sock.session if i % 2 == 0 else None
            if i == sp.fewer(1000) // 4:
                before = self.server.resident_bytes()
        self.assertGreater(resumed, sp.fewer(1000) // 2 - 2)
        if not sp.SANITIZED:
            self.assertLess(self.server.resident_bytes() - before, 1 << 20)

    def test_early_data_is_not_taken(self):
        path = self.session("-tls1_3")
        early = self.certs.path("early")
        with open(early, "wb") as file:
            file.write(b"early")
        out = self.talk("-tls1_3", "-sess_in", path, "-early_data", early)
        self.assertIn("Early data was not sent", out)
        text = subprocess.run(["openssl", "sess_id", "-in", path, "-noout", "-text"], check=True,
                              capture_output=True, text=True, timeout=sp.PATIENCE).stdout
        self.assertIn("Max Early Data: 0", text)

    def test_renegotiation_is_refused(self):
        out = self.talk("-tls1_2", typed=b"R\n", until=None)
        self.assertIn("RENEGOTIATING", out)
        self.assertIn("no renegotiation", out)

    def test_ciphers_of_1_2_without_forward_secrecy_are_refused(self):
        for cipher in ("AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA",
                       "DHE-RSA-AES128-SHA"):
            out = self.talk("-tls1_2", "-cipher", cipher)
            self.assertIn("handshake failure", out)


if __name__ == "__main__":
    sp.main()
