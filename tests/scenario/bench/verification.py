# SPDX-License-Identifier: BSD-3-Clause
"""Every answer is verified: a wrong one fails the run, whatever is wrong with it; a connection that
ends is an error of its kind and no more."""
import unittest

import shoal_program as sp
from bench_program import errors, faulty, measure

WRONG_ANSWER = 76


class Verification(unittest.TestCase):
    def measure(self, fault, value, *args, code=0):
        with faulty(fault, value) as server:
            return measure(server.url, "-c", 8, "-t", "500ms", *args, code=code)

    def test_a_right_server_passes(self):
        report = self.measure("echo", 0)
        self.assertEqual(errors(report), {})
        self.assertGreater(report["requests"], 0)

    def test_one_wrong_bit_in_a_hundred_messages(self):
        report = self.measure("corrupt", 100, code=WRONG_ANSWER)
        self.assertGreater(report["errors"]["wrong"], 0)
        self.assertGreater(report["requests"], 20 * report["errors"]["wrong"])
        self.assertIn("failed verification", report["warnings"][0])

    def test_an_answer_that_belongs_to_another_connection(self):
        report = self.measure("swap", 50, code=WRONG_ANSWER)
        self.assertGreater(report["errors"]["wrong"] + report["errors"]["surplus"], 0)

    def test_half_an_answer(self):
        report = self.measure("cut", 100, code=WRONG_ANSWER)
        self.assertEqual(set(errors(report)), {"cut"})

    def test_an_answer_that_comes_twice(self):
        report = self.measure("surplus", 100, code=WRONG_ANSWER)
        self.assertGreater(report["errors"]["wrong"] + report["errors"]["surplus"], 0)

    def test_requests_beside_a_wrong_answer_are_accounted_for(self):
        report = self.measure("corrupt", 100, "-d", 4, "--size", 10, code=WRONG_ANSWER)
        self.assertGreater(report["errors"]["dropped"], 0)
        self.assertLessEqual(report["errors"]["dropped"], 3 * report["errors"]["wrong"])

    def test_a_line_that_is_wrong(self):
        report = self.measure("corrupt", 100, "--line", code=WRONG_ANSWER)
        self.assertTrue(set(errors(report)) & {"wrong", "cut", "surplus"})

    def test_a_line_with_another_end_is_the_same_line(self):
        report = self.measure("crlf", 0, "--line")
        self.assertEqual(errors(report), {})

    def test_bytes_with_another_end_are_not_the_same_bytes(self):
        self.measure("crlf", 0, "--data", __file__, code=WRONG_ANSWER)

    def test_a_server_that_closes_is_an_error_and_the_load_goes_on(self):
        report = self.measure("close", 100)
        self.assertEqual(set(errors(report)), {"closed"})
        self.assertGreater(report["connections"]["opened"], 8)
        self.assertGreater(report["requests"], 20 * report["errors"]["closed"])

    def test_a_server_that_resets_is_another_error(self):
        report = self.measure("reset", 100)
        self.assertEqual(set(errors(report)), {"reset"})

    def test_a_server_that_answers_nothing_but_errors_is_no_success(self):
        report = self.measure("close", 1, code=69)
        self.assertEqual(report["requests"], 0)
        self.assertGreater(report["errors"]["closed"], 0)


if __name__ == "__main__":
    sp.main()
