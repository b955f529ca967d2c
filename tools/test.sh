#!/usr/bin/env bash
# Sets up, builds, and runs every test. The last line says how many passed and failed; the exit
# status is 0 only if none failed.
#
#   tools/test.sh             everything
#   tools/test.sh PART…       only these parts:
#     checks       layer rule, generated code is up to date, format, shell scripts
#     compile      builds without a warning under gcc and clang
#     golden       the generator and the scripts (pytest)
#     unit         unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
#     valgrind     unit tests of the release build under valgrind
#     conformance  MCP's official suite against the release build
#     e2e          the binary end to end, under the sanitizers
#     release      the quick ones of these, and those about memory, on the release build
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

ALL=(checks compile golden unit valgrind conformance e2e release)
LOGS=$ROOT/build/test-logs
PASSED=0
FAILED=0
SKIPPED=0

# report NAME PASSED FAILED SKIPPED SECONDS: one line, and the totals.
report() {
    local verdict=ok
    [ "$3" = 0 ] || verdict=FAILED
    printf '%-6s  %-28s %5d passed  %3d failed  %3d skipped  %4d s\n' "$verdict" "$1" "$2" "$3" \
        "$4" "$5"
    PASSED=$((PASSED + $2))
    FAILED=$((FAILED + $3))
    SKIPPED=$((SKIPPED + $4))
}

show_failure() {
    printf -- '---- %s, the end of %s\n' "$1" "${2#"$ROOT"/}"
    tail -n "${3:-40}" "$2"
    printf -- '----\n'
}

