# SPDX-License-Identifier: BSD-3-Clause
"""The corpus of hostile and legal HTTP/1 requests, each sent to shoal http as one connection. What
is refused is followed by a poisoned request for /SMUG, which must never be answered.
"""

import pathlib
import re
import unittest

import shoal_program as sp

ROOT = pathlib.Path(__file__).resolve().parents[3]
CORPUS = ROOT / "tests" / "corpus" / "http1"
PARSER = ROOT / "src" / "proto" / "http1" / "http1_parser.h"

# Limits of the engine's own tests; the program streams bodies of any size.
UNLIMITED = {"LARGE_BODY"}
# Where the program answers otherwise than the engine alone, which knows neither routes nor HTTP/2.
SPECIAL = {
    "h2-preface": [],                                 # it is one: no HTTP/1.1 is spoken
    "pipeline-bad-third": ["404", "404", "400"],      # its good ones have no route, either
    "ok-connect": ["400"],                            # no proxy
    "ok-expect-continue": ["404"],                    # who was not told to go on is not read on
    "ok-upgrade-websocket": [],                       # 101, and no HTTP from there
    "ok-odd-target-bytes": ["400"],                   # an escape that is none
}


def statuses_of_refusals():
    text = PARSER.read_text()
    return dict(re.findall(r"X\((\w+), (\d{3}), ", text))


def entries():
    for line in (CORPUS / "expected.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, executed, verdict = line.split()
            yield name, int(executed), verdict


class Corpus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "1")
        cls.refusals = statuses_of_refusals()

    @classmethod
    def tearDownClass(cls):
        assert cls.server.end() == 0, cls.server.lines

    def answers_to(self, name):
        """The final statuses of all answers."""
        with self.server.connect() as sock:
            said = sp.exchange(sock, (CORPUS / f"{name}.http").read_bytes())
        found = re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", said)
        return [status.decode() for status in found if not status.startswith(b"1")]

    def check_refused(self, name, executed, verdict):
        statuses = self.answers_to(name)
        self.assertNotIn("404", statuses, "/SMUG was executed")
        if name.startswith("chunk-"):  # in a body, whose request may have been answered by then
            self.assertIn(statuses[executed:], (["405"], [self.refusals[verdict]]))
        else:
            self.assertEqual(statuses[executed:], [self.refusals[verdict]])

    def check_accepted(self, name, executed):
        statuses = self.answers_to(name)
        self.assertEqual(len(statuses), executed)
        self.assertNotIn("400", statuses)

    def test_every_entry(self):
        seen = 0
        with self.server.connect() as canary:
            for name, executed, verdict in entries():
                if verdict in UNLIMITED:
                    continue
                seen += 1
                with self.subTest(name=name, verdict=verdict):
                    if name in SPECIAL:
                        self.assertEqual(self.answers_to(name), SPECIAL[name])
                    elif verdict == "OK":
                        self.check_accepted(name, executed)
                    else:
                        self.check_refused(name, executed, verdict)
            canary.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertTrue(sp.receive_all(canary).endswith(b"Hello, world!\n"))
        self.assertGreater(seen, 200)


if __name__ == "__main__":
    sp.main()
