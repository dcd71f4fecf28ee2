# SPDX-License-Identifier: BSD-3-Clause
"""./bench/run: every suite is there to be run, and the tables come out as they are quoted."""
import importlib
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest

BENCH = pathlib.Path(__file__).resolve().parents[3] / "bench"
sys.path.insert(0, str(BENCH))

from harness import report, rounds  # noqa: E402  (the path has to be set first)
from harness.bench import BenchError, Stalled  # noqa: E402

NAMES = sorted(path.stem for path in (BENCH / "suites").glob("[a-z]*.py"))


class Suites(unittest.TestCase):
    def test_each_has_a_title_of_its_own_and_can_be_run(self):
        suites = [importlib.import_module(f"suites.{name}") for name in NAMES]
        self.assertEqual(len({suite.SECTION for suite in suites}), len(NAMES))
        for suite in suites:
            self.assertTrue(callable(suite.run), suite)

    def test_help_lists_them_and_an_unknown_one_is_refused(self):
        said = subprocess.run([BENCH / "run", "--help"], capture_output=True, text=True, check=True)
        for name in NAMES:
            self.assertIn(name, said.stdout)
        self.assertEqual(subprocess.run([BENCH / "run", "nothing"], capture_output=True,
                                        check=False).returncode, 2)


class Rounds(unittest.TestCase):
    def interleave(self, measure, count=3):
        server = types.SimpleNamespace(name="one")
        bench = types.SimpleNamespace(rounds=count, budget=60)
        return rounds.interleave(bench, [server], ["cell"], measure)

    def test_a_disturbed_measurement_is_made_again_and_the_quietest_counts(self):
        figures = iter([{"x": 1, "others_cpu_share": 0.5}, {"x": 2, "others_cpu_share": 0.2},
                        {"x": 3, "others_cpu_share": 0.3}])
        results = self.interleave(lambda server, cell: next(figures), 1)
        self.assertEqual(results.values("one", "cell", "x"), [2])

    def test_what_stalled_is_tried_again_and_what_is_wrong_is_not(self):
        outcomes = [Stalled("nothing"), {"x": 1, "others_cpu_share": 0}]

        def measure(server, cell):
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        self.assertEqual(self.interleave(measure, 1).values("one", "cell", "x"), [1])
        outcomes[:] = [BenchError("a wrong answer")]
        self.assertRaises(BenchError, self.interleave, measure, 1)

    def test_ratios_are_of_the_same_round(self):
        results = rounds.Results()
        for base, other in ((1, 2), (10, 30), (100, 400)):
            results.add("base", "cell", {"x": base})
            results.add("other", "cell", {"x": other})
        self.assertEqual(results.ratios("other", "base", "cell", "x"), [2, 3, 4])
        self.assertEqual(results.median_ratio("other", "base", "cell", "x"), 3)


class Document(unittest.TestCase):
    def test_a_section_is_replaced_and_what_is_around_it_stays(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "performance.md"
            report.write_section(path, "a", "first\n")
            report.write_section(path, "b", "other\n")
            path.write_text(path.read_text() + "by hand\n")
            report.write_section(path, "a", "second\n")
            text = path.read_text()
        self.assertNotIn("first", text)
        self.assertTrue(text.startswith(report.PREAMBLE))
        self.assertLess(text.index("second"), text.index("other"))
        self.assertTrue(text.endswith("by hand\n"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
