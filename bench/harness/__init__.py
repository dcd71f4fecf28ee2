# SPDX-License-Identifier: BSD-3-Clause
"""What the suites share: servers on their own core, rounds that interleave them, and the report."""
