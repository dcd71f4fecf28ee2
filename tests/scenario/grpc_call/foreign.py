# SPDX-License-Identifier: BSD-3-Clause
"""`shoal call` and a server of another make: its reflection, its messages, its failures."""

import json
import unittest

import shoal_program as sp
from mirror import start


class Foreign(unittest.TestCase):
    def serve(self, reflection):
        server, port = start(reflection)
        self.addCleanup(lambda: server.stop(None).wait(sp.PATIENCE))
        return f"http://127.0.0.1:{port}"

    def test_both_versions_of_reflection_do(self):
        for version in ("v1", "v1alpha"):
            done = sp.run("call", self.serve(version))
            self.assertEqual(done.stderr, "")
            self.assertEqual(done.stdout.splitlines()[0], "shoal.mirror.Mirror/Reflect "
                             "(shoal.cases.Known) -> shoal.cases.Known")

    def test_a_server_without_reflection_is_explained(self):
        done = sp.run("call", self.serve(None), "shoal.mirror.Mirror/Reflect", "{}")
        self.assertEqual(done.returncode, 12, done.stderr)
        self.assertIn("has no server reflection", done.stderr)

    def test_types_that_only_an_any_names_are_fetched(self):
        known = {"any": {"@type": "type.googleapis.com/shoal.cases2.Old", "id": 7,
                         "[shoal.cases2.Holder.held]": {"weight": 2}},
                 "time": "2026-11-21T15:00:00Z", "structure": {"a": [1, None]},
                 "aString": "", "anInt64": "5"}
        done = sp.run("call", self.serve("v1"), "shoal.mirror.Mirror/Reflect", json.dumps(known))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout), known)

    def test_a_failure_is_told_with_its_details(self):
        done = sp.run("call", self.serve("v1"), "shoal.mirror.Mirror.Fail", '{"anInt32": 3}')
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("5 NOT_FOUND: no such .[31mfish.[0m\n", done.stderr)
        self.assertIn('{"@type": "type.googleapis.com/shoal.cases.Scalars", "anInt32": 3}',
                      done.stderr)
        self.assertEqual(done.stdout, "")

    def test_defaults_are_shown_on_demand(self):
        done = sp.run("call", "--emit-defaults", "--pretty", self.serve("v1"),
                      "shoal.mirror.Mirror/Reflect")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, '{\n  "values": [],\n  "times": [],\n  "anys": []\n}\n')


if __name__ == "__main__":
    sp.main()
