#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# start.sh [--build-only] [ARGUMENT...]
# Builds Shoal on a Debian 12 machine and runs all its demo services on loopback.
#   --build-only   stop after the build; the program is build/release/shoal
#   ARGUMENT...    passed on to `shoal serve`: SERVICE=URL, --loops N, ... (shoal serve --help)
# Says what it will install and installs only what is missing (tools/packages.txt, with apt, as root
# or by sudo). Exit status: that of `shoal serve`; 69 where apt cannot be used; 70 if the build fails.
set -eu
caller_dir=$PWD
cd "$(dirname "$(readlink -f "$0")")"

say() { printf 'start.sh: %s\n' "$*" >&2; }

# Configures only where that was not done, here: a build directory that came from elsewhere is made
# anew. Tests, examples and benchmarks are left out then, as they need more packages.
configure() {
    if [ -e build/release/build.ninja ] &&
        grep -qx "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" build/release/CMakeCache.txt; then
        return 0
    fi
    cmake --fresh --preset release -D SHOAL_TESTS=OFF -D SHOAL_EXAMPLES=OFF -D SHOAL_BENCH=OFF \
        -D SHOAL_HOUSE_CHECKS=OFF >&2
}

build_only=0
arguments=()
for argument in "$@"; do
    case $argument in
    --build-only) build_only=1 ;;
    -h | --help)
        sed -n 3,8p start.sh | cut -c3-
        exit 0
        ;;
    *) arguments+=("$argument") ;;
    esac
done

tools/install-packages build
say "building (release) ..."
if ! configure || ! cmake --build --preset release --target shoal shoal_shared shoal_static >&2; then
    say "the build failed; its messages are above. Remove build/release and try again."
    exit 70
fi
program=$PWD/build/release/shoal
say "built $program"
[ $build_only = 0 ] || exit 0
cd "$caller_dir"
exec "$program" serve "${arguments[@]}"
