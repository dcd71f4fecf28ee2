#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# test.sh [--quick] [-R REGEX] [--no-install]
# Builds Shoal in every way that is tested and runs all tests and house checks. Ends with the line
# `N passed, N failed`; the exit status is 0 only if none failed.
#   --quick        only the release preset, without its reruns on poll and select
#   -R REGEX       only tests whose names match
#   --no-install   install no packages
# A test that could not run counts as failed, except for the machine limits that
# tests/machine-limits.txt lists.
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit 70

say() { printf '== %s (%s s)\n' "$*" "$SECONDS"; }

usage() {
    sed -n 3,10p test.sh | cut -c3- >&2
    exit 64
}

quick=0
install=1
only=()
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=1 ;;
    --no-install) install=0 ;;
    -R)
        [ $# -ge 2 ] || usage
        only=(-R "$2")
        shift
        ;;
    *) usage ;;
    esac
    shift
done

if [ $install = 1 ]; then
    tools/install-packages build test || exit $?
    command -v npm >/dev/null || tools/install-packages npm || exit $?
fi

results=build/results
rm -rf "$results"
mkdir -p "$results"
jobs=$((2 * $(nproc))) # many tests mostly wait

# One result that is not ctest's: record NAME STATUS, where STATUS is an exit status.
record() {
    if [ "$2" = 0 ]; then
        printf 'passed %s\n' "$1" >>"$results/steps"
    else
        printf 'failed %s\n' "$1" >>"$results/steps"
    fi
}

# Warnings are errors in the plain builds only: gcc gives false ones with sanitizers.
configure() {
    local preset=$1 werror=OFF options
    case $preset in release | clang) werror=ON ;; esac
    options=(-D SHOAL_TESTS=ON -D SHOAL_EXAMPLES=ON -D SHOAL_BENCH=ON -D "SHOAL_WERROR=$werror")
    # A build directory that came from elsewhere is made anew.
    grep -qsx "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "build/$preset/CMakeCache.txt" || options+=(--fresh)
    cmake --preset "$preset" "${options[@]}" >"$results/configure-$preset.log" 2>&1
}

# Configures and builds a preset; what went wrong is shown, and is one failed result. Returns 0 if
# there is anything to run: tests that were not built count themselves as failed.
build() {
    local preset=$1 status=0
    say "building $preset"
    configure "$preset" || {
        cat "$results/configure-$preset.log"
        record "build.$preset" 1
        return 1
    }
    cmake --build --preset "$preset" -- -k 0 >"$results/build-$preset.log" 2>&1 || status=$?
    [ $status = 0 ] || grep -v '^\[[0-9]*/[0-9]*\] \(Building\|Linking\)' "$results/build-$preset.log"
    record "build.$preset" $status
}

# Runs the tests of a test preset; the results are counted at the end, from the file it writes. A
# run that was to have tests and had none is a failure. A test that fails is given a second try,
# because machines that run this are shared and may stop us for seconds; the log shows both.
run_tests() {
    local preset=$1
    say "testing $preset"
    ctest --preset "$preset" -j "$jobs" --repeat until-pass:2 "${only[@]}" --output-junit "$PWD/$results/$preset.xml"
    grep -q '<testcase' "$results/$preset.xml" || [ ${#only[@]} -gt 0 ] || record "ctest.$preset" 1
}

if [ $quick = 1 ]; then
    build release && run_tests release
else
    build release && for preset in release release-poll release-select; do run_tests $preset; done
    build asan && run_tests asan
    build tsan && run_tests tsan
    build clang && run_tests clang
fi
say "all runs ended"
tools/sum-results "$results" tests/machine-limits.txt