# check NAME COMMAND…: counts as one test.
check() {
    local name=$1 log began=$SECONDS
    shift
    log=$LOGS/${name//[^a-z0-9]/-}.log
    if "$@" >"$log" 2>&1; then
        report "$name" 1 0 0 $((SECONDS - began))
    else
        report "$name" 0 1 0 $((SECONDS - began))
        show_failure "$name" "$log"
    fi
}

# count LOG WORD: the number before WORD in the closing line of a runner.
count() {
    tail -n 1 "$1" | grep -oE "[0-9]+ $2" | grep -oE '[0-9]+' || echo 0
}

# run_pytest NAME BUILD-FOLDER ARGUMENT…: pytest's own counts.
run_pytest() {
    local name=$1 folder=$2 log began=$SECONDS status=0
    shift 2
    log=$LOGS/${name//[^a-z0-9]/-}.log
    LK_BUILD_DIR=$ROOT/$folder PYTHONDONTWRITEBYTECODE=1 build/venv/bin/python -m pytest \
        -q -p no:cacheprovider --timeout 120 --durations=5 "$@" >"$log" 2>&1 || status=$?
    local passed failed errors
    passed=$(count "$log" passed)
    failed=$(count "$log" failed)
    errors=$(count "$log" 'errors?')
    failed=$((failed + errors))
    # A run that broke off, or found no test, has failed whatever it counted.
    if [ $status != 0 ] && [ $failed = 0 ]; then
        failed=1
    fi
    report "$name" "$passed" "$failed" "$(count "$log" skipped)" $((SECONDS - began))
    [ $failed = 0 ] || show_failure "$name" "$log" 120
}

# run_ctest NAME BUILD-FOLDER LABEL: ctest's own counts, a test program each.
run_ctest() {
    local name=$1 folder=$2 label=$3 log began=$SECONDS status=0
    log=$LOGS/${name//[^a-z0-9]/-}.log
    ctest --test-dir "$folder" -L "^$label\$" -j "$JOBS" --output-on-failure --no-tests=error \
        >"$log" 2>&1 || status=$?
    local total failed
    failed=$(sed -nE 's/.* ([0-9]+) tests? failed out of ([0-9]+).*/\1/p' "$log")
    total=$(sed -nE 's/.* ([0-9]+) tests? failed out of ([0-9]+).*/\2/p' "$log")
    if [ $status != 0 ] && [ "${failed:-0}" = 0 ]; then
        failed=1 total=1
    fi
    report "$name" $((total - failed)) "$failed" 0 $((SECONDS - began))
    [ "$failed" = 0 ] || show_failure "$name" "$log" 120
}

# run_conformance NAME BUILD-FOLDER: the suite's checks, as its runner counts them.
run_conformance() {
    local name=$1 log=$LOGS/conformance.log began=$SECONDS status=0 passed failed
    "$(find_python 'import json')" tests/conformance/run.py "$2" >"$log" 2>&1 || status=$?
    passed=$(count "$log" passed)
    failed=$(count "$log" failed)
    if [ $status != 0 ] && [ "$failed" = 0 ]; then
        failed=1
    fi
    report "$name" "$passed" "$failed" 0 $((SECONDS - began))
    [ "$failed" = 0 ] || show_failure "$name" "$log" 80
}

check_format() {
    local tool
    for tool in clang-format-14 clang-format; do
        if "$tool" --version 2>/dev/null | grep -q 'version 14\.'; then
            git ls-files 'src/*.[ch]' 'tests/*.[ch]' ':!tests/golden/*' |
                xargs "$tool" --dry-run -Werror
            return
        fi
    done
    echo "clang-format 14 is not there; other versions format otherwise"
    return 1
}

check_shell() {
    local script
    for script in tools/*.sh .ci/run; do
        bash -n "$script" || return 1
    done
    ! command -v shellcheck >/dev/null || shellcheck -x tools/*.sh .ci/run
}

build_clang() {
    [ -f build-clang/build.ninja ] ||
        cmake --preset release -B build-clang -DCMAKE_C_COMPILER=clang
    cmake --build build-clang -j "$JOBS"
}

build_gcc() {
    [ -f build/build.ninja ] || cmake --preset release
    cmake --build build -j "$JOBS"
}

part_checks() {
    check "layer rule" "$(find_python 'import sys')" tools/check-layers.py
    check "generated code is up to date" tools/regenerate.sh --check
    check "format" check_format
    check "shell scripts" check_shell
}

part_compile() {
    check "gcc, no warning" build_gcc
    check "clang, no warning" build_clang
}

part_golden() {
    install_venv
    run_pytest "generator and scripts" build -n "$JOBS" --dist loadfile tests/golden tests/tools
}

part_unit() {
    say "building (asan)"
    build asan
    run_ctest "unit, sanitizers" build-asan unit
}

part_valgrind() {
    say "building (release)"
    build release
    run_ctest "unit, valgrind" build valgrind
}

part_e2e() {
    say "building (asan)"
    build asan
    install_venv
    install_clients
    install_authserver
    install_prism
    install_browser
    install_inspector
    # These wait more than they compute.
    run_pytest "end to end, sanitizers" build-asan -n "$((JOBS + 1))" --dist loadfile tests/e2e
}

part_release() {
    say "building (release)"
    build release
    install_venv
    install_clients
    install_inspector
    run_pytest "end to end, release" build -n "$JOBS" --dist loadfile tests/e2e/test_protocol.py tests/e2e/test_bad_input.py \
        tests/e2e/test_load.py tests/e2e/test_fit.py tests/e2e/test_export.py tests/e2e/test_cli.py \
        tests/e2e/test_clients.py
}

part_conformance() {
    say "building (release)"
    build release
    run_conformance "MCP conformance suite" build
}

parts=("$@")
[ $# -gt 0 ] || parts=("${ALL[@]}")
for part in "${parts[@]}"; do
    [[ " ${ALL[*]} " == *" $part "* ]] || die "unknown part \"$part\"; there are: ${ALL[*]}"
done

say "set-up: checking for missing packages"
tools/setup.sh
mkdir -p "$LOGS"
for part in "${parts[@]}"; do
    "part_$part"
done

echo
printf '%d passed, %d failed' $PASSED $FAILED
[ $SKIPPED = 0 ] || printf ', %d skipped' $SKIPPED
printf '\n'
[ $FAILED = 0 ] && [ $PASSED -gt 0 ]
