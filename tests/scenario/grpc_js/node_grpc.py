# SPDX-License-Identifier: BSD-3-Clause
"""A folder of the build directory with this folder's scripts and @grpc/grpc-js, fetched by npm:
once, as long as the versions that are wanted (SHOAL_GRPC_JS_VERSIONS) do not change. Where npm is
not there or cannot fetch, the test that asks for it ends with 77: this machine cannot run it."""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

LACKING = 77


def lack(sentence):
    print(sentence, file=sys.stderr)
    sys.exit(LACKING)


def fetch(wanted, folder):
    if not shutil.which("npm"):
        lack("npm is missing: tools/install-packages npm")
    shutil.rmtree(folder / "node_modules", ignore_errors=True)
    shutil.copy(wanted, folder / "package.json")
    done = subprocess.run(
        ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--no-package-lock",
         "--ignore-scripts", "--loglevel=error", "--fetch-retries=1",
         "--fetch-retry-mintimeout=1000"],
        cwd=folder, check=False, stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        lack("npm could not fetch @grpc/grpc-js")
    shutil.copy(wanted, folder / "fetched.json")


def folder():
    """Where the scripts are; whoever comes first fetches, others wait for it."""
    wanted = pathlib.Path(os.environ["SHOAL_GRPC_JS_VERSIONS"])
    made = pathlib.Path(os.environ["SHOAL_GRPC_JS"])
    made.mkdir(parents=True, exist_ok=True)
    with open(made / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fetched = made / "fetched.json"
        if not fetched.exists() or fetched.read_bytes() != wanted.read_bytes():
            fetch(wanted, made)
        for script in pathlib.Path(__file__).parent.glob("*.js"):
            shutil.copy(script, made)
    return made
