# SPDX-License-Identifier: BSD-3-Clause
"""Puts @grpc/grpc-js into a folder of the build directory, by npm; once, as long as what is wanted
does not change."""

import pathlib
import shutil
import subprocess
import sys


def install(wanted, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for source in pathlib.Path(__file__).parent.glob("*.js"):
        shutil.copy(source, folder)
    marker = folder / "installed.json"
    if marker.exists() and marker.read_bytes() == wanted.read_bytes():
        return 0
    if not shutil.which("npm"):
        print("npm is missing: tools/install-packages npm")
        return 1
    shutil.copy(wanted, folder / "package.json")
    shutil.rmtree(folder / "node_modules", ignore_errors=True)
    done = subprocess.run(["npm", "install", "--prefer-offline", "--no-audit", "--no-fund",
                           "--no-package-lock", "--ignore-scripts", "--loglevel=error"],
                          cwd=folder, check=False)
    if done.returncode != 0:
        return 1
    shutil.copy(wanted, marker)
    return 0


if __name__ == "__main__":
    sys.exit(install(*(pathlib.Path(argument) for argument in sys.argv[1:])))
