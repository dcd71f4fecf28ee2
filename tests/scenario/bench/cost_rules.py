# SPDX-License-Identifier: BSD-3-Clause
"""The cost model's rules: 3 % more is a failure, and what is compared with what."""
import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import subprocess
import tempfile
import unittest

RUN = pathlib.Path(__file__).resolve().parents[3] / "bench" / "cost" / "run"


def load():
    loader = importlib.machinery.SourceFileLoader("cost_run", str(RUN))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("cost_run", loader))
    loader.exec_module(module)
    return module


class Growth(unittest.TestCase):
    def worse(self, base, head):
        cost = load()
        with contextlib.redirect_stdout(io.StringIO()):
            return cost.compare(base, head, cost.MOST_GROWTH)

    def test_three_per_cent_is_too_much_and_a_little_less_is_not(self):
        self.assertEqual(self.worse({"echo": 1000}, {"echo": 1031}), ["echo"])
        self.assertEqual(self.worse({"echo": 1000}, {"echo": 1029}), [])

    def test_one_kind_that_grew_is_found_beside_one_that_shrank(self):
        self.assertEqual(self.worse({"echo": 1000, "http1": 1000}, {"echo": 500, "http1": 1100}),
                         ["http1"])

    def test_a_kind_that_the_base_did_not_know_is_left_out(self):
        self.assertEqual(self.worse({"echo": 1000}, {"echo": 1000, "grpc": 9}), [])


class Base(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="shoal-cost-")
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name)
        self.cost = load()
        self.cost.TOP = self.tree

    def git(self, *arguments):
        command = ["git", "-c", "user.name=n", "-c", "user.email=e", *arguments]
        return subprocess.run(command, cwd=self.tree, check=True, capture_output=True,
                              text=True).stdout.strip()

    def commit(self, path, content):
        (self.tree / path).parent.mkdir(exist_ok=True)
        (self.tree / path).write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", content)
        return self.git("rev-parse", "HEAD")

    def begin(self):
        self.git("init", "-q")
        return self.commit("src/x.c", "first")

    def test_a_tree_without_git_has_none(self):
        self.assertIsNone(self.cost.find_base())

    def test_a_checkout_of_one_commit_has_none(self):
        self.begin()
        self.assertIsNone(self.cost.find_base())

    def test_the_last_commit_that_counts_is_compared_with_the_one_before(self):
        first = self.begin()
        self.commit("src/x.c", "second")
        self.assertEqual(self.cost.find_base(), first)
        self.commit("docs/x.md", "third")
        self.assertEqual(self.cost.find_base(), first)

    def test_what_is_not_committed_is_compared_with_what_is(self):
        self.begin()
        second = self.commit("src/x.c", "second")
        (self.tree / "src" / "x.c").write_text("changed")
        self.assertEqual(self.cost.find_base(), second)

    def test_commits_that_wait_are_compared_with_what_was_landed(self):
        landed = self.begin()
        self.git("update-ref", "refs/remotes/origin/main", landed)
        self.commit("src/x.c", "second")
        self.commit("src/x.c", "third")
        self.assertEqual(self.cost.find_base(), landed)


if __name__ == "__main__":
    unittest.main(verbosity=2)
