# SPDX-License-Identifier: BSD-3-Clause
"""An example program under test: a server that says "listening on URL" and ends on TERM with 0."""

import os
import re

import shoal_program as sp

FOLDER = os.environ.get("SHOAL_EXAMPLES", "build/release/examples")


def path(name):
    return os.path.join(FOLDER, name)


class Example(sp.Shoal):
    """Starts examples/NAME with these arguments; connect() and the rest are sp.Shoal's."""

    def __init__(self, name, *args):
        super().__init__(*args, program=path(name), up="listening on")

    def find_urls(self):
        return [re.search(r"listening on (\S+)", line).group(1)
                for line in self.lines if "listening on" in line]
