# SPDX-License-Identifier: BSD-3-Clause
"""`shoal bench compare`: verdicts on real rounds and on made ones."""
import json
import os
import random
import tempfile
import unittest

import shoal_program as sp
from bench_program import faulty, measure

ROUNDS = 6


def made_round(rate, **load):
    return {"load": {"protocol": "echo", "mode": "closed", "connections": 64, **load}, "rate": rate,
            "server": None, "latency_seconds": {"p50": 1 / rate, "p99": 2 / rate, "p99.9": 0}}


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, rounds, separator="\n"):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="ascii") as file:
            file.write("".join(json.dumps(one) + separator for one in rounds))
        return path

    def compare(self, a, b, *args):
        done = sp.run("bench", "compare", self.write("a.json", a), self.write("b.json", b), *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def verdicts(self, a, b):
        return json.loads(self.compare(a, b, "--json").stdout)

    def test_a_slower_server_is_worse_in_real_rounds(self):
        fast, slow = [], []
        with faulty("delay", 0.002) as one, faulty("delay", 0.006) as other:
            for _ in range(ROUNDS):
                fast.append(measure(one.url, "-c", 2, "-t", "200ms"))
                slow.append(measure(other.url, "-c", 2, "-t", "200ms"))
        verdicts = self.verdicts(fast, slow)
        self.assertEqual(verdicts["rate"]["verdict"], "worse")
        self.assertLess(verdicts["rate"]["ratio"], 0.8)
        self.assertEqual(verdicts["p50"]["verdict"], "worse")
        self.assertGreater(verdicts["p50"]["low"], 1)
        self.assertEqual(self.verdicts(slow, fast)["rate"]["verdict"], "better")

    def test_noise_is_no_difference(self):
        chance = random.Random(7)
        a, b = ([made_round(1000 * chance.uniform(0.9, 1.1)) for _ in range(10)] for _ in "ab")
        self.assertEqual(self.verdicts(a, b)["rate"]["verdict"], "no difference shown")

    def test_drift_that_both_share_hides_nothing(self):
        a = [made_round(1000 * 2 ** i) for i in range(ROUNDS)]
        b = [made_round(1020 * 2 ** i) for i in range(ROUNDS)]
        self.assertEqual(self.verdicts(a, b)["rate"]["verdict"], "better")

    def test_few_rounds_give_no_verdict(self):
        a, b = [made_round(1000)] * 3, [made_round(2000)] * 3
        rate = self.verdicts(a, b)["rate"]
        self.assertEqual((rate["verdict"], rate["ratio"]), ("too few rounds", 2))
        self.assertEqual(rate["confidence"], 0.75)

    def test_figures_that_are_missing_are_left_out(self):
        verdicts = self.verdicts([made_round(1)] * 6, [made_round(1)] * 6)
        self.assertEqual(set(verdicts), {"rate", "p50", "p99"})

    def test_another_load_and_another_number_of_rounds_are_told(self):
        done = self.compare([made_round(1)] * 7, [made_round(1, connections=1)] * 6)
        self.assertIn("differ in connections", done.stderr)
        self.assertIn("7 and 6 rounds", done.stderr)
        self.assertIn("median of 6 paired rounds", done.stdout)

    def test_files_that_are_none(self):
        good = self.write("good.json", [made_round(1)])
        for content in ("", "{", "[1,", made_text() + "x"):
            with open(os.path.join(self.folder.name, "bad.json"), "w", encoding="ascii") as file:
                file.write(content)
            with self.subTest(content=content):
                done = sp.run("bench", "compare", good, file.name)
                self.assertEqual((done.returncode, done.stdout), (66, ""))
                self.assertRegex(done.stderr, r"\Ashoal bench: .*bad\.json [^\n]+\n\Z")
        self.assertEqual(sp.run("bench", "compare", good, "/nowhere").returncode, 66)


def made_text():
    return json.dumps(made_round(1))


if __name__ == "__main__":
    sp.main()
